//! A detector and the clips that it is checked on.

use anyhow::Result;
use burn::tensor::Tensor;
use rand::SeedableRng;

use super::super::clips::host;
use super::super::suite::is_target;
use super::super::{Begin, Faces, Pgd, Target, Victim, WhiteBox};
use crate::network::Differentiable;
use crate::random::Random;

/// What is checked.
#[derive(Clone, Copy)]
pub struct CheckedDetector<'a> {
    /// Where gradients come from.
    pub net: &'a dyn Differentiable,
    /// What is scored.
    pub victim: &'a dyn Victim,
    /// A batch of clips.
    pub faces: &'a Faces,
    /// Who is attacked.
    pub target: Target,
    /// Radius in l_inf, [0, 1].
    pub epsilon: f32,
    /// Seed of random choices.
    pub seed: u64,
}

impl CheckedDetector<'_> {
    /// Numbers of the clips that are attacked.
    pub(super) fn chosen(&self) -> Result<Vec<usize>> {
        let fake = self.fake()?;
        let clips = (0..fake.len()).filter(|clip| is_target(self.target, fake[*clip]));
        Ok(clips.collect())
    }

    /// Labels of all clips, true = fake.
    pub(super) fn fake(&self) -> Result<Vec<bool>> {
        let labels = host(self.faces.label.clone())?;
        Ok(labels.iter().map(|label| *label > 0.5).collect())
    }

    /// Some of the clips; `clips` must not be empty.
    pub(super) fn pick(&self, clips: &[usize]) -> Faces {
        let frames = self.faces.frames.max(1);
        let images = clips.iter().map(|clip| {
            let all = self.faces.images.clone();
            all.narrow(0, clip * frames, frames)
        });
        let labels = clips
            .iter()
            .map(|clip| self.faces.label.clone().narrow(0, *clip, 1));
        Faces {
            images: Tensor::cat(images.collect(), 0),
            label: Tensor::cat(labels.collect(), 0),
            frames: self.faces.frames,
        }
    }

    /// The victim's logits, one per clip.
    pub(super) fn logits(&self, images: Tensor<4>) -> Result<Vec<f32>> {
        host(self.victim.logits(images, self.faces.frames)?)
    }

    /// `(2y - 1) z` of the clips that are attacked.
    pub(super) fn margins(&self, images: Tensor<4>) -> Result<Vec<f32>> {
        let logits = self.logits(images)?;
        let sign = host(self.faces.sign())?;
        let chosen = self.chosen()?;
        Ok(chosen
            .iter()
            .map(|clip| sign[*clip] * logits[*clip])
            .collect())
    }

    /// Margins after PGD from the clips themselves, scored by the victim.
    pub(super) fn pgd(&self, epsilon: f32, step: f32, steps: usize) -> Result<Vec<f32>> {
        self.margins(self.attacked(epsilon, step, steps)?)
    }

    /// Clips after PGD.
    pub(super) fn attacked(&self, epsilon: f32, step: f32, steps: usize) -> Result<Tensor<4>> {
        let pgd = Pgd {
            step,
            steps,
            begin: Begin::Image,
            ..Pgd::ten(epsilon, self.target)
        };
        let mut random = Random::seed_from_u64(self.seed);
        Ok(pgd.attack(self.net, self.faces, &mut random)?.images)
    }
}
