//! What an attack maximises.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::loss::{binary_kl, softplus};
use crate::network::{Differentiable, Features, cosine_similarity};

/// What the attack maximises, on one logit `z` with the label `y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// `-ln p(y)`, in the form that does not saturate.
    CrossEntropy,
    /// `-(2y - 1) z`: never saturates, where cross entropy does at a scale of 64.
    Margin,
    /// `1 - cos(f, f')`: turns the features away, whatever that does to the logit. Its
    /// gradient is zero at the clean face: it needs a random start.
    Feature,
    /// The margin plus `s (1 - cos(f, f'))`.
    MarginAndFeature,
    /// `KL(p || p')`, as TRADES has it. Needs a random start as well.
    Kl,
}

impl Objective {
    fn needs_clean(self) -> bool {
        matches!(self, Self::Feature | Self::MarginAndFeature | Self::Kl)
    }
}

/// An objective for one batch.
#[derive(Clone, Debug)]
pub struct Goal {
    objective: Objective,
    label: Tensor<1>,
    clean: Option<Features>,
    scale: f32,
}

impl Goal {
    /// # Shapes
    /// - `images`: `[clips * frames, 3, side, side]` off the autodiff graph
    /// - `label`: `[clips]`, 1 = fake
    pub fn new(
        objective: Objective,
        net: &dyn Differentiable,
        images: &Tensor<4>,
        label: Tensor<1>,
        frames: usize,
    ) -> Self {
        let clean = objective.needs_clean().then(|| {
            let features = net.features(images.clone().autodiff(), frames);
            Features {
                embedding: features.embedding.detach(),
                logit: features.logit.detach(),
            }
        });
        Self {
            objective,
            label: label.autodiff(),
            clean,
            scale: net.scale(),
        }
    }

    /// The objective of each score, `[n]`.
    pub fn of(&self, features: &Features) -> Tensor<1> {
        let [n] = features.logit.dims();
        let sign = spread(self.label.clone() * -2.0 + 1.0, n); // +1 for reals
        let margin = features.logit.clone() * sign;
        let away = |clean: &Features| {
            cosine_similarity(clean.embedding.clone(), features.embedding.clone()) * -1.0 + 1.0
        };
        match (self.objective, &self.clean) {
            (Objective::CrossEntropy, _) => softplus(margin),
            (Objective::Feature, Some(clean)) => away(clean),
            (Objective::MarginAndFeature, Some(clean)) => margin + away(clean) * self.scale,
            (Objective::Kl, Some(clean)) => binary_kl(clean.logit.clone(), features.logit.clone()),
            _ => margin,
        }
    }
}

/// One value per clip repeated for each of its scores or frames.
///
/// # Shapes
/// - `per_clip`: `[clips]`; output `[n]`, `n` a multiple of `clips`
pub fn spread(per_clip: Tensor<1>, n: usize) -> Tensor<1> {
    let [clips] = per_clip.dims();
    let each = n / clips.max(1);
    per_clip
        .reshape([clips, 1])
        .repeat_dim(1, each)
        .reshape([n])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    struct Fixed;

    impl Differentiable for Fixed {
        fn features(&self, images: Tensor<4>, _: usize) -> Features {
            let [n, ..] = images.dims();
            let rows = images.reshape([n as i32, -1]);
            Features {
                logit: rows.clone().sum_dim(1).reshape([n]),
                embedding: rows,
            }
        }

        fn scale(&self) -> f32 {
            16.0
        }
    }

    /// Closed forms at z = 0.3 (real, clean), z' = 0.7: p = sigmoid(0.3).
    #[test]
    fn objectives_have_their_closed_forms() {
        let device = Device::flex();
        let image =
            |x: f32, y: f32| Tensor::<1>::from_floats([x, y, 0.0], &device).reshape([1, 3, 1, 1]);
        let (clean, attacked) = (image(0.1, 0.2), image(0.4, 0.3));
        let p = 1.0 / (1.0 + (-0.3f32).exp());
        let q = 1.0 / (1.0 + (-0.7f32).exp());
        let away = 1.0 - 0.10 / (0.05f32.sqrt() * 0.5);
        for (objective, want) in [
            (Objective::CrossEntropy, -(1.0 - q).ln()),
            (Objective::Margin, 0.7),
            (Objective::Feature, away),
            (Objective::MarginAndFeature, 0.7 + 16.0 * away),
            (
                Objective::Kl,
                p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln(),
            ),
        ] {
            let goal = Goal::new(objective, &Fixed, &clean, Tensor::zeros([1], &device), 1);
            let features = Fixed.features(attacked.clone().autodiff(), 1);
            let got: f32 = goal.of(&features).into_scalar();
            assert!((got - want).abs() < 1e-5, "{objective:?}: {got}, {want}");
        }
    }

    #[test]
    fn labels_of_clips_reach_every_frame() {
        let label = Tensor::<1>::from_floats([0.0, 1.0], &Device::flex());
        let spread = spread(label, 6).into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(spread, [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    }
}
