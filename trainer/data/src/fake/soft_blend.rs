//! Blends with soft, elastic masks: self-blended images and swaps with matched colours.

use rand::RngExt;
use rand::seq::IndexedRandom;
use unmask_shared::geometry::{CropSpec, Point, Similarity};

use super::Random;
use super::colour::{ColourShift, Texture};
use super::flicker::Moment;
use super::landmarks::jittered;
use super::mask::{Hull, MaskShape};
use super::picture::Picture;

/// Everything random about a self-blend (Shiohara and Yamasaki, CVPR 2022) or a swap.
#[derive(Clone, Debug)]
pub(super) struct SoftBlend {
    swap: bool,
    mask: MaskShape,
    change_target: bool,
    colour: ColourShift,
    texture: Texture,
    second: Option<ColourShift>,
    motion: Similarity,
    match_colours: bool,
    ratio: f32,
}

impl SoftBlend {
    pub(super) fn sample(swap: bool, crop: &CropSpec, random: &mut Random) -> Self {
        let side = usize::from(crop.size);
        let landmarks = jittered(crop, random);
        let hull = if swap {
            *[
                Hull::Full,
                Hull::Extended,
                Hull::Components,
                Hull::Face,
                Hull::Face,
            ]
            .choose(random)
            .unwrap_or(&Hull::Face)
        } else {
            Hull::sample(random)
        };
        let motion = small_motion(side, random);
        let mask = MaskShape::sample(&landmarks, hull, side, random).moved(motion);
        let ratio = if swap {
            1.0
        } else {
            *[0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
                .choose(random)
                .unwrap_or(&1.0)
        };
        Self {
            swap,
            mask,
            change_target: random.random_bool(0.5),
            colour: ColourShift::sample(1.0, random),
            texture: Texture::sample(random),
            second: random
                .random_bool(0.3)
                .then(|| ColourShift::sample(0.5, random)),
            motion,
            match_colours: random.random_bool(0.8),
            ratio,
        }
    }

    /// The mask for pictures of this side, the same for all frames of a clip.
    pub(super) fn mask(&self, side: usize) -> Vec<f32> {
        self.mask.render(side)
    }

    /// The real and the fake frame.
    pub(super) fn frame(
        &self,
        target: &Picture,
        donor: Option<&Picture>,
        mask: &[f32],
        moment: Option<Moment>,
    ) -> (Picture, Picture) {
        let mut real = target.clone();
        let mut source = match (self.swap, donor) {
            (true, Some(donor)) => donor.clone(),
            _ => target.clone(),
        };
        if self.swap {
            if self.match_colours {
                match_statistics(&mut source, &real, mask);
            }
            source = self.soften(source);
        } else if self.change_target {
            self.colour.apply(&mut real);
            real = self.texture.apply(&real);
        } else {
            self.colour.apply(&mut source);
            source = self.texture.apply(&source);
        }
        if let Some(second) = &self.second {
            second.apply(&mut source);
        }
        let fake = self.blend(&real, &source, mask, moment);
        (real, fake)
    }

    /// The source, moved, over the real face.
    fn blend(
        &self,
        real: &Picture,
        source: &Picture,
        mask: &[f32],
        moment: Option<Moment>,
    ) -> Picture {
        let back = self.motion.inverse().unwrap_or(Similarity::IDENTITY);
        let mut fake = real.clone();
        let row = real.side * 3;
        let lines = fake.rgb.chunks_exact_mut(row);
        for (y, (line, mask)) in lines.zip(mask.chunks_exact(real.side)).enumerate() {
            let y = y as f32 + 0.5;
            for (x, (pixel, weight)) in line.chunks_exact_mut(3).zip(mask).enumerate() {
                if *weight == 0.0 {
                    continue;
                }
                let x = x as f32 + 0.5;
                let mut colour = source.at(Point {
                    x: back.a * x - back.b * y + back.tx,
                    y: back.b * x + back.a * y + back.ty,
                });
                let mut weight = weight * self.ratio;
                if let Some(moment) = moment {
                    weight *= moment.strength;
                    for (value, tint) in colour.iter_mut().zip(moment.tint) {
                        *value = (*value + tint).clamp(0.0, 1.0);
                    }
                }
                for (value, pasted) in pixel.iter_mut().zip(colour) {
                    *value += weight * (pasted - *value);
                }
            }
        }
        fake
    }

    /// A swap network's output is rarely as sharp as the frame around it.
    fn soften(&self, source: Picture) -> Picture {
        match self.texture {
            Texture::Downscale { ratio, .. } => {
                let gentle = Texture::Downscale {
                    ratio: 1.0 + (ratio - 1.0) / 2.0,
                    nearest: false,
                };
                gentle.apply(&source)
            }
            Texture::Sharpen { .. } => source,
        }
    }
}

fn small_motion(side: usize, random: &mut Random) -> Similarity {
    let side = side as f32;
    Similarity::about(
        Point {
            x: side / 2.0,
            y: side / 2.0,
        },
        random.random_range(0.95..1.0 / 0.95),
        0.0,
        random.random_range(-0.03..0.03) * side,
        random.random_range(-0.015..0.015) * side,
    )
}

/// Gives `source` the mean and spread of `target` inside the mask, per channel
/// (Reinhard et al., 2001, in RGB).
fn match_statistics(source: &mut Picture, target: &Picture, mask: &[f32]) {
    let (from_mean, from_spread) = statistics(source, mask);
    let (to_mean, to_spread) = statistics(target, mask);
    for pixel in source.rgb.chunks_exact_mut(3) {
        for (k, value) in pixel.iter_mut().enumerate() {
            let gain = (to_spread[k] / from_spread[k].max(1e-3)).clamp(0.5, 2.0);
            *value = ((*value - from_mean[k]) * gain + to_mean[k]).clamp(0.0, 1.0);
        }
    }
}

/// Weighted mean and standard deviation of each channel.
fn statistics(picture: &Picture, mask: &[f32]) -> ([f32; 3], [f32; 3]) {
    let total: f32 = mask.iter().sum::<f32>().max(1e-6);
    let sum = |value: &dyn Fn(usize, f32) -> f32| {
        let mut sums = [0.0f32; 3];
        for (pixel, weight) in picture.rgb.chunks_exact(3).zip(mask) {
            if *weight == 0.0 {
                continue;
            }
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum += value(k, pixel[k]) * weight;
            }
        }
        sums.map(|sum| sum / total)
    };
    let mean = sum(&|_, v| v);
    let variance = sum(&|k, v| (v - mean[k]) * (v - mean[k]));
    (mean, variance.map(f32::sqrt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::blend::tests::textured;

    #[test]
    fn swapped_colours_take_the_target_statistics() {
        let target = textured(3, 48);
        let mut source = textured(4, 48);
        source.rgb.iter_mut().for_each(|v| *v = *v * 0.7 + 0.1);
        let mask = vec![1.0; 48 * 48];
        match_statistics(&mut source, &target, &mask);
        let (want, got) = (statistics(&target, &mask), statistics(&source, &mask));
        for k in 0..3 {
            assert!(
                (want.0[k] - got.0[k]).abs() < 1e-3 && (want.1[k] - got.1[k]).abs() < 1e-2,
                "{want:?} {got:?}"
            );
        }
    }
}
