//! The walk of one clip along the boundary.

use anyhow::Result;
use rand::RngExt;

use super::super::clips::normal;
use super::super::queries::{Queries, distance, project};
use super::super::{Ball, Noise, Norm};
use super::HopSkipJump;
use crate::random::Random;

/// Halvings of a line or a step at most.
const HALVINGS_MAX: usize = 40;

/// The walk of one clip.
pub(super) struct Walk<'a, 'v> {
    pub attack: &'a HopSkipJump,
    pub queries: &'a mut Queries<'v>,
    pub random: &'a mut Random,
    pub clip: usize,
    pub clean: Vec<f32>,
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
    pub fn run(&mut self) -> Result<Vec<f32>> {
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
