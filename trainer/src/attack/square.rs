//! Square attack in l_inf (Andriushchenko et al., ECCV 2020), as AutoAttack runs it.

use anyhow::{Result, ensure};
use rand::RngExt;

use super::queries::{Extent, Queries};
use super::{Attacked, BlackBox, Entry, Faces, Limit, Make, Named, Noise, Target, Victim};
use crate::random::Random;

/// Queries after which the share of the square halves once more.
const HALVINGS: [usize; 9] = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];
/// Queries for which the halvings were tuned.
const TUNED_FOR: usize = 10_000;

/// Square, with signs of its own for each frame.
pub(super) const SQUARE: Entry = Entry {
    name: "square",
    source: "Andriushchenko et al., ECCV 2020",
    parameters: "`--queries` squares, by default 5,000",
    purpose: "whether gradients hide something",
    limit: Limit::Linf,
    minimal: false,
    make: Make::Scores(|limits| made(Square::new(limits.epsilon, limits.queries, limits.target))),
};

/// Square, with the same change in all frames.
pub(super) const SHARED: Entry = Entry {
    name: "square-shared",
    purpose: "one perturbation for all frames, as an overlay",
    make: Make::Scores(|limits| {
        made(Square {
            noise: Noise::Shared,
            ..Square::new(limits.epsilon, limits.queries, limits.target)
        })
    }),
    ..SQUARE
};

fn made(attack: Square) -> (Box<dyn BlackBox>, usize) {
    (Box::new(attack), attack.queries + 1)
}

/// Starts from vertical stripes of +-epsilon and puts squares of +-epsilon wherever one lowers
/// the margin. Needs scores, no gradients.
///
/// Frames count as channels, so that each has signs of its own under the clip's one square,
/// or they share their perturbation. Unlike the authors' code, a square can touch the right and
/// the lower border.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Square {
    /// Radius in pixel units, [0, 1].
    pub epsilon: f32,
    /// Squares tried; one query more scores the stripes.
    pub queries: usize,
    /// Share of the picture that the first square covers, in (0, 1].
    pub share: f32,
    /// Squeezes the schedule of the squares, made for 10,000 queries, into `queries`.
    /// AutoAttack does not.
    pub rescale: bool,
    /// Leaves a clip once its logit has the wrong sign. Right for accuracy and wrong for AUC,
    /// which needs the lowest margin.
    pub stop_when_fooled: bool,
    /// Begins at the clip itself where the stripes raise its margin. AutoAttack begins at the
    /// stripes; ART does this.
    pub better_start: bool,
    /// Whether frames share the perturbation.
    pub noise: Noise,
    /// Who is attacked.
    pub target: Target,
}

impl Square {
    /// AutoAttack's parameters, but for stopping early. Fewer than its 5,000 queries use the
    /// schedule as a whole.
    pub fn new(epsilon: f32, queries: usize, target: Target) -> Self {
        Self {
            epsilon,
            queries,
            share: 0.8,
            rescale: queries < 5000,
            stop_when_fooled: false,
            better_start: false,
            noise: Noise::PerFrame,
            target,
        }
    }

    /// Side of the square of a query, from 0, in a picture of `height * width`.
    fn side(&self, query: usize, extent: Extent) -> usize {
        let query = match self.rescale {
            true => query * TUNED_FOR / self.queries.max(1),
            false => query,
        };
        let halvings = HALVINGS.iter().filter(|from| query > **from).count();
        let share = self.share / (1 << halvings) as f32;
        let pixels = extent.height * extent.width;
        let side = (share * pixels as f32).sqrt().round_ties_even() as usize;
        side.clamp(1, extent.height.min(extent.width))
    }

    /// One sign for every frame and channel of a clip.
    fn signs(&self, extent: Extent, random: &mut Random) -> Vec<f32> {
        let mut draw = |count| -> Vec<f32> { (0..count).map(|_| sign(random)).collect() };
        match self.noise {
            Noise::PerFrame => draw(extent.frames * extent.channels),
            Noise::Shared => draw(extent.channels).repeat(extent.frames),
        }
    }

    /// Vertical stripes of +-epsilon, one sign per column of each frame and channel.
    fn stripes(&self, clean: &[f32], extent: Extent, random: &mut Random) -> Vec<f32> {
        let columns = extent.channels * extent.width;
        let columns: Vec<f32> = match self.noise {
            Noise::PerFrame => (0..extent.frames * columns).map(|_| sign(random)).collect(),
            Noise::Shared => {
                let one: Vec<f32> = (0..columns).map(|_| sign(random)).collect();
                one.repeat(extent.frames)
            }
        };
        let plane = extent.height * extent.width;
        let value = |(i, clean): (usize, &f32)| {
            let column = i / plane * extent.width + i % extent.width;
            (clean + columns[column] * self.epsilon).clamp(0.0, 1.0)
        };
        clean.iter().enumerate().map(value).collect()
    }

    /// Puts one square on a clip. Adding twice epsilon and cutting to the ball, as the authors
    /// do, always ends at its surface.
    fn paint(
        &self,
        images: &mut [f32],
        clean: &[f32],
        extent: Extent,
        side: usize,
        random: &mut Random,
    ) {
        let top = random.random_range(0..=extent.height - side);
        let left = random.random_range(0..=extent.width - side);
        let signs = self.signs(extent, random);
        for (plane, sign) in signs.iter().enumerate() {
            for row in top..top + side {
                let first = (plane * extent.height + row) * extent.width + left;
                let line = first..first + side;
                for (x, clean) in images[line.clone()].iter_mut().zip(&clean[line]) {
                    *x = (clean + sign * self.epsilon).clamp(0.0, 1.0);
                }
            }
        }
    }
}

/// +1 or -1.
fn sign(random: &mut Random) -> f32 {
    if random.random() { 1.0 } else { -1.0 }
}

impl Named for Square {
    fn name(&self) -> String {
        "Square".into()
    }

    fn conditions(&self) -> String {
        format!(
            "l_inf {:.2}/255, {} queries, first square {:.0} % of the picture{}, {}{}",
            self.epsilon * 255.0,
            self.queries,
            self.share * 100.0,
            if self.rescale {
                ", schedule rescaled"
            } else {
                ""
            },
            match self.noise {
                Noise::PerFrame => "noise per frame",
                Noise::Shared => "noise shared by frames",
            },
            if self.stop_when_fooled {
                ", stops when fooled"
            } else {
                ""
            }
        )
    }
}

impl BlackBox for Square {
    fn attack(&self, victim: &dyn Victim, faces: &Faces, random: &mut Random) -> Result<Attacked> {
        ensure!(
            self.epsilon > 0.0 && self.queries > 0 && self.share > 0.0 && self.share <= 1.0,
            "Square: epsilon and queries must be positive, and the first square's share in (0, 1]"
        );
        let mut queries = Queries::new(victim, faces, self.target)?;
        let extent = queries.extent;
        let length = extent.clip();
        let chosen = queries.chosen.clone();
        let mut best = Vec::with_capacity(chosen.len() * length);
        for clip in &chosen {
            best.extend(self.stripes(queries.clean(*clip), extent, random));
        }
        let mut margins = queries.margins(&chosen, &best, 0.0)?;
        if self.better_start {
            let untouched: Vec<f32> = chosen
                .iter()
                .flat_map(|clip| queries.clean(*clip).to_vec())
                .collect();
            let found = queries.margins(&chosen, &untouched, 0.0)?;
            for ((kept, margin), (best, clean)) in margins.iter_mut().zip(found).zip(
                best.chunks_exact_mut(length)
                    .zip(untouched.chunks_exact(length)),
            ) {
                if margin <= *kept {
                    *kept = margin;
                    best.copy_from_slice(clean);
                }
            }
        }
        let mut tried = Vec::with_capacity(best.len());
        for query in 0..self.queries {
            let side = self.side(query, extent);
            let active: Vec<usize> = (0..chosen.len())
                .filter(|i| !self.stop_when_fooled || margins[*i] > 0.0)
                .collect();
            if active.is_empty() {
                break;
            }
            tried.clear();
            for i in &active {
                let first = tried.len();
                tried.extend_from_slice(&best[i * length..][..length]);
                let clean = queries.clean(chosen[*i]);
                self.paint(&mut tried[first..], clean, extent, side, random);
            }
            let clips: Vec<usize> = active.iter().map(|i| chosen[*i]).collect();
            let found = queries.margins(&clips, &tried, 0.0)?;
            for ((i, margin), images) in active.iter().zip(found).zip(tried.chunks_exact(length)) {
                if margin < margins[*i] {
                    margins[*i] = margin;
                    best[i * length..][..length].copy_from_slice(images);
                }
            }
        }
        Ok(queries.finish(&best))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::queries::fixture::{gains, linear, moved, optimum};
    use burn::tensor::Tensor;
    use rand::SeedableRng;

    const EPSILON: f32 = 8.0 / 255.0;

    /// import math
    /// print([round(math.sqrt(.8 / 2**k * 112 * 112)) for k in range(8)])
    #[test]
    fn squares_shrink_as_in_autoattack() {
        let extent = Extent {
            frames: 1,
            channels: 3,
            height: 112,
            width: 112,
        };
        let square = Square::new(EPSILON, 5000, Target::Both);
        let sides = [0, 11, 51, 201, 501, 1001, 2001, 4001].map(|at| square.side(at, extent));
        assert_eq!(sides, [100, 71, 50, 35, 25, 18, 13, 9]);
        assert_eq!(square.side(10, extent), 100);
        let narrow = Extent {
            height: 20,
            ..extent
        };
        assert_eq!(square.side(0, narrow), 20);
    }

    #[test]
    fn reaches_most_of_the_closed_form() {
        let (net, faces) = linear(4, 2, 8);
        for noise in [Noise::PerFrame, Noise::Shared] {
            let square = Square {
                noise,
                ..Square::new(EPSILON, 2000, Target::Both)
            };
            let mut random = Random::seed_from_u64(1);
            let found = square.attack(&net, &faces, &mut random).unwrap();
            assert_eq!(found.passes, 2001.0);
            let least = match noise {
                Noise::PerFrame => 0.75, // twice as many signs to find
                Noise::Shared => 0.9,
            };
            for gain in gains(&net, &faces, &found.images) {
                let share = gain / optimum(&net, EPSILON);
                assert!(share > least && share < 1.0001, "{noise:?}: {share}");
            }
            for moved in moved(&faces, &found.images) {
                assert!((moved - EPSILON).abs() < 1e-6, "{moved}");
            }
            let noise = found.images - faces.images.clone();
            let apart = (noise.clone().narrow(0, 0, 1) - noise.narrow(0, 1, 1)).abs();
            let apart: f32 = apart.max().into_scalar();
            assert_eq!(apart < 1e-6, square.noise == Noise::Shared, "{apart}");
        }
    }

    #[test]
    fn one_seed_gives_one_result_and_the_other_class_stays() {
        let (net, faces) = linear(4, 1, 6);
        let square = Square::new(EPSILON, 40, Target::Fakes);
        let go = |seed| {
            let mut random = Random::seed_from_u64(seed);
            square.attack(&net, &faces, &mut random).unwrap().images
        };
        let same = |a: Tensor<4>, b: Tensor<4>| a.equal(b).all().into_scalar::<bool>();
        assert!(same(go(1), go(1)));
        assert!(!same(go(1), go(2)));
        let moved = moved(&faces, &go(1));
        assert!(moved[0] == 0.0 && moved[2] == 0.0, "{moved:?}");
        assert!(moved[1] > 0.0 && moved[3] > 0.0, "{moved:?}");
    }

    /// The same clips are fooled, with fewer queries, and their margins are higher.
    #[test]
    fn stopping_early_saves_queries_and_leaves_margins() {
        let (net, faces) = linear(6, 1, 6);
        let whole = Square::new(0.1, 300, Target::Both);
        let early = Square {
            stop_when_fooled: true,
            ..whole
        };
        let run = |square: Square| {
            let mut random = Random::seed_from_u64(1);
            let found = square.attack(&net, &faces, &mut random).unwrap();
            let least = gains(&net, &faces, &found.images);
            (found.passes, least.iter().sum::<f32>())
        };
        let (whole, early) = (run(whole), run(early));
        assert!(
            early.0 < whole.0 && early.1 < whole.1,
            "{early:?} {whole:?}"
        );
    }

    #[test]
    fn senseless_parameters_are_refused() {
        let (net, faces) = linear(2, 1, 4);
        let mut random = Random::seed_from_u64(1);
        let square = Square::new(0.0, 10, Target::Both);
        assert!(square.attack(&net, &faces, &mut random).is_err());
    }
}
