//! `L_asl` and `L_srl`: what AFSL adds to classification (Khan et al., MMM 2024).

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::network::{cosine_similarity, l2_norm};

/// How `L_srl` scores a pair of a real and a fake face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairs {
    /// The cosine itself: drives the classes to opposite directions.
    Plain,
    /// `max(0, cos)`: satisfied once they are orthogonal.
    Clamped,
}

/// `L_asl = mean(1 - cos(f, f'))`: attacked faces keep the features of clean ones.
///
/// # Shapes
/// - `clean`, `attacked`: `[n, embedding]`; output `[1]`, in [0, 2]
pub fn adversarial_similarity(clean: Tensor<2>, attacked: Tensor<2>) -> Tensor<1> {
    (cosine_similarity(clean, attacked) * -1.0 + 1.0).mean()
}

/// `L_srl`: mean cosine over all pairs of a real and a fake face.
///
/// # Shapes
/// - `real`: `[r, embedding]`, `fake`: `[k, embedding]`; output `[1]`, in [-1, 1]
pub fn similarity_regularisation(real: Tensor<2>, fake: Tensor<2>, pairs: Pairs) -> Tensor<1> {
    let real = real.clone() / l2_norm(real);
    let fake = fake.clone() / l2_norm(fake);
    let cosines = real.matmul(fake.transpose()); // [r, k]
    match pairs {
        Pairs::Plain => cosines.mean(),
        Pairs::Clamped => cosines.clamp_min(0.0).mean(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// import torch, torch.nn.functional as F
    /// a = torch.tensor([[1., 2.], [3., -1.]], requires_grad=True); b = torch.tensor([[2., 1.], [-1., 0.5]])
    /// asl = (1 - F.cosine_similarity(a, b)).mean(); asl.backward(); print(asl, a.grad)
    /// n = F.normalize; m = n(a) @ n(b).T; print(m.mean(), m.clamp(min=0).mean())
    #[test]
    fn agrees_with_pytorch() {
        let device = Device::flex().autodiff();
        let a = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, -1.0]], &device).require_grad();
        let b = Tensor::<2>::from_floats([[2.0, 1.0], [-1.0, 0.5]], &device);
        let loss = adversarial_similarity(a.clone(), b.clone());
        let grads = loss.backward();
        let value: f32 = loss.into_scalar();
        assert!((value - 1.094_975).abs() < 1e-5, "{value}");
        let gradient = a
            .grad(&grads)
            .unwrap()
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        for (got, want) in gradient.iter().zip([-0.12, 0.06, -0.007_071, -0.021_213]) {
            assert!((got - want).abs() < 1e-5, "{gradient:?}");
        }
        let plain: f32 =
            similarity_regularisation(a.clone(), b.clone(), Pairs::Plain).into_scalar();
        let clamped: f32 = similarity_regularisation(a, b, Pairs::Clamped).into_scalar();
        assert!((plain - 0.129_289).abs() < 1e-5, "{plain}");
        assert!((clamped - 0.376_777).abs() < 1e-5, "{clamped}");
    }
}
