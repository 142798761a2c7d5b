//! Projected gradient descent (Madry et al., ICLR 2018), in l_inf and l_2; FGSM is its
//! single step.

use anyhow::{Result, ensure};
use burn::tensor::{Distribution, Tensor};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::gradient::ObjectiveGradient;
use super::objective::{Goal, Objective};
use super::{
    Attacked, Ball, Entry, Faces, Limit, Make, Named, Noise, Norm, WhiteBox, lengths,
    non_zero_share,
};
use crate::network::Differentiable;
use crate::random::Random;

/// FGSM.
pub(super) const FGSM: Entry = Entry {
    name: "fgsm",
    source: "Goodfellow et al., ICLR 2015",
    parameters: "one step of epsilon",
    purpose: "a quick look",
    limit: Limit::Linf,
    minimal: false,
    make: Make::Gradients(|limits| {
        let attack = Pgd::fgsm(limits.epsilon, limits.target);
        (Box::new(attack), attack.steps)
    }),
};

/// PGD-10 in l_inf.
pub(super) const PGD: Entry = Entry {
    name: "pgd",
    source: "Madry et al., ICLR 2018",
    parameters: "10 steps of epsilon / 4, random start",
    purpose: "training, a quick look",
    make: Make::Gradients(|limits| {
        let attack = Pgd::ten(limits.epsilon, limits.target);
        (Box::new(attack), attack.steps)
    }),
    ..FGSM
};

/// PGD-10 in l_2.
pub(super) const PGD_L2: Entry = Entry {
    name: "pgd-l2",
    limit: Limit::L2,
    make: Make::Gradients(|limits| {
        let attack = Pgd {
            norm: Norm::L2,
            ..Pgd::ten(limits.radius, limits.target)
        };
        (Box::new(attack), attack.steps)
    }),
    ..PGD
};

/// Which faces are attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Fakes that want to pass (evasion)
    Fakes,
    /// Reals made to look fake (framing)
    Reals,
    /// Both, each against its own label
    Both,
}

/// Where the attack begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Begin {
    /// At the image itself.
    Image,
    /// At a uniformly random point of the l_inf ball; for l_2 in a random direction at a
    /// uniformly random distance.
    Uniform,
    /// At the image plus Gaussian noise of this standard deviation, as TRADES has it.
    Gaussian(f32),
}

/// Parameters of the attack. `epsilon` and `step` are in pixel units, [0, 1]; for l_2
/// they are lengths over a whole clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pgd {
    /// How perturbations are measured.
    pub norm: Norm,
    /// Radius of the ball.
    pub epsilon: f32,
    /// Length of one step.
    pub step: f32,
    /// Number of steps.
    pub steps: usize,
    /// Where it begins.
    pub begin: Begin,
    /// What is maximised.
    pub objective: Objective,
    /// Who is attacked.
    pub target: Target,
    /// Whether frames share a perturbation.
    pub noise: Noise,
}

impl Pgd {
    /// The fast gradient sign method (Goodfellow et al., ICLR 2015).
    pub fn fgsm(epsilon: f32, target: Target) -> Self {
        Self {
            step: epsilon,
            steps: 1,
            begin: Begin::Image,
            ..Self::ten(epsilon, target)
        }
    }

    /// One step of 1.25 epsilon from a random start: FGSM-RS (Wong et al., ICLR 2020).
    pub fn fgsm_rs(epsilon: f32) -> Self {
        Self {
            step: epsilon * 1.25,
            steps: 1,
            objective: Objective::CrossEntropy,
            ..Self::ten(epsilon, Target::Both)
        }
    }

    /// PGD-10 with a step of a quarter of epsilon: the attack of evaluation.
    pub fn ten(epsilon: f32, target: Target) -> Self {
        Self {
            norm: Norm::Linf,
            epsilon,
            step: epsilon / 4.0,
            steps: 10,
            begin: Begin::Uniform,
            objective: Objective::Margin,
            target,
            noise: Noise::PerFrame,
        }
    }

    /// Attacks a batch of clips; random starts come from the device's seed.
    pub fn run(&self, net: &dyn Differentiable, faces: &Faces) -> Attacked {
        let clean = &faces.images;
        let ball = Ball {
            norm: self.norm,
            radius: self.epsilon,
        };
        let goal = Goal::new(
            self.objective,
            net,
            clean,
            faces.label.clone(),
            faces.frames,
        );
        let mask = faces.mask(self.target);
        let mut x = ball.project(self.begin(faces, &mask), clean, faces.frames);
        let mut gradient_share = 0.0;
        for step in 0..self.steps {
            let slope = ObjectiveGradient::of(net, &goal, &x, faces);
            if step == 0 {
                gradient_share = non_zero_share(&slope.gradient, &mask);
            }
            let along = self.noise.tie(slope.gradient, faces.frames);
            let along = ball.steepest(along, faces.frames);
            x = x + along * mask.clone() * self.step;
            x = ball.project(x, clean, faces.frames);
        }
        Attacked {
            // Rounding of the bounds must not move a face that is not attacked.
            images: clean.clone() * (mask.clone() * -1.0 + 1.0) + x * mask,
            gradient_share,
            passes: self.steps as f32,
        }
    }

    fn begin(&self, faces: &Faces, mask: &Tensor<4>) -> Tensor<4> {
        let images = &faces.images;
        let noise = match (self.begin, self.norm) {
            (Begin::Image, _) => return images.clone(),
            (Begin::Gaussian(deviation), _) => {
                self.draw(faces, Distribution::Normal(0.0, f64::from(deviation)))
            }
            (Begin::Uniform, Norm::Linf) => {
                let reach = f64::from(self.epsilon);
                self.draw(faces, Distribution::Uniform(-reach, reach))
            }
            (Begin::Uniform, Norm::L2) => {
                let direction = self.draw(faces, Distribution::Normal(0.0, 1.0));
                let length = lengths(&direction, faces.frames);
                let clips = Tensor::<1>::random(
                    [faces.clips()],
                    Distribution::Uniform(0.0, f64::from(self.epsilon)),
                    &images.device(),
                );
                let [n, ..] = images.dims();
                let distance = super::spread(clips, n).reshape([n, 1, 1, 1]);
                direction / length * distance
            }
        };
        images.clone() + noise * mask.clone()
    }

    /// Random numbers for every value, tied over a clip's frames where noise is shared.
    fn draw(&self, faces: &Faces, law: Distribution) -> Tensor<4> {
        let [n, c, h, w] = faces.images.dims();
        let device = faces.images.device();
        if self.noise == Noise::PerFrame || faces.frames <= 1 {
            return Tensor::random([n, c, h, w], law, &device);
        }
        Tensor::<3>::random([faces.clips(), 1, c * h * w], law, &device)
            .repeat_dim(1, faces.frames)
            .reshape([n, c, h, w])
    }
}

impl Named for Pgd {
    fn name(&self) -> String {
        match (self.steps, self.begin) {
            (1, Begin::Image) => "FGSM".into(),
            (1, _) => "FGSM-RS".into(),
            (steps, _) => format!("PGD-{steps}"),
        }
    }

    fn conditions(&self) -> String {
        format!(
            "{} {:.2}/255, step {:.2}/255, {} steps, {:?}",
            self.norm,
            self.epsilon * 255.0,
            self.step * 255.0,
            self.steps,
            self.objective,
        )
    }
}

impl WhiteBox for Pgd {
    fn attack(
        &self,
        net: &dyn Differentiable,
        faces: &Faces,
        random: &mut Random,
    ) -> Result<Attacked> {
        ensure!(
            self.epsilon > 0.0 && self.step > 0.0 && self.steps > 0,
            "{}: epsilon, step and number of steps must be positive",
            self.name()
        );
        faces.images.device().seed(random.random());
        Ok(self.run(net, faces))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Detector, Frozen, NetworkConfig, Size};
    use crate::test_numbers::{redrawn, uniform};
    use burn::tensor::Device;

    const EPSILON: f32 = 4.0 / 255.0;

    fn setup() -> (Frozen, Faces) {
        let device = Device::flex();
        let config = NetworkConfig {
            size: Size::Tiny,
            input: 32,
            ..Default::default()
        };
        let net = redrawn(Detector::new(&config, &device), 5).fold();
        let images = uniform([6, 3, 32, 32], 6, &device);
        let label = Tensor::from_floats([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], &device);
        let faces = Faces {
            images,
            label,
            frames: 1,
        };
        (net, faces)
    }

    #[test]
    fn stays_in_the_ball_and_lowers_every_margin() {
        let (net, faces) = setup();
        let attacked = Pgd::ten(EPSILON, Target::Both).run(&net, &faces);
        let images = faces.images;
        let moved: f32 = (attacked.images.clone() - images.clone())
            .abs()
            .max()
            .into_scalar();
        assert!(moved <= EPSILON + 1e-6, "{moved}");
        assert!(attacked.gradient_share > 0.9, "{}", attacked.gradient_share);
        let low: f32 = attacked.images.clone().min().into_scalar();
        let high: f32 = attacked.images.clone().max().into_scalar();
        assert!(low >= 0.0 && high <= 1.0);
        let sign = faces.label * 2.0 - 1.0;
        let before = net.forward(images, 1).logit * sign.clone();
        let after = net.forward(attacked.images, 1).logit * sign;
        let worst: f32 = (after - before).max().into_scalar();
        assert!(worst < 0.0, "a margin grew by {worst}");
    }

    #[test]
    fn only_the_chosen_class_is_touched() {
        let (net, faces) = setup();
        for (target, untouched) in [(Target::Fakes, 0), (Target::Reals, 1)] {
            let out = Pgd::ten(EPSILON, target).run(&net, &faces);
            let change = (out.images - faces.images.clone()).abs();
            let kept: f32 = change.clone().narrow(0, untouched, 1).max().into_scalar();
            let other = 1 - untouched;
            let hit: f32 = change.narrow(0, other, 1).max().into_scalar();
            assert_eq!(kept, 0.0, "{target:?}");
            assert!(hit > 0.0, "{target:?}");
        }
    }

    /// A whole clip counts as one vector, and its frames share the noise when told to.
    #[test]
    fn l2_attacks_clips_with_one_noise() {
        let (net, mut faces) = setup();
        faces.label = Tensor::from_floats([0.0, 1.0], &faces.images.device());
        faces.frames = 3;
        let pgd = Pgd {
            norm: Norm::L2,
            epsilon: 1.0,
            step: 0.25,
            noise: Noise::Shared,
            ..Pgd::ten(1.0, Target::Both)
        };
        faces.images = faces.images.clamp(0.4, 0.6);
        let moved = pgd.run(&net, &faces).images - faces.images.clone();
        let length: f32 = lengths(&moved, 3).max().into_scalar();
        assert!((length - 1.0).abs() < 1e-3, "{length}");
        let first = moved.clone().narrow(0, 0, 1);
        let second = moved.narrow(0, 1, 1);
        let apart: f32 = (first - second).abs().max().into_scalar();
        assert!(apart < 1e-6, "{apart}");
    }

    /// One step along the sign of a finite difference of the margin is one PGD step.
    #[test]
    fn gradient_sign_agrees_with_finite_differences() {
        let (net, mut faces) = setup();
        let pgd = Pgd {
            steps: 1,
            step: EPSILON,
            begin: Begin::Image,
            ..Pgd::ten(EPSILON, Target::Both)
        };
        let images = faces.images.clamp(0.1, 0.9);
        faces.images = images.clone();
        let out = pgd.run(&net, &faces).images - images.clone();
        let mut agreed = 0;
        for pixel in 0..20 {
            let (y, x) = (4 + pixel, 27 - pixel);
            let at = [1..2, 1..2, y..y + 1, x..x + 1];
            let nudge = |by: f32| {
                let value = images.clone().slice(at.clone()) + by;
                let moved = images.clone().slice_assign(at.clone(), value);
                net.forward(moved, 1)
                    .logit
                    .narrow(0, 1, 1)
                    .into_scalar::<f32>()
            };
            let slope = nudge(2e-3) - nudge(-2e-3);
            let step: f32 = out.clone().slice(at.clone()).into_scalar();
            agreed += usize::from(slope * step < 0.0); // a fake wants a lower logit
        }
        assert!(agreed >= 18, "{agreed} of 20 pixels");
    }
}
