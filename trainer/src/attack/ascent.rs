//! Steps by signs up an objective inside an l_inf ball, from the clean picture on.

use anyhow::Result;
use burn::tensor::Tensor;

use super::clips::choose;
use super::{Attacked, Ball, Faces, Goal, Objective, ObjectiveGradient, Target, non_zero_share};
use crate::network::Differentiable;

/// What the steps have in common. `epsilon` and `step` are in pixel units, [0, 1].
#[derive(Clone, Copy, Debug)]
pub(super) struct Ascent {
    pub epsilon: f32,
    pub step: f32,
    pub steps: usize,
    pub objective: Objective,
    pub target: Target,
}

impl Ascent {
    /// Climbs on `net`. `direction` makes of the objective, the present pictures and its gradient
    /// there what is stepped along.
    pub fn run(
        &self,
        net: &dyn Differentiable,
        faces: &Faces,
        mut direction: impl FnMut(&Goal, &Tensor<4>, Tensor<4>) -> Tensor<4>,
    ) -> Result<Attacked> {
        let clean = &faces.images;
        let ball = Ball::linf(self.epsilon);
        let label = faces.label.clone();
        let goal = Goal::new(self.objective, net, clean, label, faces.frames);
        let mut x = clean.clone();
        let mut gradient_share = 0.0;
        for step in 0..self.steps {
            let gradient = ObjectiveGradient::of(net, &goal, &x, faces).gradient;
            if step == 0 {
                gradient_share = non_zero_share(&gradient, &faces.mask(self.target));
            }
            let along = direction(&goal, &x, gradient).sign();
            x = ball.project(x + along * self.step, clean, faces.frames);
        }
        Ok(Attacked {
            images: choose(&faces.attacked(self.target)?, x, clean.clone()),
            gradient_share,
            passes: self.steps as f32,
        })
    }
}
