//! The two inner loops of a convolution: everything else only says where numbers lie.

use fearless_simd::{Simd, SimdBase, SimdFloat, dispatch};

use super::finish::Finish;
use super::pack::Packed;
use super::{level, strides::StrideGrid};

/// Consecutive numbers that every pixel reads, `offset` behind the pixel's own place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Distance from the pixel, in numbers.
    pub offset: usize,
    /// How many.
    pub length: usize,
}

/// A convolution as its inner loop sees it: each output pixel is the product of the
/// numbers in its runs, one behind the other, and a matrix.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Height and width of the output map.
    pub size: [usize; 2],
    /// Where the pixels lie in the input; steps over as many as the stride says.
    pub input: StrideGrid,
    /// What each pixel reads.
    pub runs: &'a [Run],
    /// Where the pixels lie in the output.
    pub output: StrideGrid,
}

/// `output[pixel] = input[runs of pixel] * weights`, and what `finish` says.
///
/// # Shapes
/// - `weights`: as many rows as the runs have numbers
pub fn correlate(
    window: &Window<'_>,
    input: &[f32],
    weights: &Packed,
    output: &mut [f32],
    finish: &Finish<'_>,
) {
    dispatch!(level(), simd => correlate_with(simd, window, input, weights, output, finish));
}

#[inline(always)]
fn correlate_with<S: Simd>(
    simd: S,
    window: &Window<'_>,
    input: &[f32],
    weights: &Packed,
    output: &mut [f32],
    finish: &Finish<'_>,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            for block in weights.blocks(S::f32s::LEN) {
                // As many pixels at a time as the registers hold.
                match (S::f32s::LEN, block.vectors) {
                    (16, 2) => correlate_block::<S, 8, 2>(
                        simd,
                        window,
                        input,
                        block.weights,
                        block.first,
                        output,
                        finish,
                    ),
                    (_, 2) => correlate_block::<S, 6, 2>(
                        simd,
                        window,
                        input,
                        block.weights,
                        block.first,
                        output,
                        finish,
                    ),
                    _ => correlate_block::<S, 8, 1>(
                        simd,
                        window,
                        input,
                        block.weights,
                        block.first,
                        output,
                        finish,
                    ),
                }
            }
        },
    );
}

#[inline(always)]
fn correlate_block<S: Simd, const P: usize, const V: usize>(
    simd: S,
    window: &Window<'_>,
    input: &[f32],
    weights: &[f32],
    first: usize,
    output: &mut [f32],
    finish: &Finish<'_>,
) {
    let [height, width] = window.size;
    let beside = finish.grid();
    let (mut y, mut x) = (0, 0);
    let (mut read, mut write) = (window.input.at(0, 0), window.output.at(0, 0) + first);
    let mut look = beside.at(0, 0);
    while y < height {
        let mut from = [read; P];
        let mut to = [(write, look); P];
        let mut count = 0;
        while count < P && y < height {
            (from[count], to[count]) = (read, (write, look));
            count += 1;
            x += 1;
            read += window.input.pixel;
            write += window.output.pixel;
            look += beside.pixel;
            if x == width {
                (x, y) = (0, y + 1);
                (read, write) = (window.input.at(y, 0), window.output.at(y, 0) + first);
                look = beside.at(y, 0);
            }
        }
        let sums = tile::<S, P, V>(simd, input, from, window.runs, weights);
        finish.store(simd, &sums, &to, count, first, output);
    }
}

/// Products of `P` pixels with `V` vectors of output channels, all in registers.
#[inline(always)]
fn tile<S: Simd, const P: usize, const V: usize>(
    simd: S,
    input: &[f32],
    from: [usize; P],
    runs: &[Run],
    weights: &[f32],
) -> [[S::f32s; V]; P] {
    let lanes = S::f32s::LEN;
    let zero = S::f32s::splat(simd, 0.0);
    let mut sums = [[zero; V]; P];
    let mut rows = weights.chunks_exact(V * lanes);
    for run in runs {
        let pixels = from.map(|at| &input[at + run.offset..][..run.length]);
        for (k, row) in rows.by_ref().take(run.length).enumerate() {
            let mut weight = [zero; V];
            for v in 0..V {
                weight[v] = S::f32s::from_slice(simd, &row[v * lanes..(v + 1) * lanes]);
            }
            for p in 0..P {
                let pixel = S::f32s::splat(simd, pixels[p][k]);
                for v in 0..V {
                    sums[p][v] = pixel.mul_add(weight[v], sums[p][v]);
                }
            }
        }
    }
    sums
}

/// Adds the gradient of the weights: `gradient[tap, o] += sum over pixels of
/// input[tap of pixel] * output[pixel, o]`, where `output` holds the gradient of the output.
///
/// # Shapes
/// - `gradient`: `[taps, channels]`, a tap for each number in the runs; `channels` a
///   multiple of 16, run lengths of 4
pub fn correlate_weights(
    window: &Window<'_>,
    input: &[f32],
    output: &[f32],
    channels: usize,
    gradient: &mut [f32],
) {
    dispatch!(level(), simd => weights_with(simd, window, input, output, channels, gradient));
}

#[inline(always)]
fn weights_with<S: Simd>(
    simd: S,
    window: &Window<'_>,
    input: &[f32],
    output: &[f32],
    channels: usize,
    gradient: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let lanes = S::f32s::LEN;
            let mut o = 0;
            while o + lanes <= channels {
                let vectors = if o + 2 * lanes <= channels { 2 } else { 1 };
                let mut row = 0;
                for run in window.runs {
                    let mut done = 0;
                    while done < run.length {
                        let at = run.offset + done;
                        let to = &mut gradient[(row + done) * channels..];
                        done += match (lanes, vectors, run.length - done) {
                            (16, 2, 12..) => weights_tile::<S, 12, 2>(
                                simd, window, input, at, output, o, channels, to,
                            ),
                            (_, 2, 4..) => weights_tile::<S, 4, 2>(
                                simd, window, input, at, output, o, channels, to,
                            ),
                            (_, 1, 12..) => weights_tile::<S, 12, 1>(
                                simd, window, input, at, output, o, channels, to,
                            ),
                            _ => weights_tile::<S, 4, 1>(
                                simd, window, input, at, output, o, channels, to,
                            ),
                        };
                    }
                    row += run.length;
                }
                o += vectors * lanes;
            }
        },
    );
}

#[inline(always)]
#[expect(
    clippy::too_many_arguments,
    reason = "one call site; a struct would only rename them"
)]
fn weights_tile<S: Simd, const K: usize, const V: usize>(
    simd: S,
    window: &Window<'_>,
    input: &[f32],
    offset: usize,
    output: &[f32],
    first: usize,
    channels: usize,
    gradient: &mut [f32],
) -> usize {
    let [height, width] = window.size;
    let lanes = S::f32s::LEN;
    let mut sums = [[S::f32s::splat(simd, 0.0); V]; K];
    for y in 0..height {
        let (from, to) = (
            window.input.at(y, 0) + offset,
            window.output.at(y, 0) + first,
        );
        for x in 0..width {
            let taps = &input[from + x * window.input.pixel..][..K];
            let slope = &output[to + x * window.output.pixel..][..V * lanes];
            let mut slopes = [S::f32s::splat(simd, 0.0); V];
            for v in 0..V {
                slopes[v] = S::f32s::from_slice(simd, &slope[v * lanes..(v + 1) * lanes]);
            }
            for k in 0..K {
                let tap = S::f32s::splat(simd, taps[k]);
                for v in 0..V {
                    sums[k][v] = tap.mul_add(slopes[v], sums[k][v]);
                }
            }
        }
    }
    for k in 0..K {
        let row = &mut gradient[k * channels + first..][..V * lanes];
        for v in 0..V {
            let at = &mut row[v * lanes..][..lanes];
            (sums[k][v] + S::f32s::from_slice(simd, at)).store_slice(at);
        }
    }
    K
}
