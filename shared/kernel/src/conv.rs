//! Convolutions of bordered maps, and what their gradients need.

use std::ops::Range;

use super::finish::Finish;
use super::pack::{Packed, StridedRow};
use super::strides::{Map, StrideGrid};
use super::tile::{Run, Window, correlate, correlate_weights};

/// A convolution with a 3x3 kernel and padding 1, or with a 1x1 kernel.
#[derive(Clone, Debug)]
pub struct Conv {
    /// Input; its buffer has a border of one pixel.
    pub input: Map,
    /// Output.
    pub output: Map,
    /// 1 or 2; 2 wants an input of even sides.
    pub stride: usize,
    /// Input channels that are read, the first ones; all of them for a 3x3 kernel.
    channels: usize,
    runs: Vec<Run>,
}

impl Conv {
    /// With a 3x3 kernel.
    pub fn wide(input: Map, outputs: usize, stride: usize) -> Self {
        let row = input.inside().row;
        let run = |y| Run {
            offset: y * row,
            length: 3 * input.channels,
        };
        Self {
            input,
            output: strided(input, outputs, stride),
            stride,
            channels: input.channels,
            runs: (0..3).map(run).collect(),
        }
    }

    /// With a 1x1 kernel over the first `channels`.
    pub fn point(input: Map, channels: usize, outputs: usize, stride: usize) -> Self {
        Self {
            input,
            output: strided(input, outputs, stride),
            stride,
            channels,
            runs: vec![Run {
                offset: input.inside().origin,
                length: channels,
            }],
        }
    }

    /// Rows of the weight matrix.
    pub fn taps(&self) -> usize {
        self.runs.iter().map(|run| run.length).sum()
    }

    /// Packs weights `[outputs, inputs, k, k]`; of more inputs than it reads, it takes the
    /// first ones.
    pub fn pack(&self, weights: &[f32]) -> Packed {
        let kernel = self.taps() / self.channels;
        let rows = (0..self.taps()).map(|tap| StridedRow {
            source: weights,
            first: tap % self.channels * kernel + tap / self.channels,
            step: weights.len() / self.output.channels,
        });
        Packed::new(rows, self.output.channels)
    }

    /// A gradient `[taps, outputs]` in the order of `len` weights `[outputs, inputs, k, k]`,
    /// zero for inputs that are not read.
    pub fn unpack(&self, gradient: &[f32], len: usize) -> Vec<f32> {
        let outputs = self.output.channels;
        let (kernel, per_output) = (self.taps() / self.channels, len / outputs);
        let mut weights = vec![0.0; len];
        for (tap, row) in gradient.chunks_exact(outputs).enumerate() {
            let first = tap % self.channels * kernel + tap / self.channels;
            for (output, value) in row.iter().enumerate() {
                weights[output * per_output + first] = *value;
            }
        }
        weights
    }

    /// From a bordered input into an output.
    pub fn forward(&self, input: &[f32], weights: &Packed, output: &mut [f32], place: StrideGrid) {
        correlate(&self.window(place), input, weights, output, &Finish::Write);
    }

    /// Adds to the gradient of the weights, `[taps, outputs]`, given that of the output.
    pub fn add_weights(
        &self,
        input: &[f32],
        slope: &[f32],
        place: StrideGrid,
        gradient: &mut [f32],
    ) {
        correlate_weights(
            &self.window(place),
            input,
            slope,
            self.output.channels,
            gradient,
        );
    }

    fn window(&self, output: StrideGrid) -> Window<'_> {
        Window {
            size: [self.output.height, self.output.width],
            input: self.input.bordered().grid().strided(0, 0, self.stride),
            runs: &self.runs,
            output,
        }
    }
}

fn strided(input: Map, outputs: usize, stride: usize) -> Map {
    Map {
        height: input.height / stride,
        width: input.width / stride,
        channels: outputs,
    }
}

/// From gradients of the outputs of a 3x3 and perhaps a 1x1 convolution to that of their
/// input: one ordinary convolution per phase of the stride.
#[derive(Clone, Debug)]
pub struct Transposed {
    stride: usize,
    size: [usize; 2],
    slopes: StrideGrid,
    phases: Vec<Phase>,
}

#[derive(Clone, Debug)]
struct Phase {
    y: usize,
    x: usize,
    runs: Vec<Run>,
    weights: Packed,
}

/// For each pixel of a phase along one axis: neighbours whose slopes reach it, counted from
/// the border, and through which part of the kernel.
fn reached(stride: usize, phase: usize) -> &'static [(usize, usize)] {
    match (stride, phase) {
        (1, _) => &[(0, 2), (1, 1), (2, 0)],
        (_, 0) => &[(1, 1)],
        (_, _) => &[(1, 2), (2, 0)],
    }
}

impl Transposed {
    /// For some of the inputs of a 3x3 convolution with weights `[outputs, inputs, 3, 3]`,
    /// and of a 1x1 convolution `[outputs, inputs]` beside it.
    pub fn new(conv: &Conv, wide: &[f32], point: Option<&[f32]>, inputs: Range<usize>) -> Self {
        let stride = conv.stride;
        let [y, x] = [0..stride, 0..stride];
        let phases = y.flat_map(|y| x.clone().map(move |x| (y, x)));
        Self {
            stride,
            size: [conv.output.height, conv.output.width],
            slopes: conv.output.bordered().grid(),
            phases: phases
                .map(|at| phase(conv, wide, point, inputs.clone(), at))
                .collect(),
        }
    }

    /// Numbers in a buffer of slopes: a bordered map for each kernel.
    pub fn slopes_len(output: Map, kernels: usize) -> usize {
        output.bordered().len() * kernels
    }

    /// Writes, or adds, the gradient of the input.
    ///
    /// # Shapes
    /// - `slopes`: gradients of the outputs, bordered maps, that of the 1x1 kernel last
    /// - `input`: room for its channels, rounded up to a multiple of 16, in every pixel
    pub fn apply(&self, slopes: &[f32], input: &mut [f32], place: StrideGrid, add: bool) {
        let finish = if add { Finish::Add } else { Finish::Write };
        for phase in &self.phases {
            let window = Window {
                size: self.size,
                input: self.slopes,
                runs: &phase.runs,
                output: place.strided(phase.y, phase.x, self.stride),
            };
            correlate(&window, slopes, &phase.weights, input, &finish);
        }
    }
}

fn phase(
    conv: &Conv,
    wide: &[f32],
    point: Option<&[f32]>,
    inputs: Range<usize>,
    (y, x): (usize, usize),
) -> Phase {
    let outputs = conv.output.channels;
    let slopes = conv.output.bordered().grid();
    let per_output = wide.len() / outputs;
    let mut runs = Vec::new();
    let mut rows = Vec::new();
    for (above, row) in reached(conv.stride, y) {
        let columns = reached(conv.stride, x);
        runs.push(Run {
            offset: slopes.at(*above, columns[0].0),
            length: columns.len() * outputs,
        });
        for (_, column) in columns {
            rows.extend((0..outputs).map(|output| StridedRow {
                source: wide,
                first: output * per_output + inputs.start * 9 + row * 3 + column,
                step: 9,
            }));
        }
    }
    if let (Some(point), (0, 0)) = (point, (y, x)) {
        runs.push(Run {
            offset: Transposed::slopes_len(conv.output, 1) + slopes.at(1, 1),
            length: outputs,
        });
        rows.extend((0..outputs).map(|output| StridedRow {
            source: point,
            first: output * (point.len() / outputs) + inputs.start,
            step: 1,
        }));
    }
    Phase {
        y,
        x,
        runs,
        weights: Packed::new(rows.into_iter(), inputs.len()),
    }
}
