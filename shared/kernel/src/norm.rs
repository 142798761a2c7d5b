//! Batch normalisation over the channels of many maps, and the passes around it.
//!
//! Each function reads or writes the pixels of one map once; the compiler turns the loops
//! over channels into vector instructions.

use fearless_simd::{Simd, dispatch};

use super::level;

/// Pixels that are summed in single precision before the sum moves on to double.
const CHUNK: usize = 64;

/// Mean and biased variance of each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// `[channels]`
    pub mean: Vec<f32>,
    /// `[channels]`, without the epsilon.
    pub variance: Vec<f32>,
}

/// Sum and sum of squared differences from the mean of each channel of one map.
#[derive(Clone, Debug)]
pub struct Moments {
    sum: Vec<f64>,
    /// About the map's own mean.
    squares: Vec<f64>,
    count: usize,
}

impl Moments {
    /// Of one map `[pixels, channels]`.
    pub fn of(map: &[f32], channels: usize) -> Self {
        let count = map.len() / channels;
        let mut sum = vec![0.0; channels];
        dispatch!(level(), simd => sums(simd, map, channels, &mut sum));
        let mean: Vec<f32> = sum.iter().map(|s| (s / count as f64) as f32).collect();
        let mut squares = vec![0.0; channels];
        dispatch!(level(), simd => squared(simd, map, &mean, &mut squares));
        // The rounded mean is off by little; its effect on the squares is known.
        for ((square, sum), mean) in squares.iter_mut().zip(&sum).zip(&mean) {
            let off = sum / count as f64 - f64::from(*mean);
            *square -= count as f64 * off * off;
        }
        Self {
            sum,
            squares,
            count,
        }
    }
}

impl Statistics {
    /// Of all maps together (Chan et al., 1979), in their order.
    pub fn merge(parts: &[Moments]) -> Self {
        let channels = parts.first().map_or(0, |p| p.sum.len());
        let total: f64 = parts.iter().map(|p| p.count as f64).sum();
        let mut found = Self {
            mean: Vec::with_capacity(channels),
            variance: Vec::with_capacity(channels),
        };
        for c in 0..channels {
            let mean = parts.iter().map(|p| p.sum[c]).sum::<f64>() / total;
            let squares: f64 = parts
                .iter()
                .map(|p| {
                    let away = p.sum[c] / p.count as f64 - mean;
                    p.squares[c] + p.count as f64 * away * away
                })
                .sum();
            found.mean.push(mean as f32);
            found.variance.push((squares / total).max(0.0) as f32);
        }
        found
    }
}

#[inline(always)]
fn sums<S: Simd>(simd: S, map: &[f32], channels: usize, total: &mut [f64]) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut sum = vec![0.0_f32; channels];
            for chunk in map.chunks(CHUNK * channels) {
                sum.fill(0.0);
                for pixel in chunk.chunks_exact(channels) {
                    for (sum, x) in sum.iter_mut().zip(pixel) {
                        *sum += x;
                    }
                }
                for (total, sum) in total.iter_mut().zip(&sum) {
                    *total += f64::from(*sum);
                }
            }
        },
    );
}

#[inline(always)]
fn squared<S: Simd>(simd: S, map: &[f32], mean: &[f32], total: &mut [f64]) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut sum = vec![0.0_f32; mean.len()];
            for chunk in map.chunks(CHUNK * mean.len()) {
                sum.fill(0.0);
                for pixel in chunk.chunks_exact(mean.len()) {
                    for ((sum, x), mean) in sum.iter_mut().zip(pixel).zip(mean) {
                        *sum += (x - mean) * (x - mean);
                    }
                }
                for (total, sum) in total.iter_mut().zip(&sum) {
                    *total += f64::from(*sum);
                }
            }
        },
    );
}

/// `output = relu(scale * wide + point_scale * point + shift + identity)`.
///
/// # Shapes
/// - maps: `[pixels, channels]`, or empty if there is no such branch
/// - `scale`, `point_scale`, `shift`: `[channels]`
pub fn activate(
    maps: [&[f32]; 3],
    scale: &[f32],
    point_scale: &[f32],
    shift: &[f32],
    output: &mut [f32],
) {
    dispatch!(level(), simd => activate_with(simd, maps, scale, point_scale, shift, output));
}

#[inline(always)]
fn activate_with<S: Simd>(
    simd: S,
    [wide, point, identity]: [&[f32]; 3],
    scale: &[f32],
    point_scale: &[f32],
    shift: &[f32],
    output: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let n = scale.len();
            let (point_scale, shift) = (&point_scale[..n], &shift[..n]);
            for (index, to) in output.chunks_exact_mut(n).enumerate() {
                let at = index * n..(index + 1) * n;
                let wide = &wide[at.clone()];
                for c in 0..n {
                    to[c] = scale[c] * wide[c] + shift[c];
                }
                if !point.is_empty() {
                    let point = &point[at.clone()];
                    for c in 0..n {
                        to[c] += point_scale[c] * point[c];
                    }
                }
                if !identity.is_empty() {
                    let identity = &identity[at];
                    for c in 0..n {
                        to[c] += identity[c];
                    }
                }
                for x in to.iter_mut() {
                    *x = x.max(0.0);
                }
            }
        },
    );
}

/// Sums over pixels of what the gradient of a normalisation needs, for each channel.
#[derive(Clone, Debug, Default)]
pub struct SlopeSums {
    /// Of the slope that the ReLU lets through.
    pub slope: Vec<f64>,
    /// Of its products with the 3x3 branch before normalisation, less its mean.
    pub wide: Vec<f64>,
    /// The same of the 1x1 branch; empty if there is none.
    pub point: Vec<f64>,
}

impl SlopeSums {
    /// Of one map; each branch with its mean.
    ///
    /// # Shapes
    /// - `slope`, `output`, branches: `[pixels, channels]`; means: `[channels]`
    pub fn of(
        slope: &[f32],
        output: &[f32],
        wide: (&[f32], &[f32]),
        point: Option<(&[f32], &[f32])>,
    ) -> Self {
        let zeros = vec![0.0; wide.1.len()];
        let mut sums = Self {
            slope: zeros.clone(),
            wide: zeros.clone(),
            point: if point.is_some() { zeros } else { Vec::new() },
        };
        dispatch!(level(), simd => slope_sums(simd, slope, output, wide, point, &mut sums));
        sums
    }

    /// All together, in their order.
    pub fn add_up(parts: &[Self], channels: usize) -> Self {
        let add = |of: fn(&Self) -> &Vec<f64>| {
            let mut total = vec![0.0; channels];
            for part in parts {
                let pairs = total.iter_mut().zip(of(part));
                pairs.for_each(|(all, one)| *all += one);
            }
            total
        };
        Self {
            slope: add(|part| &part.slope),
            wide: add(|part| &part.wide),
            point: add(|part| &part.point),
        }
    }
}

#[inline(always)]
fn slope_sums<S: Simd>(
    simd: S,
    slope: &[f32],
    output: &[f32],
    (wide, wide_mean): (&[f32], &[f32]),
    point: Option<(&[f32], &[f32])>,
    sums: &mut SlopeSums,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let n = wide_mean.len();
            let mut part = vec![0.0_f32; 3 * n];
            let (part_slope, rest) = part.split_at_mut(n);
            let (part_wide, part_point) = rest.split_at_mut(n);
            let pixels = slope.len() / n;
            for first in (0..pixels).step_by(CHUNK) {
                part_slope.fill(0.0);
                part_wide.fill(0.0);
                part_point.fill(0.0);
                for pixel in first..(first + CHUNK).min(pixels) {
                    let at = pixel * n..(pixel + 1) * n;
                    let (slope, output) = (&slope[at.clone()], &output[at.clone()]);
                    let wide = &wide[at.clone()];
                    for c in 0..n {
                        let passed = if output[c] > 0.0 { slope[c] } else { 0.0 };
                        part_slope[c] += passed;
                        part_wide[c] += passed * (wide[c] - wide_mean[c]);
                    }
                    if let Some((point, mean)) = point {
                        let (point, mean) = (&point[at], &mean[..n]);
                        for c in 0..n {
                            let passed = if output[c] > 0.0 { slope[c] } else { 0.0 };
                            part_point[c] += passed * (point[c] - mean[c]);
                        }
                    }
                }
                let totals = [&mut sums.slope, &mut sums.wide, &mut sums.point];
                for (total, part) in totals
                    .into_iter()
                    .zip([&*part_slope, part_wide, part_point])
                {
                    for (total, part) in total.iter_mut().zip(part) {
                        *total += f64::from(*part);
                    }
                }
            }
        },
    );
}

/// Writes the slope that the ReLU lets through.
pub fn pass_slope(slope: &[f32], output: &[f32], to: &mut [f32]) {
    #[inline(always)]
    fn with<S: Simd>(simd: S, slope: &[f32], output: &[f32], to: &mut [f32]) {
        simd.vectorize(
            #[inline(always)]
            || {
                for ((to, slope), output) in to.iter_mut().zip(slope).zip(output) {
                    *to = if *output > 0.0 { *slope } else { 0.0 };
                }
            },
        );
    }
    dispatch!(level(), simd => with(simd, slope, output, to));
}

/// Gradient of a batch normalisation with respect to its input, as
/// `scale * slope + tilt * input + shift` for each channel.
#[derive(Clone, Debug)]
pub struct Backwards {
    scale: Vec<f32>,
    tilt: Vec<f32>,
    shift: Vec<f32>,
    /// Gradient of gamma, `[channels]`.
    pub gamma: Vec<f32>,
    /// Gradient of beta, `[channels]`.
    pub beta: Vec<f32>,
}

impl Backwards {
    /// From the sums over `count` pixels of all maps.
    pub fn new(
        statistics: &Statistics,
        gamma: &[f32],
        epsilon: f64,
        [sum, product]: [&[f64]; 2],
        count: usize,
    ) -> Self {
        let n = gamma.len();
        let mut all = Self {
            scale: Vec::with_capacity(n),
            tilt: Vec::with_capacity(n),
            shift: Vec::with_capacity(n),
            gamma: Vec::with_capacity(n),
            beta: sum.iter().map(|s| *s as f32).collect(),
        };
        for c in 0..n {
            let inverse = 1.0 / (f64::from(statistics.variance[c]) + epsilon).sqrt();
            let slope = product[c] * inverse; // of gamma
            let scale = f64::from(gamma[c]) * inverse;
            let tilt = -scale * inverse * slope / count as f64;
            let mean = f64::from(statistics.mean[c]);
            all.gamma.push(slope as f32);
            all.scale.push(scale as f32);
            all.tilt.push(tilt as f32);
            all.shift
                .push((-scale * sum[c] / count as f64 - tilt * mean) as f32);
        }
        all
    }

    /// Writes one row of pixels.
    ///
    /// # Shapes
    /// - `slope`, `output`, `branch`, `to`: `[pixels, channels]`
    pub fn row(&self, slope: &[f32], output: &[f32], branch: &[f32], to: &mut [f32]) {
        dispatch!(level(), simd => self.row_with(simd, slope, output, branch, to));
    }

    #[inline(always)]
    fn row_with<S: Simd>(
        &self,
        simd: S,
        slope: &[f32],
        output: &[f32],
        branch: &[f32],
        to: &mut [f32],
    ) {
        simd.vectorize(
            #[inline(always)]
            || {
                let n = self.scale.len();
                let (scale, tilt, shift) = (&self.scale[..n], &self.tilt[..n], &self.shift[..n]);
                let pixels = slope.chunks_exact(n).zip(output.chunks_exact(n));
                let pixels = pixels
                    .zip(branch.chunks_exact(n))
                    .zip(to.chunks_exact_mut(n));
                for (((slope, output), branch), to) in pixels {
                    for c in 0..n {
                        let passed = if output[c] > 0.0 { slope[c] } else { 0.0 };
                        to[c] = scale[c] * passed + tilt[c] * branch[c] + shift[c];
                    }
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// import numpy as np
    /// x = 1000 + np.arange(300 * 16).reshape(300, 16) % 7; print(x.mean(0)[:2], x.var(0)[:2])
    #[test]
    fn statistics_of_numbers_far_from_zero() {
        let numbers: Vec<f32> = (0..300 * 16).map(|i| 1000.0 + (i % 7) as f32).collect();
        let parts: Vec<Moments> = numbers
            .chunks(100 * 16)
            .map(|map| Moments::of(map, 16))
            .collect();
        let found = Statistics::merge(&parts);
        for (got, want) in [
            (found.mean[0], 1_002.993_3),
            (found.mean[1], 1_002.99),
            (found.variance[0], 3.999_956),
            (found.variance[1], 3.983_233),
        ] {
            assert!((got - want).abs() < 1e-6 * want, "{got}, not {want}");
        }
    }
}
