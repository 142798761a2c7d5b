//! Square RGB pictures in f32 and the few operations that blending needs.

use unmask_shared::geometry::{Point, Similarity};

/// A square picture, interleaved RGB, values in [0, 1].
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Side in pixels.
    pub side: usize,
    /// `side * side * 3` values.
    pub rgb: Vec<f32>,
}

impl Picture {
    /// From interleaved RGB bytes of `side * side * 3` length.
    pub fn from_u8(side: usize, bytes: &[u8]) -> Self {
        debug_assert_eq!(bytes.len(), side * side * 3);
        Self {
            side,
            rgb: bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect(),
        }
    }

    /// Rounded to bytes.
    pub fn to_u8(&self) -> Vec<u8> {
        self.rgb
            .iter()
            .map(|v| (v * 255.0).round().clamp(0.0, 255.0) as u8)
            .collect()
    }

    /// Channel-planar copy, `[3, side, side]`.
    pub fn planar(&self) -> Vec<f32> {
        let mut planes = vec![0.0; self.rgb.len()];
        let area = self.side * self.side;
        for (i, pixel) in self.rgb.chunks_exact(3).enumerate() {
            for (c, value) in pixel.iter().enumerate() {
                planes[c * area + i] = *value;
            }
        }
        planes
    }

    /// Clamps every value to [0, 1].
    pub fn clamp(&mut self) {
        self.rgb.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
    }

    /// Colour at a point, bilinear, edges repeated. Pixel `i` covers `[i, i + 1)`.
    pub fn at(&self, point: Point) -> [f32; 3] {
        let limit = (self.side - 1) as f32;
        let (x, y) = (
            (point.x - 0.5).clamp(0.0, limit),
            (point.y - 0.5).clamp(0.0, limit),
        );
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = ((x0 + 1).min(self.side - 1), (y0 + 1).min(self.side - 1));
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let offset = |x: usize, y: usize| (y * self.side + x) * 3;
        let (a, b, c, d) = (
            offset(x0, y0),
            offset(x1, y0),
            offset(x0, y1),
            offset(x1, y1),
        );
        std::array::from_fn(|k| {
            let top = self.rgb[a + k] + fx * (self.rgb[b + k] - self.rgb[a + k]);
            let bottom = self.rgb[c + k] + fx * (self.rgb[d + k] - self.rgb[c + k]);
            top + fy * (bottom - top)
        })
    }

    /// The picture moved by `motion` (own coordinates to own coordinates).
    pub fn warp(&self, motion: &Similarity) -> Self {
        let Some(back) = motion.inverse() else {
            return self.clone();
        };
        self.resample(self.side, |x, y| back.apply(Point { x, y }))
    }

    /// A picture of another side: `motion` takes own coordinates to its coordinates.
    pub fn sample(&self, side: usize, motion: &Similarity) -> Self {
        let Some(back) = motion.inverse() else {
            return self.resize(side);
        };
        self.resample(side, |x, y| back.apply(Point { x, y }))
    }

    /// Resized with bilinear interpolation, or by area means when it shrinks.
    pub fn resize(&self, side: usize) -> Self {
        let ratio = self.side as f32 / side as f32;
        if ratio <= 1.5 {
            return self.resample(side, |x, y| Point {
                x: x * ratio,
                y: y * ratio,
            });
        }
        let taps = ratio.ceil() as usize;
        let mut rgb = Vec::with_capacity(side * side * 3);
        for y in 0..side {
            for x in 0..side {
                let mut sum = [0.0; 3];
                for tap in 0..taps * taps {
                    let (i, j) = (tap % taps, tap / taps);
                    let shift = |k: usize| (k as f32 + 0.5) / taps as f32;
                    let point = Point {
                        x: (x as f32 + shift(i)) * ratio,
                        y: (y as f32 + shift(j)) * ratio,
                    };
                    let colour = self.at(point);
                    sum.iter_mut().zip(colour).for_each(|(s, c)| *s += c);
                }
                rgb.extend(sum.map(|s| s / (taps * taps) as f32));
            }
        }
        Self { side, rgb }
    }

    /// Resized by the nearest pixel.
    pub fn resize_nearest(&self, side: usize) -> Self {
        let ratio = self.side as f32 / side as f32;
        let nearest = |v: usize| (((v as f32 + 0.5) * ratio) as usize).min(self.side - 1);
        let mut rgb = Vec::with_capacity(side * side * 3);
        for y in 0..side {
            for x in 0..side {
                let at = (nearest(y) * self.side + nearest(x)) * 3;
                rgb.extend_from_slice(&self.rgb[at..at + 3]);
            }
        }
        Self { side, rgb }
    }

    fn resample(&self, side: usize, place: impl Fn(f32, f32) -> Point) -> Self {
        let mut rgb = Vec::with_capacity(side * side * 3);
        for y in 0..side {
            for x in 0..side {
                rgb.extend(self.at(place(x as f32 + 0.5, y as f32 + 0.5)));
            }
        }
        Self { side, rgb }
    }

    /// Gaussian blur of all channels.
    pub fn blur(&self, sigma: f32) -> Self {
        Self {
            side: self.side,
            rgb: gaussian_blur(&self.rgb, self.side, 3, sigma),
        }
    }
}

/// Separable Gaussian of an interleaved square plane, edges repeated; the kernel
/// reaches three sigma.
pub fn gaussian_blur(plane: &[f32], side: usize, channels: usize, sigma: f32) -> Vec<f32> {
    if sigma < 0.05 {
        return plane.to_vec();
    }
    let radius = (3.0 * sigma).ceil() as isize;
    let mut kernel: Vec<f32> = (-radius..=radius)
        .map(|i| (-(i * i) as f32 / (2.0 * sigma * sigma)).exp())
        .collect();
    let total: f32 = kernel.iter().sum();
    kernel.iter_mut().for_each(|k| *k /= total);
    let row = side * channels;
    let mut across = vec![0.0; plane.len()];
    let reach = radius as usize;
    let mut padded = vec![0.0; row + 2 * reach * channels];
    for (from, to) in plane.chunks_exact(row).zip(across.chunks_exact_mut(row)) {
        pad_row(from, channels, reach, &mut padded);
        for (tap, weight) in kernel.iter().enumerate() {
            add_scaled(to, &padded[tap * channels..tap * channels + row], *weight);
        }
    }
    let mut down = vec![0.0; plane.len()];
    for (y, to) in down.chunks_exact_mut(row).enumerate() {
        for (tap, weight) in kernel.iter().enumerate() {
            let from = (y + tap).saturating_sub(reach).min(side - 1);
            add_scaled(to, &across[from * row..(from + 1) * row], *weight);
        }
    }
    down
}

/// A row with its edge pixels repeated `reach` times on both sides.
fn pad_row(row: &[f32], channels: usize, reach: usize, padded: &mut [f32]) {
    let pad = reach * channels;
    let last = row.len() - channels;
    padded[pad..pad + row.len()].copy_from_slice(row);
    for i in 0..reach {
        padded[i * channels..(i + 1) * channels].copy_from_slice(&row[..channels]);
        let end = pad + row.len() + i * channels;
        padded[end..end + channels].copy_from_slice(&row[last..]);
    }
}

fn add_scaled(to: &mut [f32], from: &[f32], weight: f32) {
    to.iter_mut()
        .zip(from)
        .for_each(|(to, from)| *to += weight * from);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_of_a_point_is_the_gaussian() {
        let side = 21;
        let mut plane = vec![0.0; side * side];
        plane[10 * side + 10] = 1.0;
        let blurred = gaussian_blur(&plane, side, 1, 1.5);
        let sum: f32 = blurred.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        let ratio = blurred[10 * side + 11] / blurred[10 * side + 10];
        assert!((ratio - (-1.0f32 / 4.5).exp()).abs() < 1e-5, "{ratio}");
    }

    #[test]
    fn warp_moves_content_forward() {
        let mut picture = Picture {
            side: 8,
            rgb: vec![0.0; 192],
        };
        picture.rgb[(3 * 8 + 3) * 3] = 1.0;
        let moved = picture.warp(&Similarity {
            a: 1.0,
            b: 0.0,
            tx: 2.0,
            ty: 1.0,
        });
        assert_eq!(moved.rgb[(4 * 8 + 5) * 3], 1.0);
    }

    #[test]
    fn bytes_survive() {
        let bytes: Vec<u8> = (0..48).map(|i| i * 5).collect();
        assert_eq!(Picture::from_u8(4, &bytes).to_u8(), bytes);
    }
}
