//! One change for all clips: found once, then laid over anything.

use anyhow::{Result, ensure};
use burn::tensor::Tensor;

use super::clips::choose;
use super::{Faces, Goal, Noise, Objective, ObjectiveGradient, Target, non_zero_share};
use crate::network::Differentiable;

const EPOCHS_MAX: usize = 100_000;

/// A change for all fakes and one for all reals.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// `[frames, 3, h, w]`, or `[1, 3, h, w]` where frames share it.
    fakes: Tensor<4>,
    /// Likewise.
    reals: Tensor<4>,
    /// `[1, 1, h, w]`: 1 where pixels are replaced; without it the change is added.
    region: Option<Tensor<4>>,
    target: Target,
    /// Share of non-zero gradients over the first pass, in [0, 1].
    pub gradient_share: f32,
}

impl Overlay {
    /// Lays the change over the clips that it is meant for.
    ///
    /// # Errors
    /// When clips have another length or size than those it was found on.
    pub fn apply(&self, faces: &Faces) -> Result<Tensor<4>> {
        let [n, _, h, w] = faces.images.dims();
        let [length, _, own_h, own_w] = self.fakes.dims();
        ensure!(
            (h, w) == (own_h, own_w) && (length == 1 || length == faces.frames.max(1)),
            "the change is for {length} frames of {own_w}x{own_h}, the clips have {} of {w}x{h}",
            faces.frames
        );
        let whole = |part: &Tensor<4>| part.clone().repeat_dim(0, n / length);
        let fake = faces.attacked(Target::Fakes)?;
        let change = choose(&fake, whole(&self.fakes), whole(&self.reals));
        let clean = faces.images.clone();
        let changed = match &self.region {
            None => (clean.clone() + change).clamp(0.0, 1.0),
            Some(region) => {
                let region = region.clone();
                clean.clone() * (region.clone() * -1.0 + 1.0) + change * region
            }
        };
        Ok(choose(&faces.attacked(self.target)?, changed, clean))
    }
}

/// How an overlay is found: signs of summed gradients of the margin.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// Values of the change, per pixel.
    pub bounds: [f32; 2],
    /// Value that it begins with.
    pub begin: f32,
    /// Length of one step.
    pub step: f32,
    /// Passes over all batches.
    pub epochs: usize,
    pub target: Target,
    pub noise: Noise,
    pub region: Option<Tensor<4>>,
}

impl Search {
    /// Finds the change over all batches, which must be alike in size and length.
    pub fn run(&self, net: &dyn Differentiable, batches: &[Faces]) -> Result<Overlay> {
        let Some(first) = batches.first() else {
            anyhow::bail!("a universal change needs clips to be found on, there are none");
        };
        ensure!(
            self.step > 0.0 && self.step.is_finite() && (1..=EPOCHS_MAX).contains(&self.epochs),
            "universal change: the step must be positive, the number of passes 1 to {EPOCHS_MAX}"
        );
        let [_, c, h, w] = first.images.dims();
        let length = match self.noise {
            Noise::PerFrame => first.frames.max(1),
            Noise::Shared => 1,
        };
        let begin = Tensor::full([length, c, h, w], self.begin, &first.images.device());
        let mut overlay = Overlay {
            fakes: begin.clone(),
            reals: begin,
            region: self.region.clone(),
            target: self.target,
            gradient_share: 1.0,
        };
        for epoch in 0..self.epochs {
            for faces in batches {
                let goal = Goal::new(
                    Objective::Margin,
                    net,
                    &faces.images,
                    faces.label.clone(),
                    faces.frames,
                );
                let slope = ObjectiveGradient::of(net, &goal, &overlay.apply(faces)?, faces);
                if epoch == 0 {
                    let share = non_zero_share(&slope.gradient, &faces.mask(self.target));
                    overlay.gradient_share = overlay.gradient_share.min(share);
                }
                let of = |target| summed(slope.gradient.clone() * faces.mask(target), length);
                overlay.fakes = self.step(overlay.fakes, of(Target::Fakes));
                overlay.reals = self.step(overlay.reals, of(Target::Reals));
            }
        }
        Ok(overlay)
    }

    fn step(&self, change: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
        let [low, high] = self.bounds;
        (change + gradient.sign() * self.step).clamp(low, high)
    }
}

/// Sum over all clips of frames at the same place, or over all frames where `length` is 1.
fn summed(gradient: Tensor<4>, length: usize) -> Tensor<4> {
    let [n, c, h, w] = gradient.dims();
    gradient
        .reshape([n / length, length * c * h * w])
        .sum_dim(0)
        .reshape([length, c, h, w])
}
