//! Attacks on whole frames of a video, before the firmware finds, cuts and judges the faces in
//! them: MI-FGSM (Dong et al., CVPR 2018) through the crop, in expectation (Athalye et al., ICML
//! 2018) over where the firmware will cut.

mod crop;
mod footage;
mod printed;

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use unmask_shared::geometry::{CropSpec, Point, Similarity};
use unmask_shared::media::Frame;

use super::clips::normal;
use super::{Faces, Goal, Noise, Objective, ObjectiveGradient};
use crate::network::Differentiable;
use crate::random::Random;

use crop::CropMap;
pub use footage::Footage;
pub use printed::{PatchShape, PrintedPatch};

/// Crops that go through the network at once.
const CROPS_AT_ONCE: usize = 16;
/// Frames of which a shared perturbation sees the gradient in a step.
const SHARED_FRAMES: usize = 8;

/// Parameters of the attack.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoAttack {
    /// Most that a byte of a frame changes, at least 1: files hold bytes.
    pub epsilon: u8,
    /// Number of steps, of a quarter of epsilon each.
    pub steps: usize,
    /// Share of the past gradients that is kept.
    pub decay: f32,
    /// Crops that are looked at in each step: the first as the attacker finds the face, further
    /// ones jittered.
    pub draws: usize,
    /// Standard deviation of shift (part of the crop's side), scale (logarithm) and turn (radians)
    /// of jittered crops.
    pub jitter: f32,
    /// Whether all frames share a perturbation, as behind an overlay.
    pub noise: Noise,
    /// How the target cuts faces.
    pub spec: CropSpec,
}

/// What is attacked.
#[derive(Clone, Copy)]
pub struct VideoCase<'a> {
    /// The network; one with memory sees each frame alone.
    pub net: &'a dyn Differentiable,
    /// The frames.
    pub footage: &'a Footage,
    /// Whether they are of a fake, which wants a low score; else the score is to rise.
    pub fake: bool,
    /// Where it computes.
    pub device: &'a Device,
}

impl VideoAttack {
    /// Ten steps, two crops in each, jittered by 2 %: landmarks of one look are off by some 4 % of
    /// the distance of the eyes, which is a fifth of the crop's side.
    pub fn ten(epsilon: u8, spec: CropSpec) -> Self {
        Self {
            epsilon,
            steps: 10,
            decay: 1.0,
            draws: 2,
            jitter: 0.02,
            noise: Noise::PerFrame,
            spec,
        }
    }

    /// Attacked frames; `tell` hears how many are done.
    ///
    /// # Errors
    /// When a parameter is out of range, or no gradient reaches the frames.
    pub fn run(
        &self,
        case: &VideoCase<'_>,
        random: &mut Random,
        tell: &mut dyn FnMut(usize),
    ) -> Result<Vec<Frame>> {
        ensure!(
            self.epsilon > 0 && self.steps > 0 && self.draws > 0 && self.jitter >= 0.0,
            "video attack: epsilon, steps and draws must be at least 1, jitter not negative"
        );
        let footage = case.footage;
        let mut climb = Climb {
            attack: self,
            case,
            random,
        };
        let all: Vec<usize> = (0..footage.frames.len()).collect();
        let faces = footage.faces.iter().map(Vec::len).max().unwrap_or(1).max(1);
        let mut attacked = Vec::with_capacity(all.len());
        match self.noise {
            Noise::Shared => {
                let change = climb.shared()?;
                attacked.extend(all.iter().map(|at| self.add(&footage.frames[*at], &change)));
                tell(all.len());
            }
            Noise::PerFrame => {
                for chunk in all.chunks((CROPS_AT_ONCE / (faces * self.draws)).max(1)) {
                    let changes = climb.per_frame(chunk)?;
                    let pairs = chunk.iter().zip(&changes);
                    attacked
                        .extend(pairs.map(|(at, change)| self.add(&footage.frames[*at], change)));
                    tell(chunk.len());
                }
            }
        }
        let is_changed = |(new, old): (&Frame, &Frame)| new.rgb != old.rgb;
        ensure!(
            attacked.iter().zip(&footage.frames).any(is_changed),
            "the attack changed no pixel: the detector has no gradient, and no robustness can be reported"
        );
        Ok(attacked)
    }

    /// Bytes of a frame with a change in [0, 1] units, whole steps of 1/255.
    fn add(&self, frame: &Frame, change: &[f32]) -> Frame {
        let most = i16::from(self.epsilon);
        let pairs = frame.rgb.iter().zip(change);
        let moved = |(byte, change): (&u8, &f32)| {
            let by = ((change * 255.0).round() as i16).clamp(-most, most);
            (i16::from(*byte) + by).clamp(0, 255) as u8
        };
        Frame {
            rgb: pairs.map(moved).collect(),
            ..frame.clone()
        }
    }

    /// Frame to crop, moved at random.
    fn jittered(&self, to_crop: &Similarity, random: &mut Random) -> Similarity {
        let side = f32::from(self.spec.size);
        let mut draw = || self.jitter * normal(random);
        let (scale, turn) = (draw().exp(), draw());
        let (dx, dy) = (side * draw(), side * draw());
        let middle = Point::new(0.5 * side, 0.5 * side);
        to_crop.then(&Similarity::about(middle, scale, turn, dx, dy))
    }
}

/// One attack on its way.
struct Climb<'a> {
    attack: &'a VideoAttack,
    case: &'a VideoCase<'a>,
    random: &'a mut Random,
}

/// A change of frames, `[height, width, 3]` in [0, 1] units, and the mean of its gradients.
#[derive(Clone)]
struct Ascent {
    change: Vec<f32>,
    mean: Vec<f32>,
}

impl Ascent {
    fn new(values: usize) -> Self {
        Self {
            change: vec![0.0; values],
            mean: vec![0.0; values],
        }
    }

    /// One step of MI-FGSM; what no gradient reached stays.
    fn step(&mut self, gradient: &[f32], attack: &VideoAttack) {
        let epsilon = f32::from(attack.epsilon) / 255.0;
        let length: f64 = gradient.iter().map(|g| f64::from(g.abs())).sum();
        let unit = (length / gradient.len().max(1) as f64).max(1e-30) as f32;
        let values = self.change.iter_mut().zip(&mut self.mean).zip(gradient);
        for ((change, mean), gradient) in values {
            *mean = attack.decay * *mean + gradient / unit;
            if *mean != 0.0 {
                let moved = *change + 0.25 * epsilon * mean.signum();
                *change = moved.clamp(-epsilon, epsilon);
            }
        }
    }
}

impl Climb<'_> {
    fn values(&self) -> usize {
        let (width, height) = self.case.footage.size();
        3 * width * height
    }

    /// A change of its own for each of some frames.
    fn per_frame(&mut self, frames: &[usize]) -> Result<Vec<Vec<f32>>> {
        let mut ascents = vec![Ascent::new(self.values()); frames.len()];
        for _ in 0..self.attack.steps {
            let shown = self.shown(frames, &ascents);
            for (place, gradient) in self.gradients(frames, &shown)?.iter().enumerate() {
                ascents[place].step(gradient, self.attack);
            }
        }
        Ok(ascents.into_iter().map(|ascent| ascent.change).collect())
    }

    /// One change for all frames: each step sees some of them, so that there are more steps.
    fn shared(&mut self) -> Result<Vec<f32>> {
        let count = self.case.footage.frames.len();
        let mut ascent = Ascent::new(self.values());
        let rounds = count.div_ceil(SHARED_FRAMES).clamp(1, 4);
        for _ in 0..self.attack.steps * rounds {
            let frames: Vec<usize> = (0..SHARED_FRAMES.min(count))
                .map(|_| self.random.random_range(0..count))
                .collect();
            let mut sum = vec![0.0; self.values()];
            let shown = self.shown(&frames, std::slice::from_ref(&ascent));
            for gradient in self.gradients(&frames, &shown)? {
                sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
            }
            ascent.step(&sum, self.attack);
        }
        Ok(ascent.change)
    }

    /// Frames with their changes: one for each frame, or one for all.
    fn shown(&self, frames: &[usize], ascents: &[Ascent]) -> Vec<Vec<f32>> {
        let changes = ascents.iter().cycle();
        let pairs = frames.iter().zip(changes);
        pairs
            .map(|(at, ascent)| shown(&self.case.footage.frames[*at], &ascent.change))
            .collect()
    }

    /// What raises the wrong score in each of some frames as they are shown.
    fn gradients(&mut self, frames: &[usize], shown: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        let side = usize::from(self.attack.spec.size);
        let (mut maps, mut crops) = (Vec::new(), Vec::new());
        for (place, (&at, shown)) in frames.iter().zip(shown).enumerate() {
            for to_crop in self.crops(at)? {
                let map = CropMap::new(self.case.footage.size(), &to_crop, side)?;
                crops.extend(map.draw(shown)?);
                maps.push((place, map));
            }
        }
        let mut gradients = vec![vec![0.0; self.values()]; frames.len()];
        if maps.is_empty() {
            return Ok(gradients);
        }
        let found = self.of_crops(crops, maps.len(), side)?;
        for ((place, map), crop) in maps.iter().zip(found.chunks_exact(3 * side * side)) {
            map.scatter(crop, &mut gradients[*place])?;
        }
        Ok(gradients)
    }

    /// Where the faces of a frame may be cut.
    fn crops(&mut self, at: usize) -> Result<Vec<Similarity>> {
        let mut crops = Vec::new();
        for landmarks in &self.case.footage.faces[at] {
            let found = self.attack.spec.of_face(landmarks);
            let found = found.context("a face without a size")?;
            crops.push(found);
            for _ in 1..self.attack.draws {
                crops.push(self.attack.jittered(&found, self.random));
            }
        }
        Ok(crops)
    }

    fn of_crops(&self, crops: Vec<f32>, count: usize, side: usize) -> Result<Vec<f32>> {
        let device = self.case.device;
        let images = Tensor::from_data(TensorData::new(crops, [count, 3, side, side]), device);
        let label = Tensor::full([count], if self.case.fake { 1.0 } else { 0.0 }, device);
        let faces = Faces {
            images,
            label: label.clone(),
            frames: 1,
        };
        let goal = Goal::new(Objective::Margin, self.case.net, &faces.images, label, 1);
        let of = ObjectiveGradient::of(self.case.net, &goal, &faces.images, &faces);
        let values = of.gradient.into_data().try_to_vec::<f32>().ok();
        values.context("the detector's gradients are not f32: convert its weights")
    }
}

/// A frame with a change, `[height, width, 3]` in [0, 1].
fn shown(frame: &Frame, change: &[f32]) -> Vec<f32> {
    let pairs = frame.rgb.iter().zip(change);
    pairs
        .map(|(byte, change)| (f32::from(*byte) / 255.0 + change).clamp(0.0, 1.0))
        .collect()
}

#[cfg(test)]
mod tests;
