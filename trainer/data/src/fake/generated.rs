//! A face that a network drew anew, whole or in part: the fake without a seam.

use rand::RngExt;
use unmask_shared::geometry::CropSpec;

use super::Random;
use super::landmarks::jittered;
use super::mask::{Hull, MaskShape};
use super::picture::Picture;

/// Deviation of the Gaussian that divides a picture into coarse and fine.
const FINE: f32 = 1.0;
/// Sides at which a face is drawn; larger ones take longer.
const SIDES: [usize; 4] = [80, 96, 112, 128];
/// Most that fine detail is raised or lowered by, as a factor.
const GAIN_MAX: f32 = 4.0;

/// Networks that draw a face anew.
pub trait Reconstruct: Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// A picture drawn anew by network `number`, counted round, at about this side, and brought
    /// back to its own.
    fn reconstruct(&self, number: usize, picture: &Picture, side: usize) -> Picture;
}

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
    pub fn apply_to_clip(
        &self,
        targets: &[Picture],
        bank: &dyn Reconstruct,
    ) -> (Vec<Picture>, Vec<Picture>) {
        let mask = match (&self.mask, targets.first()) {
            (Some(mask), Some(first)) => Some(mask.render(first.side)),
            _ => None,
        };
        let mut gap = None;
        let frame = |target: &Picture| {
            let made = Parts::of(&bank.reconstruct(self.net, target, self.side));
            let target = Parts::of(target);
            // One for the whole clip, or sharpness would flicker.
            let gap = *gap.get_or_insert_with(|| target.gap(&made, mask.as_deref()));
            let (real, made) = self.level(target, made, gap);
            let fake = self.paste(&real, &made, mask.as_deref());
            (real, fake)
        };
        targets.iter().map(frame).unzip()
    }

    /// Real face and reconstruction with their shares of the gap in fine detail closed.
    fn level(&self, target: Parts, made: Parts, gap: f32) -> (Picture, Picture) {
        let [sharpened, softened] = self.closed;
        (
            target.with_detail(gap.powf(-softened)),
            made.with_detail(gap.powf(sharpened)),
        )
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

    /// How many times as much fine detail this one has, at least 1.
    fn gap(&self, softer: &Self, mask: Option<&[f32]>) -> f32 {
        let gap = self.detail(mask) / softer.detail(mask).max(1e-6);
        gap.clamp(1.0, GAIN_MAX)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::blend::tests::textured;
    use rand::SeedableRng;

    /// Draws faces anew as a network without detail would.
    struct Softened;

    impl Reconstruct for Softened {
        fn count(&self) -> usize {
            2
        }

        fn reconstruct(&self, number: usize, picture: &Picture, _: usize) -> Picture {
            let mut drawn = picture.blur(1.0 + (number % 2) as f32);
            drawn
                .rgb
                .iter_mut()
                .for_each(|value| *value = 0.9 * *value + 0.05);
            drawn
        }
    }

    fn draws() -> impl Iterator<Item = Generated> {
        let crop = CropSpec::default().with_margin(1.25, 96);
        (0..30).map(move |seed| Generated::sample(2, &crop, &mut Random::seed_from_u64(seed)))
    }

    #[test]
    fn a_still_clip_stays_still_and_only_what_is_drawn_changes() {
        let (bank, target) = (Softened, textured(3, 96));
        let (mut whole, mut parts, mut softened) = (0, 0, 0);
        for generated in draws() {
            let targets = vec![target.clone(); 2];
            let (reals, fakes) = generated.apply_to_clip(&targets, &bank);
            assert_eq!((&reals[0], &fakes[0]), (&reals[1], &fakes[1]));
            let again = generated.apply_to_clip(&targets, &bank);
            assert_eq!((&reals, &fakes), (&again.0, &again.1));
            let changed = |i: usize| (reals[0].rgb[i] - fakes[0].rgb[i]).abs();
            let total: f32 = (0..fakes[0].rgb.len()).map(changed).sum();
            assert!(total > 1.0, "{generated:?} changed nothing");
            softened += usize::from(reals[0] != target);
            match generated.mask {
                None => whole += 1,
                Some(_) => {
                    parts += 1;
                    assert!(
                        (0..30).all(|i| changed(i) < 0.02),
                        "{generated:?}: a corner"
                    );
                }
            }
        }
        assert!(
            whole > 4 && parts > 10 && softened > 6,
            "{whole} {parts} {softened}"
        );
    }

    /// A gap that is closed from one side or the other leaves as much detail in both.
    #[test]
    fn softness_can_tell_nothing() {
        let target = textured(3, 96);
        let soft = target.blur(0.6);
        let gap = Parts::of(&target).gap(&Parts::of(&soft), None);
        assert!(gap > 1.5, "{gap}");
        for closed in [[1.0, 0.0], [0.0, 1.0], [0.4, 0.6]] {
            let generated = Generated {
                closed,
                ..draws().next().unwrap()
            };
            let (real, made) = generated.level(Parts::of(&target), Parts::of(&soft), gap);
            let left = Parts::of(&real).detail(None) / Parts::of(&made).detail(None);
            // A Gaussian's parts overlap, the more on noise.
            assert!(
                left.ln().abs() < 0.4 * gap.ln(),
                "{closed:?}: {left} of {gap}"
            );
        }
    }
}
