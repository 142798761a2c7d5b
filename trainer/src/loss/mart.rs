//! MART: a boosted cross entropy of attacked faces, and a divergence that counts most where
//! the clean face is misclassified (Wang et al., ICLR 2020).

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{Terms, Truth, binary_kl, softplus};
use crate::network::Features;

/// Floor of a probability inside a logarithm; the paper's.
const FLOOR: f32 = 1e-4;

/// `L = BCE*(z', y) + beta KL(p || p') (1 - p(y))`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MartConfig {
    /// Weight of the divergence; the paper's is 5.
    pub beta: f32,
}

impl Default for MartConfig {
    fn default() -> Self {
        Self { beta: 5.0 }
    }
}

impl MartConfig {
    /// The loss. With two classes the boosted cross entropy
    /// `-ln p'(y) - ln(1.0001 - p'(other))` is `-ln p'(y) - ln(p'(y) + 0.0001)`.
    ///
    /// # Shapes
    /// - `clean`, `attacked`: `n` features, `truth`: `n` labels
    pub fn terms(&self, clean: &Features, attacked: &Features, truth: &Truth) -> Terms {
        let sign = truth.label.clone() * 2.0 - 1.0;
        let margin = |logit: &Tensor<1>| (logit.clone() + truth.adjustment) * sign.clone();
        let (kept, hit) = (margin(&clean.logit), margin(&attacked.logit));
        let probability = |margin: Tensor<1>| (-softplus(-margin)).exp();
        let boosted = softplus(-hit.clone()) - (probability(hit) + FLOOR).log();
        let boosted = boosted.mean();
        let wrong = probability(kept) * -1.0 + 1.0;
        let kl = (binary_kl(clean.logit.clone(), attacked.logit.clone()) * wrong).mean();
        Terms {
            total: boosted.clone() + kl.clone() * self.beta,
            parts: vec![("bce", boosted), ("kl", kl)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::oracle;
    use burn::tensor::Device;

    /// import torch, torch.nn.functional as F
    /// z = torch.tensor([-1.5, .8, 2., -.3], requires_grad=True)
    /// a = torch.tensor([.4, -.6, 1., .9], requires_grad=True); y = torch.tensor([0, 1, 1, 0])
    /// two = lambda u: torch.stack([torch.zeros_like(u), u], 1)
    /// p, q = F.softmax(two(z), 1), F.softmax(two(a), 1)
    /// bce = F.cross_entropy(two(a), y) + F.nll_loss(torch.log(1.0001 - q), 1 - y)
    /// kl = F.kl_div(torch.log(q), p, reduction="none").sum(1)
    /// l = bce + 5 * (kl * (1 - p.gather(1, y[:, None])[:, 0])).mean(); l.backward()
    /// print(l, bce, z.grad, a.grad)
    #[test]
    fn agrees_with_pytorch() {
        let device = Device::flex().autodiff();
        let clean = Tensor::<1>::from_floats([-1.5, 0.8, 2.0, -0.3], &device).require_grad();
        let attacked = Tensor::<1>::from_floats([0.4, -0.6, 1.0, 0.9], &device).require_grad();
        let terms = MartConfig::default().terms(
            &oracle::logits(&clean),
            &oracle::logits(&attacked),
            &oracle::truth([0.0, 1.0, 1.0, 0.0], &device),
        );
        let mut grads = terms.total.backward();
        let value: f32 = terms.total.into_scalar();
        assert!((value - 2.029_174).abs() < 1e-4, "{value}");
        let by_clean = clean.grad_remove(&mut grads).unwrap().into_data();
        let want = [0.003_428, 0.053_928, 0.006_834, -0.102_226];
        oracle::close(by_clean.try_to_vec().unwrap(), &want, 1e-5);
        let by_attacked = attacked.grad_remove(&mut grads).unwrap().into_data();
        let want = [0.394_228, -0.452_853, -0.156_773, 0.507_227];
        oracle::close(by_attacked.try_to_vec().unwrap(), &want, 1e-5);
    }
}
