//! Sums over pixels, and over the parts of a batch.

use fearless_simd::{Simd, dispatch};
use rayon::prelude::*;

use super::{level, strides::StrideGrid};

/// Adds the sum over the pixels of a map to each channel.
///
/// # Shapes
/// - `total`: `[channels]`, as many as are read of every pixel
pub fn add_pixels(map: &[f32], grid: StrideGrid, size: [usize; 2], total: &mut [f32]) {
    #[inline(always)]
    fn with<S: Simd>(simd: S, map: &[f32], grid: StrideGrid, size: [usize; 2], sums: &mut [f32]) {
        simd.vectorize(
            #[inline(always)]
            || {
                for y in 0..size[0] {
                    for x in 0..size[1] {
                        let pixel = &map[grid.at(y, x)..][..sums.len()];
                        sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x);
                    }
                }
            },
        );
    }
    // A sum of its own for each map: small numbers are not lost in large ones.
    let mut sums = vec![0.0; total.len()];
    dispatch!(level(), simd => with(simd, map, grid, size, &mut sums));
    total.iter_mut().zip(&sums).for_each(|(sum, x)| *sum += x);
}

/// Sums the parts in their order.
pub fn add_up(parts: Vec<Vec<f32>>) -> Vec<f32> {
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_default();
    let rest: Vec<Vec<f32>> = parts.collect();
    total
        .par_chunks_mut(4096)
        .enumerate()
        .for_each(|(chunk, total)| {
            for part in &rest {
                let from = &part[chunk * 4096..][..total.len()];
                total.iter_mut().zip(from).for_each(|(sum, x)| *sum += x);
            }
        });
    total
}
