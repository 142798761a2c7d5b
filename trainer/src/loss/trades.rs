//! TRADES: clean cross entropy and a penalty on what the attack changes
//! (Zhang et al., ICML 2019).

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use serde::{Deserialize, Serialize};

use super::{Terms, Truth, logit_adjusted_bce, softplus};
use crate::network::Features;

/// `L = BCE(z, y) + beta KL(p || p')`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TradesConfig {
    /// Weight of the divergence; 6 in the paper, 1 trades robustness for clean accuracy.
    pub beta: f32,
}

impl Default for TradesConfig {
    fn default() -> Self {
        Self { beta: 6.0 }
    }
}

impl TradesConfig {
    /// The loss; gradients flow through both the clean and the attacked logits.
    ///
    /// # Shapes
    /// - `clean`, `attacked`: `n` features, `truth`: `n` labels
    pub fn terms(&self, clean: &Features, attacked: &Features, truth: &Truth) -> Terms {
        let dcl = logit_adjusted_bce(clean.logit.clone(), truth.label.clone(), truth.adjustment);
        let kl = binary_kl(clean.logit.clone(), attacked.logit.clone()).mean();
        Terms {
            total: dcl.clone() + kl.clone() * self.beta,
            parts: vec![("dcl", dcl), ("kl", kl)],
        }
    }
}

/// `KL(p || p')` of two Bernoulli distributions given by their logits, at least 0 up to
/// rounding: `p (z - z') + softplus(z') - softplus(z)`.
///
/// # Shapes
/// - `clean` (`z`), `attacked` (`z'`): `[n]`; output `[n]`, in nats
pub fn binary_kl(clean: Tensor<1>, attacked: Tensor<1>) -> Tensor<1> {
    sigmoid(clean.clone()) * (clean.clone() - attacked.clone()) + softplus(attacked)
        - softplus(clean)
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
    /// kl = F.kl_div(F.log_softmax(two(a), 1), F.softmax(two(z), 1), reduction="sum") / 4
    /// l = F.cross_entropy(two(z), y) + 6 * kl; l.backward(); print(l, kl, z.grad, a.grad)
    #[test]
    fn agrees_with_pytorch() {
        let device = Device::flex().autodiff();
        let clean = Tensor::<1>::from_floats([-1.5, 0.8, 2.0, -0.3], &device).require_grad();
        let attacked = Tensor::<1>::from_floats([0.4, -0.6, 1.0, 0.9], &device).require_grad();
        let terms = TradesConfig::default().terms(
            &oracle::logits(&clean),
            &oracle::logits(&attacked),
            &oracle::truth([0.0, 1.0, 1.0, 0.0], &device),
        );
        let mut grads = terms.total.backward();
        let value: f32 = terms.total.into_scalar();
        assert!((value - 1.574_357_5).abs() < 1e-5, "{value}");
        let by_clean = clean.grad_remove(&mut grads).unwrap().into_data();
        let want = [-0.379_461, 0.371_704, 0.127_690, -0.333_636];
        oracle::close(by_clean.try_to_vec().unwrap(), &want, 1e-5);
        let by_attacked = attacked.grad_remove(&mut grads).unwrap().into_data();
        let want = [0.624_393, -0.503_446, -0.224_608, 0.428_088];
        oracle::close(by_attacked.try_to_vec().unwrap(), &want, 1e-5);
    }

    #[test]
    fn divergence_is_finite_where_probabilities_are_not_representable() {
        let device = Device::flex();
        let clean = Tensor::<1>::from_floats([64.0, -64.0, 64.0], &device);
        let attacked = Tensor::<1>::from_floats([-64.0, 64.0, 64.0], &device);
        let kl = binary_kl(clean, attacked).into_data().try_to_vec().unwrap();
        oracle::close(kl, &[64.0, 64.0, 0.0], 1e-3);
    }
}
