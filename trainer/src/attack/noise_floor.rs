//! Random changes: what every attack must beat.

use anyhow::{Result, ensure};
use rand::RngExt;

use super::clips::normal;
use super::queries::{Extent, Queries, Worst, project};
use super::{
    Attacked, Ball, BlackBox, Entry, Faces, Limit, Make, Named, Noise, Norm, Target, Victim,
};
use crate::random::Random;

/// Random noise.
pub(super) const NOISE: Entry = Entry {
    name: "noise",
    source: "-",
    parameters: "the worst of 100 changes, by turns uniform and corners of the ball",
    purpose: "the floor under every attack",
    limit: Limit::Linf,
    minimal: false,
    make: Make::Nothing(|limits| {
        let attack = NoiseFloor::new(limits.epsilon, DRAWS, limits.target);
        (Box::new(attack), attack.draws)
    }),
};

/// Draws of [`NOISE`].
const DRAWS: usize = 100;

/// Many random points of the ball, of which each clip keeps the worst. In l_inf they are by
/// turns uniform and corners of the ball; in l_2 they lie on its surface.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseFloor {
    /// Where the points lie.
    pub ball: Ball,
    /// Points tried.
    pub draws: usize,
    /// Whether frames share the noise.
    pub noise: Noise,
    /// Who is attacked.
    pub target: Target,
}

impl NoiseFloor {
    /// `draws` points of an l_inf ball, each frame with its own noise.
    pub fn new(epsilon: f32, draws: usize, target: Target) -> Self {
        Self {
            ball: Ball::linf(epsilon),
            draws,
            noise: Noise::PerFrame,
            target,
        }
    }

    /// Adds noise to a clip.
    fn draw(&self, images: &mut [f32], extent: Extent, corners: bool, random: &mut Random) {
        let count = match self.noise {
            Noise::PerFrame => extent.clip(),
            Noise::Shared => extent.frame(),
        };
        let reach = self.ball.radius;
        let one: Vec<f32> = (0..count)
            .map(|_| match self.ball.norm {
                Norm::L2 => normal(random),
                Norm::Linf if corners => [-reach, reach][usize::from(random.random::<bool>())],
                Norm::Linf => random.random_range(-reach..=reach),
            })
            .collect();
        let factor = match self.ball.norm {
            Norm::Linf => 1.0,
            Norm::L2 => {
                let all = extent.clip() as f32 / count as f32;
                let squares: f32 = one.iter().map(|x| x * x).sum();
                reach / (squares * all).sqrt().max(1e-12)
            }
        };
        for (x, noise) in images.iter_mut().zip(one.iter().cycle()) {
            *x += noise * factor;
        }
    }
}

impl Named for NoiseFloor {
    fn name(&self) -> String {
        "random noise".into()
    }

    fn conditions(&self) -> String {
        let radius = match self.ball.norm {
            Norm::Linf => format!("{:.2}/255", self.ball.radius * 255.0),
            Norm::L2 => format!("{:.3}", self.ball.radius),
        };
        format!(
            "{} {radius}, worst of {} draws per clip",
            self.ball.norm, self.draws
        )
    }
}

impl BlackBox for NoiseFloor {
    fn attack(&self, victim: &dyn Victim, faces: &Faces, random: &mut Random) -> Result<Attacked> {
        ensure!(
            self.ball.radius > 0.0 && self.draws > 0,
            "random noise: epsilon and number of draws must be positive"
        );
        let mut queries = Queries::new(victim, faces, self.target)?;
        let extent = queries.extent;
        let length = extent.clip();
        let chosen = queries.chosen.clone();
        let mut tried = Vec::with_capacity(chosen.len() * length);
        let mut worst = Worst::new(chosen.len(), vec![0.0; chosen.len() * length]);
        for draw in 0..self.draws {
            tried.clear();
            for clip in &chosen {
                let first = tried.len();
                let clean = queries.clean(*clip);
                tried.extend_from_slice(clean);
                self.draw(&mut tried[first..], extent, draw % 2 == 1, random);
                project(self.ball, &mut tried[first..], clean);
            }
            let found = queries.margins(&chosen, &tried, 0.0)?;
            worst.keep(&found, &tried);
        }
        Ok(queries.finish(&worst.images))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::lengths;
    use crate::attack::queries::fixture::{gains, linear, moved, optimum};
    use rand::SeedableRng;

    const EPSILON: f32 = 8.0 / 255.0;

    /// Under corners the logit's change has deviation e |w|_2 / sqrt(frames), and the worst of
    /// 200 draws lies two to four of them out.
    #[test]
    fn corners_of_the_ball_follow_the_normal_law() {
        let (net, faces) = linear(4, 2, 8);
        let floor = NoiseFloor::new(EPSILON, 400, Target::Both);
        let mut random = Random::seed_from_u64(1);
        let found = floor.attack(&net, &faces, &mut random).unwrap();
        let w: f32 = net.weight.clone().square().sum().into_scalar();
        let deviation = EPSILON * (w / 2.0).sqrt();
        for gain in gains(&net, &faces, &found.images) {
            let share = gain / deviation;
            assert!(share > 2.0 && share < 4.0, "{share}");
            assert!(gain < 0.4 * optimum(&net, EPSILON), "{gain}");
        }
        for moved in moved(&faces, &found.images) {
            assert!((moved - EPSILON).abs() < 1e-6, "{moved}");
        }
    }

    #[test]
    fn l2_noise_lies_on_the_ball_and_may_be_shared() {
        let (net, faces) = linear(2, 3, 4);
        for noise in [Noise::PerFrame, Noise::Shared] {
            let floor = NoiseFloor {
                ball: Ball::l2(0.5),
                draws: 3,
                noise,
                target: Target::Fakes,
            };
            let mut random = Random::seed_from_u64(1);
            let found = floor.attack(&net, &faces, &mut random).unwrap();
            let change = found.images - faces.images.clone();
            let lengths: Vec<f32> = lengths(&change, 3).into_data().try_to_vec().unwrap();
            assert_eq!(lengths[..3], [0.0; 3]);
            assert!((lengths[3] - 0.5).abs() < 1e-3, "{lengths:?}");
        }
    }
}
