//! Translation.

use anyhow::Result;
use burn::tensor::Tensor;

use super::{Range, Rows, Transform, pick, separable, within};
use crate::random::Random;

/// Moves pictures, bilinearly; what comes in repeats the outermost pixel.
#[derive(Clone, Copy, Debug)]
pub struct Translate {
    /// To the right, as a share of the width, -1 to 1.
    pub right: Range,
    /// Downwards, as a share of the height, -1 to 1.
    pub down: Range,
}

impl Translate {
    /// Always by the same shares of width and height.
    pub fn fixed(right: f32, down: f32) -> Self {
        Self {
            right: [right; 2],
            down: [down; 2],
        }
    }
}

impl Transform for Translate {
    fn name(&self) -> String {
        format!("translation by {:?} x {:?}", self.right, self.down)
    }

    fn check(&self) -> Result<()> {
        within("translation to the right by", self.right, -1.0, 1.0)?;
        within("translation downwards by", self.down, -1.0, 1.0)
    }

    fn apply(&self, images: Tensor<4>, random: &mut Random) -> Tensor<4> {
        let [.., h, w] = images.dims();
        let device = images.device();
        let rows = |side: usize, share: f32| {
            let by = share * side as f32;
            Rows::sampled(side, side, |i| i as f32 - by).matrix(&device)
        };
        let right = pick(self.right, random);
        let down = pick(self.down, random);
        separable(images, &rows(h, down), &rows(w, right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use rand::SeedableRng;

    #[test]
    fn a_quarter_to_the_right_is_one_of_four_pixels() {
        let x =
            Tensor::<1>::from_floats([1.0, 2.0, 3.0, 4.0], &Device::flex()).reshape([1, 1, 1, 4]);
        let moved = |share: f32| {
            Translate::fixed(share, 0.5)
                .apply(x.clone(), &mut Random::seed_from_u64(0))
                .into_data()
                .try_to_vec::<f32>()
                .unwrap()
        };
        assert_eq!(moved(0.25), [1.0, 1.0, 2.0, 3.0]);
        assert_eq!(moved(-0.125), [1.5, 2.5, 3.5, 4.0]);
    }
}
