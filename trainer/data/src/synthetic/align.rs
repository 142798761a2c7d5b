//! Lays photographs of faces over each other, eyes on eyes.
//!
//! Eye positions from a face box or from a picture's layout are off by a few
//! pixels, which would blur the mean face and waste components on shifts.
//! Each photograph is therefore moved, turned and scaled against the mean of
//! all, by compositional Lucas-Kanade steps on grey values.

use unmask_shared::geometry::{CropSpec, Point, Similarity};
use unmask_shared::sample::{RgbView, crop_rgb};

use crate::linear::solve;

const STEPS: usize = 12;
const STRIDE: usize = 2;

/// A photograph kept a little wider than the face picture cut from it.
pub struct Photo {
    spec: CropSpec,
    wide: CropSpec,
    pixels: Vec<u8>,
    /// From the face picture to the wide one.
    place: Similarity,
    /// Agreement with the mean face, -1..=1.
    pub likeness: f32,
}

impl Photo {
    /// Cuts the surroundings of a face with known eyes out of a photograph.
    /// `None` where the crop cannot be taken.
    pub fn new(view: &RgbView, spec: CropSpec, eyes: Point, eye_distance: f32) -> Option<Self> {
        let wide = spec.with_margin(1.25, spec.size + spec.size / 4);
        let side = usize::from(wide.size);
        let mut pixels = vec![0; side * side * 3];
        crop_rgb(view, &wide.from_eyes(eyes, eye_distance), side, &mut pixels).ok()?;
        let to_face = spec.from_eyes(eyes, eye_distance);
        let to_wide = wide.from_eyes(eyes, eye_distance);
        Some(Self {
            spec,
            wide,
            pixels,
            place: to_face.inverse()?.then(&to_wide),
            likeness: 0.0,
        })
    }

    /// The face picture, `size` x `size` RGB; `None` where it degenerated.
    pub fn face(&self) -> Option<Vec<u8>> {
        let (side, wide) = (usize::from(self.spec.size), usize::from(self.wide.size));
        let mut face = vec![0; side * side * 3];
        let view = RgbView::new(wide, wide, &self.pixels).ok()?;
        crop_rgb(&view, &self.place.inverse()?, side, &mut face).ok()?;
        Some(face)
    }

    /// Moves the photograph onto `target` and notes how well it fits.
    pub fn refine(&mut self, target: &AlignTarget) {
        let first = self.place;
        let mut best = (self.likeness_to(target), first);
        for _ in 0..STEPS {
            let Some(step) = self.step(target) else { break };
            self.place = step.then(&self.place);
            let likeness = self.likeness_to(target);
            if likeness > best.0 && moved_little(&first, &self.place, target.side) {
                best = (likeness, self.place);
            }
        }
        (self.likeness, self.place) = best;
    }

    /// Moves what the face picture shows: `from_face` leads from its pixels to
    /// the pixels they had before.
    pub fn shift(&mut self, from_face: &Similarity) {
        self.place = from_face.then(&self.place);
    }

    fn likeness_to(&self, target: &AlignTarget) -> f32 {
        let patch = target.standardise(&self.grey(target.side));
        let weighted = target.weights.iter().zip(&patch).zip(&target.grey);
        weighted.map(|((w, p), t)| w * p * t).sum::<f32>()
    }

    /// Grey values on every [`STRIDE`]th point of the face picture.
    fn grey(&self, side: usize) -> Vec<f32> {
        let wide = usize::from(self.wide.size);
        let last = (wide - 2) as f32;
        let value = |x: usize, y: usize| {
            let at = (y * wide + x) * 3;
            self.pixels[at..at + 3]
                .iter()
                .map(|&v| f32::from(v))
                .sum::<f32>()
        };
        let mut grey = Vec::with_capacity(side * side);
        for y in 0..side {
            for x in 0..side {
                let at = self.place.apply(Point {
                    x: (x * STRIDE) as f32 + 1.0,
                    y: (y * STRIDE) as f32 + 1.0,
                });
                let (sx, sy) = ((at.x - 0.5).clamp(0.0, last), (at.y - 0.5).clamp(0.0, last));
                let (ix, iy) = (sx as usize, sy as usize);
                let (fx, fy) = (sx - ix as f32, sy - iy as f32);
                let top = value(ix, iy) * (1.0 - fx) + value(ix + 1, iy) * fx;
                let low = value(ix, iy + 1) * (1.0 - fx) + value(ix + 1, iy + 1) * fx;
                grey.push(top * (1.0 - fy) + low * fy);
            }
        }
        grey
    }

    /// One Gauss-Newton step for scale, roll and shift.
    fn step(&self, target: &AlignTarget) -> Option<Similarity> {
        let side = target.side;
        let patch = target.standardise(&self.grey(side));
        let centre = side as f32 / 2.0;
        let (mut normal, mut right) = ([[0.0f64; 4]; 4], [0.0f64; 4]);
        for y in 1..side - 1 {
            for x in 1..side - 1 {
                let at = y * side + x;
                let gx = (patch[at + 1] - patch[at - 1]) / 2.0;
                let gy = (patch[at + side] - patch[at - side]) / 2.0;
                let (dx, dy) = (x as f32 + 0.5 - centre, y as f32 + 0.5 - centre);
                let row = [gx * dx + gy * dy, gy * dx - gx * dy, gx, gy].map(f64::from);
                let weight = f64::from(target.weights[at]);
                let miss = f64::from(target.grey[at] - patch[at]);
                for i in 0..4 {
                    right[i] += weight * row[i] * miss;
                    for j in 0..4 {
                        normal[i][j] += weight * row[i] * row[j];
                    }
                }
            }
        }
        let normal = normal.iter().map(|row| row.to_vec()).collect();
        let [scale, roll, x, y] = <[f64; 4]>::try_from(solve(normal, right.to_vec())?)
            .ok()?
            .map(|v| v as f32);
        let middle = centre * STRIDE as f32;
        let (scale, roll) = (scale.clamp(-0.05, 0.05), roll.clamp(-0.05, 0.05));
        let shift = STRIDE as f32;
        Some(Similarity::about(
            Point {
                x: middle,
                y: middle,
            },
            1.0 + scale,
            roll,
            (x * shift).clamp(-3.0, 3.0),
            (y * shift).clamp(-3.0, 3.0),
        ))
    }
}

/// What photographs are moved onto: a grey face, standardised under weights.
pub struct AlignTarget {
    side: usize,
    grey: Vec<f32>,
    weights: Vec<f32>,
}

impl AlignTarget {
    /// `mean` holds `side * side` RGB in [0, 1]; the weights rest on eyes,
    /// nose and mouth.
    pub fn new(mean: &[f32], side: usize, eye_distance: f32, eye_line: f32) -> Self {
        let half = side / STRIDE;
        let unit = eye_distance * half as f32;
        let (mut grey, mut weights) = (Vec::new(), Vec::new());
        for y in 0..half {
            for x in 0..half {
                let block = [(0, 0), (1, 0), (0, 1), (1, 1)];
                let pixel = |(i, j)| ((y * STRIDE + j) * side + x * STRIDE + i) * 3;
                grey.push(
                    block
                        .iter()
                        .map(|&b| mean[pixel(b)..pixel(b) + 3].iter().sum::<f32>())
                        .sum(),
                );
                let u = (x as f32 + 0.5 - half as f32 / 2.0) / unit;
                let v = (y as f32 + 0.5 - half as f32 * eye_line) / unit;
                let radius = (u / 1.0).powi(2) + ((v - 0.45) / 1.15).powi(2);
                weights.push((2.0 * (1.0 - radius)).clamp(0.0, 1.0));
            }
        }
        let total: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= total);
        let mut target = Self {
            side: half,
            grey: Vec::new(),
            weights,
        };
        target.grey = target.standardise(&grey);
        target
    }

    /// Weighted mean 0 and deviation 1.
    fn standardise(&self, grey: &[f32]) -> Vec<f32> {
        let mean: f32 = grey.iter().zip(&self.weights).map(|(g, w)| g * w).sum();
        let power: f32 = grey
            .iter()
            .zip(&self.weights)
            .map(|(g, w)| w * (g - mean).powi(2))
            .sum();
        let gain = 1.0 / power.sqrt().max(1e-6);
        grey.iter().map(|g| (g - mean) * gain).collect()
    }
}

/// Whether the picture's corners stayed within an eighth of its side.
fn moved_little(from: &Similarity, to: &Similarity, side: usize) -> bool {
    let full = (side * STRIDE) as f32;
    [(0.0, 0.0), (full, 0.0), (0.0, full)]
        .iter()
        .all(|&(x, y)| {
            let (a, b) = (from.apply(Point { x, y }), to.apply(Point { x, y }));
            (a.x - b.x).hypot(a.y - b.y) < full / 8.0
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 112;

    fn spec() -> CropSpec {
        CropSpec {
            size: SIDE as u16,
            eye_distance: 0.36,
            eye_line: 0.36,
            ..CropSpec::default()
        }
    }

    /// A smooth pattern that has one best place.
    fn pattern(width: usize) -> Vec<u8> {
        let value = |x: usize, y: usize| {
            let (x, y) = (x as f32 / width as f32, y as f32 / width as f32);
            128.0 + 60.0 * (x * 9.0 + (y * 5.0).sin()).sin() + 50.0 * (y * 11.0 - x * 3.0).cos()
        };
        (0..width * width)
            .flat_map(|i| [value(i % width, i / width) as u8; 3])
            .collect()
    }

    #[test]
    fn a_shifted_photograph_is_moved_back() {
        let width = 220;
        let data = pattern(width);
        let view = RgbView::new(width, width, &data).unwrap();
        let eyes = Point { x: 110.0, y: 90.0 };
        let right = Photo::new(&view, spec(), eyes, 62.0).unwrap();
        let mean: Vec<f32> = right
            .face()
            .unwrap()
            .iter()
            .map(|&v| f32::from(v) / 255.0)
            .collect();
        let target = AlignTarget::new(&mean, SIDE, 0.36, 0.36);
        let wrong = Point { x: 114.0, y: 87.0 };
        let mut photo = Photo::new(&view, spec(), wrong, 65.0).unwrap();
        let before = photo.likeness_to(&target);
        photo.refine(&target);
        assert!(before < 0.98, "{before}");
        assert!(photo.likeness > 0.995, "{before} became {}", photo.likeness);
    }
}
