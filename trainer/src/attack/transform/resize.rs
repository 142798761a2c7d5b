//! Scaling down and up again.

use anyhow::Result;
use burn::tensor::Tensor;

use super::{Range, Rows, Transform, pick, separable, within};
use crate::random::Random;

/// Scales pictures and scales them back to their size, bilinearly with half-pixel centres
/// and without a filter against aliasing, as `interpolate` of PyTorch and `resize` of
/// OpenCV do.
#[derive(Clone, Copy, Debug)]
pub struct Resize {
    /// Side of the small picture as a share of the full one, 0.01 to 4.
    pub scale: Range,
}

impl Resize {
    /// Always to the same scale.
    pub fn fixed(scale: f32) -> Self {
        Self { scale: [scale; 2] }
    }
}

fn scaled(from: usize, to: usize) -> Rows {
    let ratio = from as f32 / to as f32;
    Rows::sampled(from, to, |i| (i as f32 + 0.5) * ratio - 0.5)
}

impl Transform for Resize {
    fn name(&self) -> String {
        format!("scaling by {:?} and back", self.scale)
    }

    fn check(&self) -> Result<()> {
        within("scaling by", self.scale, 0.01, 4.0)
    }

    fn apply(&self, images: Tensor<4>, random: &mut Random) -> Tensor<4> {
        let [.., h, w] = images.dims();
        let device = images.device();
        let scale = pick(self.scale, random);
        let rows = |side: usize| {
            let small = ((side as f32 * scale).round() as usize).max(1);
            scaled(side, small)
                .then(&scaled(small, side))
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

    /// x = torch.tensor([[[[1., 2., 4., 8., 16., 32.]]]])
    /// F.interpolate(F.interpolate(x, (1, 3), mode="bilinear"), (1, 6), mode="bilinear")
    #[test]
    fn half_and_back_is_that_of_pytorch() {
        let x = Tensor::<1>::from_floats([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], &Device::flex())
            .reshape([1, 1, 1, 6]);
        let out = Resize::fixed(0.5).apply(x, &mut Random::seed_from_u64(0));
        let got = out.into_data().try_to_vec::<f32>().unwrap();
        let want = [1.5, 2.625, 4.875, 10.5, 19.5, 24.0];
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 1e-5, "{got} {want}");
        }
    }
}
