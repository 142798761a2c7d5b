//! Auto-PGD (Croce & Hein, ICML 2020): projected gradient ascent with momentum whose step
//! size follows the progress of each clip.
//!
//! It runs to the largest loss: stopping at the first misclassification would leave scores
//! just beyond the threshold and overstate the AUC.

use anyhow::{Result, ensure};
use burn::tensor::Tensor;

use super::clips::{choose, draw, each, host, normal, uniform};
use super::step_size::{StepSizes, checkpoints};
use super::{
    Attacked, Ball, Entry, Faces, Goal, Limit, Make, Named, Noise, Norm, Objective,
    ObjectiveGradient, Target, WhiteBox, greatest, lengths, non_zero_share,
};
use crate::network::Differentiable;
use crate::random::Random;

/// Share of a step that is new; the rest repeats the previous move.
const MOMENTUM: f32 = 0.75;
const ITERATIONS_MAX: usize = 100_000;
const RESTARTS_MAX: usize = 1_000;

/// APGD on the margin, in l_inf.
pub(super) const MARGIN: Entry = Entry {
    name: "apgd-margin",
    source: "Croce & Hein, ICML 2020",
    parameters: "100 iterations from each of 5 starts",
    purpose: "the number to report",
    limit: Limit::Linf,
    minimal: false,
    make: Make::Gradients(|limits| made(Apgd::margin(Norm::Linf, limits.epsilon, limits.target))),
};

/// APGD on the cross entropy.
pub(super) const CROSS_ENTROPY: Entry = Entry {
    name: "apgd-ce",
    parameters: "100 iterations, on the stable cross entropy",
    purpose: "the same, along another way",
    make: Make::Gradients(|limits| {
        made(Apgd::cross_entropy(
            Norm::Linf,
            limits.epsilon,
            limits.target,
        ))
    }),
    ..MARGIN
};

/// APGD on the margin, in l_2.
pub(super) const MARGIN_L2: Entry = Entry {
    name: "apgd-l2",
    purpose: "the number to report in l_2",
    limit: Limit::L2,
    make: Make::Gradients(|limits| made(Apgd::margin(Norm::L2, limits.radius, limits.target))),
    ..MARGIN
};

fn made(attack: Apgd) -> (Box<dyn WhiteBox>, usize) {
    (Box::new(attack), attack.restarts * attack.iterations)
}

/// Parameters of the attack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Apgd {
    /// How perturbations are measured.
    pub norm: Norm,
    /// Radius of the ball, in pixel units; for l_2 a length over a whole clip.
    pub epsilon: f32,
    /// Steps of one run, 1 to 100,000.
    pub iterations: usize,
    /// Runs from different random starts, 1 to 1,000; the largest loss of each clip counts.
    pub restarts: usize,
    /// What is maximised.
    pub objective: Objective,
    /// Who is attacked.
    pub target: Target,
    /// Whether frames share a perturbation.
    pub noise: Noise,
}

impl Apgd {
    /// APGD-margin of the suite for two classes: 100 iterations from five starts.
    pub fn margin(norm: Norm, epsilon: f32, target: Target) -> Self {
        Self {
            norm,
            epsilon,
            iterations: 100,
            restarts: 5,
            objective: Objective::Margin,
            target,
            noise: Noise::PerFrame,
        }
    }

    /// APGD-CE: 100 iterations from one start, on cross entropy in its stable form. Where
    /// each frame has a logit it is their mean cross entropy, which for l_2 is not the
    /// least score of the clip: the margin is.
    pub fn cross_entropy(norm: Norm, epsilon: f32, target: Target) -> Self {
        Self {
            restarts: 1,
            objective: Objective::CrossEntropy,
            ..Self::margin(norm, epsilon, target)
        }
    }

    fn ball(&self) -> Ball {
        Ball {
            norm: self.norm,
            radius: self.epsilon,
        }
    }

    /// A random point on the border of the ball.
    fn start(&self, faces: &Faces, random: &mut Random) -> Tensor<4> {
        let direction = match self.norm {
            Norm::Linf => {
                let noise = draw(faces, self.noise, random, uniform);
                let greatest = greatest(&noise, faces.frames);
                noise / greatest.clamp_min(1e-12)
            }
            Norm::L2 => {
                let noise = draw(faces, self.noise, random, normal);
                let length = lengths(&noise, faces.frames);
                noise / length.clamp_min(1e-12)
            }
        };
        let x = faces.images.clone() + direction * self.epsilon;
        self.ball().project(x, &faces.images, faces.frames)
    }

    /// One run. Gives the best point of each clip and the gradient at the start.
    fn climb(
        &self,
        net: &dyn Differentiable,
        goal: &Goal,
        faces: &Faces,
        random: &mut Random,
    ) -> Result<(Peak, Tensor<4>)> {
        let ball = self.ball();
        let at = |x: Tensor<4>| -> Result<Peak> {
            let slope = ObjectiveGradient::of(net, goal, &x, faces);
            Ok(Peak {
                images: x,
                gradient: self.noise.tie(slope.gradient, faces.frames),
                value: host(slope.value)?,
            })
        };
        let mut here = at(self.start(faces, random))?;
        let first = here.gradient.clone();
        let mut best = here.clone();
        let mut before = here.images.clone();
        let mut pace = StepSizes::new(self.epsilon * 2.0, &here.value);
        let mut checkpoints = checkpoints(self.iterations).into_iter().peekable();
        for i in 1..=self.iterations {
            let share = if i == 1 { 1.0 } else { MOMENTUM };
            let x = here.images;
            let along = ball.steepest(here.gradient, faces.frames) * each(&pace.step, faces);
            let ahead = ball.project(x.clone() + along, &faces.images, faces.frames);
            let moved = (ahead - x.clone()) * share + (x.clone() - before) * (1.0 - share);
            let next = ball.project(x.clone() + moved, &faces.images, faces.frames);
            before = x;
            here = at(next)?;
            pace.count(&here.value);
            best.raise(&here);
            if checkpoints.next_if_eq(&i).is_some() {
                let slower = pace.review(&best.value);
                here.images = choose(&slower, best.images.clone(), here.images);
                here.gradient = choose(&slower, best.gradient.clone(), here.gradient);
            }
        }
        Ok((best, first))
    }
}

/// The highest points that a run has seen.
#[derive(Clone, Debug)]
struct Peak {
    images: Tensor<4>,
    gradient: Tensor<4>,
    /// One per clip.
    value: Vec<f32>,
}

impl Peak {
    /// Takes the clips over whose value is greater in `other`.
    fn raise(&mut self, other: &Self) {
        let pairs = || self.value.iter().zip(&other.value);
        let higher: Vec<bool> = pairs().map(|(mine, other)| other > mine).collect();
        self.value = pairs().map(|(mine, other)| mine.max(*other)).collect();
        self.images = choose(&higher, other.images.clone(), self.images.clone());
        self.gradient = choose(&higher, other.gradient.clone(), self.gradient.clone());
    }
}

impl Named for Apgd {
    fn name(&self) -> String {
        match self.objective {
            Objective::Margin => "APGD-margin".into(),
            Objective::CrossEntropy => "APGD-CE".into(),
            other => format!("APGD-{other:?}"),
        }
    }

    fn conditions(&self) -> String {
        format!(
            "{} {:.2}/255, {} iterations, {} restarts, {:?} noise",
            self.norm,
            self.epsilon * 255.0,
            self.iterations,
            self.restarts,
            self.noise,
        )
    }
}

impl WhiteBox for Apgd {
    fn attack(
        &self,
        net: &dyn Differentiable,
        faces: &Faces,
        random: &mut Random,
    ) -> Result<Attacked> {
        ensure!(
            self.epsilon > 0.0 && self.epsilon.is_finite(),
            "APGD: epsilon is {}, it must be positive",
            self.epsilon
        );
        ensure!(
            (1..=ITERATIONS_MAX).contains(&self.iterations)
                && (1..=RESTARTS_MAX).contains(&self.restarts),
            "APGD: {} iterations and {} restarts; allowed are 1 to {ITERATIONS_MAX} and 1 to {RESTARTS_MAX}",
            self.iterations,
            self.restarts
        );
        let goal = Goal::new(
            self.objective,
            net,
            &faces.images,
            faces.label.clone(),
            faces.frames,
        );
        let (mut best, first) = self.climb(net, &goal, faces, random)?;
        for _ in 1..self.restarts {
            best.raise(&self.climb(net, &goal, faces, random)?.0);
        }
        Ok(Attacked {
            images: choose(
                &faces.attacked(self.target)?,
                best.images,
                faces.images.clone(),
            ),
            gradient_share: non_zero_share(&first, &faces.mask(self.target)),
            passes: (self.restarts * (self.iterations + 1)) as f32,
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

    fn random() -> Random {
        Random::seed_from_u64(7)
    }

    /// In a ball of radius e the margin falls by e |w|_1 at most, resp. e |w|_2; cross
    /// entropy must get there from logits where the sigmoid has long saturated. Its l_2
    /// optimum over several frames is another one: it spends all on the weakest frame.
    #[test]
    fn reaches_the_closed_form_on_a_linear_detector() {
        let device = Device::flex();
        let net = Linear {
            bias: 60.0,
            ..Linear::random(8, &device)
        };
        for (norm, epsilon, frames, objective, noise) in [
            (Norm::Linf, 0.03, 2, Objective::Margin, Noise::PerFrame),
            (Norm::Linf, 0.03, 2, Objective::Margin, Noise::Shared),
            (
                Norm::Linf,
                0.03,
                2,
                Objective::CrossEntropy,
                Noise::PerFrame,
            ),
            (Norm::L2, 0.5, 2, Objective::Margin, Noise::PerFrame),
            (Norm::L2, 0.5, 2, Objective::Margin, Noise::Shared),
            (Norm::L2, 0.5, 1, Objective::CrossEntropy, Noise::PerFrame),
        ] {
            let mut faces = grey_faces(6, frames, 8, &device);
            faces.label = faces.label.ones_like();
            let weight = net.weight.clone();
            let best: f32 = match norm {
                Norm::Linf => weight.abs().sum().into_scalar(),
                // The clip's logit is the mean of its frames.
                Norm::L2 => (weight.square().sum() / frames as f32).sqrt().into_scalar(),
            };
            let attack = Apgd {
                noise,
                objective,
                restarts: 1,
                ..Apgd::margin(norm, epsilon, Target::Both)
            };
            let out = attack.attack(&net, &faces, &mut random()).unwrap();
            let before = net.logits(faces.images.clone(), frames).unwrap();
            let after = net.logits(out.images.clone(), frames).unwrap();
            let gain: f32 = ((before - after) * faces.sign()).min().into_scalar();
            let share = gain / (best * epsilon);
            assert!(share > 0.999 && share < 1.0005, "{share} {attack:?}");
            assert_eq!(out.gradient_share, 1.0);
            let moved = out.images - faces.images.clone();
            let apart = moved.clone().narrow(0, 0, 1) - moved.narrow(0, frames - 1, 1);
            let apart: f32 = apart.abs().max().into_scalar();
            assert!(noise == Noise::PerFrame || apart < 1e-6, "{apart}");
        }
    }

    #[test]
    fn one_seed_gives_one_result_and_others_are_left_alone() {
        let device = Device::flex();
        let net = Linear::random(6, &device);
        let faces = grey_faces(4, 3, 6, &device);
        let attack = Apgd {
            iterations: 4,
            restarts: 2,
            ..Apgd::margin(Norm::Linf, 0.05, Target::Fakes)
        };
        let run = || attack.attack(&net, &faces, &mut random()).unwrap().images;
        assert_eq!(run().into_data(), run().into_data());
        let reals = |images: Tensor<4>| images.narrow(0, 0, 3).into_data();
        assert_eq!(reals(run()), reals(faces.images.clone()));
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let device = Device::flex();
        let net = Linear::random(4, &device);
        let faces = grey_faces(2, 1, 4, &device);
        let good = Apgd::margin(Norm::Linf, 0.05, Target::Both);
        for bad in [
            Apgd {
                epsilon: 0.0,
                ..good
            },
            Apgd {
                epsilon: f32::NAN,
                ..good
            },
            Apgd {
                iterations: 0,
                ..good
            },
            Apgd {
                restarts: 0,
                ..good
            },
        ] {
            assert!(bad.attack(&net, &faces, &mut random()).is_err(), "{bad:?}");
        }
    }
}
