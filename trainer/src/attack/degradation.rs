//! Light, blur and noise of a bad camera, as numbers that can be found by gradients.

use burn::tensor::{Device, Tensor, TensorData};

/// A camera's faults, for each frame.
#[derive(Clone, Debug)]
pub(super) struct Degradation {
    /// Coefficients of the exposure's logarithm, `[n, terms, 1, 1]`.
    pub light: Tensor<4>,
    /// Share of each pixel that is blurred, `[n, 1, h, w]`, in [0, 1].
    pub blur: Tensor<4>,
    /// What is added, `[n, 3, h, w]`.
    pub noise: Tensor<4>,
}

impl Degradation {
    /// No fault: exposure is a polynomial of `degree` in two variables.
    pub fn none(images: &Tensor<4>, degree: usize) -> Self {
        let [n, _, h, w] = images.dims();
        let device = images.device();
        Self {
            light: Tensor::zeros([n, powers(degree).len(), 1, 1], &device),
            blur: Tensor::zeros([n, 1, h, w], &device),
            noise: images.zeros_like(),
        }
    }

    /// Logarithm of the exposure, `[n, 1, h, w]`.
    pub fn exposure(&self, h: usize, w: usize) -> Tensor<4> {
        let [n, terms, ..] = self.light.dims();
        let basis = basis(terms, h, w, &self.light.device());
        let light = self.light.clone().reshape([n, terms]);
        light.matmul(basis).reshape([n, 1, h, w])
    }

    pub fn map(&self, mut change: impl FnMut(Tensor<4>) -> Tensor<4>) -> Self {
        Self {
            light: change(self.light.clone()),
            blur: change(self.blur.clone()),
            noise: change(self.noise.clone()),
        }
    }

    pub fn plus(self, other: Self) -> Self {
        Self {
            light: self.light + other.light,
            blur: self.blur + other.blur,
            noise: self.noise + other.noise,
        }
    }
}

/// Powers of both variables in every term, in order of their sum.
fn powers(degree: usize) -> Vec<(usize, usize)> {
    (0..=degree)
        .flat_map(|sum| (0..=sum).map(move |y| (sum - y, y)))
        .collect()
}

/// Every term at every pixel, whose coordinates go from -1 to 1: `[terms, h * w]`.
fn basis(terms: usize, h: usize, w: usize, device: &Device) -> Tensor<2> {
    let place = |i: usize, side: usize| (2 * i + 1) as f32 / side as f32 - 1.0;
    let values: Vec<f32> = powers(terms)
        .into_iter()
        .take(terms)
        .flat_map(|(a, b)| {
            (0..h * w).map(move |i| place(i % w, w).powi(a as i32) * place(i / w, h).powi(b as i32))
        })
        .collect();
    Tensor::from_data(TensorData::new(values, [terms, h * w]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exposure_is_a_polynomial() {
        let device = Device::flex();
        assert_eq!(powers(11).len(), 78);
        let images = Tensor::zeros([1, 3, 2, 4], &device);
        let mut change = Degradation::none(&images, 2);
        // 1 + 2 x + 3 y + 4 x y, in the order 1, x, y, x^2, x y, y^2.
        let light = Tensor::<1>::from_floats([1.0, 2.0, 3.0, 0.0, 4.0, 0.0], &device);
        change.light = light.reshape([1, 6, 1, 1]);
        let got = change
            .exposure(2, 4)
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        let want = |x: f32, y: f32| 1.0 + 2.0 * x + 3.0 * y + 4.0 * x * y;
        for (i, got) in got.iter().enumerate() {
            let x = [-0.75, -0.25, 0.25, 0.75][i % 4];
            let want = want(x, [-0.5, 0.5][i / 4]);
            assert!((got - want).abs() < 1e-5, "{i}: {got} {want}");
        }
    }
}
