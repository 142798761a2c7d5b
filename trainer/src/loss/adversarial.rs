//! Adversarial training: the cross entropy of attacked faces alone (Madry et al., ICLR 2018).

use super::{Terms, Truth, logit_adjusted_bce};
use crate::network::Features;

/// Mean of `-ln p'(y)` over attacked faces.
///
/// # Shapes
/// - `attacked`: `n` features, `truth`: `n` labels
pub fn adversarial_training(attacked: &Features, truth: &Truth) -> Terms {
    let bce = logit_adjusted_bce(
        attacked.logit.clone(),
        truth.label.clone(),
        truth.adjustment,
    );
    Terms {
        total: bce.clone(),
        parts: vec![("adv", bce)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::oracle;
    use burn::tensor::{Device, Tensor};

    /// import torch, torch.nn.functional as F
    /// z = torch.tensor([.4, -.6, 1., .9], requires_grad=True)
    /// l = F.binary_cross_entropy_with_logits(z, torch.tensor([0., 1., 1., 0.])); l.backward()
    /// print(l, z.grad)
    #[test]
    fn agrees_with_pytorch() {
        let device = Device::flex().autodiff();
        let attacked = Tensor::<1>::from_floats([0.4, -0.6, 1.0, 0.9], &device).require_grad();
        let truth = oracle::truth([0.0, 1.0, 1.0, 0.0], &device);
        let terms = adversarial_training(&oracle::logits(&attacked), &truth);
        let gradient = attacked.grad(&terms.total.backward()).unwrap();
        let value: f32 = terms.total.into_scalar();
        assert!((value - 0.876_230).abs() < 1e-5, "{value}");
        oracle::close(
            gradient.into_data().try_to_vec().unwrap(),
            &[0.149_672, -0.161_414, -0.067_235, 0.177_737],
            1e-5,
        );
    }
}
