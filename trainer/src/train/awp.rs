//! Adversarial weight perturbation (Wu et al., NeurIPS 2020): gradients are taken where a
//! small step in the weights has raised the loss, which flattens the minimum that is found.

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// `w + gamma |w| g / |g|` for every tensor of more than one dimension, so that
/// normalisations stay as they are. The result has the parameter identities of `module`:
/// its gradients serve to step `module` itself.
pub fn perturb<M: Module>(module: M, ascent: &GradientsParams, gamma: f32) -> M {
    module.map(&mut Perturb { ascent, gamma })
}

struct Perturb<'a> {
    ascent: &'a GradientsParams,
    gamma: f32,
}

impl ModuleMapper for Perturb<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let gradient = (D > 1).then(|| self.ascent.get::<D>(param.id)).flatten();
        let (id, weight, mapper) = param.consume();
        let Some(gradient) = gradient else {
            return Param::from_mapped_value(id, weight, mapper);
        };
        let inner = weight.inner();
        let length = norm(inner.clone()) / (norm(gradient.clone()) + 1e-12) * self.gamma;
        let moved = inner + gradient * length.reshape([1; D]);
        Param::from_mapped_value(id, Tensor::from_inner(moved).require_grad(), mapper)
    }
}

fn norm<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    (x.clone() * x).sum().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    /// import torch
    /// w = torch.tensor([[3., 0.], [0., 4.]], requires_grad=True); x = torch.tensor([[1., 2.]])
    /// (x @ w).pow(2).sum().backward(); g = w.grad
    /// print(g, w + .1 * g * w.norm() / g.norm())
    #[test]
    fn moves_weights_by_a_share_of_their_norm() {
        let device = Device::flex().autodiff();
        let mut linear: Linear = LinearConfig::new(2, 2).init(&device);
        let weight = Tensor::<2>::from_floats([[3.0, 0.0], [0.0, 4.0]], &device);
        linear.weight = linear.weight.map(|_| weight.require_grad());
        linear.bias = linear
            .bias
            .map(|bias| bias.map(|b| b.zeros_like().require_grad()));
        let x = Tensor::<2>::from_floats([[1.0, 2.0]], &device);
        let square = |y: Tensor<2>| (y.clone() * y).sum();
        let loss = square(linear.forward(x.clone()));
        let gradients = GradientsParams::from_grads(loss.backward(), &linear);
        let moved = perturb(linear.clone(), &gradients, 0.1);
        let got = moved.weight.val().into_data().try_to_vec::<f32>().unwrap();
        // g = 2 [1, 2]^T [3, 8]; |g| = 2 sqrt(5 * 73), |w| = 5
        let step = 0.1 * 5.0 / (2.0 * 365f32.sqrt());
        let want = [
            3.0 + step * 6.0,
            step * 16.0,
            step * 12.0,
            4.0 + step * 32.0,
        ];
        for (g, w) in got.iter().zip(want) {
            assert!((g - w).abs() < 1e-5, "{got:?}, {want:?}");
        }
        let loss = square(moved.forward(x));
        let there = GradientsParams::from_grads(loss.backward(), &moved);
        assert!(there.get::<2>(linear.weight.id).is_some());
        let bias = moved.bias.unwrap().val().into_data();
        assert_eq!(bias.try_to_vec::<f32>().unwrap(), [0.0, 0.0]);
    }
}
