//! The network as it is trained.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::config::NetworkConfig;
#[cfg(feature = "flex")]
use super::flex::{shuffled_stem, train_block};
use super::fused::{FusedConv, FusedNet, mean_of_map};
use super::head::{Features, Head};
use super::rep::{RepBlock, conv_options, norm_affine, scale_rows, take_statistics};
#[cfg(feature = "flex")]
use unmask_kernel::{Block, Map, SHUFFLED};

/// Stem, RepVGG stages, average pooling, normalised embedding, head.
///
/// The stem is a 6x6 convolution of stride 2: a 2x2 pixel-unshuffle and a 3x3
/// convolution in one.
#[derive(Module, Debug)]
pub struct StreamNet {
    stem: Conv2d,
    stem_norm: BatchNorm,
    blocks: Vec<RepBlock>,
    embed_norm: BatchNorm,
    head: Head,
}

impl StreamNet {
    /// A network with fresh weights; seed the device first for repeatable ones.
    pub fn new(config: &NetworkConfig, device: &Device) -> Self {
        let stem = Conv2dConfig::new([3, config.widths()[0]], [6, 6])
            .with_stride([2, 2])
            .with_padding(PaddingConfig2d::Explicit(2, 2, 2, 2))
            .with_bias(false)
            .with_initializer(Initializer::KaimingNormal {
                gain: 1.0,
                fan_out_only: false,
            });
        Self {
            stem: stem.init(device),
            stem_norm: BatchNormConfig::new(config.widths()[0]).init(device),
            blocks: config
                .layers()
                .iter()
                .map(|layer| RepBlock::new(layer, device))
                .collect(),
            embed_norm: BatchNormConfig::new(config.embedding()).init(device),
            head: Head::new(config.embedding(), config.head, config.scale, device),
        }
    }

    /// A network that computes the same as one with fixed weights, for training it further.
    /// Statistics of its normalisations are those of some pictures of single frames.
    ///
    /// # Shapes
    /// - `images`: `[n, 3, side, side]`, RGB in [0, 1]
    pub(super) fn of_fused(
        fused: &FusedNet,
        config: &NetworkConfig,
        images: &Tensor<4>,
        device: &Device,
    ) -> Self {
        let mut net = Self::new(config, device);
        let mut x = images.clone() - 0.5;
        if let Some(stem) = fused.convs.first() {
            let options = conv_options(stem.stride, stem.padding);
            let y = burn::tensor::module::conv2d(x, stem.weight.clone(), None, options);
            let [_, out, _, _] = y.dims();
            let ones = stem.bias.clone() * 0.0 + 1.0;
            take_statistics(&mut net.stem_norm, y.clone(), &ones, &stem.bias);
            net.stem.weight = Param::from_tensor(stem.weight.clone());
            x = relu(y + stem.bias.clone().reshape([1, out, 1, 1]));
        }
        for (block, conv) in net.blocks.iter_mut().zip(fused.convs.iter().skip(1)) {
            x = block.take(conv, x);
        }
        let pooled = mean_of_map(x);
        let [n, length] = pooled.dims();
        let map = pooled.reshape([n, length, 1, 1]);
        let (scale, bias) = (&fused.embed_scale, &fused.embed_bias);
        take_statistics(&mut net.embed_norm, map, scale, bias);
        net.head.take(&fused.head);
        net
    }

    /// Runs a batch of clips; the memory of every clip starts empty.
    ///
    /// # Shapes
    /// - `images`: `[clips * frames, 3, side, side]`, RGB in [0, 1], the frames of
    ///   a clip one behind the other
    /// - output: `clips * frames` embeddings and logits
    pub fn forward(&self, images: Tensor<4>, frames: usize) -> Features {
        self.head_of(self.pooled(images, frames))
    }

    fn head_of(&self, pooled: Tensor<2>) -> Features {
        let embedding = self.embed_norm.forward(pooled);
        Features {
            logit: self.head.forward(embedding.clone()),
            embedding,
        }
    }

    /// Mean of the last map, `[clips * frames, embedding]`.
    fn pooled(&self, images: Tensor<4>, frames: usize) -> Tensor<2> {
        #[cfg(feature = "flex")]
        if let Some(pooled) = self.train_here(&images, frames) {
            return pooled;
        }
        self.pooled_by_operations(images, frames)
    }

    fn pooled_by_operations(&self, images: Tensor<4>, frames: usize) -> Tensor<2> {
        let mut x = self.stem.forward(images - 0.5);
        x = relu(self.stem_norm.forward(x)); // [n, stem, side / 2, side / 2]
        for block in &self.blocks {
            x = block.forward(x, frames);
        }
        mean_of_map(x)
    }

    /// The same in training on the `flex` device; `None` where this is not so.
    #[cfg(feature = "flex")]
    fn train_here(&self, images: &Tensor<4>, frames: usize) -> Option<Tensor<2>> {
        let [n, _, height, width] = images.dims();
        let halvings = 1 + self.blocks.iter().filter(|b| b.stride() == 2).count();
        let even = |side: usize| side.is_multiple_of(1 << halvings);
        let training =
            self.stem_norm.training.is_enabled() && self.blocks.iter().all(RepBlock::is_training);
        if !training || !even(height) || !even(width) {
            return None;
        }
        let stem = Block {
            input: Map {
                height: height / 2,
                width: width / 2,
                channels: SHUFFLED,
            },
            past: 0,
            outputs: self.stem.weight.dims()[0],
            stride: 1,
            identity: false,
            frames: 1,
            epsilon: self.stem_norm.epsilon,
            pictures: true,
        };
        let weight = shuffled_stem(self.stem.weight.val());
        let mut x = train_block(stem, images, &(weight, &self.stem_norm), None)?;
        for block in &self.blocks {
            x = block.train_here(&x, frames)?;
        }
        let [_, height, width, channels] = x.dims();
        let pixels = x.reshape([n, height * width, channels]);
        Some(pixels.mean_dim(1).reshape([n, channels]))
    }

    /// The same function in evaluation mode as plain convolutions, off the autodiff graph.
    pub fn fuse(&self) -> FusedNet {
        let (scale, bias) = norm_affine(&self.stem_norm);
        let stem = FusedConv {
            weight: scale_rows(self.stem.weight.val().inner(), scale),
            bias,
            stride: 2,
            padding: 2,
            past: 0,
        };
        let mut convs = vec![stem];
        convs.extend(self.blocks.iter().map(RepBlock::fuse));
        let (embed_scale, embed_bias) = norm_affine(&self.embed_norm);
        FusedNet {
            convs,
            embed_scale,
            embed_bias,
            head: self.head.fold(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Size;
    use crate::test_numbers::{redrawn, uniform};
    use burn::module::ModuleVisitor;
    use burn::optim::GradientsParams;
    use burn::tensor::TensorData;

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

    /// A network, pictures, and weights of a goal.
    type Case = (StreamNet, Tensor<4>, Tensor<2>);

    fn case(size: Size) -> Case {
        let device = Device::flex();
        let config = NetworkConfig {
            size,
            input: 48,
            ..Default::default()
        };
        let length = config.embedding();
        (
            redrawn(StreamNet::new(&config, &device), 31),
            uniform([12, 3, 48, 48], 32, &device),
            uniform([12, length], 33, &device),
        )
    }

    /// Embeddings, then gradients and running statistics after one pass.
    fn pass(
        (net, images, weight): &Case,
        frames: usize,
        track_images: bool,
        by_operations: bool,
    ) -> (Vec<f32>, Vec<Vec<f32>>) {
        let net = net.clone().train();
        let mut images = images.clone().autodiff();
        if track_images {
            images = images.require_grad();
        }
        let pooled = if by_operations {
            net.pooled_by_operations(images.clone(), frames)
        } else {
            net.pooled(images.clone(), frames)
        };
        let features = net.head_of(pooled);
        let weighted = features.embedding.clone() * weight.clone().autodiff();
        let mut gradients = (weighted.sum() + features.logit.sum()).backward();
        let of_images = track_images.then(|| images.grad_remove(&mut gradients).unwrap());
        let gradients = GradientsParams::from_grads(gradients, &net);
        assert_eq!(
            gradients.len(),
            3 + 6 * net.blocks.len() + 3,
            "a weight has none"
        );
        let mut collect = Collect {
            gradients: &gradients,
            found: Vec::new(),
        };
        net.valid().visit(&mut collect);
        let images = of_images.map(|g| g.into_data().try_to_vec().unwrap());
        collect.found.extend(images);
        let embedding = features.embedding.inner().into_data();
        (embedding.try_to_vec().unwrap(), collect.found)
    }

    /// A ReLU that rounding switches on one side alone changes the gradient of few pixels.
    fn assert_near(got: &[f32], want: &[f32], what: &str) {
        let norm =
            |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|v| v * v).sum::<f32>().sqrt();
        let size = norm(&mut want.iter().copied());
        let off = norm(&mut got.iter().zip(want).map(|(a, b)| a - b));
        assert!(off <= 2e-3 * size, "{what}: {off} of {size}");
    }

    fn assert_close(got: &[f32], want: &[f32], what: &str) {
        let size = want.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
        for (got, want) in got.iter().zip(want) {
            let off = (got - want).abs();
            assert!(off <= 2e-4 * size + 1e-6, "{what}: {got}, not {want}");
        }
    }

    /// The kernels of the `flex` device against single tensor operations, whose gradients
    /// the engine's own tests hold to PyTorch's.
    #[test]
    fn kernels_agree_with_operations() {
        for (frames, size, track_images) in [
            (1, Size::Tiny, true),
            (3, Size::Tiny, false),
            (1, Size::Small, false),
        ] {
            let case = case(size);
            let got = pass(&case, frames, track_images, false);
            let want = pass(&case, frames, track_images, true);
            let what = format!("{frames} frames, {size:?}");
            assert_close(&got.0, &want.0, &format!("{what}, embedding"));
            assert_eq!(got.1.len(), want.1.len());
            for (place, (got, want)) in got.1.iter().zip(&want.1).enumerate() {
                assert_eq!(got.len(), want.len());
                let what = format!("{what}, tensor {place}");
                if got.len() == case.1.shape().num_elements() {
                    assert_near(got, want, &what);
                } else {
                    assert_close(got, want, &what);
                }
            }
        }
    }

    /// Several passes of single pictures, whose running statistics are then folded.
    #[test]
    fn running_statistics_agree_with_operations() {
        let device = Device::flex();
        let config = NetworkConfig {
            size: Size::Tiny,
            input: 48,
            ..Default::default()
        };
        let fresh = || StreamNet::new(&config, &device.clone().autodiff());
        let weights = redrawn(fresh(), 34);
        let folded = |by_operations: bool| {
            let net = fresh().load_record(weights.clone().into_record());
            let picture = |frame: usize| {
                let values = (0..3 * 48 * 48).map(|i| ((i * 37 + frame * 11) % 101) as f32 / 101.0);
                let values: Vec<f32> = values.collect();
                Tensor::<4>::from_data(TensorData::new(values, [1, 3, 48, 48]), &device)
            };
            for frame in 0..3 {
                let images = picture(frame).autodiff();
                let pooled = if by_operations {
                    net.pooled_by_operations(images, 1)
                } else {
                    net.pooled(images, 1)
                };
                net.head_of(pooled);
            }
            let mut values = Vec::new();
            let fused = net.fuse();
            for conv in &fused.convs {
                values.push(conv.weight.to_data().try_to_vec::<f32>().unwrap());
                values.push(conv.bias.to_data().try_to_vec::<f32>().unwrap());
            }
            values
        };
        for (place, (got, want)) in folded(false).iter().zip(&folded(true)).enumerate() {
            assert_close(got, want, &format!("folded tensor {place}"));
        }
    }

    #[test]
    fn numbers_do_not_depend_on_the_threads() {
        let case = case(Size::Tiny);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build()
                .unwrap()
                .install(|| pass(&case, 1, true, false))
        };
        assert_eq!(run(1), run(3));
    }
}
