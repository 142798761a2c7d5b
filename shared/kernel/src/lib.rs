//! Arithmetic of convolutional networks on the CPU, forwards and, with the feature
//! `train`, backwards.
//!
//! Maps are `[height, width, channels]`, so that the channels of a pixel stand together:
//! a 3x3 convolution then reads three runs of consecutive numbers per pixel, and its inner
//! loop is a small matrix product in registers, without an im2col buffer. One clip at a
//! time goes through all layers of a folded network, and its maps stay in the cache.
//!
//! [`BlockChain`] does the same for networks of inverted bottlenecks: depthwise convolutions, 1x1
//! convolutions, limits and shortcuts, trained or held.
//!
//! Results depend on the numbers alone, not on the number of threads: sums over a batch
//! are taken in a fixed order.

#[cfg(feature = "train")]
mod aligned;
#[cfg(feature = "train")]
mod backward;
#[cfg(feature = "train")]
mod chain;
mod conv;
#[cfg(feature = "train")]
mod depthwise;
mod finish;
#[cfg(feature = "train")]
mod frozen;
#[cfg(feature = "train")]
mod layer;
#[cfg(feature = "train")]
mod norm;
mod pack;
#[cfg(feature = "train")]
mod recycle;
mod relu;
mod shuffle;
mod strides;
#[cfg(feature = "train")]
mod sums;
mod tile;
#[cfg(feature = "train")]
mod train;

#[cfg(feature = "train")]
pub use backward::{BranchGradients, Gradients, Reached};
#[cfg(feature = "train")]
pub use chain::{BlockChain, Both, Colours, Keep, Kept, Kind, Link, Packs, WantedGradients};
pub use conv::{Conv, Transposed};
pub use finish::Finish;
#[cfg(feature = "train")]
pub use frozen::{Folded, Masks};
#[cfg(feature = "train")]
pub use layer::FoldedConv;
#[cfg(feature = "train")]
pub use norm::Statistics;
pub use pack::{Packed, StridedRow, lanes};
#[cfg(feature = "train")]
pub use recycle::{give, take};
pub use relu::{Word, add_bias, apply, words};
pub use shuffle::{SHUFFLED, shuffle, unshuffle};
pub use strides::{Map, StrideGrid};
pub use tile::{Run, Window, correlate, correlate_weights};
#[cfg(feature = "train")]
pub use train::{Block, BlockWeights, Branch, Forward};

/// Vector instructions of this machine.
#[cfg(not(test))]
fn level() -> fearless_simd::Level {
    fearless_simd::Level::new()
}

#[cfg(test)]
use tests::level;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use fearless_simd::Level;

    use super::conv::{Conv, Transposed};
    use super::strides::Map;

    thread_local! {
        static LEVEL: Cell<Option<Level>> = const { Cell::new(None) };
    }

    /// The level that a test has set for its thread, or that of this machine.
    pub fn level() -> Level {
        LEVEL.get().unwrap_or_else(Level::new)
    }

    /// Every kind of vector that this machine knows.
    pub fn at_all_levels(test: impl Fn()) {
        let best = Level::new();
        let mut levels = vec![best, Level::baseline()];
        #[cfg(target_arch = "x86_64")]
        levels.extend(best.as_avx2().map(fearless_simd::Simd::level));
        for level in levels {
            LEVEL.set(Some(level));
            test();
        }
        LEVEL.set(None);
    }

    /// The same for what runs on many threads: on this one alone, which has the level.
    pub fn at_all_levels_here(test: impl Fn() + Send) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
        let pool = pool.use_current_thread().build().unwrap();
        pool.install(|| at_all_levels(test));
    }

    /// Numbers in [-1, 1) that repeat late.
    pub fn some(length: usize, seed: usize) -> Vec<f32> {
        (0..length)
            .map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0)
            .collect()
    }

    /// A map within a border of zeros.
    fn bordered(map: Map, numbers: &[f32]) -> Vec<f32> {
        let mut buffer = vec![0.0; map.bordered().len()];
        for (index, pixel) in numbers.chunks_exact(map.channels).enumerate() {
            let at = map.inside().at(index / map.width, index % map.width);
            buffer[at..at + map.channels].copy_from_slice(pixel);
        }
        buffer
    }

    /// A convolution written down as its definition: `visit(output, input, weight)` for all
    /// places that belong together.
    fn define(
        conv: &Conv,
        kernel: usize,
        inputs: usize,
        mut visit: impl FnMut(usize, usize, usize),
    ) {
        let (input, output, pad) = (conv.input, conv.output, kernel / 2);
        for place in 0..output.len() {
            let o = place % output.channels;
            let (y, x) = (
                place / output.channels / output.width,
                place / output.channels % output.width,
            );
            for tap in 0..kernel * kernel {
                let (row, column) = (
                    y * conv.stride + tap / kernel,
                    x * conv.stride + tap % kernel,
                );
                let inside = (pad..input.height + pad).contains(&row)
                    && (pad..input.width + pad).contains(&column);
                for i in (0..inputs).filter(|_| inside) {
                    let from = ((row - pad) * input.width + column - pad) * input.channels + i;
                    visit(place, from, (o * inputs + i) * kernel * kernel + tap);
                }
            }
        }
    }

    fn assert_close(got: &[f32], want: &[f32], what: &str) {
        assert_eq!(got.len(), want.len());
        for (place, (got, want)) in got.iter().zip(want).enumerate() {
            assert!(
                (got - want).abs() < 1e-3,
                "{what}[{place}]: {got}, not {want}"
            );
        }
    }

    /// Both kernels, both strides, odd numbers of pixels and of vectors.
    fn shapes() -> Vec<(Conv, usize, usize)> {
        let map = |height, width, channels| Map {
            height,
            width,
            channels,
        };
        vec![
            (Conv::wide(map(5, 7, 16), 48, 1), 3, 16),
            (Conv::wide(map(6, 10, 32), 16, 2), 3, 32),
            (Conv::wide(map(4, 4, 12), 32, 1), 3, 12),
            (Conv::point(map(5, 3, 48), 32, 16, 1), 1, 32),
            (Conv::point(map(4, 6, 16), 16, 32, 2), 1, 16),
        ]
    }

    #[test]
    fn convolutions_do_as_defined() {
        at_all_levels(|| {
            for (conv, kernel, inputs) in shapes() {
                let input = some(conv.input.len(), 1);
                let weights = some(conv.output.channels * inputs * kernel * kernel, 2);
                let mut want = vec![0.0; conv.output.len()];
                define(&conv, kernel, inputs, |to, from, weight| {
                    want[to] += input[from] * weights[weight];
                });
                let mut got = vec![0.0; conv.output.len()];
                let packed = conv.pack(&weights);
                conv.forward(
                    &bordered(conv.input, &input),
                    &packed,
                    &mut got,
                    conv.output.grid(),
                );
                assert_close(&got, &want, "output");
            }
        });
    }

    #[test]
    fn gradients_of_weights_do_as_defined() {
        at_all_levels(|| {
            for (conv, kernel, inputs) in shapes() {
                let (input, slope) = (some(conv.input.len(), 3), some(conv.output.len(), 4));
                let mut want = vec![0.0; conv.output.channels * inputs * kernel * kernel];
                define(&conv, kernel, inputs, |to, from, weight| {
                    want[weight] += input[from] * slope[to];
                });
                let mut taps = vec![0.0; want.len()];
                let input = bordered(conv.input, &input);
                conv.add_weights(&input, &slope, conv.output.grid(), &mut taps);
                assert_close(&conv.unpack(&taps, want.len()), &want, "gradient");
            }
        });
    }

    #[test]
    fn gradients_of_inputs_do_as_defined() {
        at_all_levels(|| {
            for (conv, kernel, inputs) in shapes().into_iter().filter(|(_, kernel, _)| *kernel == 3)
            {
                let point = Conv::point(conv.input, inputs, conv.output.channels, conv.stride);
                let wide_weights = some(conv.output.channels * inputs * kernel * kernel, 5);
                let point_weights = some(conv.output.channels * inputs, 6);
                let (wide, beside) = (some(conv.output.len(), 7), some(conv.output.len(), 8));
                let map = conv
                    .input
                    .with_channels(conv.input.channels.next_multiple_of(16));
                let mut want = vec![0.0; map.len()];
                let wider = |from| from / inputs * map.channels + from % inputs;
                define(&conv, 3, inputs, |to, from, weight| {
                    want[wider(from)] += wide[to] * wide_weights[weight];
                });
                define(&point, 1, inputs, |to, from, weight| {
                    want[wider(from)] += beside[to] * point_weights[weight];
                });
                let slopes =
                    [bordered(conv.output, &wide), bordered(conv.output, &beside)].concat();
                let back = Transposed::new(&conv, &wide_weights, Some(&point_weights), 0..inputs);
                let mut got = vec![0.0; map.len()];
                back.apply(&slopes, &mut got, map.grid(), false);
                assert_close(&got, &want, "gradient");
            }
        });
    }
}
