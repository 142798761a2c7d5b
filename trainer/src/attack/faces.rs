//! What goes into an attack, and what comes out.

use anyhow::{Result, ensure};
use burn::tensor::Tensor;

use super::Target;
use super::clips::host;
use super::objective::spread;

/// Clips under attack.
#[derive(Clone, Debug)]
pub struct Faces {
    /// `[clips * frames, 3, h, w]`, RGB in [0, 1], off the autodiff graph.
    pub images: Tensor<4>,
    /// `[clips]`, 1 = fake.
    pub label: Tensor<1>,
    /// Frames of a clip.
    pub frames: usize,
}

impl Faces {
    /// Number of clips.
    pub fn clips(&self) -> usize {
        self.label.dims()[0]
    }

    /// 1 for every frame of a clip that `target` names, else 0: `[clips * frames, 1, 1, 1]`.
    pub fn mask(&self, target: Target) -> Tensor<4> {
        let [n, ..] = self.images.dims();
        let chosen = match target {
            Target::Fakes => self.label.clone(),
            Target::Reals => self.label.clone() * -1.0 + 1.0,
            Target::Both => self.label.ones_like(),
        };
        spread(chosen, n).reshape([n, 1, 1, 1])
    }

    /// Whether `target` names each clip.
    ///
    /// # Errors
    /// When a label is not finite.
    pub fn attacked(&self, target: Target) -> Result<Vec<bool>> {
        let fake = host(self.label.clone())?;
        Ok(fake
            .iter()
            .map(|label| match target {
                Target::Fakes => *label > 0.5,
                Target::Reals => *label <= 0.5,
                Target::Both => true,
            })
            .collect())
    }

    /// `2y - 1` of each clip, `[clips]`: a detector is right where this times its logit is
    /// positive.
    pub fn sign(&self) -> Tensor<1> {
        self.label.clone() * 2.0 - 1.0
    }
}

/// Attacked clips with what the attack tells of itself.
#[derive(Clone, Debug)]
pub struct Attacked {
    /// As [`Faces::images`], within the attack's limits and in [0, 1].
    pub images: Tensor<4>,
    /// Share of pixels of attacked faces whose first gradients were not zero, in [0, 1];
    /// of an attack that looks at no gradients, 1.
    pub gradient_share: f32,
    /// Forward passes per clip.
    pub passes: f32,
}

impl Attacked {
    /// The greatest change of a pixel.
    ///
    /// # Errors
    /// When nothing changed: then there is no robustness to report.
    pub fn change(&self, faces: &Faces) -> Result<f32> {
        let moved = self.images.clone() - faces.images.clone();
        let moved: f32 = moved.abs().max().into_scalar();
        ensure!(
            moved > 0.0,
            "the attack changed no pixel (non-zero gradients: {:.1} %): no robustness can be reported",
            self.gradient_share * 100.0
        );
        Ok(moved)
    }
}

/// Share of non-zero values of a gradient where the mask is 1, in [0, 1].
///
/// # Shapes
/// - `gradient`: `[n, c, h, w]`, `mask`: `[n, 1, 1, 1]`
pub fn non_zero_share(gradient: &Tensor<4>, mask: &Tensor<4>) -> f32 {
    let [_, c, h, w] = gradient.dims();
    let non_zero: f32 = (gradient.clone().sign().abs() * mask.clone())
        .sum()
        .into_scalar();
    let attacked: f32 = mask.clone().sum().into_scalar();
    non_zero / (attacked * (c * h * w) as f32).max(1.0)
}
