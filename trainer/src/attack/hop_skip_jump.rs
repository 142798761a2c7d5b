//! HopSkipJump (Chen et al., IEEE S&P 2020): smallest changes from decisions alone.

use anyhow::{Result, ensure};
use rand::RngExt;

use super::clips::normal;
use super::queries::{Queries, distance, project};
use super::{Attacked, Ball, BlackBox, Faces, Named, Noise, Norm, Target, Victim};
use crate::fake::Random;

/// Halvings of a line or a step at most.
const HALVINGS_MAX: usize = 40;

/// Begins at an image that is decided the other way, walks along the line to the clean one
/// until the decision turns, estimates the normal of the boundary there from decisions on
/// random neighbours, and steps along it.
///
/// Finds the smallest change rather than the worst one within a radius. With a radius the
/// result is cut to it, so that it can stand beside other attacks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HopSkipJump {
    /// How changes are measured.
    pub norm: Norm,
    /// Changes are cut to this size in the end; `None` = as small as they were found.
    pub radius: Option<f32>,
    /// Logit above which the victim says fake.
    pub threshold: f32,
    /// Steps along the boundary.
    pub steps: usize,
    /// Decisions for the first estimate; later ones take `sqrt(step)` times as many.
    pub decisions: usize,
    /// Decisions for one estimate at most.
    pub decisions_max: usize,
    /// Random images tried as a beginning, before other clips of the batch.
    pub beginnings: usize,
    /// Whether frames share the change.
    pub noise: Noise,
    /// Who is attacked.
    pub target: Target,
}

impl HopSkipJump {
    /// The authors' parameters: 50 steps, 100 first decisions and 10,000 at most.
    pub fn new(norm: Norm, target: Target) -> Self {
        Self {
            norm,
            radius: None,
            threshold: 0.0,
            steps: 50,
            decisions: 100,
            decisions_max: 10_000,
            beginnings: 100,
            noise: Noise::PerFrame,
            target,
        }
    }

    /// Decisions that the estimates of one clip take; lines and steps take a few more.
    pub fn decisions_expected(&self) -> usize {
        (0..self.steps).map(|step| self.count(step)).sum()
    }

    /// Decisions for the estimate of a step, from 0.
    fn count(&self, step: usize) -> usize {
        let count = self.decisions as f32 * ((step + 1) as f32).sqrt();
        (count as usize).clamp(1, self.decisions_max.max(1))
    }
}

/// The walk of one clip.
struct Walk<'a, 'v> {
    attack: &'a HopSkipJump,
    queries: &'a mut Queries<'v>,
    random: &'a mut Random,
    clip: usize,
    clean: Vec<f32>,
}

impl Walk<'_, '_> {
    /// Whether the victim errs, for each clip in `images`.
    fn errs(&mut self, images: &[f32]) -> Result<Vec<bool>> {
        let count = images.len() / self.clean.len().max(1);
        let clips = vec![self.clip; count];
        let margins = self
            .queries
            .margins(&clips, images, self.attack.threshold)?;
        Ok(margins.iter().map(|margin| *margin < 0.0).collect())
    }

    fn errs_on(&mut self, image: &[f32]) -> Result<bool> {
        Ok(self.errs(image)?.contains(&true))
    }

    /// An image on which the victim errs: uniform noise, or a clip of the other class.
    fn beginning(&mut self) -> Result<Option<Vec<f32>>> {
        for _ in 0..self.attack.beginnings {
            let image: Vec<f32> = self.clean.iter().map(|_| self.random.random()).collect();
            if self.errs_on(&image)? {
                return Ok(Some(image));
            }
        }
        for other in self.queries.opposites(self.clip) {
            let image = self.queries.clean(other).to_vec();
            if self.errs_on(&image)? {
                return Ok(Some(image));
            }
        }
        Ok(None)
    }

    fn distance(&self, x: &[f32]) -> f32 {
        distance(self.attack.norm, x, &self.clean)
    }

    /// The point of the line, `share` of the way from the clean clip to `x`. In l_inf the way
    /// is cut value by value.
    fn towards(&self, x: &[f32], share: f32) -> Vec<f32> {
        match self.attack.norm {
            Norm::L2 => {
                let blend = |(x, clean): (&f32, &f32)| clean + (x - clean) * share;
                x.iter().zip(&self.clean).map(blend).collect()
            }
            Norm::Linf => {
                let mut cut = x.to_vec();
                let ball = Ball::linf(self.distance(x) * share);
                project(ball, &mut cut, &self.clean);
                cut
            }
        }
    }

    /// The nearest point of the line on which the victim still errs.
    fn meet_boundary(&mut self, x: Vec<f32>) -> Result<Vec<f32>> {
        let (mut low, mut high) = (0.0, 1.0f32);
        let mut best = x.clone();
        for _ in 0..HALVINGS_MAX {
            if high - low <= 1e-3 * high / (self.clean.len() as f32).sqrt() {
                break;
            }
            let middle = (low + high) / 2.0;
            let point = self.towards(&x, middle);
            if self.errs_on(&point)? {
                high = middle;
                best = point;
            } else {
                low = middle;
            }
        }
        Ok(best)
    }

    /// Direction of unit size in which the victim errs more, from decisions at `reach` around
    /// a point of the boundary.
    fn normal(&mut self, x: &[f32], reach: f32, count: usize) -> Result<Vec<f32>> {
        let period = match self.attack.noise {
            Noise::PerFrame => x.len(),
            Noise::Shared => self.queries.extent.frame(),
        };
        let chunk = 64;
        let (mut with, mut all) = (vec![0.0; period], vec![0.0; period]);
        let mut erring = 0usize;
        let mut left = count;
        while left > 0 {
            let now = left.min(chunk);
            left -= now;
            let mut around = Vec::with_capacity(now * x.len());
            let mut directions = Vec::with_capacity(now);
            for _ in 0..now {
                let mut along = self.direction(period);
                if period == x.len() {
                    for (along, x) in along.iter_mut().zip(x) {
                        // What is cut at black or white was not tried.
                        *along = ((x + reach * *along).clamp(0.0, 1.0) - x) / reach;
                    }
                }
                let moved = x.iter().zip(along.iter().cycle());
                around.extend(moved.map(|(x, u)| (x + reach * u).clamp(0.0, 1.0)));
                directions.push(along);
            }
            let errs = self.errs(&around)?;
            for (along, errs) in directions.iter().zip(errs) {
                erring += usize::from(errs);
                let weight = if errs { 1.0 } else { -1.0 };
                for ((with, all), u) in with.iter_mut().zip(&mut all).zip(along) {
                    *with += weight * u;
                    *all += u;
                }
            }
        }
        // Less the mean decision, which only tells how far off the boundary the point is.
        let mean = 2.0 * erring as f32 / count as f32 - 1.0;
        if mean.abs() < 1.0 {
            for (with, all) in with.iter_mut().zip(&all) {
                *with -= mean * all;
            }
        }
        Ok(self.unit(&with, x.len()))
    }

    /// A random direction of unit length: Gaussian for l_2, uniform for l_inf.
    fn direction(&mut self, period: usize) -> Vec<f32> {
        let along: Vec<f32> = (0..period)
            .map(|_| match self.attack.norm {
                Norm::L2 => normal(self.random),
                Norm::Linf => self.random.random_range(-1.0..1.0),
            })
            .collect();
        let length = along.iter().map(|u| u * u).sum::<f32>().sqrt();
        along.iter().map(|u| u / length.max(1e-12)).collect()
    }

    /// A step of size one along `along`, for all frames.
    fn unit(&self, along: &[f32], length: usize) -> Vec<f32> {
        let all = along.iter().cycle().take(length);
        match self.attack.norm {
            Norm::L2 => {
                let size = all.clone().map(|u| u * u).sum::<f32>().sqrt().max(1e-12);
                all.map(|u| u / size).collect()
            }
            Norm::Linf => all.map(|u| u.signum()).collect(),
        }
    }

    /// The whole walk: a clip on which the victim errs, or the clean one where none was found.
    fn run(&mut self) -> Result<Vec<f32>> {
        let clean = self.clean.clone();
        if self.errs_on(&clean)? {
            return Ok(clean);
        }
        let Some(begin) = self.beginning()? else {
            return Ok(clean);
        };
        let mut x = self.meet_boundary(begin)?;
        let mut best = x.clone();
        for step in 0..self.attack.steps {
            let from = self.distance(&x);
            let reach = if step == 0 { 0.1 } else { 0.01 * from };
            if reach <= 0.0 {
                break;
            }
            let along = self.normal(&x, reach, self.attack.count(step))?;
            let mut size = from / ((step + 1) as f32).sqrt();
            for _ in 0..HALVINGS_MAX {
                let moved = x.iter().zip(&along);
                let point: Vec<f32> = moved.map(|(x, u)| (x + size * u).clamp(0.0, 1.0)).collect();
                if self.errs_on(&point)? {
                    x = self.meet_boundary(point)?;
                    break;
                }
                size /= 2.0;
            }
            if self.distance(&x) < self.distance(&best) {
                best.clone_from(&x);
            }
        }
        Ok(best)
    }
}

impl Named for HopSkipJump {
    fn name(&self) -> String {
        format!("HopSkipJump {}", self.norm)
    }

    fn conditions(&self) -> String {
        let radius = match (self.radius, self.norm) {
            (None, _) => "smallest change".to_string(),
            (Some(radius), Norm::Linf) => format!("cut to {:.2}/255", radius * 255.0),
            (Some(radius), Norm::L2) => format!("cut to {radius:.3}"),
        };
        format!(
            "{}, {radius}, {} steps, {} to {} decisions each, threshold {}",
            self.norm, self.steps, self.decisions, self.decisions_max, self.threshold
        )
    }
}

impl BlackBox for HopSkipJump {
    fn attack(&self, victim: &dyn Victim, faces: &Faces, random: &mut Random) -> Result<Attacked> {
        ensure!(
            self.steps > 0 && self.decisions > 0 && self.radius.is_none_or(|radius| radius > 0.0),
            "HopSkipJump: radius and the numbers of steps and decisions must be positive"
        );
        let mut queries = Queries::new(victim, faces, self.target)?;
        let mut found = Vec::new();
        for clip in queries.chosen.clone() {
            let clean = queries.clean(clip).to_vec();
            let mut walk = Walk {
                attack: self,
                queries: &mut queries,
                random,
                clip,
                clean: clean.clone(),
            };
            let mut images = walk.run()?;
            if let Some(radius) = self.radius {
                let norm = self.norm;
                project(Ball { norm, radius }, &mut images, &clean);
            }
            found.extend(images);
        }
        Ok(queries.finish(&found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::queries::fixture::{linear, moved};
    use crate::attack::toy::Linear;
    use crate::attack::{host, lengths};
    use burn::tensor::{Device, Tensor};
    use rand::SeedableRng;

    /// A detector that is right about all clips, half of which it calls fake.
    fn setup(frames: usize) -> (Linear, Faces) {
        let (mut net, mut faces) = linear(4, frames, 4);
        let logits = |net: &Linear| {
            let logit = net.logits(faces.images.clone(), frames).unwrap();
            host(logit).unwrap()
        };
        let mut sorted = logits(&net);
        sorted.sort_by(f32::total_cmp);
        net.bias -= (sorted[1] + sorted[2]) / 2.0;
        let logit = logits(&net);
        let label: Vec<f32> = logit.iter().map(|z| f32::from(*z > 0.0)).collect();
        faces.label = Tensor::from_floats(label.as_slice(), &Device::flex());
        (net, faces)
    }

    /// The boundary is |z| / |w|_2 away in l_2 and |z| / |w|_1 in l_inf; a clip of two frames,
    /// whose logits are averaged, has weights of w/2 in each.
    #[test]
    fn finds_the_distance_of_the_boundary() {
        for (norm, frames, slack) in [
            (Norm::L2, 1, 1.05),
            (Norm::Linf, 1, 1.1),
            (Norm::L2, 2, 1.08),
        ] {
            let (net, faces) = setup(frames);
            let attack = HopSkipJump {
                steps: 25,
                ..HopSkipJump::new(norm, Target::Both)
            };
            let mut random = Random::seed_from_u64(1);
            let found = attack.attack(&net, &faces, &mut random).unwrap();
            let w = net.weight.clone();
            let (size, sizes): (f32, Vec<f32>) = match norm {
                Norm::Linf => (w.abs().sum().into_scalar(), moved(&faces, &found.images)),
                Norm::L2 => {
                    let change = found.images.clone() - faces.images.clone();
                    let all: Vec<f32> = lengths(&change, frames).into_data().try_to_vec().unwrap();
                    let each = all.iter().step_by(frames).copied().collect();
                    let size: f32 = w.square().sum().into_scalar();
                    ((size / frames as f32).sqrt(), each)
                }
            };
            let before = net.logits(faces.images.clone(), frames).unwrap();
            let after = net.logits(found.images, frames).unwrap();
            let worst: f32 = (after * faces.sign()).max().into_scalar();
            assert!(worst < 0.0, "{worst}");
            for (z, got) in host(before).unwrap().iter().zip(sizes) {
                let share = got / (z.abs() / size);
                assert!(share > 0.999 && share < slack, "{norm} {frames}: {share}");
            }
        }
    }

    #[test]
    fn a_radius_cuts_the_change_and_clips_in_error_stay() {
        let (net, mut faces) = setup(1);
        let wrong = faces.label.clone() * -1.0 + 1.0;
        let attack = HopSkipJump {
            steps: 2,
            radius: Some(0.002),
            ..HopSkipJump::new(Norm::Linf, Target::Both)
        };
        let mut random = Random::seed_from_u64(1);
        let found = attack.attack(&net, &faces, &mut random).unwrap();
        for moved in moved(&faces, &found.images) {
            assert!(moved > 0.0 && moved < 0.002 + 1e-6, "{moved}");
        }
        faces.label = wrong;
        let found = attack.attack(&net, &faces, &mut random).unwrap();
        assert_eq!(moved(&faces, &found.images), [0.0; 4]);
        assert_eq!(found.passes, 1.0);
    }
}
