//! Attack in the frequency domain after FPBA: gradients are averaged over copies of the
//! picture with other spectra, so that the change does not hang on single frequencies of
//! this detector, and joined with the gradient at the picture itself.
//!
//! FPBA draws its copies for several networks from a posterior; here it is the detector
//! alone.

use anyhow::{Result, ensure};

use super::ascent::Ascent;
use super::eot::Eot;
use super::transform::{Spectral, Transform};
use super::{
    Attacked, Entry, Faces, Limit, Make, Named, Noise, Objective, ObjectiveGradient, Target,
    WhiteBox,
};
use crate::network::Differentiable;
use crate::random::Random;
use rand::{RngExt, SeedableRng};

const COPIES_MAX: usize = 1_000;

/// The attack in the frequency domain.
pub(super) const FREQUENCY: Entry = Entry {
    name: "frequency",
    source: "after FPBA",
    parameters: "10 steps of epsilon / 4, 20 spectral copies, rho 0.5",
    purpose: "changes that do not hang on single frequencies",
    limit: Limit::Linf,
    minimal: false,
    make: Make::Gradients(|limits| {
        let attack = Frequency::new(limits.epsilon, limits.target);
        (Box::new(attack), attack.steps * (attack.copies + 1))
    }),
};

/// Parameters of the attack, in the l_inf ball.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frequency {
    /// Radius of the ball in pixel units, [0, 1]; also the noise of the copies.
    pub epsilon: f32,
    /// Length of one step, likewise.
    pub step: f32,
    /// Number of steps.
    pub steps: usize,
    /// Spectral copies for each step, 1 to 1,000.
    pub copies: usize,
    /// Spread of the factors of their coefficients, in [0, 1].
    pub rho: f32,
    /// What is maximised; cross entropy in the source.
    pub objective: Objective,
    /// Who is attacked.
    pub target: Target,
    /// Whether frames share a perturbation.
    pub noise: Noise,
}

impl Frequency {
    /// The source's parameters: ten steps of a quarter of epsilon, 20 copies, rho 0.5.
    pub fn new(epsilon: f32, target: Target) -> Self {
        Self {
            epsilon,
            step: epsilon / 4.0,
            steps: 10,
            copies: 20,
            rho: 0.5,
            objective: Objective::CrossEntropy,
            target,
            noise: Noise::PerFrame,
        }
    }
}

impl Named for Frequency {
    fn name(&self) -> String {
        "Frequency".into()
    }

    fn conditions(&self) -> String {
        format!(
            "l_inf {:.2}/255, step {:.2}/255, {} steps, {} copies, rho {}, {:?}",
            self.epsilon * 255.0,
            self.step * 255.0,
            self.steps,
            self.copies,
            self.rho,
            self.objective,
        )
    }
}

impl WhiteBox for Frequency {
    fn attack(
        &self,
        net: &dyn Differentiable,
        faces: &Faces,
        random: &mut Random,
    ) -> Result<Attacked> {
        ensure!(
            self.epsilon > 0.0
                && self.epsilon <= 1.0
                && self.step > 0.0
                && self.step.is_finite()
                && self.steps > 0
                && (1..=COPIES_MAX).contains(&self.copies),
            "frequency attack: epsilon, step and steps must be positive, copies 1 to {COPIES_MAX}"
        );
        let spectral: [Box<dyn Transform>; 1] = [Box::new(Spectral {
            reach: self.epsilon,
            rho: self.rho,
        })];
        let copies = Eot::new(net, &spectral, 1, Random::seed_from_u64(random.random()))?;
        let ascent = Ascent {
            epsilon: self.epsilon,
            step: self.step,
            steps: self.steps,
            objective: self.objective,
            target: self.target,
        };
        let found = ascent.run(net, faces, |goal, x, mut gradient| {
            for _ in 0..self.copies {
                let copy = ObjectiveGradient::of(&copies, goal, x, faces).gradient;
                gradient = gradient + copy / self.copies as f32;
            }
            self.noise.tie(gradient, faces.frames)
        })?;
        Ok(Attacked {
            passes: (self.steps * (1 + self.copies)) as f32,
            ..found
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Victim;
    use crate::attack::toy::{Linear, grey_faces};
    use burn::tensor::Device;

    /// Copies have the picture's own spectrum on average, so that on a linear detector
    /// most signs are those of its weights. Without spread all are.
    #[test]
    fn reaches_the_closed_form_on_a_linear_detector() {
        let device = Device::flex();
        let net = Linear::random(8, &device);
        let faces = grey_faces(4, 2, 8, &device);
        for (rho, least) in [(0.0, 0.999), (0.5, 0.97)] {
            let attack = Frequency {
                rho,
                objective: Objective::Margin,
                ..Frequency::new(8.0 / 255.0, Target::Both)
            };
            let mut random = Random::seed_from_u64(4);
            let out = attack.attack(&net, &faces, &mut random).unwrap();
            let before = net.logits(faces.images.clone(), 2).unwrap();
            let after = net.logits(out.images, 2).unwrap();
            let best = net.weight.clone().abs().sum() * attack.epsilon;
            let share: f32 = (((before - after) * faces.sign()).min() / best).into_scalar();
            assert!(share > least && share < 1.0005, "rho {rho}: {share}");
        }
    }
}
