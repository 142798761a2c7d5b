//! Weights of a chain in the order in which the loops read them, and their gradients back.

use super::super::pack::{Packed, StridedRow};
use super::{BlockChain, COLOURS, Kind, PICTURE_PIXEL, Step};

/// What stands where there is no weight.
const NOTHING: [f32; 1] = [0.0];

/// Weights of a link, `[outputs, inputs, k, k]` or `[outputs, 1, k, k]`, and its biases.
#[derive(Clone, Copy, Debug)]
pub struct Both<'a> {
    /// Kernel.
    pub weight: &'a [f32],
    /// `[outputs]`
    pub bias: &'a [f32],
}

/// The weights of one link.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// Of a point or of the pictures.
    Matrix(Packed),
    /// Of a depthwise convolution, `[k * k, channels]`.
    Taps(Vec<f32>),
}

/// The weights of all links.
#[derive(Clone, Debug)]
pub struct Packs {
    /// On the way there.
    pub(super) forward: Vec<Form>,
    /// One for each channel of the output, with its filling.
    pub(super) bias: Vec<Vec<f32>>,
    /// On the way back; those of the pictures give the numbers of a window.
    pub(super) back: Vec<Form>,
}

impl BlockChain {
    /// Packs the weights of all links; `None` where a number is missing.
    pub fn pack(&self, weights: &[Both<'_>]) -> Option<Packs> {
        let pairs = || self.steps.iter().zip(weights);
        let fits = |(step, both): (&Step, &Both<'_>)| {
            both.weight.len() == step.weights() && both.bias.len() == step.link.outputs
        };
        (weights.len() == self.steps.len() && pairs().all(fits)).then(|| Packs {
            forward: pairs()
                .map(|(step, both)| forward(step, both.weight))
                .collect(),
            bias: pairs()
                .map(|(step, both)| filled(step, both.bias))
                .collect(),
            back: pairs()
                .map(|(step, both)| back(step, both.weight))
                .collect(),
        })
    }

    /// Numbers of the sums of all gradients.
    pub(super) fn sums_len(&self) -> usize {
        let last = self.steps.last();
        last.map_or(0, |s| s.sums + (s.taps() + 1) * s.output.channels)
    }

    /// From sums to gradients of kernels and biases, one behind the other, from a link on.
    pub(super) fn unpack(&self, sums: &[f32], first: usize) -> Vec<f32> {
        let mut flat = Vec::new();
        for step in self.steps.iter().skip(first) {
            let channels = step.output.channels;
            let sums = &sums[step.sums..][..(step.taps() + 1) * channels];
            let (kernel, bias) = sums.split_at(step.taps() * channels);
            let begin = flat.len();
            flat.resize(begin + step.weights(), 0.0);
            let weights = &mut flat[begin..];
            for (tap, row) in kernel.chunks_exact(channels).enumerate() {
                if let Some((first, stride)) = place(step, tap) {
                    let row = row.iter().take(step.link.outputs).enumerate();
                    row.for_each(|(output, value)| weights[first + output * stride] = *value);
                }
            }
            flat.extend(&bias[..step.link.outputs]);
        }
        flat
    }
}

/// Where the weight of a tap and the first output stands, and the distance to that of the
/// next output; `None` for the filling of a picture's pixels.
fn place(step: &Step, tap: usize) -> Option<(usize, usize)> {
    let square = step.link.kernel * step.link.kernel;
    match step.link.kind {
        Kind::Point => Some((tap, step.inputs)),
        Kind::Depthwise => Some((tap, square)),
        Kind::Picture => {
            let (pixel, colour) = (tap / PICTURE_PIXEL, tap % PICTURE_PIXEL);
            (colour < COLOURS).then_some((colour * square + pixel, COLOURS * square))
        }
    }
}

fn forward(step: &Step, weight: &[f32]) -> Form {
    if step.link.kind == Kind::Depthwise {
        return Form::Taps(taps(step, weight, |tap, _| tap));
    }
    let row = |tap| match place(step, tap) {
        Some((first, stride)) => StridedRow {
            source: weight,
            first,
            step: stride,
        },
        None => StridedRow {
            source: &NOTHING,
            first: 0,
            step: 0,
        },
    };
    Form::Matrix(Packed::new((0..step.taps()).map(row), step.link.outputs))
}

fn back(step: &Step, weight: &[f32]) -> Form {
    if step.link.kind == Kind::Depthwise {
        return Form::Taps(taps(step, weight, |tap, last| last - tap));
    }
    let columns = weight.len() / step.link.outputs;
    let rows = (0..step.link.outputs).map(|output| StridedRow {
        source: weight,
        first: output * columns,
        step: 1,
    });
    Form::Matrix(Packed::new(rows, columns))
}

fn taps(step: &Step, weight: &[f32], order: impl Fn(usize, usize) -> usize) -> Vec<f32> {
    let square = step.link.kernel * step.link.kernel;
    let mut taps = vec![0.0; square * step.output.channels];
    for (tap, row) in taps.chunks_exact_mut(step.output.channels).enumerate() {
        let from = weight.iter().skip(order(tap, square - 1)).step_by(square);
        row.iter_mut().zip(from).for_each(|(to, x)| *to = *x);
    }
    taps
}

fn filled(step: &Step, bias: &[f32]) -> Vec<f32> {
    let mut filled = bias.to_vec();
    filled.resize(step.output.channels, 0.0);
    filled
}
