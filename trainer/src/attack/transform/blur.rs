//! Gaussian blur.

use anyhow::{Result, ensure};
use burn::tensor::Tensor;

use super::{Range, Rows, Transform, pick, separable, within};
use crate::random::Random;

/// Blurs with a Gaussian kernel; the border repeats the outermost pixel.
#[derive(Clone, Copy, Debug)]
pub struct Blur {
    /// Taps of the kernel: odd, 1 to 99.
    pub size: usize,
    /// Standard deviation in pixels, 0.01 to 1,000.
    pub sigma: Range,
}

impl Blur {
    /// A kernel of one width.
    pub fn fixed(size: usize, sigma: f32) -> Self {
        Self {
            size,
            sigma: [sigma; 2],
        }
    }

    fn kernel(&self, sigma: f32) -> Vec<f32> {
        let middle = (self.size / 2) as f32;
        let weight = |i: usize| (-(i as f32 - middle).powi(2) / (2.0 * sigma * sigma)).exp();
        let taps: Vec<f32> = (0..self.size).map(weight).collect();
        let total: f32 = taps.iter().sum();
        taps.iter().map(|tap| tap / total).collect()
    }
}

impl Transform for Blur {
    fn name(&self) -> String {
        format!("blur of {} taps, sigma {:?}", self.size, self.sigma)
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.size % 2 == 1 && self.size <= 99,
            "blur of {} taps: their number must be odd and at most 99",
            self.size
        );
        within("sigma of a blur", self.sigma, 0.01, 1000.0)
    }

    fn apply(&self, images: Tensor<4>, random: &mut Random) -> Tensor<4> {
        let [.., h, w] = images.dims();
        let device = images.device();
        let kernel = self.kernel(pick(self.sigma, random));
        let reach = (self.size / 2) as isize;
        let rows = |side: usize| {
            Rows::new(side, side, |i| {
                (-reach..=reach)
                    .map(|by| i as isize + by)
                    .zip(kernel.iter().copied())
                    .collect()
            })
            .matrix(&device)
        };
        separable(images, &rows(h), &rows(w))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use rand::SeedableRng;

    /// cv2.GaussianBlur([[0, 0, 1, 0, 0]], (5, 1), 1.0, borderType=cv2.BORDER_REPLICATE)
    #[test]
    fn kernel_is_that_of_opencv() {
        let x = Tensor::<1>::from_floats([0.0, 0.0, 1.0, 0.0, 0.0], &Device::flex())
            .reshape([1, 1, 1, 5]);
        let out = Blur::fixed(5, 1.0).apply(x, &mut Random::seed_from_u64(0));
        let got = out.into_data().try_to_vec::<f32>().unwrap();
        let want = [
            0.054_488_68,
            0.244_201_35,
            0.402_619_96,
            0.244_201_35,
            0.054_488_68,
        ];
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
    }
}
