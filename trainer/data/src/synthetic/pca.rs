//! The leading principal components of many pictures, by subspace iteration.
//!
//! The pictures stay 8-bit; each also counts mirrored, which makes the model
//! left-right even-handed. A pass multiplies the covariance with all
//! candidate directions at once, so the covariance itself is never formed.

use rayon::prelude::*;

use super::faces::FaceSet;

const PASSES: usize = 6;
const SPARE: usize = 12;
const BLOCK: usize = 8;

/// Leading components of a face set.
pub struct Principal {
    /// One unit vector of `side * side * 3` per component, largest variance first.
    pub components: Vec<Vec<f32>>,
    /// Standard deviation of the faces along each component.
    pub deviations: Vec<f32>,
    /// Share of the (windowed) variance that the components explain, 0..=1.
    pub explained: f32,
}

/// Finds the `count` leading components of `window * (face - mean)`.
///
/// `mean` and `window` have `side * side * 3` values in [0, 1]; `pass` is
/// called after each of the returned number of passes, as (done, total).
pub fn principal(
    faces: &FaceSet,
    mean: &[f32],
    window: &[f32],
    count: usize,
    pass: &dyn Fn(usize, usize),
) -> Principal {
    let samples = faces.count() * 2;
    let wide = (count + SPARE).min(samples);
    let mut basis = start(mean.len(), wide);
    let mut image = Vec::new();
    for done in 0..PASSES {
        orthonormalise(&mut basis);
        image = covariance_times(faces, mean, window, &basis);
        if done + 1 < PASSES {
            basis.clone_from(&image);
        }
        pass(done + 1, PASSES);
    }
    let small: Vec<Vec<f64>> = basis
        .par_iter()
        .map(|row| image.iter().map(|column| dot(row, column)).collect())
        .collect();
    let (values, vectors) = symmetric_eigen(small);
    let count = count.min(wide);
    let components = vectors[..count]
        .par_iter()
        .map(|v| rotate(&basis, v))
        .collect();
    let kept: f64 = values[..count].iter().sum();
    Principal {
        components,
        deviations: values[..count]
            .iter()
            .map(|v| v.max(0.0).sqrt() as f32)
            .collect(),
        explained: (kept / total_variance(faces, mean, window)) as f32,
    }
}

/// Deterministic, unrelated starting directions.
fn start(values: usize, wide: usize) -> Vec<Vec<f32>> {
    let mut random = unmask_shared::synthetic::Random::new(1, 1);
    (0..wide)
        .map(|_| (0..values).map(|_| random.range(-1.0, 1.0)).collect())
        .collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum()
}

/// Modified Gram-Schmidt, in place.
fn orthonormalise(basis: &mut [Vec<f32>]) {
    for i in 0..basis.len() {
        let (done, rest) = basis.split_at_mut(i + 1);
        let pivot = &mut done[i];
        let norm = dot(pivot, pivot).sqrt().max(1e-20) as f32;
        pivot.iter_mut().for_each(|v| *v /= norm);
        rest.par_iter_mut().for_each(|vector| {
            let along = dot(pivot, vector) as f32;
            vector
                .iter_mut()
                .zip(pivot.iter())
                .for_each(|(v, p)| *v -= along * p);
        });
    }
}

/// `C * basis`, with `C` the covariance of the windowed faces and their mirror images.
fn covariance_times(
    faces: &FaceSet,
    mean: &[f32],
    window: &[f32],
    basis: &[Vec<f32>],
) -> Vec<Vec<f32>> {
    let (values, wide) = (mean.len(), basis.len());
    let by_value: Vec<f32> = (0..values)
        .flat_map(|p| basis.iter().map(move |vector| vector[p]))
        .collect();
    let span = faces.count().div_ceil(rayon::current_num_threads());
    let indices: Vec<usize> = (0..faces.count()).collect();
    let sum = indices
        .par_chunks(span)
        .map(|part| partial_product(faces, part, mean, window, &by_value, wide))
        .reduce(
            || vec![0.0; values * wide],
            |mut a, b| {
                a.iter_mut().zip(b).for_each(|(x, y)| *x += y);
                a
            },
        );
    let gain = 1.0 / (faces.count() * 2) as f32;
    (0..wide)
        .into_par_iter()
        .map(|k| sum.iter().skip(k).step_by(wide).map(|v| v * gain).collect())
        .collect()
}

/// The share of `part` in the product, value by value; `basis` likewise.
fn partial_product(
    faces: &FaceSet,
    part: &[usize],
    mean: &[f32],
    window: &[f32],
    basis: &[f32],
    wide: usize,
) -> Vec<f32> {
    let rows = BLOCK * 2;
    let mut sum = vec![0.0f32; basis.len()];
    let mut block = vec![0.0f32; mean.len() * rows];
    for indices in part.chunks(BLOCK) {
        block.fill(0.0);
        for (slot, &index) in indices.iter().enumerate() {
            faces.read(index, |p, mirrored, pixel| {
                block[p * rows + slot * 2] = window[p] * (pixel - mean[p]);
                block[mirrored * rows + slot * 2 + 1] = window[mirrored] * (pixel - mean[mirrored]);
            });
        }
        let mut along = vec![0.0f32; rows * wide];
        for (xs, q) in block.chunks_exact(rows).zip(basis.chunks_exact(wide)) {
            for (x, sums) in xs.iter().zip(along.chunks_exact_mut(wide)) {
                sums.iter_mut().zip(q).for_each(|(s, q)| *s += x * q);
            }
        }
        for (xs, out) in block.chunks_exact(rows).zip(sum.chunks_exact_mut(wide)) {
            for (x, coefficients) in xs.iter().zip(along.chunks_exact(wide)) {
                out.iter_mut()
                    .zip(coefficients)
                    .for_each(|(o, c)| *o += x * c);
            }
        }
    }
    sum
}

fn total_variance(faces: &FaceSet, mean: &[f32], window: &[f32]) -> f64 {
    let sum: f64 = (0..faces.count())
        .into_par_iter()
        .map(|index| {
            let mut sum = 0.0f64;
            faces.read(index, |p, mirrored, pixel| {
                let plain = window[p] * (pixel - mean[p]);
                let flipped = window[mirrored] * (pixel - mean[mirrored]);
                sum += f64::from(plain * plain + flipped * flipped);
            });
            sum
        })
        .sum();
    sum / (faces.count() * 2) as f64
}

/// The unit vector `sum(weights[i] * basis[i])`.
fn rotate(basis: &[Vec<f32>], weights: &[f64]) -> Vec<f32> {
    let mut out = vec![0.0f32; basis[0].len()];
    for (vector, &weight) in basis.iter().zip(weights) {
        out.iter_mut()
            .zip(vector)
            .for_each(|(o, v)| *o += weight as f32 * v);
    }
    out
}

/// Eigenvalues, largest first, and their vectors, by cyclic Jacobi rotations.
fn symmetric_eigen(mut m: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    const SWEEPS_MAX: usize = 30;
    let n = m.len();
    let mut vectors: Vec<Vec<f64>> = (0..n)
        .map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect())
        .collect();
    let diagonal: f64 = (0..n).map(|i| m[i][i] * m[i][i]).sum();
    for _ in 0..SWEEPS_MAX {
        let off: f64 = (0..n)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| m[i][j] * m[i][j])
            .sum();
        if off <= diagonal * 1e-22 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                jacobi_rotation(&mut m, &mut vectors, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| m[b][b].total_cmp(&m[a][a]));
    (
        order.iter().map(|&i| m[i][i]).collect(),
        order.iter().map(|&i| vectors[i].clone()).collect(),
    )
}

/// Rotates rows and columns `p` and `q` so that `m[p][q]` becomes 0.
fn jacobi_rotation(m: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) {
    if m[p][q] == 0.0 {
        return;
    }
    let theta = (m[q][q] - m[p][p]) / (2.0 * m[p][q]);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    for row in m.iter_mut() {
        let (a, b) = (row[p], row[q]);
        row[p] = c * a - s * b;
        row[q] = s * a + c * b;
    }
    for matrix in [m, vectors] {
        let (head, tail) = matrix.split_at_mut(q);
        for (a, b) in head[p].iter_mut().zip(tail[0].iter_mut()) {
            (*a, *b) = (c * *a - s * *b, s * *a + c * *b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvalues_match_the_closed_form() {
        // numpy.linalg.eigh([[2, 1, 0], [1, 2, 1], [0, 1, 2]]) -> 2 -+ sqrt(2), 2
        let (values, vectors) = symmetric_eigen(vec![
            vec![2.0, 1.0, 0.0],
            vec![1.0, 2.0, 1.0],
            vec![0.0, 1.0, 2.0],
        ]);
        let root = 2f64.sqrt();
        for (value, expected) in values.iter().zip([2.0 + root, 2.0, 2.0 - root]) {
            assert!((value - expected).abs() < 1e-9, "{value} for {expected}");
        }
        assert!((vectors[0][1].abs() - root / 2.0).abs() < 1e-9);
    }

    #[test]
    fn two_planted_directions_are_found() {
        let side = 32;
        let mut random = unmask_shared::synthetic::Random::new(5, 5);
        let wave = |p: usize, speed: f32| ((p / 3 % side) as f32 * speed).cos();
        let faces: Vec<Vec<u8>> = (0..200)
            .map(|_| {
                let (a, b) = (random.normal(2.0) * 20.0, random.normal(2.0) * 6.0);
                let value = |p| 128.0 + a * wave(p, 0.7) + b * wave(p, 2.1);
                (0..side * side * 3).map(|p| value(p) as u8).collect()
            })
            .collect();
        let faces = FaceSet::new(side, faces);
        let mean = faces.mean();
        let window = vec![1.0; mean.len()];
        let found = principal(&faces, &mean, &window, 4, &|_, _| ());
        assert!(found.explained > 0.99, "{}", found.explained);
        assert!(
            found.deviations[0] > 2.0 * found.deviations[1],
            "{:?}",
            found.deviations
        );
        let again = dot(&found.components[0], &found.components[1]);
        assert!(again.abs() < 1e-4, "components are not orthogonal: {again}");
    }
}
