//! A RepVGG block and its fusion into one convolution.

use burn::module::{Module, Param, RunningState};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

#[cfg(feature = "flex")]
use super::flex::train_block;
use super::fused::FusedConv;
use super::stream_config::StreamLayer;
#[cfg(feature = "flex")]
use unmask_kernel::{Block, Map};

/// `relu(norm(conv3x3([x, past])) + norm(conv1x1(x)) + x)`; the identity only
/// where shapes agree (Ding et al., "RepVGG", CVPR 2021).
#[derive(Module, Debug)]
pub struct RepBlock {
    wide: Conv2d,
    wide_norm: BatchNorm,
    point: Conv2d,
    point_norm: BatchNorm,
    identity: bool,
    past: usize,
}

fn convolution(input: usize, output: usize, kernel: usize, stride: usize) -> Conv2dConfig {
    let pad = kernel / 2;
    Conv2dConfig::new([input, output], [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
        .with_bias(false)
        .with_initializer(Initializer::KaimingNormal {
            gain: 1.0,
            fan_out_only: false,
        })
}

impl RepBlock {
    /// Builds the block for one layer of the network.
    pub fn new(layer: &StreamLayer, device: &Device) -> Self {
        Self {
            wide: convolution(layer.input + layer.past, layer.output, 3, layer.stride).init(device),
            wide_norm: BatchNormConfig::new(layer.output).init(device),
            point: convolution(layer.input, layer.output, 1, layer.stride).init(device),
            point_norm: BatchNormConfig::new(layer.output).init(device),
            identity: layer.stride == 1 && layer.input == layer.output,
            past: layer.past,
        }
    }

    /// Runs the block on a batch of clips whose frames stand one behind the other.
    ///
    /// # Shapes
    /// - `input`: `[clips * frames, input, height, width]`
    /// - output: `[clips * frames, output, height / stride, width / stride]`
    pub fn forward(&self, input: Tensor<4>, frames: usize) -> Tensor<4> {
        let wide = if self.past == 0 {
            self.wide.forward(input.clone())
        } else if frames == 1 {
            // No past: its channels would be zero, so they are left out.
            let [out, _, kh, kw] = self.wide.weight.dims();
            let [_, channels, _, _] = input.dims();
            let weight = self
                .wide
                .weight
                .val()
                .slice([0..out, 0..channels, 0..kh, 0..kw]);
            burn::tensor::module::conv2d(input.clone(), weight, None, conv_options(1, 1))
        } else {
            let past = shift_frames(input.clone(), frames, self.past);
            self.wide.forward(Tensor::cat(vec![input.clone(), past], 1))
        };
        let sum = self.wide_norm.forward(wide)
            + self.point_norm.forward(self.point.forward(input.clone()));
        relu(if self.identity { sum + input } else { sum })
    }

    /// Whether both normalisations take the statistics of the batch.
    #[cfg(feature = "flex")]
    pub(super) fn is_training(&self) -> bool {
        self.wide_norm.training.is_enabled() && self.point_norm.training.is_enabled()
    }

    /// Spatial stride.
    #[cfg(feature = "flex")]
    pub(super) fn stride(&self) -> usize {
        self.wide.stride[0]
    }

    /// The same in training on the `flex` device, with maps `[images, height, width,
    /// channels]`; `None` where this is not so.
    #[cfg(feature = "flex")]
    pub(super) fn train_here(&self, input: &Tensor<4>, frames: usize) -> Option<Tensor<4>> {
        let [_, height, width, _] = input.dims();
        let [outputs, channels, _, _] = self.point.weight.dims();
        let block = Block {
            input: Map {
                height,
                width,
                channels,
            },
            past: if frames == 1 { 0 } else { self.past },
            outputs,
            stride: self.wide.stride[0],
            identity: self.identity,
            frames,
            epsilon: self.wide_norm.epsilon,
            pictures: false,
        };
        let wide = (self.wide.weight.val(), &self.wide_norm);
        let point = (self.point.weight.val(), &self.point_norm);
        train_block(block, input, &wide, Some(&point))
    }

    /// Takes weights that compute the same as a fused convolution, and the map behind them. Both
    /// branches share the centre of the kernel; statistics are those of `input`, so that training
    /// goes on with the same function.
    ///
    /// # Shapes
    /// - `input`: `[n, input, height, width]`, output: `[n, output, height / stride, ...]`
    pub(super) fn take(&mut self, fused: &FusedConv, input: Tensor<4>) -> Tensor<4> {
        let device = input.device();
        let [out, _, _, _] = fused.weight.dims();
        let [_, channels, _, _] = input.dims();
        let at_centre = [0..out, 0..channels, 1..2, 1..2];
        let mut centre = fused.weight.clone().slice(at_centre.clone());
        if self.identity {
            centre = centre - Tensor::<2>::eye(channels, &device).reshape([out, channels, 1, 1]);
        }
        let half = centre * 0.5;
        let wide = fused.weight.clone().slice_assign(at_centre, half.clone());
        // A single frame has no past.
        let present = wide.clone().slice([0..out, 0..channels, 0..3, 0..3]);
        let stride = fused.stride;
        let conv = |weight, padding| {
            let options = conv_options(stride, padding);
            burn::tensor::module::conv2d(input.clone(), weight, None, options)
        };
        let (of_wide, of_point) = (conv(present, fused.padding), conv(half.clone(), 0));
        let zeros = Tensor::<1>::zeros([out], &device);
        let ones = zeros.clone() + 1.0;
        take_statistics(&mut self.wide_norm, of_wide.clone(), &ones, &fused.bias);
        take_statistics(&mut self.point_norm, of_point.clone(), &ones, &zeros);
        self.wide.weight = Param::from_tensor(wide);
        self.point.weight = Param::from_tensor(half);
        let bias = fused.bias.clone().reshape([1, out, 1, 1]);
        let sum = of_wide + of_point + bias;
        relu(if self.identity { sum + input } else { sum })
    }

    /// The one convolution with bias that computes the same in evaluation mode.
    pub fn fuse(&self) -> FusedConv {
        let device = self.wide.weight.val().device().inner();
        let (scale, bias) = norm_affine(&self.wide_norm);
        let mut weight = scale_rows(self.wide.weight.val().inner(), scale);
        let (point_scale, point_bias) = norm_affine(&self.point_norm);
        let mut centre = scale_rows(self.point.weight.val().inner(), point_scale);
        let [out, channels, _, _] = centre.dims();
        if self.identity {
            centre = centre + Tensor::<2>::eye(channels, &device).reshape([out, channels, 1, 1]);
        }
        let at_centre = [0..out, 0..channels, 1..2, 1..2];
        let sum = weight.clone().slice(at_centre.clone()) + centre;
        weight = weight.slice_assign(at_centre, sum);
        FusedConv {
            weight,
            bias: bias + point_bias,
            stride: self.wide.stride[0],
            padding: 1,
            past: self.past,
        }
    }
}

/// Convolution options with equal stride and padding on both axes.
pub(super) fn conv_options(stride: usize, padding: usize) -> burn::tensor::ops::ConvOptions<2> {
    burn::tensor::ops::ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1)
}

/// The first `channels` of each clip's previous frame; zeros before the first.
///
/// # Shapes
/// - `x`: `[clips * frames, c, h, w]`, output: `[clips * frames, channels, h, w]`
pub(super) fn shift_frames(x: Tensor<4>, frames: usize, channels: usize) -> Tensor<4> {
    let [n, _, h, w] = x.dims();
    let clips = n / frames;
    let device = x.device();
    let first = x
        .slice([0..n, 0..channels, 0..h, 0..w])
        .reshape([clips, frames, channels, h, w]);
    let none = Tensor::<5>::zeros([clips, 1, channels, h, w], &device);
    let earlier = first.slice([0..clips, 0..frames - 1, 0..channels, 0..h, 0..w]);
    Tensor::cat(vec![none, earlier], 1).reshape([n, channels, h, w])
}

/// `gamma / sqrt(var + eps)` and `beta - mean * that`, from the running statistics.
pub(crate) fn norm_affine(norm: &BatchNorm) -> (Tensor<1>, Tensor<1>) {
    let mean = norm.running_mean.value_sync().inner();
    let var = norm.running_var.value_sync().inner();
    let scale = norm.gamma.val().inner() / (var + norm.epsilon).sqrt();
    let bias = norm.beta.val().inner() - mean * scale.clone();
    (scale, bias)
}

/// Makes a normalisation compute `scale x + bias` in evaluation mode, and about the same in
/// training: its statistics are those of `x`.
///
/// # Shapes
/// - `x`: `[n, channels, height, width]`; `scale`, `bias`: `[channels]`
pub(super) fn take_statistics(
    norm: &mut BatchNorm,
    x: Tensor<4>,
    scale: &Tensor<1>,
    bias: &Tensor<1>,
) {
    let [_, channels, _, _] = x.dims();
    let rows = x.swap_dims(0, 1).flatten::<2>(1, 3); // [channels, values]
    let mean = rows.clone().mean_dim(1);
    let off = rows - mean.clone();
    let variance = (off.clone() * off).mean_dim(1).reshape([channels]);
    let mean = mean.reshape([channels]);
    let deviation = (variance.clone() + norm.epsilon).sqrt();
    norm.gamma = Param::from_tensor(scale.clone() * deviation);
    norm.beta = Param::from_tensor(bias.clone() + mean.clone() * scale.clone());
    norm.running_mean = RunningState::new(mean);
    norm.running_var = RunningState::new(variance);
}

/// Multiplies each output channel of a kernel `[out, in, h, w]` by its factor `[out]`.
pub(crate) fn scale_rows(weight: Tensor<4>, scale: Tensor<1>) -> Tensor<4> {
    let [out] = scale.dims();
    weight * scale.reshape([out, 1, 1, 1])
}
