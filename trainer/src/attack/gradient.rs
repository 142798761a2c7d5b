//! The value of an objective and its gradient.

use burn::tensor::Tensor;

use super::Faces;
use super::objective::Goal;
use crate::network::Differentiable;

/// An objective at some images.
#[derive(Clone, Debug)]
pub struct ObjectiveGradient {
    /// Mean of the objective over the scores of each clip, `[clips]`.
    pub value: Tensor<1>,
    /// Mean logit of each clip, `[clips]`.
    pub logit: Tensor<1>,
    /// Gradient of `value`, `[clips * frames, 3, h, w]`; zero where the network has none.
    pub gradient: Tensor<4>,
}

impl ObjectiveGradient {
    /// Evaluates `goal` at `images`, which belong to `faces`.
    pub fn of(net: &dyn Differentiable, goal: &Goal, images: &Tensor<4>, faces: &Faces) -> Self {
        let leaf = images.clone().autodiff().require_grad();
        let features = net.features(leaf.clone(), faces.frames);
        let value = per_clip(goal.of(&features), faces.clips());
        let logit = per_clip(features.logit, faces.clips()).inner();
        let gradient = leaf
            .grad_remove(&mut value.clone().sum().backward())
            .unwrap_or_else(|| images.zeros_like());
        Self {
            value: value.inner(),
            logit,
            gradient,
        }
    }
}

/// Mean over the scores of each clip.
///
/// # Shapes
/// - `scores`: `[n]`, `n` a multiple of `clips`; output `[clips]`
pub fn per_clip(scores: Tensor<1>, clips: usize) -> Tensor<1> {
    let [n] = scores.dims();
    if n == clips {
        return scores;
    }
    scores
        .reshape([clips, n / clips.max(1)])
        .mean_dim(1)
        .reshape([clips])
}
