//! MI-FGSM (Dong et al., CVPR 2018): the sign method on an average of gradients, which
//! carries over to other detectors better than single gradients.

use anyhow::{Result, ensure};
use burn::tensor::Tensor;

use super::ascent::Ascent;
use super::{Attacked, Entry, Faces, Limit, Make, Named, Noise, Objective, Target, WhiteBox};
use crate::network::Differentiable;
use crate::random::Random;

/// MI-FGSM.
pub(super) const MI_FGSM: Entry = Entry {
    name: "mi-fgsm",
    source: "Dong et al., CVPR 2018",
    parameters: "10 steps of epsilon / 4, decay 1",
    purpose: "transfer to other detectors",
    limit: Limit::Linf,
    minimal: false,
    make: Make::Gradients(|limits| {
        let attack = MiFgsm::ten(limits.epsilon, limits.target);
        (Box::new(attack), attack.steps)
    }),
};

/// Parameters of the attack, in the l_inf ball. It has no random start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MiFgsm {
    /// Radius of the ball in pixel units, [0, 1].
    pub epsilon: f32,
    /// Length of one step, likewise.
    pub step: f32,
    /// Number of steps.
    pub steps: usize,
    /// Share of the past gradients that is kept, at least 0; 1 in the paper.
    pub decay: f32,
    /// What is maximised.
    pub objective: Objective,
    /// Who is attacked.
    pub target: Target,
    /// Whether frames share a perturbation.
    pub noise: Noise,
}

impl MiFgsm {
    /// Ten steps of a quarter of epsilon, with all of the past kept.
    pub fn ten(epsilon: f32, target: Target) -> Self {
        Self {
            epsilon,
            step: epsilon / 4.0,
            steps: 10,
            decay: 1.0,
            objective: Objective::Margin,
            target,
            noise: Noise::PerFrame,
        }
    }
}

/// Divides by the mean absolute value over all pixels, channels and frames of a clip.
pub(super) fn of_mean_one(gradient: Tensor<4>, clips: usize) -> Tensor<4> {
    let shape = gradient.dims();
    let flat = gradient.reshape([clips as i32, -1]);
    let mean = flat.clone().abs().mean_dim(1).clamp_min(1e-30);
    (flat / mean).reshape(shape)
}

impl Named for MiFgsm {
    fn name(&self) -> String {
        "MI-FGSM".into()
    }

    fn conditions(&self) -> String {
        format!(
            "l_inf {:.2}/255, step {:.2}/255, {} steps, decay {}, {:?}, {:?} noise",
            self.epsilon * 255.0,
            self.step * 255.0,
            self.steps,
            self.decay,
            self.objective,
            self.noise,
        )
    }
}

impl WhiteBox for MiFgsm {
    fn attack(&self, net: &dyn Differentiable, faces: &Faces, _: &mut Random) -> Result<Attacked> {
        ensure!(
            self.epsilon > 0.0
                && self.step > 0.0
                && self.steps > 0
                && self.decay >= 0.0
                && (self.epsilon + self.step + self.decay).is_finite(),
            "MI-FGSM: epsilon, step and number of steps must be positive, decay not negative"
        );
        let ascent = Ascent {
            epsilon: self.epsilon,
            step: self.step,
            steps: self.steps,
            objective: self.objective,
            target: self.target,
        };
        let mut average = faces.images.zeros_like();
        ascent.run(net, faces, |_, _, gradient| {
            let gradient = self.noise.tie(gradient, faces.frames);
            average = of_mean_one(gradient, faces.clips()) + average.clone() * self.decay;
            average.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Victim;
    use crate::attack::toy::{Linear, grey_faces};
    use burn::tensor::Device;
    use rand::SeedableRng;

    #[test]
    fn reaches_the_closed_form_on_a_linear_detector() {
        let device = Device::flex();
        let net = Linear::random(8, &device);
        let faces = grey_faces(4, 2, 8, &device);
        let epsilon = 8.0 / 255.0;
        let mut random = Random::seed_from_u64(0);
        let out = MiFgsm::ten(epsilon, Target::Both)
            .attack(&net, &faces, &mut random)
            .unwrap();
        let before = net.logits(faces.images.clone(), 2).unwrap();
        let after = net.logits(out.images, 2).unwrap();
        let best = net.weight.clone().abs().sum() * epsilon;
        let share: f32 = (((before - after) * faces.sign()).min() / best).into_scalar();
        assert!(share > 0.999 && share < 1.0005, "{share}");
    }

    /// All frames of a clip go into one mean: a frame with ten times the gradient of
    /// another keeps it.
    #[test]
    fn gradients_are_normalised_over_clips() {
        let device = Device::flex();
        let x = Tensor::<1>::from_floats([1.0, -10.0, 2.0, 2.0], &device).reshape([4, 1, 1, 1]);
        let got = of_mean_one(x, 2).into_data().try_to_vec::<f32>().unwrap();
        let want = [1.0 / 5.5, -10.0 / 5.5, 1.0, 1.0];
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
    }
}
