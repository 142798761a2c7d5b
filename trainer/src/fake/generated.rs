//! A face that a network drew anew, whole or in part: the fake without a seam.

use rand::RngExt;
use unmask_shared::geometry::CropSpec;

use super::Random;
use super::landmarks::jittered;
use super::mask::{Hull, MaskShape};
use super::picture::Picture;
use crate::reconstruct::Bank;

/// Deviation of the Gaussian that divides a picture into coarse and fine.
const FINE: f32 = 1.0;
/// Sides at which a face is drawn; larger ones take longer.
const SIDES: [usize; 4] = [88, 104, 120, 144];
/// Most that fine detail is raised or lowered by.
const GAIN_MAX: f32 = 4.0;

/// Everything random about a generated face: drawn once, replayed on all frames of a clip.
///
/// A reconstruction is softer than its original, and a network that learnt no more than
/// softness would be of no use. So a share of the gap in fine detail is closed by
/// sharpening the fake, and half the time the rest by softening the real face.
#[derive(Clone, Debug)]
pub struct Generated {
    net: usize,
    side: usize,
    /// The part that is drawn; all of the picture without one.
    mask: Option<MaskShape>,
    /// Share of the reconstruction in what is drawn.
    strength: f32,
    /// Share of the gap that sharpening the fake closes, and that softening the real does.
    closed: [f32; 2],
}

impl Generated {
    /// Draws one for crops of this geometry and any of `nets` networks.
    pub fn sample(nets: usize, crop: &CropSpec, random: &mut Random) -> Self {
        let side = usize::from(crop.size);
        let hull = match random.random_range(0..20) {
            0..7 => None,
            7..12 => Some(Hull::Face),
            12..15 => Some(Hull::Parts),
            _ => Some(Hull::Lower),
        };
        let landmarks = jittered(crop, random);
        let mask = hull.map(|hull| MaskShape::sample(&landmarks, hull, side, random));
        let sharpened = random.random_range(0.0..1.0f32);
        let softened = match random.random_bool(0.5) {
            true => 1.0 - sharpened,
            false => 0.0,
        };
        Self {
            net: random.random_range(0..nets.max(1)),
            side: SIDES[random.random_range(0..SIDES.len())],
            mask,
            strength: random.random_range(0.5f32..1.4).min(1.0),
            closed: [sharpened, softened],
        }
    }

    /// The fake of consecutive frames, and the real frames it must be told from.
    pub fn apply_to_clip(&self, targets: &[Picture], bank: &Bank) -> (Vec<Picture>, Vec<Picture>) {
        let mask = match (&self.mask, targets.first()) {
            (Some(mask), Some(first)) => Some(mask.render(first.side)),
            _ => None,
        };
        let mut gap = None;
        let frame = |target: &Picture| {
            let made = Parts::of(&bank.reconstruct(self.net, target, self.side));
            let target = Parts::of(target);
            // One gain for the whole clip, or it would flicker.
            let gap = *gap.get_or_insert_with(|| {
                target.detail(mask.as_deref()) / made.detail(mask.as_deref()).max(1e-6)
            });
            let gap = gap.clamp(1.0, GAIN_MAX);
            let [sharpened, softened] = self.closed;
            let real = target.with_detail(gap.powf(-softened));
            let made = made.with_detail(gap.powf(sharpened));
            let fake = self.paste(&real, &made, mask.as_deref());
            (real, fake)
        };
        targets.iter().map(frame).unzip()
    }

    fn paste(&self, real: &Picture, made: &Picture, mask: Option<&[f32]>) -> Picture {
        let mut fake = real.clone();
        for (i, (pixel, made)) in fake
            .rgb
            .chunks_exact_mut(3)
            .zip(made.rgb.chunks_exact(3))
            .enumerate()
        {
            let weight = self.strength * mask.map_or(1.0, |mask| mask[i]);
            for (value, made) in pixel.iter_mut().zip(made) {
                *value += weight * (made - *value);
            }
        }
        fake
    }
}

/// A picture as a coarse one and what is finer.
struct Parts {
    coarse: Picture,
    fine: Vec<f32>,
}

impl Parts {
    fn of(picture: &Picture) -> Self {
        let coarse = picture.blur(FINE);
        let fine = picture
            .rgb
            .iter()
            .zip(&coarse.rgb)
            .map(|(all, coarse)| all - coarse);
        Self {
            fine: fine.collect(),
            coarse,
        }
    }

    /// Root mean square of what is fine, within the mask.
    fn detail(&self, mask: Option<&[f32]>) -> f32 {
        let (mut sum, mut total) = (0.0, 0.0);
        for (i, pixel) in self.fine.chunks_exact(3).enumerate() {
            let weight = mask.map_or(1.0, |mask| mask[i]);
            sum += weight * pixel.iter().map(|v| v * v).sum::<f32>();
            total += 3.0 * weight;
        }
        (sum / f32::max(total, 1e-6)).sqrt()
    }

    /// The picture with what is fine times `gain`.
    fn with_detail(self, gain: f32) -> Picture {
        let mut picture = self.coarse;
        for (value, fine) in picture.rgb.iter_mut().zip(&self.fine) {
            *value = (*value + gain * fine).clamp(0.0, 1.0);
        }
        picture
    }
}
