//! Depthwise convolutions: every channel has a small kernel of its own.
//!
//! A vector holds channels of one pixel. Several neighbouring outputs are summed at once, so
//! that a pixel which is loaded serves all of them that see it.

use fearless_simd::{Simd, SimdBase, SimdFloat, dispatch};

use super::finish::Finish;
use super::{level, strides::StrideGrid};

/// Rows between which the sums of a gradient go to memory, so that the maps of all channels
/// of these rows stay in the cache.
const BAND: usize = 8;

/// A depthwise convolution as its inner loops see it.
#[derive(Clone, Copy, Debug)]
pub struct Depthwise {
    /// Side of the kernel, 3 or 5.
    pub kernel: usize,
    /// Input pixels from an output pixel to the next, 1 or 2.
    pub stride: usize,
    /// Height and width of the output.
    pub size: [usize; 2],
    /// Channels, a multiple of 16.
    pub channels: usize,
    /// Where the input pixels lie; the first one is under the first tap of the first output.
    pub input: StrideGrid,
    /// Where the output pixels lie.
    pub output: StrideGrid,
}

/// Calls `$of::<S, KERNEL, STRIDE>` for the sizes that there are.
macro_rules! sized {
    ($conv:expr, $of:ident, $simd:expr, $($rest:expr),*) => {
        match ($conv.kernel, $conv.stride) {
            (3, 1) => $of::<_, 3, 1>($simd, $($rest),*),
            (3, _) => $of::<_, 3, 2>($simd, $($rest),*),
            (_, 1) => $of::<_, 5, 1>($simd, $($rest),*),
            (_, _) => $of::<_, 5, 2>($simd, $($rest),*),
        }
    };
}

impl Depthwise {
    /// Convolves, and does what `finish` says.
    ///
    /// # Shapes
    /// - `weights`: `[kernel * kernel, channels]`
    pub fn forward(&self, input: &[f32], weights: &[f32], output: &mut [f32], finish: &Finish<'_>) {
        dispatch!(level(), simd => sized!(self, rows, simd, self, input, weights, output, finish));
    }

    /// Adds to the gradient of the weights, given that of the output.
    ///
    /// # Shapes
    /// - `gradient`: `[kernel * kernel, channels]`
    pub fn add_weights(&self, input: &[f32], slope: &[f32], gradient: &mut [f32]) {
        dispatch!(level(), simd => sized!(self, taps, simd, self, input, slope, gradient));
    }
}

#[inline(always)]
fn rows<S: Simd, const K: usize, const T: usize>(
    simd: S,
    conv: &Depthwise,
    input: &[f32],
    weights: &[f32],
    output: &mut [f32],
    finish: &Finish<'_>,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let [_, width] = conv.size;
            // The sides of a network's maps halve; whichever wastes least.
            if width >= 7 && width.div_ceil(7) * 7 <= width.div_ceil(4) * 4 {
                blocks::<S, K, T, 7>(simd, conv, input, weights, output, finish);
            } else if width >= 4 {
                blocks::<S, K, T, 4>(simd, conv, input, weights, output, finish);
            } else {
                blocks::<S, K, T, 1>(simd, conv, input, weights, output, finish);
            }
        },
    );
}

#[inline(always)]
fn blocks<S: Simd, const K: usize, const T: usize, const P: usize>(
    simd: S,
    conv: &Depthwise,
    input: &[f32],
    weights: &[f32],
    output: &mut [f32],
    finish: &Finish<'_>,
) {
    let [height, width] = conv.size;
    let lanes = S::f32s::LEN;
    let beside = finish.grid();
    for y in 0..height {
        for channel in (0..conv.channels).step_by(lanes) {
            let mut x = 0;
            while x < width {
                // The last ones lie over those before: the same numbers once more.
                let first = x.min(width - P);
                let from = conv.input.at(y * T, first * T) + channel;
                let sums = window::<S, K, T, P>(simd, conv, &input[from..], &weights[channel..]);
                let mut to = [(0, 0); P];
                for (p, to) in to.iter_mut().enumerate() {
                    *to = (
                        conv.output.at(y, first + p) + channel,
                        beside.at(y, first + p),
                    );
                }
                finish.store(simd, &sums, &to, P, channel, output);
                x += P;
            }
        }
    }
}

/// Sums of `P` neighbouring outputs.
#[inline(always)]
fn window<S: Simd, const K: usize, const T: usize, const P: usize>(
    simd: S,
    conv: &Depthwise,
    input: &[f32],
    weights: &[f32],
) -> [[S::f32s; 1]; P] {
    let lanes = S::f32s::LEN;
    let zero = S::f32s::splat(simd, 0.0);
    let mut sums = [[zero]; P];
    for row in 0..K {
        let mut taps = [zero; K];
        for (k, tap) in taps.iter_mut().enumerate() {
            *tap = S::f32s::from_slice(simd, &weights[(row * K + k) * conv.channels..][..lanes]);
        }
        let pixels = &input[row * conv.input.row..];
        for column in 0..T * (P - 1) + K {
            let pixel = S::f32s::from_slice(simd, &pixels[column * conv.input.pixel..][..lanes]);
            for (k, tap) in taps.iter().enumerate() {
                if column >= k && (column - k) % T == 0 && (column - k) / T < P {
                    let p = (column - k) / T;
                    sums[p][0] = pixel.mul_add(*tap, sums[p][0]);
                }
            }
        }
    }
    sums
}

#[inline(always)]
fn taps<S: Simd, const K: usize, const T: usize>(
    simd: S,
    conv: &Depthwise,
    input: &[f32],
    slope: &[f32],
    gradient: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let [height, width] = conv.size;
            let lanes = S::f32s::LEN;
            for first in (0..height).step_by(BAND) {
                let band = first..(first + BAND).min(height);
                for channel in (0..conv.channels).step_by(lanes) {
                    let mut sums = [[S::f32s::splat(simd, 0.0); K]; K];
                    for y in band.clone() {
                        let from = &input[conv.input.at(y * T, 0) + channel..];
                        let slopes = &slope[conv.output.at(y, 0) + channel..];
                        for x in 0..width {
                            let slope = &slopes[x * conv.output.pixel..][..lanes];
                            let slope = S::f32s::from_slice(simd, slope);
                            let pixels = &from[x * T * conv.input.pixel..];
                            for row in 0..K {
                                let pixels = &pixels[row * conv.input.row..]
                                    [..(K - 1) * conv.input.pixel + lanes];
                                for k in 0..K {
                                    let pixel = &pixels[k * conv.input.pixel..][..lanes];
                                    let pixel = S::f32s::from_slice(simd, pixel);
                                    sums[row][k] = pixel.mul_add(slope, sums[row][k]);
                                }
                            }
                        }
                    }
                    for (tap, sum) in sums.as_flattened().iter().enumerate() {
                        let at = &mut gradient[tap * conv.channels + channel..][..lanes];
                        (*sum + S::f32s::from_slice(simd, at)).store_slice(at);
                    }
                }
            }
        },
    );
}
