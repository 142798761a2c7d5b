//! A RepVGG block and its fusion into one convolution.

use burn::module::Module;
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

/// Multiplies each output channel of a kernel `[out, in, h, w]` by its factor `[out]`.
pub(crate) fn scale_rows(weight: Tensor<4>, scale: Tensor<1>) -> Tensor<4> {
    let [out] = scale.dims();
    weight * scale.reshape([out, 1, 1, 1])
}
