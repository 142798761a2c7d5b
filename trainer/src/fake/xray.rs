//! Swaps in the manner of Face X-ray (Li et al., CVPR 2020): a donor that resembles the
//! target, blended by the distance to a deformed hull.
//!
//! The paper aligns faces of 317 pixels by landmarks; here crops are aligned by the face's
//! box and smaller, and every length keeps its share of the side.

use rand::RngExt;
use unmask_shared::geometry::{CropSpec, Point};

use super::Random;
use super::flicker::{Flicker, Moment};
use super::landmarks::{jittered, normal};
use super::mask::Hull;
use super::outline::{Bounds, Outline};
use super::picture::Picture;

/// Side of the paper's aligned faces, and the least to which they shrink for blending.
const PAPER_SIDE: f32 = 317.0;
const PAPER_SIDE_MIN: f32 = 128.0;
/// Distance to the hull's edge, in sides of the face, at which the donor counts in full.
const RAMP: f32 = 0.2;
/// Control points of the deformation along each side.
const GRID: usize = 4;

/// Everything random about a swap, drawn once for all frames of a clip.
#[derive(Clone, Debug)]
pub(super) struct XraySwap {
    /// Side at which the faces are blended; they are resized there and back.
    side: usize,
    /// In pixels of a picture of that side, like all that follows.
    outlines: Vec<Outline>,
    /// Where the deformed mask looks, for each control point.
    grid: Vec<Point>,
    /// Pixels that the mask grows by, or shrinks where it is negative.
    growth: isize,
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
        let hull = [Hull::Full, Hull::Extended, Hull::Components, Hull::Face];
        let hull = hull[random.random_range(0..hull.len())];
        let outlines = hull.outlines(&landmarks, random);
        Self {
            side,
            outlines,
            grid: deformation(side, random),
            growth: growth(side, random),
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
        let inside = self.mask();
        let weights = self.weights(&inside);
        let small = |pictures: &[Picture]| -> Vec<Picture> {
            pictures.iter().map(|p| resized(p, self.side)).collect()
        };
        let (targets_small, donors) = (small(targets), small(donors));
        let shift = colour_shift(&donors, &targets_small, &inside);
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
        let inside = self.mask();
        let (target, donor) = (resized(target, self.side), resized(donor, self.side));
        let one = std::slice::from_ref;
        let shift = colour_shift(one(&donor), one(&target), &inside);
        let (mut sum, mut total) = (0.0, 0.0);
        let pixels = target.rgb.chunks_exact(3).zip(donor.rgb.chunks_exact(3));
        for ((target, donor), weight) in pixels.zip(self.weights(&inside)) {
            let edge = weight * (1.0 - weight);
            for ((target, donor), shift) in target.iter().zip(donor).zip(shift) {
                sum += edge * (donor + shift - target).abs();
            }
            total += 3.0 * edge;
        }
        sum / f32::max(total, 1e-6)
    }

    /// Which pixels the deformed hull covers, after growth; never none.
    fn mask(&self) -> Vec<bool> {
        let scale = (GRID - 1) as f32 / self.side as f32;
        let centre = |i: usize| Point {
            x: (i % self.side) as f32 + 0.5,
            y: (i / self.side) as f32 + 0.5,
        };
        let covered = |point: Point| self.outlines.iter().any(|o| o.contains(point));
        let pixels = 0..self.side * self.side;
        let deformed: Vec<bool> = pixels
            .clone()
            .map(|i| {
                let point = centre(i);
                covered(looked_up(&self.grid, point.x * scale, point.y * scale))
            })
            .collect();
        let grown = grow(&deformed, self.side, self.growth);
        if grown.contains(&true) {
            grown
        } else {
            // Deformed out of the picture or shrunk away.
            pixels.map(|i| covered(centre(i))).collect()
        }
    }

    /// Weight of the donor: the distance to the edge of the mask's convex hull, as a share
    /// of the ramp.
    fn weights(&self, inside: &[bool]) -> Vec<f32> {
        let hull = hull_of(inside, self.side);
        let ramp = (RAMP * self.face_side).max(1.0);
        let most = if hull.is_solid() { 1.0f32 } else { 0.0 };
        let mut weights = vec![most; self.side * self.side];
        for (from, to) in hull.edges() {
            let (dx, dy) = (to.x - from.x, to.y - from.y);
            let unit = 1.0 / (dx.hypot(dy).max(1e-6) * ramp);
            let across = -dy * unit;
            for (y, line) in weights.chunks_exact_mut(self.side).enumerate() {
                let start = (dx * (y as f32 + 0.5 - from.y) + dy * (from.x - 0.5)) * unit;
                for (x, weight) in line.iter_mut().enumerate() {
                    *weight = weight.min(start + across * x as f32);
                }
            }
        }
        weights.iter_mut().for_each(|w| *w = w.clamp(0.0, 1.0));
        weights
    }
}

fn resized(picture: &Picture, side: usize) -> Picture {
    if picture.side == side {
        picture.clone()
    } else {
        picture.resize(side)
    }
}

/// Control points of a piecewise affine deformation: a regular grid, each point moved by
/// 1 to 15 % of the side on average, within the picture.
fn deformation(side: usize, random: &mut Random) -> Vec<Point> {
    let side = side as f32;
    let sigma = random.random_range(0.01f32..0.15) * side;
    (0..GRID * GRID)
        .map(|i| {
            let place = |k: usize| k as f32 * side / (GRID - 1) as f32;
            let mut moved = |at: f32| (at + normal(sigma, random)).clamp(0.0, side);
            Point {
                x: moved(place(i % GRID)),
                y: moved(place(i / GRID)),
            }
        })
        .collect()
}

/// Half the paper's kernel: an erosion of up to 21 pixels or a dilation of up to 5.
fn growth(side: usize, random: &mut Random) -> isize {
    let erode = random.random_bool(0.5);
    let kernel = random.random_range(1..=if erode { 21 } else { 5 }) | 1;
    let pixels = (kernel / 2) as f32 * side as f32 / PAPER_SIDE;
    let pixels = pixels.round() as isize;
    if erode { -pixels } else { pixels }
}

/// Between control points, in units of the grid: affine in each half of a cell.
fn looked_up(grid: &[Point], x: f32, y: f32) -> Point {
    let (i, j) = ((x as usize).min(GRID - 2), (y as usize).min(GRID - 2));
    let (u, v) = (x - i as f32, y - j as f32);
    let at = |i: usize, j: usize| grid[j * GRID + i];
    let (corner, along, down, u, v) = if u + v <= 1.0 {
        (at(i, j), at(i + 1, j), at(i, j + 1), u, v)
    } else {
        let (corner, along) = (at(i + 1, j + 1), at(i, j + 1));
        (corner, along, at(i + 1, j), 1.0 - u, 1.0 - v)
    };
    Point {
        x: corner.x + u * (along.x - corner.x) + v * (down.x - corner.x),
        y: corner.y + u * (along.y - corner.y) + v * (down.y - corner.y),
    }
}

/// Dilation by a square of `2 * growth + 1` pixels, or erosion where it is negative.
/// Beyond the edges is neither inside nor outside.
fn grow(mask: &[bool], side: usize, growth: isize) -> Vec<bool> {
    let reach = growth.unsigned_abs();
    if reach == 0 {
        return mask.to_vec();
    }
    let spread = growth > 0;
    // Some neighbour inside spreads; some neighbour outside, when shrinking, clears.
    let pass = |mask: &[bool], stride: usize, place: fn(usize, usize) -> usize| -> Vec<bool> {
        (0..mask.len())
            .map(|i| {
                let at = place(i, side);
                let (back, on) = (reach.min(at), reach.min(side - 1 - at));
                let mut near = (i - back * stride..=i + on * stride).step_by(stride);
                near.any(|n| mask[n] == spread) == spread
            })
            .collect()
    };
    let across = pass(mask, 1, |i, side| i % side);
    pass(&across, side, |i, side| i / side)
}

fn hull_of(mask: &[bool], side: usize) -> Outline {
    let mut points = Vec::new();
    for (y, line) in mask.chunks_exact(side).enumerate() {
        let ends = [
            line.iter().position(|inside| *inside),
            line.iter().rposition(|inside| *inside),
        ];
        points.extend(ends.into_iter().flatten().map(|x| Point {
            x: x as f32 + 0.5,
            y: y as f32 + 0.5,
        }));
    }
    Outline::around(points)
}

/// What takes the donor's mean colour inside the mask to the target's, over all frames:
/// one shift for a clip, which does not flicker.
fn colour_shift(donors: &[Picture], targets: &[Picture], inside: &[bool]) -> [f32; 3] {
    let mean = |pictures: &[Picture]| {
        let mut sums = [0.0f64; 3];
        let mut count = 0usize;
        for picture in pictures {
            let pixels = picture.rgb.chunks_exact(3).zip(inside);
            for (pixel, _) in pixels.filter(|(_, inside)| **inside) {
                count += 1;
                sums.iter_mut()
                    .zip(pixel)
                    .for_each(|(sum, v)| *sum += f64::from(*v));
            }
        }
        sums.map(|sum| sum / count.max(1) as f64)
    };
    let (from, to) = (mean(donors), mean(targets));
    std::array::from_fn(|k| (to[k] - from[k]) as f32)
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
    fn weights_are_the_distance_to_a_square() {
        let swap = XraySwap {
            side: 40,
            outlines: vec![],
            grid: vec![],
            growth: 0,
            face_side: 50.0,
        };
        // Centres of the outermost pixels are at 8.5 and 31.5.
        let inside: Vec<bool> = (0..1600)
            .map(|i| (8..32).contains(&(i % 40)) && (8..32).contains(&(i / 40)))
            .collect();
        let weights = swap.weights(&inside);
        for (i, weight) in weights.iter().enumerate() {
            let distance = |v: usize| (v as f32 - 8.0).min(31.0 - v as f32);
            let expected = distance(i % 40).min(distance(i / 40)) / (0.2 * 50.0);
            assert!(
                (weight - expected.clamp(0.0, 1.0)).abs() < 1e-5,
                "{i}: {weight}, not {expected}"
            );
        }
    }

    #[test]
    fn deformation_meets_its_control_points_and_is_affine_between() {
        let grid = deformation(90, &mut Random::seed_from_u64(4));
        for (i, point) in grid.iter().enumerate() {
            let found = looked_up(&grid, (i % GRID) as f32, (i / GRID) as f32);
            assert!(found.distance(*point) < 1e-3, "{i}: {found:?} {point:?}");
        }
        // On both halves of a cell and on the diagonal between them.
        let (a, b) = (looked_up(&grid, 1.2, 1.8), looked_up(&grid, 1.8, 1.2));
        let middle = looked_up(&grid, 1.5, 1.5);
        assert!(a.midpoint(b).distance(middle) < 1e-3);
        assert!(
            grid.iter()
                .all(|p| (0.0..=90.0).contains(&p.x) && (0.0..=90.0).contains(&p.y))
        );
    }

    #[test]
    fn growth_moves_every_edge_by_its_pixels() {
        let square = |low: usize, high: usize| -> Vec<bool> {
            (0..400)
                .map(|i| (low..high).contains(&(i % 20)) && (low..high).contains(&(i / 20)))
                .collect()
        };
        assert_eq!(grow(&square(6, 14), 20, 2), square(4, 16));
        assert_eq!(grow(&square(6, 14), 20, -3), square(9, 11));
        assert_eq!(grow(&square(6, 14), 20, -4), square(0, 0));
        assert_eq!(grow(&square(0, 20), 20, -2), square(0, 20));
        let sizes: Vec<isize> = (0..200)
            .map(|seed| growth(317, &mut Random::seed_from_u64(seed)))
            .collect();
        assert_eq!(
            (sizes.iter().min(), sizes.iter().max()),
            (Some(&-10), Some(&2))
        );
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
            let weights = swap.weights(&swap.mask());
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

    #[test]
    fn the_pasted_face_takes_the_mean_colour() {
        let mut donor = textured(5, 64);
        donor.rgb.iter_mut().for_each(|v| *v = *v * 0.5 + 0.1);
        let target = textured(6, 64);
        let inside: Vec<bool> = (0..64 * 64).map(|i| i % 3 == 0).collect();
        let one = std::slice::from_ref;
        let shift = colour_shift(one(&donor), one(&target), &inside);
        let mean = |picture: &Picture, k: usize| {
            let values = picture.rgb.iter().skip(k).step_by(3).zip(&inside);
            let values: Vec<f32> = values.filter(|(_, i)| **i).map(|(v, _)| *v).collect();
            values.iter().sum::<f32>() / values.len() as f32
        };
        for (k, shift) in shift.into_iter().enumerate() {
            let (got, want) = (mean(&donor, k) + shift, mean(&target, k));
            assert!((got - want).abs() < 1e-4, "{got}, not {want}");
        }
    }
}
