//! Fast adaptive boundary attack (Croce & Hein, ICML 2020) for the one hyperplane of a
//! detector with one logit: the least change that flips the decision.

use anyhow::{Result, ensure};
use burn::tensor::Tensor;

use super::border::{Border, Flipped};
use super::clips::{choose, draw, each, host, normal, per_clip_sum, uniform};
use super::hyperplane::onto;
use super::{
    Attacked, Entry, Faces, Limit, Make, Named, Noise, Norm, Target, WhiteBox, lengths,
    non_zero_share,
};
use crate::network::Differentiable;
use crate::random::Random;

const ITERATIONS_MAX: usize = 100_000;
const RESTARTS_MAX: usize = 1_000;

/// FAB in l_inf.
pub(super) const FAB: Entry = Entry {
    name: "fab",
    source: "Croce & Hein, ICML 2020",
    parameters: "100 iterations, alpha 0.1, eta 1.05, beta 0.9",
    purpose: "distance of the decision",
    limit: Limit::Linf,
    minimal: true,
    make: Make::Gradients(|limits| made(Fab::new(Norm::Linf, Some(limits.epsilon), limits.target))),
};

/// FAB in l_2.
pub(super) const FAB_L2: Entry = Entry {
    name: "fab-l2",
    limit: Limit::L2,
    make: Make::Gradients(|limits| made(Fab::new(Norm::L2, Some(limits.radius), limits.target))),
    ..FAB
};

fn made(attack: Fab) -> (Box<dyn WhiteBox>, usize) {
    (Box::new(attack), 2 * attack.iterations * attack.restarts)
}

/// Parameters of the attack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fab {
    /// How changes are measured.
    pub norm: Norm,
    /// Greatest change that counts, in pixel units; for l_2 a length over a whole clip.
    /// Clips that were not fooled within it come back clean. `None` counts every change.
    pub epsilon: Option<f32>,
    /// Steps of one run, 1 to 100,000.
    pub iterations: usize,
    /// Runs, 1 to 1,000: the first from the clip, the others from random points near it.
    pub restarts: usize,
    /// Greatest pull towards the clean clip, in [0, 1].
    pub alpha_max: f32,
    /// How far steps go beyond the hyperplane, at least 1.
    pub eta: f32,
    /// Share of the change that is kept when a clip is fooled, in (0, 1).
    pub beta: f32,
    /// Logit at which the decision flips.
    pub threshold: f32,
    /// Who is attacked.
    pub target: Target,
    /// Whether frames share a perturbation.
    pub noise: Noise,
}

impl Fab {
    /// The parameters of AutoAttack: 100 iterations, one run.
    pub fn new(norm: Norm, epsilon: Option<f32>, target: Target) -> Self {
        Self {
            norm,
            epsilon,
            iterations: 100,
            restarts: 1,
            alpha_max: 0.1,
            eta: 1.05,
            beta: 0.9,
            threshold: 0.0,
            target,
            noise: Noise::PerFrame,
        }
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.epsilon.is_none_or(|e| e > 0.0 && e.is_finite()),
            "FAB: epsilon must be positive, or absent"
        );
        ensure!(
            (1..=ITERATIONS_MAX).contains(&self.iterations)
                && (1..=RESTARTS_MAX).contains(&self.restarts),
            "FAB: {} iterations and {} restarts; allowed are 1 to {ITERATIONS_MAX} and 1 to {RESTARTS_MAX}",
            self.iterations,
            self.restarts
        );
        ensure!(
            (0.0..=1.0).contains(&self.alpha_max)
                && self.eta >= 1.0
                && self.eta.is_finite()
                && self.beta > 0.0
                && self.beta < 1.0
                && self.threshold.is_finite(),
            "FAB: alpha_max must be in [0, 1], eta at least 1, beta in (0, 1), the threshold finite"
        );
        Ok(())
    }

    /// Size of each clip's change.
    fn size(&self, change: &Tensor<4>, faces: &Faces) -> Result<Vec<f32>> {
        let [n, c, h, w] = change.dims();
        let clips = faces.clips();
        let flat = change.clone().reshape([clips, n / clips * c * h * w]);
        let size = match self.norm {
            Norm::Linf => flat.max_abs_dim(1),
            Norm::L2 => flat.square().sum_dim(1).sqrt(),
        };
        host(size.reshape([clips]))
    }

    /// Finds the nearest changes that flip decisions, whatever their size.
    ///
    /// # Errors
    /// When a parameter is out of range or a logit is not finite.
    pub fn flip(
        &self,
        net: &dyn Differentiable,
        faces: &Faces,
        random: &mut Random,
    ) -> Result<Flipped> {
        self.check()?;
        let border = Border::new(net, faces, self.threshold)?;
        let mut found = border.begin()?;
        for restart in 0..self.restarts {
            let start = if restart == 0 {
                faces.images.clone()
            } else {
                self.start(faces, &found.distance, random)
            };
            self.walk(&border, faces, start, &mut found)?;
        }
        Ok(found)
    }

    /// A random point within half of the best distance so far.
    fn start(&self, faces: &Faces, distance: &[f32], random: &mut Random) -> Tensor<4> {
        let usual = self.epsilon.unwrap_or(match self.norm {
            Norm::Linf => 8.0 / 255.0,
            Norm::L2 => 1.0,
        });
        let reach: Vec<f32> = distance.iter().map(|d| 0.5 * d.min(usual)).collect();
        let noise = match self.norm {
            Norm::Linf => draw(faces, self.noise, random, uniform),
            Norm::L2 => {
                let noise = draw(faces, self.noise, random, normal);
                let length = lengths(&noise, faces.frames);
                noise / length.clamp_min(1e-12)
            }
        };
        (faces.images.clone() + noise * each(&reach, faces)).clamp(0.0, 1.0)
    }

    fn walk(
        &self,
        border: &Border<'_>,
        faces: &Faces,
        start: Tensor<4>,
        found: &mut Flipped,
    ) -> Result<()> {
        let clean = &faces.images;
        let mut x = start;
        for _ in 0..self.iterations {
            x = self.step(border, faces, x)?;
            let flipped = border.beyond(&border.value(&x)?);
            let change = x.clone() - clean.clone();
            let size = self.size(&change, faces)?;
            let nearer: Vec<bool> = (0..flipped.len())
                .map(|i| flipped[i] && size[i] < found.distance[i])
                .collect();
            found.images = choose(&nearer, x.clone(), found.images.clone());
            for i in (0..nearer.len()).filter(|&i| nearer[i]) {
                found.distance[i] = size[i];
            }
            x = choose(&flipped, clean.clone() + change * self.beta, x);
        }
        Ok(())
    }

    /// A step onto the hyperplane that the detector looks like at `x`: between the point
    /// of it that is nearest to `x` and the one that is nearest to the clean clip.
    fn step(&self, border: &Border<'_>, faces: &Faces, x: Tensor<4>) -> Result<Tensor<4>> {
        let clean = &faces.images;
        let slope = border.slope(&x);
        let weight = self.noise.tie(slope.gradient, faces.frames);
        let value = host(slope.value)?;
        let back = host(per_clip_sum(
            weight.clone() * (x.clone() - clean.clone()),
            faces.clips(),
        ))?;
        let gap: Vec<f32> = border
            .bound
            .iter()
            .zip(&value)
            .map(|(b, v)| b - v)
            .collect();
        let clean_gap: Vec<f32> = gap
            .iter()
            .zip(&back)
            .map(|(gap, back)| gap + back)
            .collect();
        let near = onto(&weight, &gap, &x, self.norm, self.noise, faces)?;
        let home = onto(&weight, &clean_gap, clean, self.norm, self.noise, faces)?;
        let pull: Vec<f32> = self
            .size(&near, faces)?
            .iter()
            .zip(self.size(&home, faces)?)
            .map(|(near, home)| {
                let (near, home) = (near.max(1e-8), home.max(1e-8));
                (near / (near + home)).min(self.alpha_max)
            })
            .collect();
        let pull = each(&pull, faces);
        let stay = pull.clone() * -1.0 + 1.0;
        let there = (x + near * self.eta) * stay + (clean.clone() + home * self.eta) * pull;
        Ok(there.clamp(0.0, 1.0))
    }
}

impl Named for Fab {
    fn name(&self) -> String {
        "FAB".into()
    }

    fn conditions(&self) -> String {
        let limit = self
            .epsilon
            .map_or("least change".into(), |e| format!("{:.2}/255", e * 255.0));
        format!(
            "{} {limit}, {} iterations, {} restarts, alpha {}, eta {}, beta {}, threshold {}, {:?} noise",
            self.norm,
            self.iterations,
            self.restarts,
            self.alpha_max,
            self.eta,
            self.beta,
            self.threshold,
            self.noise
        )
    }
}

impl WhiteBox for Fab {
    /// Clips that were not fooled within epsilon come back clean, as do those that the
    /// detector gets wrong by itself.
    fn attack(
        &self,
        net: &dyn Differentiable,
        faces: &Faces,
        random: &mut Random,
    ) -> Result<Attacked> {
        let found = self.flip(net, faces, random)?;
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
            passes: (1 + 2 * self.iterations * self.restarts) as f32,
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

    /// Clips that a linear detector gets right, and the distances of its hyperplane.
    fn setup(frames: usize, norm: Norm) -> (Linear, Faces, Vec<f32>) {
        let device = Device::flex();
        let net = Linear::random(8, &device);
        let mut faces = grey_faces(6, frames, 8, &device);
        let logit = net.logits(faces.images.clone(), frames).unwrap();
        faces.label = logit.clone().greater_elem(0.0).float();
        let size: f32 = match norm {
            Norm::Linf => net.weight.clone().abs().sum().into_scalar(),
            Norm::L2 => (net.weight.clone().square().sum() / frames as f32)
                .sqrt()
                .into_scalar(),
        };
        let distance = host(logit.abs() / size).unwrap();
        (net, faces, distance)
    }

    /// The distance of a point from the plane w . x = 0 is |z| / |w|_1 in l_inf and
    /// |z| / |w|_2 in l_2.
    #[test]
    fn finds_the_distance_of_a_plane() {
        for norm in [Norm::Linf, Norm::L2] {
            for noise in [Noise::PerFrame, Noise::Shared] {
                let (net, faces, distance) = setup(2, norm);
                let fab = Fab {
                    noise,
                    iterations: 20,
                    restarts: 2,
                    ..Fab::new(norm, None, Target::Both)
                };
                let mut random = Random::seed_from_u64(5);
                let found = fab.flip(&net, &faces, &mut random).unwrap();
                for (got, want) in found.distance.iter().zip(&distance) {
                    assert!(
                        *got >= want * 0.9999 && *got < want * 1.01 + 1e-6,
                        "{norm} {noise:?}: {got}, {want}"
                    );
                }
                let after = net.logits(found.images, 2).unwrap();
                let worst: f32 = (after * faces.sign()).max().into_scalar();
                assert!(worst < 0.0, "{worst}");
            }
        }
    }

    /// Clips beyond epsilon come back as they were.
    #[test]
    fn nothing_leaves_the_ball() {
        let (net, faces, distance) = setup(1, Norm::Linf);
        let mut sorted = distance.clone();
        sorted.sort_by(f32::total_cmp);
        let epsilon = (sorted[2] + sorted[3]) / 2.0;
        let fab = Fab {
            iterations: 20,
            ..Fab::new(Norm::Linf, Some(epsilon), Target::Both)
        };
        let out = fab
            .attack(&net, &faces, &mut Random::seed_from_u64(5))
            .unwrap();
        let sizes = fab
            .size(&(out.images - faces.images.clone()), &faces)
            .unwrap();
        for (size, distance) in sizes.iter().zip(&distance) {
            assert_eq!(*size > 0.0, *distance < epsilon, "{size} {distance}");
            assert!(*size <= epsilon);
        }
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let (net, faces, _) = setup(1, Norm::Linf);
        let good = Fab::new(Norm::Linf, None, Target::Both);
        for bad in [
            Fab {
                epsilon: Some(-1.0),
                ..good
            },
            Fab {
                iterations: 0,
                ..good
            },
            Fab { beta: 1.0, ..good },
            Fab { eta: 0.5, ..good },
        ] {
            let mut random = Random::seed_from_u64(5);
            assert!(bad.attack(&net, &faces, &mut random).is_err(), "{bad:?}");
        }
    }
}
