//! Swaps in the manner of Face X-ray (Li et al., CVPR 2020): a donor that resembles the
//! target, blended by the distance to a deformed hull.
//!
//! The paper aligns faces of 317 pixels by landmarks; here crops are aligned by the face's
//! box and smaller, and every length keeps its share of the side. The paper's loss of
//! resolution and JPEG compression afterwards are those that every pair goes through.

mod cover;
mod deformed;

use rand::RngExt;
use unmask_shared::geometry::{CropSpec, Point};

use super::Random;
use super::flicker::{Flicker, Moment};
use super::landmarks::jittered;
use super::outline::Bounds;
use super::picture::Picture;
use cover::Cover;
use deformed::{DeformedHull, PAPER_SIDE};

/// Side in pixels to which the paper's faces shrink at most before they are blended.
const PAPER_SIDE_MIN: f32 = 128.0;

/// Everything random about a swap, drawn once for all frames of a clip.
#[derive(Clone, Debug)]
pub(super) struct XraySwap {
    /// Side at which the faces are blended; they are resized there and back.
    side: usize,
    hull: DeformedHull,
    /// Longer side of the landmarks' box at that size.
    face_side: f32,
}

impl XraySwap {
    pub(super) fn sample(crop: &CropSpec, random: &mut Random) -> Self {
        let whole = usize::from(crop.size);
        let least = (f32::from(crop.size) * PAPER_SIDE_MIN / PAPER_SIDE).round() as usize;
        let side = random.random_range(least.min(whole)..=whole);
        let scale = side as f32 / whole as f32;
        let landmarks = jittered(crop, random).map(|point| Point {
            x: point.x * scale,
            y: point.y * scale,
        });
        Self {
            side,
            hull: DeformedHull::sample(&landmarks, side, random),
            face_side: Bounds::of(landmarks).longer_side(),
        }
    }

    /// The real and the fake frames; both have been at the side of the blend.
    pub(super) fn clip(
        &self,
        targets: &[Picture],
        donors: &[Picture],
        flicker: Option<&Flicker>,
    ) -> (Vec<Picture>, Vec<Picture>) {
        let cover = self.hull.cover();
        let weights = self.weights(&cover);
        let small = |pictures: &[Picture]| -> Vec<Picture> {
            pictures.iter().map(|p| resized(p, self.side)).collect()
        };
        let (targets_small, donors) = (small(targets), small(donors));
        let shift = cover.colour_shift(&donors, &targets_small);
        let mut pairs = (Vec::new(), Vec::new());
        for (frame, real) in targets_small.iter().enumerate() {
            let whole = targets[frame].side;
            let donor = donors.get(frame).or(donors.last()).unwrap_or(real);
            let moment = flicker.and_then(|flicker| flicker.at(frame));
            let fake = paste(real, donor, &weights, shift, moment);
            pairs.0.push(resized(real, whole));
            pairs.1.push(resized(&fake, whole));
        }
        pairs
    }

    /// Mean difference of the colour-shifted donor and the target where one fades into the
    /// other, weighted by `w (1 - w)` as the paper's X-ray is.
    pub(super) fn seam(&self, target: &Picture, donor: &Picture) -> f32 {
        let cover = self.hull.cover();
        let (target, donor) = (resized(target, self.side), resized(donor, self.side));
        let one = std::slice::from_ref;
        let shift = cover.colour_shift(one(&donor), one(&target));
        let (mut sum, mut total) = (0.0, 0.0);
        let pixels = target.rgb.chunks_exact(3).zip(donor.rgb.chunks_exact(3));
        for ((target, donor), weight) in pixels.zip(self.weights(&cover)) {
            let edge = weight * (1.0 - weight);
            for ((target, donor), shift) in target.iter().zip(donor).zip(shift) {
                sum += edge * (donor + shift - target).abs();
            }
            total += 3.0 * edge;
        }
        sum / f32::max(total, 1e-6)
    }

    fn weights(&self, cover: &Cover) -> Vec<f32> {
        cover.weights(self.side, self.face_side)
    }
}

fn resized(picture: &Picture, side: usize) -> Picture {
    if picture.side == side {
        picture.clone()
    } else {
        picture.resize(side)
    }
}

fn paste(
    real: &Picture,
    donor: &Picture,
    weights: &[f32],
    shift: [f32; 3],
    moment: Option<Moment>,
) -> Picture {
    let (strength, tint) = moment.map_or((1.0, [0.0; 3]), |m| (m.strength, m.tint));
    let mut fake = real.clone();
    let pixels = fake.rgb.chunks_exact_mut(3).zip(donor.rgb.chunks_exact(3));
    for ((pixel, donor), weight) in pixels.zip(weights) {
        if *weight == 0.0 {
            continue;
        }
        for (k, value) in pixel.iter_mut().enumerate() {
            let pasted = (donor[k] + shift[k] + tint[k]).clamp(0.0, 1.0);
            *value += weight * strength * (pasted - *value);
        }
    }
    fake
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::blend::tests::textured;
    use rand::SeedableRng;

    fn crop() -> CropSpec {
        CropSpec::default().with_margin(1.25, 144)
    }

    #[test]
    fn the_real_frame_only_loses_resolution_and_the_fake_keeps_what_is_outside() {
        let (target, donor) = (textured(1, 144), textured(2, 144));
        for seed in 0..40 {
            let swap = XraySwap::sample(&crop(), &mut Random::seed_from_u64(seed));
            assert!((58..=144).contains(&swap.side), "{}", swap.side);
            let (targets, donors) = ([target.clone()], [donor.clone()]);
            let (reals, fakes) = swap.clip(&targets, &donors, None);
            assert_eq!(reals[0], resized(&resized(&target, swap.side), 144));
            assert_ne!(reals, fakes, "{seed}");
            let small = resized(&target, swap.side);
            let weights = swap.weights(&swap.hull.cover());
            let fake = paste(
                &small,
                &resized(&donor, swap.side),
                &weights,
                [0.1; 3],
                None,
            );
            for ((real, fake), weight) in small
                .rgb
                .chunks_exact(3)
                .zip(fake.rgb.chunks_exact(3))
                .zip(&weights)
            {
                assert!(*weight > 0.0 || real == fake);
            }
        }
    }
}
