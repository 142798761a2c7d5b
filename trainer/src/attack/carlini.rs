//! The l_2 attack of Carlini & Wagner (S&P 2017) on one logit: the least
//! `|x' - x|^2 + c max(margin + kappa, 0)` in tanh space, with a binary search over `c`.

use anyhow::{Result, ensure};
use burn::tensor::Tensor;

use super::border::{Border, Flipped};
use super::clips::{choose, each, host, per_clip_sum};
use super::{Attacked, Entry, Faces, Limit, Make, Named, Target, WhiteBox, non_zero_share};
use crate::network::Differentiable;
use crate::random::Random;

/// A factor above which the search has found none that works.
const FACTOR_MAX: f32 = 1e10;
/// Keeps the inverse of tanh finite at black and white.
const TANH_MAX: f32 = 0.999_999;
const ITERATIONS_MAX: usize = 100_000;
const SEARCH_STEPS_MAX: usize = 100;

/// C&W in l_2.
pub(super) const CARLINI_WAGNER: Entry = Entry {
    name: "carlini-wagner",
    source: "Carlini & Wagner, S&P 2017",
    parameters: "9 values of c from 0.01, 100 steps of 0.01, kappa 0",
    purpose: "distance of the decision",
    limit: Limit::L2,
    minimal: true,
    make: Make::Gradients(|limits| {
        let attack = Carlini::new(Some(limits.radius), limits.target);
        let passes = attack.search_steps * (attack.iterations + 1);
        (Box::new(attack), passes)
    }),
};

/// Parameters of the attack. Every frame has its own perturbation; lengths are those of a
/// whole clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Carlini {
    /// Greatest length that counts, in pixel units. Clips that were not fooled within it
    /// come back clean. `None` counts every change.
    pub epsilon: Option<f32>,
    /// Values of `c` that are tried for each clip, 1 to 100.
    pub search_steps: usize,
    /// Steps of Adam for each of them, 1 to 100,000.
    pub iterations: usize,
    /// Adam's learning rate in tanh space.
    pub rate: f32,
    /// The first `c`.
    pub factor: f32,
    /// How far beyond the decision logits are pushed, at least 0.
    pub kappa: f32,
    /// Logit at which the decision flips.
    pub threshold: f32,
    /// Who is attacked.
    pub target: Target,
}

impl Carlini {
    /// Nine values of `c` from 0.01, 100 steps of 0.01 each, no confidence.
    pub fn new(epsilon: Option<f32>, target: Target) -> Self {
        Self {
            epsilon,
            search_steps: 9,
            iterations: 100,
            rate: 0.01,
            factor: 0.01,
            kappa: 0.0,
            threshold: 0.0,
            target,
        }
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.epsilon.is_none_or(|e| e > 0.0 && e.is_finite()),
            "C&W: epsilon must be positive, or absent"
        );
        ensure!(
            (1..=ITERATIONS_MAX).contains(&self.iterations)
                && (1..=SEARCH_STEPS_MAX).contains(&self.search_steps),
            "C&W: {} iterations and {} search steps; allowed are 1 to {ITERATIONS_MAX} and 1 to {SEARCH_STEPS_MAX}",
            self.iterations,
            self.search_steps
        );
        ensure!(
            self.rate > 0.0
                && self.factor > 0.0
                && self.kappa >= 0.0
                && (self.rate + self.factor + self.kappa + self.threshold).is_finite(),
            "C&W: rate and factor must be positive, kappa not negative, the threshold finite"
        );
        Ok(())
    }

    /// Finds the least changes that flip decisions, whatever their length.
    ///
    /// # Errors
    /// When a parameter is out of range or a logit is not finite.
    pub fn flip(&self, net: &dyn Differentiable, faces: &Faces) -> Result<Flipped> {
        self.check()?;
        let border = Border::new(net, faces, self.threshold)?;
        let mut found = border.begin()?;
        let mut search = vec![Search::new(self.factor); faces.clips()];
        for _ in 0..self.search_steps {
            let fooled = self.descend(&border, faces, &search, &mut found)?;
            for (search, fooled) in search.iter_mut().zip(fooled) {
                search.narrow(fooled);
            }
        }
        Ok(found)
    }

    /// Minimises for one `c` of each clip; returns which were fooled on the way.
    fn descend(
        &self,
        border: &Border<'_>,
        faces: &Faces,
        search: &[Search],
        found: &mut Flipped,
    ) -> Result<Vec<bool>> {
        let clean = &faces.images;
        let start = (clean.clone() * 2.0 - 1.0)
            .clamp(-TANH_MAX, TANH_MAX)
            .atanh();
        let mut adam = Adam::new(start, self.rate);
        let mut fooled = vec![false; search.len()];
        for i in 0..=self.iterations {
            let tanh = adam.at.clone().tanh();
            let x = (tanh.clone() + 1.0) * 0.5;
            let slope = border.slope(&x);
            let value = host(slope.value)?;
            let flipped = border.beyond(&value);
            let change = x.clone() - clean.clone();
            let length = host(per_clip_sum(change.clone().square(), faces.clips()).sqrt())?;
            let nearer: Vec<bool> = (0..flipped.len())
                .map(|i| flipped[i] && length[i] < found.distance[i])
                .collect();
            for clip in (0..flipped.len()).filter(|&i| flipped[i]) {
                fooled[clip] = true;
                found.distance[clip] = found.distance[clip].min(length[clip]);
            }
            found.images = choose(&nearer, x, found.images.clone());
            if i == self.iterations {
                break;
            }
            let push: Vec<f32> = (0..value.len())
                .map(|i| match value[i] <= border.bound[i] + self.kappa {
                    true => search[i].factor,
                    false => 0.0,
                })
                .collect();
            let gradient = change * 2.0 - slope.gradient * each(&push, faces);
            adam.step(gradient * (tanh.square() * -0.5 + 0.5));
        }
        Ok(fooled)
    }
}

/// Binary search over the factor of one clip.
#[derive(Clone, Copy, Debug)]
struct Search {
    factor: f32,
    low: f32,
    high: f32,
}

impl Search {
    fn new(factor: f32) -> Self {
        Self {
            factor,
            low: 0.0,
            high: FACTOR_MAX,
        }
    }

    fn narrow(&mut self, fooled: bool) {
        if fooled {
            self.high = self.high.min(self.factor);
        } else {
            self.low = self.low.max(self.factor);
        }
        self.factor = match self.high < FACTOR_MAX {
            true => (self.low + self.high) / 2.0,
            false => (self.factor * 10.0).min(FACTOR_MAX),
        };
    }
}

/// Adam (Kingma & Ba, ICLR 2015) with its usual constants.
struct Adam {
    at: Tensor<4>,
    mean: Tensor<4>,
    square: Tensor<4>,
    rate: f32,
    steps: i32,
}

impl Adam {
    fn new(at: Tensor<4>, rate: f32) -> Self {
        Self {
            mean: at.zeros_like(),
            square: at.zeros_like(),
            at,
            rate,
            steps: 0,
        }
    }

    fn step(&mut self, gradient: Tensor<4>) {
        self.steps += 1;
        self.mean = self.mean.clone() * 0.9 + gradient.clone() * 0.1;
        self.square = self.square.clone() * 0.999 + gradient.square() * 0.001;
        let mean = self.mean.clone() / (1.0 - 0.9f32.powi(self.steps));
        let square = self.square.clone() / (1.0 - 0.999f32.powi(self.steps));
        self.at = self.at.clone() - mean / (square.sqrt() + 1e-8) * self.rate;
    }
}

impl Named for Carlini {
    fn name(&self) -> String {
        "C&W".into()
    }

    fn conditions(&self) -> String {
        let limit = self
            .epsilon
            .map_or("least change".into(), |e| format!("{:.2}/255", e * 255.0));
        format!(
            "l_2 {limit}, {} values of c from {}, {} steps of {}, kappa {}, threshold {}",
            self.search_steps, self.factor, self.iterations, self.rate, self.kappa, self.threshold
        )
    }
}

impl WhiteBox for Carlini {
    /// Clips that were not fooled within epsilon come back clean, as do those that the
    /// detector gets wrong by itself.
    fn attack(&self, net: &dyn Differentiable, faces: &Faces, _: &mut Random) -> Result<Attacked> {
        let found = self.flip(net, faces)?;
        let limit = self.epsilon.unwrap_or(f32::MAX);
        let pick: Vec<bool> = faces
            .attacked(self.target)?
            .iter()
            .zip(&found.distance)
            .map(|(attacked, &distance)| *attacked && distance <= limit)
            .collect();
        Ok(Attacked {
            images: choose(&pick, found.images, faces.images.clone()),
            gradient_share: non_zero_share(&found.first, &faces.mask(self.target)),
            passes: (1 + self.search_steps * (self.iterations + 1)) as f32,
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

    /// The distance of a point from the plane w . x = 0 is |z| / |w|_2, where a clip of
    /// two frames has the mean logit.
    #[test]
    fn finds_the_distance_of_a_plane() {
        let device = Device::flex();
        let net = Linear::random(8, &device);
        let mut faces = grey_faces(6, 2, 8, &device);
        let logit = net.logits(faces.images.clone(), 2).unwrap();
        faces.label = logit.clone().greater_elem(0.0).float();
        let size: f32 = (net.weight.clone().square().sum() / 2.0)
            .sqrt()
            .into_scalar();
        let distance = host(logit.abs() / size).unwrap();
        let carlini = Carlini {
            iterations: 200,
            ..Carlini::new(None, Target::Both)
        };
        let found = carlini.flip(&net, &faces).unwrap();
        for (got, want) in found.distance.iter().zip(&distance) {
            assert!(
                *got >= want * 0.999 && *got < want * 1.02 + 1e-3,
                "{got}, {want}"
            );
        }
        let mut sorted = distance.clone();
        sorted.sort_by(f32::total_cmp);
        let carlini = Carlini {
            epsilon: Some((sorted[2] + sorted[3]) / 2.0),
            ..carlini
        };
        let out = carlini
            .attack(&net, &faces, &mut Random::seed_from_u64(0))
            .unwrap();
        let moved = per_clip_sum((out.images - faces.images.clone()).abs(), 6);
        for (moved, distance) in host(moved).unwrap().iter().zip(&distance) {
            assert_eq!(*moved > 0.0, *distance <= sorted[2], "{moved} {distance}");
        }
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let device = Device::flex();
        let net = Linear::random(4, &device);
        let faces = grey_faces(2, 1, 4, &device);
        let good = Carlini::new(None, Target::Both);
        for bad in [
            Carlini { rate: 0.0, ..good },
            Carlini {
                iterations: 0,
                ..good
            },
            Carlini {
                kappa: -1.0,
                ..good
            },
        ] {
            assert!(bad.flip(&net, &faces).is_err(), "{bad:?}");
        }
    }
}
