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
        // Rounds half up like `round`, which is a function call per value.
        let rounded = |v: &f32| {
            let scaled = (v * 255.0).clamp(0.0, 255.0);
            let whole = scaled as u8;
            whole + u8::from(scaled - f32::from(whole) >= 0.5)
        };
        self.rgb.iter().map(rounded).collect()
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

    /// From channel planes, `[3, side, side]`.
    pub fn from_planar(side: usize, planes: &[f32]) -> Self {
        let area = side * side;
        debug_assert_eq!(planes.len(), 3 * area);
        let pixel = |i| [planes[i], planes[area + i], planes[2 * area + i]];
        Self {
            side,
            rgb: (0..area).flat_map(pixel).collect(),
        }
    }

    /// Clamps every value to [0, 1].
    pub fn clamp(&mut self) {
        self.rgb.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
    }

    /// Colour at a point, bilinear, edges repeated. Pixel `i` covers `[i, i + 1)`.
    #[inline]
    pub fn at(&self, point: Point) -> [f32; 3] {
        let (x, y) = (Tap::new(point.x, self.side), Tap::new(point.y, self.side));
        let corner = |x: usize, y: usize| {
            let at = (y * self.side + x) * 3;
            &self.rgb[at..at + 3]
        };
        let (a, b) = (corner(x.low, y.low), corner(x.high, y.low));
        let (c, d) = (corner(x.low, y.high), corner(x.high, y.high));
        std::array::from_fn(|k| {
            let top = a[k] + x.share * (b[k] - a[k]);
            let bottom = c[k] + x.share * (d[k] - c[k]);
            top + y.share * (bottom - top)
        })
    }

    /// The picture moved by `motion` (own coordinates to own coordinates).
    pub fn warp(&self, motion: &Similarity) -> Self {
        match motion.inverse() {
            Some(back) => self.resample(self.side, &back),
            None => self.clone(),
        }
    }

    /// A picture of another side: `motion` takes own coordinates to its coordinates.
    pub fn sample(&self, side: usize, motion: &Similarity) -> Self {
        match motion.inverse() {
            Some(back) => self.resample(side, &back),
            None => self.resize(side),
        }
    }

    /// `back` takes coordinates of the result to own coordinates.
    fn resample(&self, side: usize, back: &Similarity) -> Self {
        let mut rgb = Vec::with_capacity(side * side * 3);
        for y in 0..side {
            let y = y as f32 + 0.5;
            for x in 0..side {
                let x = x as f32 + 0.5;
                rgb.extend_from_slice(&self.at(Point {
                    x: back.a * x - back.b * y + back.tx,
                    y: back.b * x + back.a * y + back.ty,
                }));
            }
        }
        Self { side, rgb }
    }

    /// Resized with bilinear interpolation, or by area means when it shrinks.
    pub fn resize(&self, side: usize) -> Self {
        let ratio = self.side as f32 / side as f32;
        let count = if ratio <= 1.5 {
            1
        } else {
            ratio.ceil() as usize
        };
        // Means of `count * count` points within each pixel of the result.
        let taps: Vec<Tap> = (0..side * count)
            .map(|i| {
                let shift = (i % count) as f32 + 0.5;
                let place = (i / count) as f32 + shift / count as f32;
                Tap::new(place * ratio, self.side)
            })
            .collect();
        let row = self.side * 3;
        let across = |line: usize, out: &mut [f32]| {
            let line = &self.rgb[line * row..(line + 1) * row];
            for (tap, out) in taps.iter().zip(out.chunks_exact_mut(3)) {
                let (low, high) = (&line[tap.low * 3..][..3], &line[tap.high * 3..][..3]);
                for k in 0..3 {
                    out[k] = low[k] + tap.share * (high[k] - low[k]);
                }
            }
        };
        let blank = || (usize::MAX, vec![0.0; taps.len() * 3]);
        let mut lines = [blank(), blank()];
        let mut rgb = vec![0.0; side * side * 3];
        for (vertical, out) in taps.chunks_exact(count).zip(rgb.chunks_exact_mut(side * 3)) {
            for tap in vertical {
                if lines[1].0 == tap.low {
                    lines.swap(0, 1);
                }
                for (line, wanted) in lines.iter_mut().zip([tap.low, tap.high]) {
                    if line.0 != wanted {
                        across(wanted, &mut line.1);
                        line.0 = wanted;
                    }
                }
                let pixels = lines[0].1.chunks_exact(3 * count);
                let below = lines[1].1.chunks_exact(3 * count);
                for ((out, top), bottom) in out.chunks_exact_mut(3).zip(pixels).zip(below) {
                    for (i, (top, bottom)) in top.iter().zip(bottom).enumerate() {
                        out[i % 3] += top + tap.share * (bottom - top);
                    }
                }
            }
        }
        if count > 1 {
            rgb.iter_mut()
                .for_each(|sum| *sum /= (count * count) as f32);
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

    /// Gaussian blur of all channels.
    pub fn blur(&self, sigma: f32) -> Self {
        Self {
            side: self.side,
            rgb: gaussian_blur(&self.rgb, self.side, 3, sigma),
        }
    }
}

/// Two neighbouring pixels of a line and the share of the second.
#[derive(Clone, Copy)]
struct Tap {
    low: usize,
    high: usize,
    share: f32,
}

impl Tap {
    /// At a coordinate where pixel `i` covers `[i, i + 1)`; edges are repeated.
    #[inline]
    fn new(place: f32, side: usize) -> Self {
        let place = (place - 0.5).clamp(0.0, (side - 1) as f32);
        let low = place as usize;
        Self {
            low,
            high: (low + 1).min(side - 1),
            share: place - low as f32,
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
        plane[9 * side + 11] = 1.0;
        let blurred = gaussian_blur(&plane, side, 1, 1.5);
        let sum: f32 = blurred.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        for (x, y) in [(12, 9), (11, 10), (13, 8)] {
            let ratio = blurred[y * side + x] / blurred[9 * side + 11];
            let far = (x as f32 - 11.0).powi(2) + (y as f32 - 9.0).powi(2);
            assert!(
                (ratio - (-far / 4.5).exp()).abs() < 1e-5,
                "{x}, {y}: {ratio}"
            );
        }
    }

    #[test]
    fn warp_moves_content_forward() {
        let mut picture = Picture {
            side: 8,
            rgb: vec![0.0; 192],
        };
        picture.rgb[(5 * 8 + 3) * 3 + 1] = 1.0;
        let moved = picture.warp(&Similarity {
            a: 1.0,
            b: 0.0,
            tx: 2.0,
            ty: 1.0,
        });
        assert_eq!(moved.rgb[(6 * 8 + 5) * 3 + 1], 1.0);
    }

    #[test]
    fn bytes_survive() {
        let bytes: Vec<u8> = (0..48).map(|i| i * 5).collect();
        let picture = Picture::from_u8(4, &bytes);
        assert_eq!(picture.to_u8(), bytes);
        assert_eq!(Picture::from_planar(4, &picture.planar()), picture);
    }
}
