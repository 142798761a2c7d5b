//! Projected gradient descent in the l_inf ball (Madry et al., ICLR 2018).

use burn::tensor::{Distribution, Tensor};
use serde::{Deserialize, Serialize};

use super::objective::{Goal, Objective, spread};
use crate::network::Differentiable;

/// Which faces are attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Fakes that want to pass (evasion).
    Fakes,
    /// Reals made to look fake (framing).
    Reals,
    /// Both classes.
    Both,
}

/// Where the attack begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Begin {
    /// At the image itself.
    Image,
    /// At a uniformly random point of the ball.
    Uniform,
    /// At the image plus Gaussian noise of this standard deviation, as TRADES has it.
    Gaussian(f32),
}

/// Parameters of the attack. `epsilon` and `step` are in pixel units, [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pgd {
    /// Radius of the l_inf ball.
    pub epsilon: f32,
    /// Length of one sign step.
    pub step: f32,
    /// Number of steps.
    pub steps: usize,
    /// Where it begins.
    pub begin: Begin,
    /// What is maximised.
    pub objective: Objective,
    /// Who is attacked.
    pub target: Target,
}

/// Attacked images with what the attack tells of itself.
#[derive(Clone, Debug)]
pub struct Attacked {
    /// `[n, 3, side, side]`, within epsilon of the originals and in [0, 1].
    pub images: Tensor<4>,
    /// Share of pixels of attacked faces whose last gradient was not zero, in [0, 1].
    pub gradient_share: f32,
}

impl Pgd {
    /// One step of 1.25 epsilon from a random start: FGSM-RS (Wong et al., ICLR 2020).
    pub fn fgsm_rs(epsilon: f32) -> Self {
        Self {
            epsilon,
            step: epsilon * 1.25,
            steps: 1,
            begin: Begin::Uniform,
            objective: Objective::CrossEntropy,
            target: Target::Both,
        }
    }

    /// PGD-10 with a step of a quarter of epsilon: the attack of evaluation.
    pub fn ten(epsilon: f32, target: Target) -> Self {
        Self {
            epsilon,
            step: epsilon / 4.0,
            steps: 10,
            begin: Begin::Uniform,
            objective: Objective::Margin,
            target,
        }
    }

    /// Attacks a batch of clips; random starts come from the device's seed.
    ///
    /// # Shapes
    /// - `images`: `[clips * frames, 3, side, side]` in [0, 1], off the autodiff graph
    /// - `label`: `[clips]`, 1 = fake
    pub fn attack(
        &self,
        net: &dyn Differentiable,
        images: Tensor<4>,
        label: Tensor<1>,
        frames: usize,
    ) -> Attacked {
        let [n, ..] = images.dims();
        let goal = Goal::new(self.objective, net, &images, label.clone(), frames);
        let mask = spread(self.mask(label), n).reshape([n, 1, 1, 1]);
        let low = (images.clone() - self.epsilon).clamp_min(0.0);
        let high = (images.clone() + self.epsilon).clamp_max(1.0);
        let mut x = self.begin(&images, &mask);
        x = x.max_pair(low.clone()).min_pair(high.clone());
        let mut gradient_share = 0.0;
        for step in 0..self.steps {
            let leaf = x.clone().autodiff().require_grad();
            let gain = goal.of(&net.features(leaf.clone(), frames)).sum();
            let Some(gradient) = leaf.grad_remove(&mut gain.backward()) else {
                break;
            };
            if step + 1 == self.steps {
                gradient_share = non_zero_share(&gradient, &mask);
            }
            x = x + gradient.sign() * mask.clone() * self.step;
            x = x.max_pair(low.clone()).min_pair(high.clone());
        }
        // Rounding of the bounds must not move a face that is not attacked.
        let images = images.clone() * (mask.clone() * -1.0 + 1.0) + x * mask;
        Attacked {
            images,
            gradient_share,
        }
    }

    fn begin(&self, images: &Tensor<4>, mask: &Tensor<4>) -> Tensor<4> {
        let reach = f64::from(self.epsilon);
        let noise = match self.begin {
            Begin::Image => return images.clone(),
            Begin::Uniform => Distribution::Uniform(-reach, reach),
            Begin::Gaussian(deviation) => Distribution::Normal(0.0, f64::from(deviation)),
        };
        let noise = Tensor::random(images.dims(), noise, &images.device());
        images.clone() + noise * mask.clone()
    }

    fn mask(&self, label: Tensor<1>) -> Tensor<1> {
        match self.target {
            Target::Fakes => label,
            Target::Reals => label * -1.0 + 1.0,
            Target::Both => label.ones_like(),
        }
    }
}

fn non_zero_share(gradient: &Tensor<4>, mask: &Tensor<4>) -> f32 {
    let [_, c, h, w] = gradient.dims();
    let non_zero: f32 = (gradient.clone().sign().abs() * mask.clone())
        .sum()
        .into_scalar();
    let attacked: f32 = mask.clone().sum().into_scalar();
    non_zero / (attacked * (c * h * w) as f32).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Detector, Frozen, NetworkConfig, Size};
    use burn::tensor::Device;

    const EPSILON: f32 = 4.0 / 255.0;

    fn setup() -> (Frozen, Tensor<4>, Tensor<1>) {
        let device = Device::flex();
        device.seed(5);
        let config = NetworkConfig {
            size: Size::Tiny,
            input: 32,
            ..Default::default()
        };
        let net = Detector::new(&config, &device).fold();
        let images = Tensor::random([6, 3, 32, 32], Distribution::Uniform(0.0, 1.0), &device);
        (
            net,
            images,
            Tensor::from_floats([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], &device),
        )
    }

    #[test]
    fn stays_in_the_ball_and_lowers_every_margin() {
        let (net, images, label) = setup();
        let attacked =
            Pgd::ten(EPSILON, Target::Both).attack(&net, images.clone(), label.clone(), 1);
        let moved: f32 = (attacked.images.clone() - images.clone())
            .abs()
            .max()
            .into_scalar();
        assert!(moved <= EPSILON + 1e-6, "{moved}");
        assert!(attacked.gradient_share > 0.9, "{}", attacked.gradient_share);
        let low: f32 = attacked.images.clone().min().into_scalar();
        let high: f32 = attacked.images.clone().max().into_scalar();
        assert!(low >= 0.0 && high <= 1.0);
        let sign = label * 2.0 - 1.0;
        let before = net.forward(images, 1).logit * sign.clone();
        let after = net.forward(attacked.images, 1).logit * sign;
        let worst: f32 = (after - before).max().into_scalar();
        assert!(worst < 0.0, "a margin grew by {worst}");
    }

    #[test]
    fn only_the_chosen_class_is_touched() {
        let (net, images, label) = setup();
        for (target, untouched) in [(Target::Fakes, 0), (Target::Reals, 1)] {
            let out = Pgd::ten(EPSILON, target).attack(&net, images.clone(), label.clone(), 1);
            let change = (out.images - images.clone()).abs();
            let kept: f32 = change.clone().narrow(0, untouched, 1).max().into_scalar();
            let other = 1 - untouched;
            let hit: f32 = change.narrow(0, other, 1).max().into_scalar();
            assert_eq!(kept, 0.0, "{target:?}");
            assert!(hit > 0.0, "{target:?}");
        }
    }

    /// One step along the sign of a finite difference of the margin is one PGD step.
    #[test]
    fn gradient_sign_agrees_with_finite_differences() {
        let (net, images, label) = setup();
        let pgd = Pgd {
            steps: 1,
            step: EPSILON,
            begin: Begin::Image,
            ..Pgd::ten(EPSILON, Target::Both)
        };
        let images = images.clamp(0.1, 0.9);
        let out = pgd.attack(&net, images.clone(), label, 1).images - images.clone();
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
