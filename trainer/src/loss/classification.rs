//! `L_dcl`: logit-adjusted binary cross entropy, and the undefended method.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::{Terms, Truth};
use crate::network::Features;

/// The undefended method: [`logit_adjusted_bce`] of clean faces.
pub fn classification(clean: &Features, truth: &Truth) -> Terms {
    let dcl = logit_adjusted_bce(clean.logit.clone(), truth.label.clone(), truth.adjustment);
    Terms {
        total: dcl.clone(),
        parts: vec![("dcl", dcl)],
    }
}

/// The log prior odds of a fake, `ln(p / (1 - p))`, added to the logit in training
/// only (Menon et al., ICLR 2021; RealForensics uses it with its cosine head).
///
/// `prior` is the share of fakes among training samples, strictly between 0 and 1.
pub fn logit_adjustment(prior: f32) -> f32 {
    (prior / (1.0 - prior)).ln()
}

/// `ln(1 + exp(x))` as `max(x, 0) + ln(1 + exp(-|x|))`: it never overflows, and its
/// gradient keeps its precision where it is small.
///
/// # Shapes
/// - `x`: any; output the same
pub fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let tail = (-x.clone().abs()).exp().log1p();
    relu(x) + tail
}

/// Mean of `-ln p(y)` with `p(fake) = sigmoid(z + adjustment)`.
///
/// Computed as the softplus of the negative margin, which neither overflows nor
/// saturates at the cosine head's scale of 64.
///
/// # Shapes
/// - `logit`, `label`: `[n]`, labels 0 (real) or 1 (fake); output `[1]`
pub fn logit_adjusted_bce(logit: Tensor<1>, label: Tensor<1>, adjustment: f32) -> Tensor<1> {
    let sign = label * -2.0 + 1.0; // +1 for reals
    softplus((logit + adjustment) * sign).mean()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// import torch, torch.nn.functional as F
    /// z = torch.tensor([-3., 0.5, 20., -64.], requires_grad=True); y = torch.tensor([0., 1., 1., 1.])
    /// l = F.binary_cross_entropy_with_logits(z + 1.3862944, y); l.backward(); print(l, z.grad)
    #[test]
    fn agrees_with_pytorch() {
        let device = Device::flex().autodiff();
        let z = Tensor::<1>::from_floats([-3.0, 0.5, 20.0, -64.0], &device).require_grad();
        let y = Tensor::<1>::from_floats([0.0, 1.0, 1.0, 1.0], &device);
        let loss = logit_adjusted_bce(z.clone(), y, logit_adjustment(0.8));
        let grads = loss.backward();
        let value: f32 = loss.into_scalar();
        let gradient = z
            .grad(&grads)
            .unwrap()
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        assert!((value - 15.734_124).abs() < 1e-4, "{value}");
        let expected = [0.041_516, -0.032_911, 0.0, -0.25];
        for (got, want) in gradient.iter().zip(expected) {
            assert!((got - want).abs() < 1e-5, "{gradient:?}");
        }
    }

    #[test]
    fn does_not_saturate_at_the_scale_of_the_cosine_head() {
        let device = Device::flex().autodiff();
        let z = Tensor::<1>::from_floats([64.0, 64.0], &device).require_grad();
        let y = Tensor::from_floats([0.0, 1.0], &device);
        let loss = logit_adjusted_bce(z.clone(), y, 0.0) * 2.0;
        let gradient = z.grad(&loss.backward()).unwrap().into_data();
        let gradient = gradient.try_to_vec::<f32>().unwrap();
        assert!((gradient[0] - 1.0).abs() < 1e-6);
        // exp(-64): far below the rounding of 1 - sigmoid(64), and still there.
        assert!(
            (gradient[1] / -1.603_8e-28 - 1.0).abs() < 1e-3,
            "{}",
            gradient[1]
        );
    }
}
