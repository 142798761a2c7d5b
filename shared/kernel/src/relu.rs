//! Bias and ReLU of a folded layer, and the way back.

use fearless_simd::{Select, Simd, SimdBase, SimdMask, dispatch};

use super::level;
use super::pack::lanes;

/// Which numbers a ReLU let through: one word for each vector.
pub type Word = u16;

/// Words for so many numbers.
pub fn words(numbers: usize) -> usize {
    numbers / lanes()
}

/// Adds the bias and cuts off below zero; notes what was let through.
///
/// # Shapes
/// - `row`: pixels, `pixel` numbers apart; only the first `bias.len()` of each are touched
/// - `passed`: [`words`] of the touched numbers
pub fn add_bias(row: &mut [f32], pixel: usize, bias: &[f32], passed: Option<&mut [Word]>) {
    dispatch!(level(), simd => add_bias_with(simd, row, pixel, bias, passed));
}

#[inline(always)]
fn add_bias_with<S: Simd>(
    simd: S,
    row: &mut [f32],
    pixel: usize,
    bias: &[f32],
    passed: Option<&mut [Word]>,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let lanes = S::f32s::LEN;
            let zero = S::f32s::splat(simd, 0.0);
            let mut words = passed.into_iter().flatten();
            for pixel in row.chunks_mut(pixel) {
                let vectors = pixel.chunks_exact_mut(lanes).zip(bias.chunks_exact(lanes));
                for (at, bias) in vectors {
                    let sum = S::f32s::from_slice(simd, at) + S::f32s::from_slice(simd, bias);
                    sum.max(zero).store_slice(at);
                    if let Some(word) = words.next() {
                        *word = sum.simd_gt(zero).to_bitmask() as Word;
                    }
                }
            }
        },
    );
}

/// Notes which numbers lie between zero and a limit.
///
/// # Shapes
/// - `passed`: [`words`] of the numbers
#[cfg(feature = "train")]
pub fn note(numbers: &[f32], limit: f32, passed: &mut [Word]) {
    #[inline(always)]
    fn with<S: Simd>(simd: S, numbers: &[f32], limit: f32, passed: &mut [Word]) {
        simd.vectorize(
            #[inline(always)]
            || {
                let zero = S::f32s::splat(simd, 0.0);
                let limit = S::f32s::splat(simd, limit);
                for (at, word) in numbers.chunks_exact(S::f32s::LEN).zip(passed) {
                    let x = S::f32s::from_slice(simd, at);
                    *word = (x.simd_gt(zero) & x.simd_lt(limit)).to_bitmask() as Word;
                }
            },
        );
    }
    dispatch!(level(), simd => with(simd, numbers, limit, passed));
}

/// Sets to zero what was not let through.
pub fn apply(row: &mut [f32], passed: &[Word]) {
    dispatch!(level(), simd => apply_with(simd, row, passed));
}

#[inline(always)]
fn apply_with<S: Simd>(simd: S, row: &mut [f32], passed: &[Word]) {
    simd.vectorize(
        #[inline(always)]
        || {
            let zero = S::f32s::splat(simd, 0.0);
            for (at, word) in row.chunks_exact_mut(S::f32s::LEN).zip(passed) {
                let mask = S::mask32s::from_bitmask(simd, u64::from(*word));
                mask.select(S::f32s::from_slice(simd, at), zero)
                    .store_slice(at);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_open_where_the_sum_was_positive() {
        let mut row: Vec<f32> = (0..3 * 32).map(|i| (i % 5) as f32 - 2.0).collect();
        let before = row.clone();
        let bias = [0.5; 16];
        let mut passed = vec![0; words(3 * 16)];
        add_bias(&mut row, 32, &bias, Some(&mut passed));
        let mut slopes = vec![1.0; 3 * 16];
        apply(&mut slopes, &passed);
        for pixel in 0..3 {
            for c in 0..16 {
                let sum = before[pixel * 32 + c] + 0.5;
                assert_eq!(row[pixel * 32 + c], sum.max(0.0));
                assert_eq!(slopes[pixel * 16 + c], f32::from(sum > 0.0));
            }
            let rest = pixel * 32 + 16..(pixel + 1) * 32;
            assert_eq!(row[rest.clone()], before[rest]);
        }
    }
}
