//! The network as it is trained, and as plain convolutions.

use anyhow::{Result, ensure};
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use prost::Message;

use crate::network::{norm_affine, scale_rows};
#[cfg(feature = "flex")]
use crate::network::{shuffled_stem, train_block};
#[cfg(feature = "flex")]
use unmask_kernel::{Block, Map, SHUFFLED};
use unmask_shared::face::dense::graph::{
    BODY, HEAD_CHANNELS, LayerWeights, OUTPUTS, STEM, TAPS, model,
};

/// Side of the stem's kernel.
const STEM_SIDE: usize = 6;
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
        let identity = stride == 1 && input == output;
        let mut norm = BatchNormConfig::new(output).init(device);
        if identity {
            // It begins as the identity (Goyal et al., 2017), so that one more block changes
            // nothing of what a trained network says.
            norm.gamma = Param::from_tensor(Tensor::zeros([output], device));
        }
        Self {
            conv: convolution([input, output], 3, stride, device),
            norm,
            identity,
        }
    }

    /// In training on the `flex` device with kernels of our own, if `kernels`.
    ///
    /// # Shapes
    /// - `input`: `[n, height, width, channels]`, output the same with other numbers
    fn forward(&self, input: Tensor<4>, kernels: bool) -> Tensor<4> {
        #[cfg(feature = "flex")]
        if kernels && self.norm.training.is_enabled() {
            let [_, height, width, channels] = input.dims();
            let map = Map {
                height,
                width,
                channels,
            };
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

    fn fold(&self) -> Result<LayerWeights> {
        let mut layer = fold(&self.conv, &self.norm)?;
        if self.identity {
            let inputs = layer.bias.len();
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
        let head = |from, to| ConvBlock::new(from, (1, to), device);
        let [first, second, third] = HEAD_CHANNELS;
        let odds = (PRIOR / (1.0 - PRIOR)).ln() as f32;
        let output = |channels| {
            let normal = Initializer::Normal {
                mean: 0.0,
                std: 0.02,
            };
            let linear = LinearConfig::new(channels, OUTPUTS).with_initializer(normal);
            let mut linear = linear.init(device);
            let mut bias = [0.0; OUTPUTS];
            bias[..2].fill(odds);
            // A box of three cells, in the middle of its cell.
            bias[2..6].copy_from_slice(&[0.5, 0.5, 1.1, 1.1]);
            linear.bias = Some(Param::from_tensor(Tensor::from_floats(bias, device)));
            linear
        };
        Self {
            stem: convolution([3, STEM], STEM_SIDE, 4, device),
            stem_norm: BatchNormConfig::new(STEM).init(device),
            body: body.into_iter().collect(),
            lateral: vec![linear(coarse, middle), linear(middle, fine)],
            heads: vec![head(fine, first), head(middle, second), head(coarse, third)],
            outputs: vec![output(first), output(second), output(third)],
        }
    }

    /// What the network says about every cell of the three levels, the finest first, row by
    /// row; class and objectness as logits.
    ///
    /// # Shapes
    /// - `pictures`: `[n, 3, height, width]`, RGB in [0, 1], sides multiples of 32
    /// - output: `[n, cells, 16]`
    pub fn forward(&self, pictures: Tensor<4>) -> Tensor<3> {
        self.forward_by(pictures, cfg!(feature = "flex"))
    }

    fn forward_by(&self, pictures: Tensor<4>, kernels: bool) -> Tensor<3> {
        let mut x = self.forward_stem(pictures, kernels);
        let mut taps = Vec::with_capacity(TAPS.len());
        for (number, block) in self.body.iter().enumerate() {
            x = block.forward(x, kernels);
            if TAPS.contains(&number) {
                taps.push(x.clone());
            }
        }
        let mut maps = Vec::with_capacity(taps.len());
        let mut above = taps.pop();
        let mut laterals = self.lateral.iter();
        while let Some(map) = above {
            above = taps
                .pop()
                .zip(laterals.next())
                .map(|(finer, lateral)| finer + enlarged(linear(lateral, map.clone())));
            maps.push(map);
        }
        let levels = maps.into_iter().rev().zip(&self.heads).zip(&self.outputs);
        let said = levels.map(|((map, head), output)| {
            let said = linear(output, head.forward(map, kernels));
            let [n, height, width, numbers] = said.dims();
            said.reshape([n, height * width, numbers])
        });
        Tensor::cat(said.collect(), 1)
    }

    fn forward_stem(&self, pictures: Tensor<4>, kernels: bool) -> Tensor<4> {
        #[cfg(feature = "flex")]
        if kernels && self.stem_norm.training.is_enabled() {
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

    /// The same function in evaluation mode as plain convolutions, in the order of
    /// [`unmask_shared::face::dense::graph::layers`], for the pixels of a file.
    ///
    /// # Errors
    /// When a weight is not finite.
    pub fn fold(&self) -> Result<Vec<LayerWeights>> {
        let mut layers = vec![of_bytes(fold(&self.stem, &self.stem_norm)?)];
        for block in &self.body {
            layers.push(block.fold()?);
        }
        for lateral in &self.lateral {
            layers.push(plain(lateral)?);
        }
        for (head, output) in self.heads.iter().zip(&self.outputs) {
            layers.push(head.fold()?);
            layers.push(plain(output)?);
        }
        Ok(layers)
    }
}

/// A network as the file that ships; see [`unmask_shared::face::dense::graph`].
///
/// # Errors
/// When a weight is not finite.
pub fn onnx_bytes(net: &FinderNet, version: &str) -> Result<Vec<u8>> {
    Ok(model(&net.fold()?, version).encode_to_vec())
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

fn fold(conv: &Conv2d, norm: &BatchNorm) -> Result<LayerWeights> {
    let (scale, bias) = norm_affine(norm);
    let weight = scale_rows(conv.weight.val().inner(), scale);
    weights(weight, bias)
}

fn plain(linear: &Linear) -> Result<LayerWeights> {
    let weight = linear.weight.val().inner(); // [inputs, outputs]
    let [_, outputs] = weight.dims();
    let none = || Tensor::zeros([outputs], &weight.device());
    let bias = linear
        .bias
        .as_ref()
        .map_or_else(none, |bias| bias.val().inner());
    weights(weight.transpose(), bias)
}

fn weights<const D: usize>(weight: Tensor<D>, bias: Tensor<1>) -> Result<LayerWeights> {
    let (weight, bias) = (values(weight)?, values(bias)?);
    ensure!(
        weight.iter().chain(&bias).all(|value| value.is_finite()),
        "a weight is not finite: the training diverged; lower the learning rate"
    );
    Ok(LayerWeights { weight, bias })
}

fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor
        .into_data()
        .try_into_vec::<f32>()
        .map_err(|error| anyhow::anyhow!("weights are not f32: {error:?}"))
}

/// The stem for blue, green and red in 0 to 255 instead of red, green and blue in 0 to 1.
fn of_bytes(stem: LayerWeights) -> LayerWeights {
    let plane = STEM_SIDE * STEM_SIDE;
    let turned = stem.weight.chunks_exact(3 * plane).flat_map(|filter| {
        let planes = filter.chunks_exact(plane).rev();
        planes.flatten().map(|weight| weight / 255.0)
    });
    LayerWeights {
        weight: turned.collect(),
        ..stem
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::{ModuleVisitor, Param};
    use burn::optim::GradientsParams;
    use burn::tensor::TensorData;
    use unmask_shared::face::{DenseFinder, FinderConfig};

    use crate::test_numbers::{redrawn, uniform};
    use unmask_shared::sample::RgbView;

    const SIZE: [usize; 2] = [64, 96];

    fn pictures(n: usize, device: &Device) -> Tensor<4> {
        uniform([n, 3, SIZE[0], SIZE[1]], n as u64, device)
    }

    /// A network whose running statistics are those of some batches, and whose outputs differ
    /// from cell to cell.
    fn trained(device: &Device) -> FinderNet {
        let mut net = redrawn(FinderNet::new(&device.clone().autodiff()), 3);
        for output in &mut net.outputs {
            let weight = output.weight.val().inner() * 10.0;
            output.weight = Param::from_tensor(weight.autodiff());
        }
        for _ in 0..30 {
            net.forward(pictures(4, device).autodiff());
        }
        net
    }

    struct Collect<'a> {
        gradients: &'a GradientsParams,
        found: Vec<Vec<f32>>,
    }

    impl ModuleVisitor for Collect<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            // Running statistics have no gradient: they stand for themselves.
            let value = match self.gradients.get::<D>(param.id) {
                Some(gradient) => gradient,
                None => param.val().inner(),
            };
            self.found.push(value.into_data().try_to_vec().unwrap());
        }
    }

    /// The kernels against single tensor operations, whose gradients the engine's own tests
    /// hold to PyTorch's.
    #[test]
    fn kernels_agree_with_operations() {
        let device = Device::flex();
        let net = trained(&device);
        let (pictures, record) = (pictures(3, &device), net.into_record());
        let run = |kernels: bool| {
            let fresh = FinderNet::new(&device.clone().autodiff());
            let net = fresh.load_record(record.clone());
            let said = net.forward_by(pictures.clone().autodiff(), kernels);
            let goal = (said.clone() * said.clone()).sum();
            let gradients = GradientsParams::from_grads(goal.backward(), &net);
            let mut collect = Collect {
                gradients: &gradients,
                found: vec![said.inner().into_data().try_to_vec().unwrap()],
            };
            net.valid().visit(&mut collect);
            collect.found
        };
        let (got, want) = (run(true), run(false));
        assert_eq!(got.len(), want.len());
        for (place, (got, want)) in got.iter().zip(&want).enumerate() {
            let size = want.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
            for (got, want) in got.iter().zip(want) {
                let off = (got - want).abs();
                assert!(
                    off <= 5e-4 * size + 1e-6,
                    "tensor {place}: {got}, not {want}"
                );
            }
        }
    }

    #[test]
    fn the_file_computes_what_was_trained() {
        let device = Device::flex();
        let net = trained(&device).valid();
        let [height, width] = SIZE;
        let rgb: Vec<u8> = (0..3 * height * width)
            .map(|i| (i * 89 % 253) as u8)
            .collect();
        let plane = |colour: usize| rgb.iter().skip(colour).step_by(3);
        let planes = plane(0).chain(plane(1)).chain(plane(2));
        let planes: Vec<f32> = planes.map(|value| f32::from(*value) / 255.0).collect();
        let planes = TensorData::new(planes, [1, 3, height, width]);
        let wanted = net.forward(Tensor::from_data(planes, &device));
        let wanted: Vec<f32> = wanted.into_data().try_to_vec().unwrap();
        let bytes = onnx_bytes(&net, "test").unwrap();
        let mut finder = DenseFinder::new(&bytes, FinderConfig::default()).unwrap();
        let view = RgbView::new(width, height, &rgb).unwrap();
        let (levels, _) = finder.say(&view);
        let got: Vec<f32> = levels
            .flat_map(|(_, _, said)| said.iter().copied())
            .collect();
        assert_eq!(got.len(), wanted.len());
        for (at, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
            assert!((got - wanted).abs() < 1e-3, "{at}: {got}, not {wanted}");
        }
        let spread = wanted.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        assert!(spread > 1.0, "the test compares nothing: {spread}");
    }
}
