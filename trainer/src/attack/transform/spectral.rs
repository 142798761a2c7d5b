//! Copies of a picture with another spectrum.

use anyhow::{Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};

use super::{Rows, Transform, separable};
use crate::attack::clips::uniform;
use crate::random::Random;

/// Adds uniform noise and multiplies every coefficient of the picture's cosine transform
/// by its own random number: the spectral copies of FPBA.
#[derive(Clone, Copy, Debug)]
pub struct Spectral {
    /// Greatest noise, in [0, 1].
    pub reach: f32,
    /// Factors are uniform on [1 - rho, 1 + rho], rho in [0, 1].
    pub rho: f32,
}

/// The orthonormal cosine transform (DCT-II) of `side` values, `[side, side]`; its
/// transpose is the inverse.
pub(super) fn cosine(side: usize) -> Rows {
    Rows::new(side, side, |k| {
        let scale = if k == 0 { 1.0 } else { 2.0 };
        let scale = (scale / side as f64).sqrt();
        let turn = std::f64::consts::PI * k as f64 / (2 * side) as f64;
        (0..side)
            .map(|i| {
                (
                    i as isize,
                    (scale * (turn * (2 * i + 1) as f64).cos()) as f32,
                )
            })
            .collect()
    })
}

fn random_like(shape: [usize; 4], device: &Device, random: &mut Random) -> Tensor<4> {
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| uniform(random))
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

impl Transform for Spectral {
    fn name(&self) -> String {
        format!("another spectrum, rho {}, noise {}", self.rho, self.reach)
    }

    fn check(&self) -> Result<()> {
        ensure!(
            (0.0..=1.0).contains(&self.reach) && (0.0..=1.0).contains(&self.rho),
            "spectral copies: noise and rho must be in [0, 1]"
        );
        Ok(())
    }

    fn apply(&self, images: Tensor<4>, random: &mut Random) -> Tensor<4> {
        let shape = images.dims();
        let [.., h, w] = shape;
        let device = images.device();
        let noise = random_like(shape, &device, random) * self.reach;
        let factor = random_like(shape, &device, random) * self.rho + 1.0;
        let (down, across) = (cosine(h).matrix(&device), cosine(w).matrix(&device));
        let spectrum = separable(images + noise, &down, &across) * factor;
        separable(spectrum, &down.transpose(), &across.transpose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// scipy.fft.dct([1, 2, 3, 4], norm="ortho")
    #[test]
    fn cosine_transform_is_that_of_scipy() {
        let device = Device::flex();
        let x = Tensor::<1>::from_floats([1.0, 2.0, 3.0, 4.0], &device).reshape([4, 1]);
        let got = cosine(4).matrix(&device).matmul(x).into_data();
        let got = got.try_to_vec::<f32>().unwrap();
        let want = [5.0, -2.230_442_5, 0.0, -0.158_512_67];
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 1e-5, "{got} {want}");
        }
    }

    #[test]
    fn without_change_it_is_the_picture() {
        let device = Device::flex();
        let shape = [1, 3, 5, 7];
        let mut random = Random::seed_from_u64(0);
        let x = random_like(shape, &device, &mut random);
        let quiet = Spectral {
            reach: 0.0,
            rho: 0.0,
        };
        let out = quiet.apply(x.clone(), &mut random);
        let apart: f32 = (out - x).abs().max().into_scalar();
        assert!(apart < 1e-5, "{apart}");
    }
}
