//! What a deformed hull covers, and how the donor fades in within it.

use unmask_shared::geometry::Point;

use crate::fake::outline::Outline;
use crate::fake::picture::Picture;

/// Distance to the hull's edge, in sides of the face, at which the donor counts in full.
const RAMP: f32 = 0.2;

/// What a deformed hull covers.
pub(super) struct Cover {
    /// Pixels along each side of the mask.
    pub(super) side: usize,
    /// Pixels of the picture for one of the mask.
    pub(super) pixel: f32,
    pub(super) inside: Vec<bool>,
}

impl Cover {
    /// The convex hull, in pixels of the picture.
    fn hull(&self) -> Outline {
        let mut points = Vec::new();
        for (y, line) in self.inside.chunks_exact(self.side).enumerate() {
            let ends = [
                line.iter().position(|inside| *inside),
                line.iter().rposition(|inside| *inside),
            ];
            points.extend(ends.into_iter().flatten().map(|x| Point {
                x: (x as f32 + 0.5) * self.pixel,
                y: (y as f32 + 0.5) * self.pixel,
            }));
        }
        Outline::around(points)
    }

    /// Weight of the donor in each pixel of a picture of `side`: the distance to the edge
    /// of the convex hull, as a share of the ramp; none outside.
    pub(super) fn weights(&self, side: usize, face_side: f32) -> Vec<f32> {
        let hull = self.hull();
        let ramp = (RAMP * face_side).max(1.0);
        let most = if hull.is_solid() { 1.0f32 } else { 0.0 };
        let mut weights = vec![most; side * side];
        let columns: Vec<f32> = (0..side).map(|x| x as f32 + 0.5).collect();
        for (y, line) in weights.chunks_exact_mut(side).enumerate() {
            let y = y as f32 + 0.5;
            for (from, to) in hull.edges() {
                let (dx, dy) = (to.x - from.x, to.y - from.y);
                let unit = 1.0 / (dx.hypot(dy).max(1e-6) * ramp);
                let start = (dx * (y - from.y) + dy * from.x) * unit;
                let across = -dy * unit;
                for (weight, x) in line.iter_mut().zip(&columns) {
                    let distance = start + across * x;
                    // Unlike `min` this compiles to one instruction.
                    *weight = if distance < *weight {
                        distance
                    } else {
                        *weight
                    };
                }
            }
            line.iter_mut().for_each(|w| *w = w.max(0.0));
        }
        weights
    }

    /// Mean colour inside, over all pictures.
    fn mean(&self, pictures: &[Picture]) -> [f64; 3] {
        let mut sums = [0.0f64; 3];
        let mut count = 0usize;
        for picture in pictures {
            let lines = picture.rgb.chunks_exact(picture.side * 3).step_by(2);
            for (line, inside) in lines.zip(self.inside.chunks_exact(self.side)) {
                let pixels = line.chunks_exact(3).step_by(2).zip(inside);
                for (pixel, _) in pixels.filter(|(_, inside)| **inside) {
                    count += 1;
                    sums.iter_mut()
                        .zip(pixel)
                        .for_each(|(sum, v)| *sum += f64::from(*v));
                }
            }
        }
        sums.map(|sum| sum / count.max(1) as f64)
    }

    /// What takes the donor's mean colour to the target's, over all frames: one shift for
    /// a clip, which does not flicker.
    pub(super) fn colour_shift(&self, donors: &[Picture], targets: &[Picture]) -> [f32; 3] {
        let (from, to) = (self.mean(donors), self.mean(targets));
        std::array::from_fn(|k| (to[k] - from[k]) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::blend::tests::textured;

    #[test]
    fn weights_are_the_distance_to_a_square() {
        // Centres of the outermost pixels of the mask are at 9 and 31 in the picture.
        let inside = |i: usize| (4..16).contains(&(i % 20)) && (4..16).contains(&(i / 20));
        let cover = Cover {
            side: 20,
            pixel: 2.0,
            inside: (0..400).map(inside).collect(),
        };
        let weights = cover.weights(40, 50.0);
        for (i, weight) in weights.iter().enumerate() {
            let distance = |v: usize| (v as f32 + 0.5 - 9.0).min(31.0 - v as f32 - 0.5);
            let expected = distance(i % 40).min(distance(i / 40)) / (0.2 * 50.0);
            assert!(
                (weight - expected.clamp(0.0, 1.0)).abs() < 1e-5,
                "{i}: {weight}, not {expected}"
            );
        }
    }

    #[test]
    fn the_pasted_face_takes_the_mean_colour() {
        let mut donor = textured(5, 64);
        donor.rgb.iter_mut().for_each(|v| *v = *v * 0.5 + 0.1);
        let target = textured(6, 64);
        let cover = Cover {
            side: 32,
            pixel: 2.0,
            inside: (0..32 * 32).map(|i| i % 3 == 0).collect(),
        };
        let one = std::slice::from_ref;
        let shift = cover.colour_shift(one(&donor), one(&target));
        // Every third pixel of the cover, in the picture of twice its side.
        let covered = || (0..32 * 32).step_by(3).map(|i| i / 32 * 128 + i % 32 * 2);
        let mean = |picture: &Picture, k: usize| {
            let sum: f32 = covered().map(|i| picture.rgb[i * 3 + k]).sum();
            sum / covered().count() as f32
        };
        for (k, shift) in shift.into_iter().enumerate() {
            let (got, want) = (mean(&donor, k) + shift, mean(&target, k));
            assert!((got - want).abs() < 1e-4, "{got}, not {want}");
        }
    }
}
