//! Natural evolution strategies (Ilyas et al., ICML 2018) with the parameters of "Adversarial
//! Deepfakes" (Hussain et al., WACV 2021).

use anyhow::{Result, ensure};

use super::clips::normal;
use super::queries::{Queries, Worst, project};
use super::{
    Attacked, Ball, BlackBox, Entry, Faces, Limit, Make, Named, Noise, Norm, Target, Victim,
};
use crate::random::Random;

/// NES.
pub(super) const NES: Entry = Entry {
    name: "nes",
    source: "Ilyas et al., ICML 2018; Hussain et al., WACV 2021",
    parameters: "100 steps of epsilon / 16, 20 pairs of queries each",
    purpose: "gradients that are estimated",
    limit: Limit::Linf,
    minimal: false,
    make: Make::Scores(|limits| {
        let attack = Nes::new(limits.epsilon, limits.target);
        (Box::new(attack), attack.steps * (2 * attack.pairs + 1))
    }),
};

/// Estimates the gradient from pairs of queries on either side of an image and takes steps
/// along its sign. Needs scores, no gradients. The clip of the lowest margin is kept.
///
/// Estimates are of the margin and not of a probability, which saturates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nes {
    /// Radius in l_inf, [0, 1].
    pub epsilon: f32,
    /// Length of a step.
    pub step: f32,
    /// Number of steps.
    pub steps: usize,
    /// Pairs of queries per step.
    pub pairs: usize,
    /// Standard deviation of the queries around the image.
    pub sigma: f32,
    /// Whether frames share the perturbation.
    pub noise: Noise,
    /// Who is attacked.
    pub target: Target,
}

impl Nes {
    /// 20 pairs at 0.001 a step and 100 steps, each a sixteenth of epsilon: 1/255 at the
    /// authors' 16/255.
    pub fn new(epsilon: f32, target: Target) -> Self {
        Self {
            epsilon,
            step: epsilon / 16.0,
            steps: 100,
            pairs: 20,
            sigma: 0.001,
            noise: Noise::PerFrame,
            target,
        }
    }

    /// Estimated gradient of a clip's margin, up to a factor.
    fn gradient(
        &self,
        queries: &mut Queries<'_>,
        clip: usize,
        x: &[f32],
        random: &mut Random,
    ) -> Result<Vec<f32>> {
        let period = match self.noise {
            Noise::PerFrame => x.len(),
            Noise::Shared => queries.extent.frame(),
        };
        let mut around = Vec::with_capacity(2 * self.pairs * x.len());
        let mut directions = Vec::with_capacity(self.pairs);
        for _ in 0..self.pairs {
            let along: Vec<f32> = (0..period).map(|_| normal(random)).collect();
            for side in [self.sigma, -self.sigma] {
                let moved = x.iter().zip(along.iter().cycle());
                around.extend(moved.map(|(x, u)| (x + side * u).clamp(0.0, 1.0)));
            }
            directions.push(along);
        }
        let margins = queries.margins(&vec![clip; 2 * self.pairs], &around, 0.0)?;
        let mut gradient = vec![0.0; period];
        for (along, sides) in directions.iter().zip(margins.chunks_exact(2)) {
            let slope = sides[0] - sides[1];
            for (sum, u) in gradient.iter_mut().zip(along) {
                *sum += slope * u;
            }
        }
        Ok(gradient)
    }
}

impl Named for Nes {
    fn name(&self) -> String {
        "NES".into()
    }

    fn conditions(&self) -> String {
        format!(
            "{} {:.2}/255, step {:.2}/255, {} steps, {} pairs of queries each at {}",
            Norm::Linf,
            self.epsilon * 255.0,
            self.step * 255.0,
            self.steps,
            self.pairs,
            self.sigma
        )
    }
}

impl BlackBox for Nes {
    fn attack(&self, victim: &dyn Victim, faces: &Faces, random: &mut Random) -> Result<Attacked> {
        ensure!(
            self.epsilon > 0.0
                && self.step > 0.0
                && self.sigma > 0.0
                && self.steps > 0
                && self.pairs > 0,
            "NES: epsilon, step, sigma and the numbers of steps and pairs must be positive"
        );
        let ball = Ball::linf(self.epsilon);
        let mut queries = Queries::new(victim, faces, self.target)?;
        let length = queries.extent.clip();
        let chosen = queries.chosen.clone();
        let mut now = Vec::with_capacity(chosen.len() * length);
        for clip in &chosen {
            now.extend_from_slice(queries.clean(*clip));
        }
        let mut worst = Worst::new(chosen.len(), now.clone());
        for _ in 0..self.steps {
            for (clip, x) in chosen.iter().zip(now.chunks_exact_mut(length)) {
                let gradient = self.gradient(&mut queries, *clip, x, random)?;
                for (x, slope) in x.iter_mut().zip(gradient.iter().cycle()) {
                    if *slope != 0.0 {
                        *x -= self.step * slope.signum();
                    }
                }
                project(ball, x, queries.clean(*clip));
            }
            let found = queries.margins(&chosen, &now, 0.0)?;
            worst.keep(&found, &now);
        }
        Ok(queries.finish(&worst.images))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::queries::fixture::{gains, linear, moved, optimum};
    use rand::SeedableRng;

    const EPSILON: f32 = 8.0 / 255.0;

    #[test]
    fn reaches_most_of_the_closed_form() {
        let (net, faces) = linear(4, 2, 6);
        for (noise, least) in [(Noise::PerFrame, 0.8), (Noise::Shared, 0.85)] {
            let nes = Nes {
                noise,
                ..Nes::new(EPSILON, Target::Both)
            };
            let mut random = Random::seed_from_u64(1);
            let found = nes.attack(&net, &faces, &mut random).unwrap();
            assert_eq!(found.passes, 4100.0);
            for gain in gains(&net, &faces, &found.images) {
                let share = gain / optimum(&net, EPSILON);
                assert!(share > least && share < 1.0001, "{noise:?}: {share}");
            }
            for moved in moved(&faces, &found.images) {
                assert!(moved < EPSILON + 1e-6, "{moved}");
            }
        }
    }

    #[test]
    fn the_other_class_stays() {
        let (net, faces) = linear(4, 1, 4);
        let nes = Nes {
            steps: 2,
            ..Nes::new(EPSILON, Target::Reals)
        };
        let mut random = Random::seed_from_u64(1);
        let found = nes.attack(&net, &faces, &mut random).unwrap();
        let moved = moved(&faces, &found.images);
        assert!(moved[1] == 0.0 && moved[3] == 0.0, "{moved:?}");
        assert!(moved[0] > 0.0 && moved[2] > 0.0, "{moved:?}");
    }
}
