//! What query-based attacks work with: clips in main memory and a victim's margins.

use anyhow::{Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};

use super::clips::host;
use super::{Attacked, Ball, Faces, Norm, Target, Victim};

/// Frames that a victim sees at a time.
const FRAMES_AT_ONCE: usize = 64;

/// Extent of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub frames: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Extent {
    /// Values of a frame.
    pub fn frame(self) -> usize {
        self.channels * self.height * self.width
    }

    /// Values of a clip.
    pub fn clip(self) -> usize {
        self.frames * self.frame()
    }
}

/// Clips under attack by queries. Clips that are not attacked are never touched.
pub(super) struct Queries<'a> {
    victim: &'a dyn Victim,
    device: Device,
    pub extent: Extent,
    /// Numbers of the clips that are attacked.
    pub chosen: Vec<usize>,
    /// `2y - 1` of every clip.
    sign: Vec<f32>,
    /// Images of all clips, one behind the other.
    clean: Vec<f32>,
    asked: usize,
}

impl<'a> Queries<'a> {
    /// # Errors
    /// When images do not fit the labels, or hold what is no number.
    pub fn new(victim: &'a dyn Victim, faces: &Faces, target: Target) -> Result<Self> {
        let [n, channels, height, width] = faces.images.dims();
        let frames = faces.frames.max(1);
        ensure!(
            n == faces.clips() * frames && n > 0,
            "{n} images are not {} clips of {frames} frames: give whole clips",
            faces.clips()
        );
        let extent = Extent {
            frames,
            channels,
            height,
            width,
        };
        let sign = host(faces.sign())?;
        let attacked = faces.attacked(target)?;
        let chosen = (0..sign.len()).filter(|clip| attacked[*clip]);
        Ok(Self {
            victim,
            device: faces.images.device(),
            extent,
            chosen: chosen.collect(),
            sign,
            clean: images(&faces.images)?,
            asked: 0,
        })
    }

    /// Images of a clip before the attack.
    pub fn clean(&self, clip: usize) -> &[f32] {
        let length = self.extent.clip();
        &self.clean[clip * length..][..length]
    }

    /// `(2y - 1) (z - threshold)` of clips: the victim, which calls a logit above `threshold`
    /// fake, errs where this is negative. `images` holds one clip for every entry of `clips`,
    /// which names the clip whose label counts.
    ///
    /// # Errors
    /// When the victim fails, or answers with what is no number.
    pub fn margins(&mut self, clips: &[usize], images: &[f32], threshold: f32) -> Result<Vec<f32>> {
        let Extent {
            frames,
            channels,
            height,
            width,
        } = self.extent;
        let at_once = (FRAMES_AT_ONCE / frames).max(1);
        let mut margins = Vec::with_capacity(clips.len());
        for (clips, images) in clips
            .chunks(at_once)
            .zip(images.chunks(at_once * self.extent.clip()))
        {
            let shape = [clips.len() * frames, channels, height, width];
            let images = TensorData::new(images.to_vec(), shape);
            let images = Tensor::<4>::from_data(images, &self.device);
            let logits = host(self.victim.logits(images, frames)?)?;
            ensure!(
                logits.len() == clips.len(),
                "the detector answered {} clips with {} logits: it must give one per clip",
                clips.len(),
                logits.len()
            );
            self.asked += clips.len();
            margins.extend(
                logits
                    .iter()
                    .zip(clips)
                    .map(|(logit, clip)| self.sign[*clip] * (logit - threshold)),
            );
        }
        Ok(margins)
    }

    /// Clips whose true class is not that of `clip`.
    pub fn opposites(&self, clip: usize) -> Vec<usize> {
        let other = |i: &usize| self.sign[*i] * self.sign[clip] < 0.0;
        (0..self.sign.len()).filter(other).collect()
    }

    /// What came out: `found` holds the clips of `chosen`, one behind the other.
    pub fn finish(mut self, found: &[f32]) -> Attacked {
        let length = self.extent.clip();
        for (clip, images) in self.chosen.iter().zip(found.chunks_exact(length)) {
            self.clean[clip * length..][..length].copy_from_slice(images);
        }
        let Extent {
            frames,
            channels,
            height,
            width,
        } = self.extent;
        let shape = [self.sign.len() * frames, channels, height, width];
        Attacked {
            images: Tensor::from_data(TensorData::new(self.clean, shape), &self.device),
            gradient_share: 1.0,
            passes: self.asked as f32 / self.chosen.len().max(1) as f32,
        }
    }
}

/// The worst that was found for each of some clips.
pub(super) struct Worst {
    margins: Vec<f32>,
    /// One clip behind the other.
    pub images: Vec<f32>,
}

impl Worst {
    /// Nothing was tried yet; `images` are those of the clips, one behind the other.
    pub fn new(clips: usize, images: Vec<f32>) -> Self {
        Self {
            margins: vec![f32::INFINITY; clips],
            images,
        }
    }

    /// Keeps the clips of `tried` whose margin is lower than all before.
    pub fn keep(&mut self, margins: &[f32], tried: &[f32]) {
        let length = self.images.len() / self.margins.len().max(1);
        let kept = self
            .margins
            .iter_mut()
            .zip(self.images.chunks_exact_mut(length.max(1)));
        let tried = margins.iter().zip(tried.chunks_exact(length.max(1)));
        for ((best, images), (margin, found)) in kept.zip(tried) {
            if margin < best {
                *best = *margin;
                images.copy_from_slice(found);
            }
        }
    }
}

/// Values of images in main memory.
pub(super) fn images(x: &Tensor<4>) -> Result<Vec<f32>> {
    let [n, c, h, w] = x.dims();
    host(x.clone().reshape([n * c * h * w]))
}

/// The nearest point of the ball around `clean` and in [0, 1], for one clip.
pub(super) fn project(ball: Ball, x: &mut [f32], clean: &[f32]) {
    let factor = match ball.norm {
        Norm::Linf => 1.0,
        Norm::L2 => (ball.radius / distance(Norm::L2, x, clean).max(1e-12)).min(1.0),
    };
    for (x, clean) in x.iter_mut().zip(clean) {
        let change = match ball.norm {
            Norm::Linf => (*x - clean).clamp(-ball.radius, ball.radius),
            Norm::L2 => (*x - clean) * factor,
        };
        *x = (clean + change).clamp(0.0, 1.0);
    }
}

/// How far two clips are apart.
pub(super) fn distance(norm: Norm, x: &[f32], clean: &[f32]) -> f32 {
    let changes = x.iter().zip(clean).map(|(x, clean)| f64::from(x - clean));
    match norm {
        Norm::Linf => changes.fold(0f64, |most, change| most.max(change.abs())) as f32,
        Norm::L2 => changes.map(|change| change * change).sum::<f64>().sqrt() as f32,
    }
}

#[cfg(test)]
pub(super) mod fixture {
    use super::*;
    use crate::attack::clips::normal;
    use crate::attack::toy::Linear;
    use crate::random::Random;
    use rand::{RngExt, SeedableRng};

    /// A linear detector and clips around middle grey, real and fake by turns, the same for
    /// every test.
    pub fn linear(clips: usize, frames: usize, side: usize) -> (Linear, Faces) {
        let device = Device::flex();
        let mut random = Random::seed_from_u64(17);
        let weight: Vec<f32> = (0..3 * side * side).map(|_| normal(&mut random)).collect();
        let net = Linear {
            weight: Tensor::from_data(TensorData::new(weight, [3, side, side]), &device),
            bias: 0.1,
        };
        let count = clips * frames * 3 * side * side;
        let grey: Vec<f32> = (0..count).map(|_| random.random_range(0.3..0.7)).collect();
        let label: Vec<f32> = (0..clips).map(|i| (i % 2) as f32).collect();
        let shape = [clips * frames, 3, side, side];
        let faces = Faces {
            images: Tensor::from_data(TensorData::new(grey, shape), &device),
            label: Tensor::from_floats(label.as_slice(), &device),
            frames,
        };
        (net, faces)
    }

    /// How much each clip's margin fell.
    pub fn gains(victim: &dyn Victim, faces: &Faces, images: &Tensor<4>) -> Vec<f32> {
        let logits = |images: &Tensor<4>| victim.logits(images.clone(), faces.frames).unwrap();
        host((logits(&faces.images) - logits(images)) * faces.sign()).unwrap()
    }

    /// The most that a margin of the linear detector falls in an l_inf ball.
    pub fn optimum(net: &Linear, epsilon: f32) -> f32 {
        net.weight.clone().abs().sum().into_scalar::<f32>() * epsilon
    }

    /// Size of each clip's change in l_inf.
    pub fn moved(faces: &Faces, images: &Tensor<4>) -> Vec<f32> {
        let length = self::images(images).unwrap().len() / faces.clips();
        let (before, after) = (images_of(&faces.images), images_of(images));
        let pairs = before.chunks(length).zip(after.chunks(length));
        pairs.map(|(a, b)| distance(Norm::Linf, a, b)).collect()
    }

    fn images_of(x: &Tensor<4>) -> Vec<f32> {
        images(x).unwrap()
    }
}
