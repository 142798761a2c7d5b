//! A network of plain layers as it is attacked, quantised, exported and shipped.

use std::ops::RangeFrom;

use burn::tensor::activation::{leaky_relu, relu};
use burn::tensor::module::{adaptive_avg_pool2d, max_pool2d};
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor};

use super::blueprint::{
    Blueprint, ConvSpec, LUMINANCE_MEAN, LUMINANCE_SHARES, LUMINANCE_STD, LUMINANCE_TINY, Layer, Op,
};
use super::head::{Features, PlainHead};
use super::temporal::{convolve, frames_left};

/// Weights of a convolution with all normalisations folded in.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// `[out, in / groups, frames, rows, columns]`
    pub weight: Tensor<5>,
    /// `[out]`
    pub bias: Tensor<1>,
}

/// Factor and offset per channel, `[channels]` each.
#[derive(Clone, Debug)]
pub struct Affine {
    /// Factor.
    pub scale: Tensor<1>,
    /// Offset.
    pub bias: Tensor<1>,
}

/// Layers without normalisations, and their weights in order of use.
#[derive(Clone, Debug)]
pub struct PlainNet {
    /// What is computed; every convolution has a bias.
    pub blueprint: Blueprint,
    /// One for each [`Op::Conv`], in order.
    pub kernels: Vec<Kernel>,
    /// One for each [`Op::Affine`], in order.
    pub affines: Vec<Affine>,
    /// From the embedding to the logit.
    pub head: PlainHead,
}

impl PlainNet {
    /// No layer yet of what becomes of a trained network.
    pub(super) fn empty(of: &Blueprint, head: PlainHead) -> Self {
        let mut blueprint = Blueprint::new(of.clip);
        blueprint.mirror = of.mirror;
        Self {
            blueprint,
            kernels: Vec::new(),
            affines: Vec::new(),
            head,
        }
    }

    pub(super) fn push(&mut self, layer: Layer) -> usize {
        self.blueprint.append(layer.op, layer.from, layer.plus)
    }

    pub(super) fn push_conv(&mut self, spec: ConvSpec, from: usize, kernel: Kernel) -> usize {
        self.kernels.push(kernel);
        let op = Op::Conv(ConvSpec { bias: true, ..spec });
        self.blueprint.push(op, from)
    }

    /// Multiplies and shifts the channels of a value: inside the convolution that makes it
    /// where it is the last layer and nothing else uses its value.
    pub(super) fn push_affine(
        &mut self,
        from: usize,
        scale: Tensor<1>,
        bias: Tensor<1>,
        used_once: bool,
    ) -> usize {
        let last = self.blueprint.layers.len();
        let is_conv = |layer: &Layer| matches!(layer.op, Op::Conv(_));
        let foldable =
            used_once && from == last && self.blueprint.layers.last().is_some_and(is_conv);
        if foldable && let Some(kernel) = self.kernels.last_mut() {
            let [out] = scale.dims();
            kernel.weight = kernel.weight.clone() * scale.clone().reshape([out, 1, 1, 1, 1]);
            kernel.bias = kernel.bias.clone() * scale + bias;
            return from;
        }
        self.affines.push(Affine { scale, bias });
        self.blueprint.push(Op::Affine, from)
    }

    /// The same weights as constants of the autodiff graph, so that gradients of the input
    /// can be taken.
    pub fn autodiff(&self) -> Self {
        self.map(Tensor::autodiff, Tensor::autodiff)
    }

    /// Moves the weights to a device.
    pub fn to_device(&self, device: &Device) -> Self {
        self.map(|t| t.to_device(device), |t| t.to_device(device))
    }

    fn map(
        &self,
        five: impl Fn(Tensor<5>) -> Tensor<5>,
        one: impl Fn(Tensor<1>) -> Tensor<1>,
    ) -> Self {
        let kernel = |kernel: &Kernel| Kernel {
            weight: five(kernel.weight.clone()),
            bias: one(kernel.bias.clone()),
        };
        let affine = |affine: &Affine| Affine {
            scale: one(affine.scale.clone()),
            bias: one(affine.bias.clone()),
        };
        Self {
            blueprint: self.blueprint.clone(),
            kernels: self.kernels.iter().map(kernel).collect(),
            affines: self.affines.iter().map(affine).collect(),
            head: self.head.map(one),
        }
    }

    /// Runs a batch of clips; shapes as [`super::Detector::forward`].
    pub fn forward(&self, images: Tensor<4>, frames: usize) -> Features {
        views(&self.blueprint, images, |images| {
            let embedding = self.embedding(images, frames);
            Features {
                logit: self.head.forward(embedding.clone()),
                embedding,
            }
        })
    }

    fn embedding(&self, images: Tensor<4>, frames: usize) -> Tensor<2> {
        #[cfg(feature = "flex")]
        {
            let convs = || {
                let kernels = self.kernels.iter();
                kernels
                    .map(|k| (k.weight.clone(), k.bias.clone()))
                    .collect()
            };
            let found = super::flex_chain::embedding(&self.blueprint, &images, convs, false);
            if let Some(found) = found {
                return found;
            }
        }
        self.embedding_by_operations(images, frames)
    }

    fn embedding_by_operations(&self, images: Tensor<4>, frames: usize) -> Tensor<2> {
        let (mut kernels, mut affines) = (0.., 0..);
        run(&self.blueprint, images, frames, |op, x, frames| {
            if let Op::Conv(spec) = op {
                let Kernel { weight, bias } = nth(&self.kernels, &mut kernels);
                return convolve(x, frames, weight.clone(), Some(bias.clone()), spec);
            }
            let Affine { scale, bias } = nth(&self.affines, &mut affines);
            per_channel(x, scale.clone(), bias.clone())
        })
    }
}

/// What a network says of images: the mean of what it says of them and of their mirror
/// images, if it is to look at both.
pub(super) fn views(
    blueprint: &Blueprint,
    images: Tensor<4>,
    look: impl Fn(Tensor<4>) -> Features,
) -> Features {
    if !blueprint.mirror {
        return look(images);
    }
    let mirrored = images.clone().flip([3]);
    let both = look(Tensor::cat(vec![images, mirrored], 0));
    let [n] = both.logit.dims();
    let half = n / 2;
    let logit = both.logit.clone().narrow(0, 0, half) + both.logit.narrow(0, half, half);
    let embedding =
        both.embedding.clone().narrow(0, 0, half) + both.embedding.narrow(0, half, half);
    Features {
        logit: logit * 0.5,
        embedding: embedding * 0.5,
    }
}

/// Computes the layers and the mean in front of the head. What has weights is left to
/// `weighted`, which is told the layer, its input and the frames left of each clip.
///
/// # Shapes
/// - `images`: `[clips * frames, 3, side, side]`
/// - output: `[clips * frames, embedding]`, for a clip network `[clips, embedding]`
pub(super) fn run(
    blueprint: &Blueprint,
    images: Tensor<4>,
    frames: usize,
    mut weighted: impl FnMut(&Op, Tensor<4>, usize) -> Tensor<4>,
) -> Tensor<2> {
    let [n, ..] = images.dims();
    let clips = n / frames;
    let device = images.device();
    let nothing = Tensor::<4>::zeros([1, 1, 1, 1], &device);
    let mut uses = blueprint.uses();
    // Values give way to nothing after their last use: a deep network has hundreds.
    let mut values = vec![(images.clone(), frames)];
    let mut last = images;
    for layer in &blueprint.layers {
        let mut take = |value: usize| {
            uses[value] -= 1;
            if uses[value] > 0 {
                return values[value].clone();
            }
            let none = (nothing.clone(), 0);
            std::mem::replace(&mut values[value], none)
        };
        let (x, frames) = take(layer.from);
        let left = match layer.op {
            Op::Conv(spec) => frames_left(frames, &spec),
            _ => frames,
        };
        last = match layer.op {
            Op::Conv(_) | Op::Norm(_) | Op::Affine | Op::Dropout { .. } => {
                weighted(&layer.op, x, frames)
            }
            Op::Add => x + take(layer.plus).0,
            op => fixed(&op, x),
        };
        values.push((last.clone(), left));
    }
    let [n, channels, _, _] = last.dims();
    let mut pooled = last.mean_dim(3).mean_dim(2).reshape([n, channels]);
    if blueprint.clip {
        pooled = pooled
            .reshape([clips, n / clips, channels])
            .mean_dim(1)
            .reshape([clips, channels]);
    }
    pooled
}

/// Layers without weights and with one input.
fn fixed(op: &Op, x: Tensor<4>) -> Tensor<4> {
    match *op {
        Op::Pixels { mean, std } => {
            let device = x.device();
            let scale = Tensor::<1>::from_floats(std.map(f32::recip), &device);
            let bias = Tensor::<1>::from_floats(mean, &device) * scale.clone() * -1.0;
            per_channel(x, scale, bias)
        }
        Op::Luminance => luminance(x),
        Op::Relu => relu(x),
        Op::Relu6 => x.clamp(0.0, 6.0),
        Op::LeakyRelu { slope } => leaky_relu(x, slope),
        Op::MaxPool {
            size,
            stride,
            padding,
        } => {
            let options = MaxPoolOptions::new([size; 2])
                .with_stride([stride; 2])
                .with_padding([padding; 2]);
            max_pool2d(x, options)
        }
        Op::Resize { side } if x.dims()[2] != side => adaptive_avg_pool2d(x, [side; 2]),
        _ => x,
    }
}

/// See [`Op::Luminance`].
pub(super) fn luminance(x: Tensor<4>) -> Tensor<4> {
    let shares = Tensor::<1>::from_floats(LUMINANCE_SHARES, &x.device()).reshape([1, 3, 1, 1]);
    let light = (x.clone() * shares).sum_dim(1); // [n, 1, h, w]
    let mean = |map: Tensor<4>| map.mean_dim(3).mean_dim(2); // [n, 1, 1, 1]
    let middle = mean(light.clone());
    let off = light - middle.clone();
    let spread = (mean(off.clone() * off) + LUMINANCE_TINY).sqrt();
    (x - middle) / spread * LUMINANCE_STD + LUMINANCE_MEAN
}

pub(super) fn per_channel(x: Tensor<4>, scale: Tensor<1>, bias: Tensor<1>) -> Tensor<4> {
    let [channels] = scale.dims();
    x * scale.reshape([1, channels, 1, 1]) + bias.reshape([1, channels, 1, 1])
}

/// The next of a list of weights, one of which stands for each layer of its kind.
pub(super) fn nth<'a, T>(list: &'a [T], next: &mut RangeFrom<usize>) -> &'a T {
    let at = next.start;
    next.start += 1;
    &list[at]
}
