//! The decision that attacks of least change want to flip.

use anyhow::Result;
use burn::tensor::Tensor;

use super::clips::host;
use super::{Faces, Goal, Objective, ObjectiveGradient, per_clip};
use crate::network::Differentiable;

/// The nearest changes that were found to flip decisions.
#[derive(Clone, Debug)]
pub struct Flipped {
    /// `[clips * frames, 3, h, w]`; the clean clip where none was found.
    pub images: Tensor<4>,
    /// Size of each clip's change, infinite where none was found; 0 for clips that the
    /// detector gets wrong by itself.
    pub distance: Vec<f32>,
    /// Gradient of the margin at the clean clips.
    pub first: Tensor<4>,
}

/// A detector's decision at some clips.
pub(super) struct Border<'a> {
    net: &'a dyn Differentiable,
    goal: Goal,
    faces: &'a Faces,
    /// Value above which a clip's decision has flipped.
    pub bound: Vec<f32>,
}

impl<'a> Border<'a> {
    /// The decision at logits above `threshold`.
    pub fn new(net: &'a dyn Differentiable, faces: &'a Faces, threshold: f32) -> Result<Self> {
        let goal = Goal::new(
            Objective::Margin,
            net,
            &faces.images,
            faces.label.clone(),
            faces.frames,
        );
        Ok(Self {
            net,
            goal,
            faces,
            bound: host(faces.sign() * -threshold)?,
        })
    }

    /// What is known before the first step.
    pub fn begin(&self) -> Result<Flipped> {
        let slope = self.slope(&self.faces.images);
        let flipped = self.beyond(&host(slope.value)?);
        let distance = |&wrong: &bool| if wrong { 0.0 } else { f32::INFINITY };
        Ok(Flipped {
            images: self.faces.images.clone(),
            distance: flipped.iter().map(distance).collect(),
            first: slope.gradient,
        })
    }

    /// `-(2y - 1) z` of each clip at `x`, and its gradient.
    pub fn slope(&self, x: &Tensor<4>) -> ObjectiveGradient {
        ObjectiveGradient::of(self.net, &self.goal, x, self.faces)
    }

    /// `-(2y - 1) z` of each clip at `x`.
    pub fn value(&self, x: &Tensor<4>) -> Result<Vec<f32>> {
        let features = self.net.features(x.clone().autodiff(), self.faces.frames);
        host(per_clip(
            self.goal.of(&features).inner(),
            self.faces.clips(),
        ))
    }

    /// Which clips' decisions have flipped.
    pub fn beyond(&self, value: &[f32]) -> Vec<bool> {
        value.iter().zip(&self.bound).map(|(v, b)| v > b).collect()
    }
}
