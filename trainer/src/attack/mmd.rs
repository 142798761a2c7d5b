//! Maximum mean discrepancy (Gretton et al., JMLR 2012) with a mixture of Gaussians, as
//! deep adaptation networks use it.

use burn::tensor::Tensor;

const KERNELS: i32 = 5;

/// Distance of two sets of rows: `a^T K a` with the weights `a`, 1/n for the rows of one
/// set, -1/m for those of the other, 0 for rows of neither.
///
/// `K` sums five Gaussians whose bandwidths are a quarter of the mean squared distance of
/// two rows, half of it, and so on by factors of two. Bandwidths are constants.
///
/// # Shapes
/// - `rows`: `[n, d]`, `weight`: `[n]`; output `[1]`
pub(super) fn mmd(rows: Tensor<2>, weight: Tensor<1>) -> Tensor<1> {
    let [n, _] = rows.dims();
    let square = rows.clone().square().sum_dim(1); // [n, 1]
    let product = rows.clone().matmul(rows.transpose());
    let distance = square.clone() + square.transpose() - product * 2.0;
    let distance = distance.clamp_min(0.0);
    let weight = weight.reshape([n, 1]);
    let chosen = weight.clone().sign().abs();
    let count = chosen.clone().sum();
    let pairs = chosen.clone().matmul(chosen.transpose());
    let total = (distance.clone() * pairs).sum().detach();
    let mean = total / (count.clone() * (count - 1.0)).clamp_min(1.0);
    let bandwidth = (mean * 0.25).clamp_min(1e-12).reshape([1, 1]);
    let kernel = (0..KERNELS)
        .map(|i| (-distance.clone() / (bandwidth.clone() * 2f32.powi(i))).exp())
        .reduce(|sum, kernel| sum + kernel)
        .unwrap_or(distance);
    weight
        .clone()
        .transpose()
        .matmul(kernel)
        .matmul(weight)
        .reshape([1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// x = np.array([[0, 0], [1, 0], [0, 2], [3, 1]]); a = np.array([.5, .5, -.5, -.5])
    /// d = ((x[:, None] - x[None]) ** 2).sum(-1); bw = d.sum() / (16 - 4) / 4
    /// a @ sum(np.exp(-d / (bw * 2 ** i)) for i in range(5)) @ a
    #[test]
    fn is_that_of_numpy() {
        let device = Device::flex();
        let rows = [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 1.0], [1.0, 1.0]];
        let rows = Tensor::<2>::from_floats(rows, &device);
        let weight = Tensor::from_floats([0.5, 0.5, -0.5, -0.5, 0.0], &device);
        let got: f32 = mmd(rows, weight).into_scalar();
        assert!((got - 3.683_432).abs() < 1e-5, "{got}");
    }
}
