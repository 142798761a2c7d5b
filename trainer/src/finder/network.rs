//! The network as it is trained, and as plain convolutions.

use anyhow::{Result, ensure};
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

#[cfg(feature = "flex")]
use unmask_kernel::{Block, Map, SHUFFLED};
#[cfg(feature = "flex")]
use crate::network::{shuffled_stem, train_block};
use crate::network::{norm_affine, scale_rows};

/// Channels behind the stem, at a quarter of the resolution.
pub const STEM: usize = 16;
/// Stride and channels of each convolution of the body.
pub const BODY: [(usize, usize); 7] = [
    (2, 32),
    (1, 32),
    (1, 32),
    (2, 64),
    (1, 64),
    (2, 64),
    (1, 64),
];
/// Convolutions of the body behind which a level begins.
pub const TAPS: [usize; 3] = [2, 4, 6];
/// Channels in front of the outputs of each level.
pub const HEAD: usize = 32;
/// Numbers per cell: class, objectness, box and five landmarks.
pub const OUTPUTS: usize = 16;
/// How likely a face is before anything is learned.
const PRIOR: f64 = 0.01;

/// `relu(norm(conv3x3(x)) + x)`; the sum only where shapes agree.
#[derive(Module, Debug)]
struct ConvBlock {
    conv: Conv2d,
    norm: BatchNorm,
    identity: bool,
}

/// Finds faces at three strides; each level also hears from the coarser one.
///
/// The stem is a 6x6 convolution of stride 4: a 2x2 pixel-unshuffle and a 3x3 convolution of
/// stride 2 in one.
#[derive(Module, Debug)]
pub struct FinderNet {
    stem: Conv2d,
    stem_norm: BatchNorm,
    body: Vec<ConvBlock>,
    /// From stride 32 to 16, and from 16 to 8.
    lateral: Vec<Linear>,
    heads: Vec<ConvBlock>,
    outputs: Vec<Linear>,
}

fn convolution(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Conv2d {
    let pad = (kernel - 1) / 2;
    Conv2dConfig::new(channels, [kernel; 2])
        .with_stride([stride; 2])
        .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
        .with_bias(false)
        .with_initializer(Initializer::KaimingNormal {
            gain: 1.0,
            fan_out_only: false,
        })
        .init(device)
}

impl ConvBlock {
    fn new(input: usize, (stride, output): (usize, usize), device: &Device) -> Self {
        Self {
            conv: convolution([input, output], 3, stride, device),
            norm: BatchNormConfig::new(output).init(device),
            identity: stride == 1 && input == output,
        }
    }

    /// # Shapes
    /// - `input`: `[n, height, width, channels]`, output the same with other numbers
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        #[cfg(feature = "flex")]
        if self.norm.training.is_enabled() {
            let [_, height, width, channels] = input.dims();
            let map = Map { height, width, channels };
            let weight = self.conv.weight.val();
            let block = Block {
                identity: self.identity,
                ..block(map, weight.dims()[0], self.conv.stride[0], &self.norm)
            };
            if let Some(output) = train_block(block, &input, &(weight, &self.norm), None) {
                return output;
            }
        }
        let planes = input.permute([0, 3, 1, 2]);
        let sum = self.norm.forward(self.conv.forward(planes.clone()));
        let sum = relu(if self.identity { sum + planes } else { sum });
        sum.permute([0, 2, 3, 1])
    }

    fn fold(&self) -> Result<FoldedLayer> {
        let mut layer = fold(&self.conv, &self.norm)?;
        if self.identity {
            let inputs = layer.inputs;
            for channel in 0..inputs {
                layer.weight[(channel * inputs + channel) * 9 + 4] += 1.0;
            }
        }
        Ok(layer)
    }
}

#[cfg(feature = "flex")]
fn block(input: Map, outputs: usize, stride: usize, norm: &BatchNorm) -> Block {
    Block {
        input,
        past: 0,
        outputs,
        stride,
        identity: false,
        frames: 1,
        epsilon: norm.epsilon,
        pictures: false,
    }
}

impl FinderNet {
    /// A network with fresh weights; seed the device first for repeatable ones.
    pub fn new(device: &Device) -> Self {
        let mut input = STEM;
        let body = BODY.map(|layer| {
            let block = ConvBlock::new(input, layer, device);
            input = layer.1;
            block
        });
        let [fine, middle, coarse] = TAPS.map(|tap| BODY[tap].1);
        let linear = |from, to| LinearConfig::new(from, to).init(device);
        let head = |channels| ConvBlock::new(channels, (1, HEAD), device);
        let odds = (PRIOR / (1.0 - PRIOR)).ln() as f32;
        let output = || {
            let mut linear: Linear = linear(HEAD, OUTPUTS);
            let mut bias = [0.0; OUTPUTS];
            bias[..2].fill(odds);
            // A box of three cells, in the middle of its cell.
            bias[2..6].copy_from_slice(&[0.5, 0.5, 1.1, 1.1]);
            linear.weight = linear.weight.map(|weight| weight * 0.1);
            linear.bias = Some(Param::from_tensor(Tensor::from_floats(bias, device)));
            linear
        };
        Self {
            stem: convolution([3, STEM], 6, 4, device),
            stem_norm: BatchNormConfig::new(STEM).init(device),
            body: body.into_iter().collect(),
            lateral: vec![linear(coarse, middle), linear(middle, fine)],
            heads: vec![head(fine), head(middle), head(coarse)],
            outputs: vec![output(), output(), output()],
        }
    }

    /// What the network says about every cell of the three levels, the finest first, row by
    /// row; class and objectness as logits.
    ///
    /// # Shapes
    /// - `pictures`: `[n, 3, height, width]`, RGB in [0, 1], sides multiples of 32
    /// - output: `[n, cells, 16]`
    pub fn forward(&self, pictures: Tensor<4>) -> Tensor<3> {
        let mut x = self.forward_stem(pictures);
        let mut taps = Vec::with_capacity(TAPS.len());
        for (number, block) in self.body.iter().enumerate() {
            x = block.forward(x);
            if TAPS.contains(&number) {
                taps.push(x.clone());
            }
        }
        let mut maps = Vec::with_capacity(taps.len());
        let mut above = taps.pop();
        let mut laterals = self.lateral.iter();
        while let Some(map) = above {
            above = taps.pop().zip(laterals.next()).map(|(finer, lateral)| {
                finer + enlarged(linear(lateral, map.clone()))
            });
            maps.push(map);
        }
        let levels = maps.into_iter().rev().zip(&self.heads).zip(&self.outputs);
        let said = levels.map(|((map, head), output)| {
            let said = linear(output, head.forward(map));
            let [n, height, width, numbers] = said.dims();
            said.reshape([n, height * width, numbers])
        });
        Tensor::cat(said.collect(), 1)
    }

    fn forward_stem(&self, pictures: Tensor<4>) -> Tensor<4> {
        #[cfg(feature = "flex")]
        if self.stem_norm.training.is_enabled() {
            let [_, _, height, width] = pictures.dims();
            let map = Map {
                height: height / 2,
                width: width / 2,
                channels: SHUFFLED,
            };
            let block = Block {
                pictures: true,
                ..block(map, STEM, 2, &self.stem_norm)
            };
            let weight = shuffled_stem(self.stem.weight.val());
            if let Some(map) = train_block(block, &pictures, &(weight, &self.stem_norm), None) {
                return map;
            }
        }
        let x = self.stem.forward(pictures - 0.5);
        relu(self.stem_norm.forward(x)).permute([0, 2, 3, 1])
    }

    /// The same function in evaluation mode as plain convolutions.
    ///
    /// # Errors
    /// When a weight is not finite.
    pub fn fold(&self) -> Result<Folded> {
        let blocks =
            |blocks: &[ConvBlock]| blocks.iter().map(ConvBlock::fold).collect::<Result<_>>();
        let linears = |linears: &[Linear]| linears.iter().map(plain).collect::<Result<_>>();
        Ok(Folded {
            stem: fold(&self.stem, &self.stem_norm)?,
            body: blocks(&self.body)?,
            lateral: linears(&self.lateral)?,
            heads: blocks(&self.heads)?,
            outputs: linears(&self.outputs)?,
        })
    }
}

/// A 1x1 convolution of a map `[n, height, width, channels]`.
fn linear(layer: &Linear, map: Tensor<4>) -> Tensor<4> {
    let [n, height, width, channels] = map.dims();
    let pixels: Tensor<2> = map.reshape([n * height * width, channels]);
    let mixed = layer.forward(pixels);
    let [_, outputs] = mixed.dims();
    mixed.reshape([n, height, width, outputs])
}

/// Every pixel four times.
fn enlarged(map: Tensor<4>) -> Tensor<4> {
    let [n, height, width, channels] = map.dims();
    map.reshape([n, height, 1, width, 1, channels])
        .expand([n, height, 2, width, 2, channels])
        .reshape([n, 2 * height, 2 * width, channels])
}

/// Plain convolutions.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// 6x6, stride 4, padding 2, on RGB in [-0.5, 0.5]; then ReLU.
    pub stem: FoldedLayer,
    /// 3x3, padding 1; then ReLU.
    pub body: Vec<FoldedLayer>,
    /// 1x1, from stride 32 to 16 and from 16 to 8.
    pub lateral: Vec<FoldedLayer>,
    /// 3x3, padding 1, of each level, the finest first; then ReLU.
    pub heads: Vec<FoldedLayer>,
    /// 1x1, of each level.
    pub outputs: Vec<FoldedLayer>,
}

/// A convolution with bias.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedLayer {
    /// `[outputs, inputs, kernel, kernel]`
    pub weight: Vec<f32>,
    /// `[outputs]`
    pub bias: Vec<f32>,
    /// Channels that it reads.
    pub inputs: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Pixels between its places.
    pub stride: usize,
}

fn fold(conv: &Conv2d, norm: &BatchNorm) -> Result<FoldedLayer> {
    let (scale, bias) = norm_affine(norm);
    let weight = scale_rows(conv.weight.val().inner(), scale);
    let [_, inputs, kernel, _] = weight.dims();
    layer(values(weight)?, values(bias)?, inputs, kernel, conv.stride[0])
}

fn plain(linear: &Linear) -> Result<FoldedLayer> {
    let weight = linear.weight.val().inner(); // [inputs, outputs]
    let [inputs, outputs] = weight.dims();
    let bias = match &linear.bias {
        Some(bias) => values(bias.val().inner())?,
        None => vec![0.0; outputs],
    };
    layer(values(weight.transpose())?, bias, inputs, 1, 1)
}

fn layer(
    weight: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
    kernel: usize,
    stride: usize,
) -> Result<FoldedLayer> {
    ensure!(
        weight.iter().chain(&bias).all(|value| value.is_finite()),
        "a weight is not finite: the training diverged; lower the learning rate"
    );
    Ok(FoldedLayer {
        weight,
        bias,
        inputs,
        kernel,
        stride,
    })
}

fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor
        .into_data()
        .try_into_vec::<f32>()
        .map_err(|error| anyhow::anyhow!("weights are not f32: {error:?}"))
}
