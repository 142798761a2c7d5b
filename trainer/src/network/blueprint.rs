//! A network as a list of plain layers: one list is trained, attacked, quantised and
//! exported.

use super::config::{Architecture, NetworkConfig};

/// Mean luminance behind [`Op::Luminance`].
pub const LUMINANCE_MEAN: f32 = 0.5;
/// Its standard deviation there.
pub const LUMINANCE_STD: f32 = 0.25;
/// Added to the variance of the luminance, so that a blank picture is not blown up.
pub const LUMINANCE_TINY: f32 = 1e-4;
/// Shares of red, green and blue in it.
pub const LUMINANCE_SHARES: [f32; 3] = [0.299, 0.587, 0.114];

/// A convolution over the frames, rows and columns of a clip; padding is zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSpec {
    /// Input channels.
    pub input: usize,
    /// Output channels.
    pub output: usize,
    /// Frames, rows and columns of the kernel; one frame = each frame on its own.
    pub kernel: [usize; 3],
    /// Steps in time and in space.
    pub stride: [usize; 2],
    /// Padding on each side in time and in space.
    pub padding: [usize; 2],
    /// Whether maps are padded in space as TensorFlow's SAME does instead: a side is divided
    /// by the stride and rounded up, and an odd row of padding stands behind the map.
    pub same: bool,
    /// 1 = dense; as many as `input` = depthwise.
    pub groups: usize,
    /// Whether a trained offset per channel is added.
    pub bias: bool,
}

impl ConvSpec {
    /// A square kernel on single frames, without bias, that keeps the side at stride 1.
    pub fn square(input: usize, output: usize, kernel: usize, stride: usize) -> Self {
        Self {
            input,
            output,
            kernel: [1, kernel, kernel],
            stride: [1, stride],
            padding: [0, kernel / 2],
            same: false,
            groups: 1,
            bias: false,
        }
    }

    /// Shape of the kernel, `[out, in / groups, frames, rows, columns]`.
    pub fn shape(&self) -> [usize; 5] {
        let [frames, rows, columns] = self.kernel;
        [self.output, self.input / self.groups, frames, rows, columns]
    }

    /// Rows of padding in front of a map of so many rows, and behind it.
    pub fn pads(&self, side: usize) -> [usize; 2] {
        if !self.same {
            return [self.padding[1]; 2];
        }
        let (kernel, stride) = (self.kernel[1], self.stride[1]);
        let reach = (side.div_ceil(stride).max(1) - 1) * stride + kernel;
        let all = reach.saturating_sub(side);
        [all / 2, all - all / 2]
    }
}

/// A batch normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormSpec {
    /// Start with a factor of zero, so that a residual branch starts as nothing.
    pub zero: bool,
    /// Added to the variance.
    pub epsilon: f64,
    /// Share of a batch in the running statistics.
    pub momentum: f64,
}

impl Default for NormSpec {
    /// PyTorch's.
    fn default() -> Self {
        Self {
            zero: false,
            epsilon: 1e-5,
            momentum: 0.1,
        }
    }
}

/// What a layer does to feature maps `[clips * frames, channels, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// `(x - mean) / std` per colour of pixels in [0, 1].
    Pixels {
        /// Mean of red, green and blue.
        mean: [f32; 3],
        /// Standard deviation of each.
        std: [f32; 3],
    },
    /// Light as it would have been: one factor and one offset for all colours of a picture,
    /// so that its luminance (Rec. 601) has mean [`LUMINANCE_MEAN`] and standard deviation
    /// [`LUMINANCE_STD`].
    Luminance,
    /// Convolution.
    Conv(ConvSpec),
    /// Batch normalisation over frames, rows and columns; trained networks only.
    Norm(NormSpec),
    /// Factor and offset per channel: a normalisation that no convolution could take in.
    Affine,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x` where positive, else `slope * x`.
    LeakyRelu {
        /// In (0, 1).
        slope: f64,
    },
    /// Largest value of each window in space.
    MaxPool {
        /// Side of the window.
        size: usize,
        /// Step between windows.
        stride: usize,
        /// Padding on each side with values below all others.
        padding: usize,
    },
    /// Sum with the value [`Layer::plus`].
    Add,
    /// Drops values in training.
    Dropout {
        /// Chance of a value to be dropped.
        share: f64,
    },
    /// Means over a grid of so many cells a side, where the map is not of that side
    /// already: for crops smaller than the network's own.
    Resize {
        /// Side of the grid.
        side: usize,
    },
}

/// One layer. Values are counted from 0, the images; layer `i` makes value `i + 1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// What it does.
    pub op: Op,
    /// The value it is done to.
    pub from: usize,
    /// The second value of [`Op::Add`]; 0 and unused elsewhere.
    pub plus: usize,
}

/// Shape of a value for one clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Channels.
    pub channels: usize,
    /// Frames left of the clip.
    pub frames: usize,
    /// Height and width.
    pub side: usize,
}

/// A network in front of its head: layers, then the mean over space, and over time for a
/// clip network.
#[derive(Clone, Debug, PartialEq)]
pub struct Blueprint {
    /// In order of computation.
    pub layers: Vec<Layer>,
    /// Whether the frames of a clip give one embedding together.
    pub clip: bool,
    /// Layers at the beginning whose weights are not trained.
    pub frozen: usize,
    /// Whether every picture is seen a second time as in a mirror: logit, embedding and
    /// evidence are the means of both.
    pub mirror: bool,
    /// Channels of each value.
    channels: Vec<usize>,
}

impl Blueprint {
    /// No layer yet: three colours.
    pub fn new(clip: bool) -> Self {
        Self {
            layers: Vec::new(),
            clip,
            frozen: 0,
            mirror: false,
            channels: vec![3],
        }
    }

    /// Appends a layer that works on `from`, and gives the number of its value.
    pub fn push(&mut self, op: Op, from: usize) -> usize {
        self.append(op, from, 0)
    }

    /// Appends the sum of two values.
    pub fn add(&mut self, from: usize, plus: usize) -> usize {
        self.append(Op::Add, from, plus)
    }

    /// Appends a convolution and its normalisation.
    pub fn conv_norm(&mut self, spec: ConvSpec, from: usize) -> usize {
        let conv = self.push(Op::Conv(spec), from);
        self.push(Op::Norm(NormSpec::default()), conv)
    }

    pub(super) fn append(&mut self, op: Op, from: usize, plus: usize) -> usize {
        let channels = match op {
            Op::Conv(spec) => spec.output,
            _ => self.channels[from],
        };
        self.layers.push(Layer { op, from, plus });
        self.channels.push(channels);
        self.layers.len()
    }

    /// The same layers behind one that is done to the images first.
    fn behind(self, op: Op) -> Self {
        let mut net = Self::new(self.clip);
        net.mirror = self.mirror;
        net.push(op, 0);
        for layer in self.layers {
            net.append(layer.op, layer.from + 1, layer.plus + 1);
        }
        net.frozen = self.frozen + usize::from(self.frozen > 0);
        net
    }

    /// Convolutions among the layers whose weights are not trained.
    pub(super) fn frozen_convs(&self) -> usize {
        let convs = self.layers[..self.frozen].iter();
        convs.filter(|l| matches!(l.op, Op::Conv(_))).count()
    }

    /// Channels of a value.
    pub fn channels(&self, value: usize) -> usize {
        self.channels[value]
    }

    /// Length of the embedding.
    pub fn embedding(&self) -> usize {
        self.channels[self.layers.len()]
    }

    /// How often each value is used.
    pub(super) fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.channels.len()];
        for layer in &self.layers {
            uses[layer.from] += 1;
            if layer.op == Op::Add {
                uses[layer.plus] += 1;
            }
        }
        uses
    }

    /// Shapes of all values, the images first.
    pub fn extents(&self, side: usize, frames: usize) -> Vec<Extent> {
        let mut extents = vec![Extent {
            channels: 3,
            frames,
            side,
        }];
        for (layer, channels) in self.layers.iter().zip(&self.channels[1..]) {
            let of = extents[layer.from];
            let (frames, side) = match layer.op {
                Op::Conv(spec) => (
                    windows(
                        of.frames,
                        spec.kernel[0],
                        spec.stride[0],
                        2 * spec.padding[0],
                    ),
                    windows(
                        of.side,
                        spec.kernel[1],
                        spec.stride[1],
                        spec.pads(of.side).iter().sum(),
                    ),
                ),
                Op::MaxPool {
                    size,
                    stride,
                    padding,
                } => (of.frames, windows(of.side, size, stride, 2 * padding)),
                Op::Resize { side } => (of.frames, side),
                _ => (of.frames, of.side),
            };
            extents.push(Extent {
                channels: *channels,
                frames,
                side,
            });
        }
        extents
    }

    /// Shape of the last feature map.
    pub fn last(&self, side: usize, frames: usize) -> Extent {
        let images = Extent {
            channels: 3,
            frames,
            side,
        };
        self.extents(side, frames).pop().unwrap_or(images)
    }

    /// Multiply-accumulates of the convolutions for one clip.
    pub fn macs(&self, side: usize, frames: usize) -> u64 {
        let extents = self.extents(side, frames);
        let conv = |(layer, out): (&Layer, &Extent)| match layer.op {
            Op::Conv(spec) => {
                let places = out.frames * out.side * out.side;
                (places * spec.shape().iter().product::<usize>()) as u64
            }
            _ => 0,
        };
        let once: u64 = self.layers.iter().zip(&extents[1..]).map(conv).sum();
        if self.mirror { 2 * once } else { once }
    }

    /// Trained numbers in front of the head.
    pub fn parameters(&self) -> usize {
        let count = |(at, layer): (usize, &Layer)| match layer.op {
            Op::Conv(spec) => {
                let bias = if spec.bias { spec.output } else { 0 };
                spec.shape().iter().product::<usize>() + bias
            }
            Op::Norm(_) | Op::Affine => 2 * self.channels[at + 1],
            _ => 0,
        };
        self.layers.iter().enumerate().map(count).sum()
    }
}

impl NetworkConfig {
    /// The layers of a network that has no memory; `None` for the streaming one.
    pub fn blueprint(&self) -> Option<Blueprint> {
        let mut net = match self.architecture {
            Architecture::Stream => return None,
            Architecture::Csn => super::csn::blueprint(self),
            Architecture::Meso4 => super::meso4::blueprint(self),
            Architecture::Xception => super::xception::blueprint(self),
            Architecture::Lite => super::lite::blueprint(self),
        };
        net.mirror = self.mirror;
        Some(if self.luminance {
            net.behind(Op::Luminance)
        } else {
            net
        })
    }
}

fn windows(side: usize, kernel: usize, stride: usize, padding: usize) -> usize {
    (side + padding).saturating_sub(kernel) / stride + 1
}
