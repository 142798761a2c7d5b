//! What happens to a picture between the attacker and the detector, differentiably:
//! resizing, blur, noise, translation, compression.
//!
//! Everything but noise is linear along rows and along columns (compression up to its
//! rounding), so that it is two matrix products, which every backend differentiates.

mod blur;
mod chain;
mod identity;
mod jpeg;
mod noise;
mod resize;
mod separable;
mod spectral;
mod translate;

use anyhow::{Result, ensure};
use burn::tensor::Tensor;
use rand::RngExt;

use crate::random::Random;

pub use blur::Blur;
pub use chain::Chain;
pub use identity::Identity;
pub use jpeg::Jpeg;
pub use noise::GaussianNoise;
pub use resize::Resize;
pub use separable::{Rows, separable};
pub use spectral::Spectral;
pub use translate::Translate;

/// A differentiable change of pictures.
pub trait Transform: std::fmt::Debug + Send + Sync {
    /// What it does, with its parameters.
    fn name(&self) -> String;

    /// Tells whether the parameters are in range.
    ///
    /// # Errors
    /// When one is not.
    fn check(&self) -> Result<()>;

    /// Changes pictures; random parameters are drawn once for all of them.
    ///
    /// # Shapes
    /// - `images`: `[n, 3, h, w]` in [0, 1], output alike
    fn apply(&self, images: Tensor<4>, random: &mut Random) -> Tensor<4>;
}

/// A parameter between two bounds; equal bounds fix it.
pub type Range = [f32; 2];

fn pick(range: Range, random: &mut Random) -> f32 {
    let [low, high] = range;
    low + (high - low) * random.random::<f32>()
}

fn within(name: &str, range: Range, low: f32, high: f32) -> Result<()> {
    ensure!(
        low <= range[0] && range[0] <= range[1] && range[1] <= high,
        "{name} {range:?}: bounds must be in order and in [{low}, {high}]"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_numbers::{normal, uniform};
    use burn::tensor::Device;
    use rand::SeedableRng;

    fn all() -> Vec<Box<dyn Transform>> {
        vec![
            Box::new(Identity),
            Box::new(Blur::fixed(5, 1.5)),
            Box::new(Resize::fixed(0.4)),
            Box::new(Translate::fixed(0.1, -0.23)),
            Box::new(GaussianNoise { deviation: 0.02 }),
            Box::new(Spectral {
                reach: 0.03,
                rho: 0.5,
            }),
            Box::new(Chain(vec![
                Box::new(Blur::fixed(3, 0.8)),
                Box::new(Resize::fixed(0.7)),
            ])),
        ]
    }

    /// Gradients agree with finite differences along a random direction, on pictures of
    /// odd sizes.
    #[test]
    fn gradients_agree_with_finite_differences() {
        let device = Device::flex();
        let shape = [2, 3, 11, 14];
        let x = uniform(shape, 1, &device) * 0.6 + 0.2;
        let mut random = Random::seed_from_u64(2);
        let weight: Tensor<4> = normal(shape, 1.0, &mut random, &device);
        let way: Tensor<4> = normal(shape, 1.0, &mut random, &device);
        for transform in all() {
            transform.check().unwrap();
            let of = |x: Tensor<4>| {
                let mut random = Random::seed_from_u64(1);
                let out = transform.apply(x, &mut random);
                assert_eq!(out.dims(), [2, 3, 11, 14]);
                out
            };
            let leaf = x.clone().autodiff().require_grad();
            let loss = (of(leaf.clone()) * weight.clone().autodiff()).sum();
            let gradient = leaf.grad_remove(&mut loss.backward()).unwrap();
            let slope: f32 = (gradient * way.clone()).sum().into_scalar();
            let at = |by: f32| -> f64 {
                let moved = of(x.clone() + way.clone() * by) * weight.clone();
                f64::from(moved.sum().into_scalar::<f32>())
            };
            let difference = ((at(2e-4) - at(-2e-4)) / 4e-4) as f32;
            let size: f32 = weight.clone().square().sum().sqrt().into_scalar();
            assert!(
                (slope - difference).abs() < 0.05 * size,
                "{}: {slope}, {difference}",
                transform.name()
            );
        }
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let bad: [Box<dyn Transform>; 6] = [
            Box::new(Blur::fixed(4, 1.0)),
            Box::new(Blur::fixed(5, 0.0)),
            Box::new(Resize::fixed(0.0)),
            Box::new(Translate::fixed(2.0, 0.0)),
            Box::new(GaussianNoise { deviation: -1.0 }),
            Box::new(Jpeg::fixed(0.0)),
        ];
        for transform in bad {
            assert!(transform.check().is_err(), "{}", transform.name());
        }
    }
}
