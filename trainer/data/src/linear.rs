//! Systems of linear equations.

/// Solves `matrix * x = right` by Gaussian elimination with pivoting; `None` where the system
/// is singular, or its parts do not fit together.
pub(crate) fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    if matrix.len() != size || matrix.iter().any(|row| row.len() != size) {
        return None;
    }
    for i in 0..size {
        let pivot = (i..size).max_by(|&a, &b| matrix[a][i].abs().total_cmp(&matrix[b][i].abs()))?;
        matrix.swap(i, pivot);
        right.swap(i, pivot);
        let (above, below) = matrix.split_at_mut(i + 1);
        let upper = &above[i];
        // Also what is not a number.
        if upper[i].is_nan() || upper[i].abs() < 1e-12 {
            return None;
        }
        for (k, row) in below.iter_mut().enumerate() {
            let factor = row[i] / upper[i];
            for (value, above) in row.iter_mut().zip(upper).skip(i) {
                *value -= factor * above;
            }
            right[i + 1 + k] -= factor * right[i];
        }
    }
    let mut out = vec![0.0; size];
    for i in (0..size).rev() {
        let known: f64 = (i + 1..size).map(|j| matrix[i][j] * out[j]).sum();
        out[i] = (right[i] - known) / matrix[i][i];
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_of_three_is_that_of_numpy() {
        // numpy.linalg.solve([[0, 2, 1], [1, -2, -3], [-1, 1, 2]], [-8, 0, 3])
        // array([-4., -5.,  2.])
        let matrix = [[0.0, 2.0, 1.0], [1.0, -2.0, -3.0], [-1.0, 1.0, 2.0]];
        let matrix = matrix.map(|row| row.to_vec()).to_vec();
        let solved = solve(matrix, vec![-8.0, 0.0, 3.0]).unwrap();
        for (found, expected) in solved.iter().zip([-4.0, -5.0, 2.0]) {
            assert!((found - expected).abs() < 1e-12, "{solved:?}");
        }
    }

    #[test]
    fn a_singular_system_has_no_solution() {
        assert_eq!(solve(vec![vec![0.0; 4]; 4], vec![1.0; 4]), None);
        assert_eq!(solve(vec![vec![f64::NAN; 2]; 2], vec![1.0; 2]), None);
        assert_eq!(solve(vec![vec![1.0; 2]; 3], vec![1.0; 3]), None);
    }
}
