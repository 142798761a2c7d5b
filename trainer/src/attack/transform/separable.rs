//! Linear maps along columns and along rows of a picture.

use burn::tensor::{Device, Tensor, TensorData};

/// Rows of a matrix, each a list of (input, weight): an output is a sum over few inputs.
#[derive(Clone, Debug)]
pub struct Rows {
    inputs: usize,
    rows: Vec<Vec<(usize, f32)>>,
}

impl Rows {
    /// `outputs` sums over `inputs` values, as `row` names them. Positions beyond an end
    /// mean the value at the end.
    pub fn new(inputs: usize, outputs: usize, row: impl Fn(usize) -> Vec<(isize, f32)>) -> Self {
        let last = inputs.saturating_sub(1) as isize;
        let held = |(at, weight): (isize, f32)| (at.clamp(0, last) as usize, weight);
        let rows = (0..outputs)
            .map(|i| row(i).into_iter().map(held).collect())
            .collect();
        Self { inputs, rows }
    }

    /// Samples at real positions, linearly between the two neighbours.
    pub fn sampled(inputs: usize, outputs: usize, position: impl Fn(usize) -> f32) -> Self {
        Self::new(inputs, outputs, |i| {
            let at = position(i);
            let low = at.floor();
            let share = at - low;
            vec![(low as isize, 1.0 - share), (low as isize + 1, share)]
        })
    }

    /// Applies `self` first and `next` to its result.
    pub fn then(&self, next: &Self) -> Self {
        let row = |row: &Vec<(usize, f32)>| {
            let mut sum = vec![0.0; self.inputs];
            for (at, weight) in row {
                for (input, inner) in &self.rows[*at] {
                    sum[*input] += weight * inner;
                }
            }
            sum.into_iter()
                .enumerate()
                .filter(|(_, weight)| *weight != 0.0)
                .collect()
        };
        Self {
            inputs: self.inputs,
            rows: next.rows.iter().map(row).collect(),
        }
    }

    /// The matrix, `[outputs, inputs]`.
    pub fn matrix(&self, device: &Device) -> Tensor<2> {
        let mut values = vec![0.0; self.rows.len() * self.inputs];
        for (i, row) in self.rows.iter().enumerate() {
            for (at, weight) in row {
                values[i * self.inputs + at] += weight;
            }
        }
        Tensor::from_data(
            TensorData::new(values, [self.rows.len(), self.inputs]),
            device,
        )
    }
}

/// `down x across^T` of every channel of every picture.
///
/// # Shapes
/// - `images`: `[n, c, h, w]`, `down`: `[h', h]`, `across`: `[w', w]`
/// - output: `[n, c, h', w']`
pub fn separable(images: Tensor<4>, down: &Tensor<2>, across: &Tensor<2>) -> Tensor<4> {
    let [n, c, h, w] = images.dims();
    let ([to_h, _], [to_w, _]) = (down.dims(), across.dims());
    images
        .reshape([n * c * h, w])
        .matmul(across.clone().transpose())
        .reshape([n, c, h, to_w])
        .swap_dims(2, 3)
        .reshape([n * c * to_w, h])
        .matmul(down.clone().transpose())
        .reshape([n, c, to_w, to_h])
        .swap_dims(2, 3)
}
