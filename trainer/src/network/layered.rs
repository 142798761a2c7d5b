//! A network of plain layers as it is trained.

use burn::module::{Module, Param, RunningState};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig};
use burn::tensor::{Device, Distribution, Tensor};

use super::blueprint::{Blueprint, ConvSpec, Layer, Op};
use super::config::NetworkConfig;
use super::head::{Features, Head};
use super::plain::{Kernel, PlainNet, nth, per_channel, run, views};
use super::rep::norm_affine;
use super::temporal::convolve;

/// Weights of a convolution.
#[derive(Module, Debug)]
pub struct ConvWeights {
    /// `[out, in / groups, frames, rows, columns]`
    weight: Param<Tensor<5>>,
    /// `[out]`
    bias: Option<Param<Tensor<1>>>,
}

impl ConvWeights {
    /// Normal with variance `2 / (out * kernel)` (He et al., ICCV 2015, fan out, ReLU), offsets
    /// zero. Without a normalisation behind it, a depthwise kernel counts its own taps alone:
    /// else hardly anything would come through.
    fn new(spec: &ConvSpec, device: &Device) -> Self {
        let shape = spec.shape();
        let groups = if spec.bias { spec.groups } else { 1 };
        let fan_out = spec.output / groups * spec.kernel.iter().product::<usize>();
        let normal = Distribution::Normal(0.0, (2.0 / fan_out as f64).sqrt());
        let zeros = || Param::from_tensor(Tensor::zeros([spec.output], device));
        Self {
            weight: Param::from_tensor(Tensor::random(shape, normal, device)),
            bias: spec.bias.then(zeros),
        }
    }
}

impl ConvWeights {
    /// Weight and bias; as constants where they are not trained.
    fn values(&self, held: bool) -> (Tensor<5>, Option<Tensor<1>>) {
        let (weight, bias) = (self.weight.val(), self.bias.as_ref().map(Param::val));
        if held {
            return (weight.detach(), bias.map(Tensor::detach));
        }
        (weight, bias)
    }
}

/// A convolution and its normalisation, as they were trained elsewhere.
pub(super) struct Released {
    /// [`ConvSpec::shape`]
    pub(super) weight: Tensor<5>,
    /// Factor, `[out]`.
    pub(super) gamma: Tensor<1>,
    /// Offset, `[out]`.
    pub(super) beta: Tensor<1>,
    /// Running mean, `[out]`.
    pub(super) mean: Tensor<1>,
    /// Running variance, `[out]`.
    pub(super) variance: Tensor<1>,
    /// Added to the variance.
    pub(super) epsilon: f64,
}

/// A normalisation that is not trained, by its running statistics.
fn standing(norm: &BatchNorm, x: Tensor<4>) -> Tensor<4> {
    let (mut scale, mut bias) = norm_affine(norm);
    if x.device().is_autodiff() {
        (scale, bias) = (scale.autodiff(), bias.autodiff());
    }
    per_channel(x, scale, bias)
}

/// The layers of a [`Blueprint`] with their weights.
#[derive(Module, Debug)]
pub struct LayeredNet {
    #[module(skip)]
    blueprint: Blueprint,
    /// One for each convolution, in order.
    convs: Vec<ConvWeights>,
    /// One for each normalisation, in order.
    norms: Vec<BatchNorm>,
    /// One for each dropout, in order.
    dropouts: Vec<Dropout>,
    head: Head,
}

impl LayeredNet {
    /// A network with fresh weights; seed the device first for repeatable ones.
    pub fn new(blueprint: Blueprint, config: &NetworkConfig, device: &Device) -> Self {
        let (mut convs, mut norms, mut dropouts) = (Vec::new(), Vec::new(), Vec::new());
        for (at, layer) in blueprint.layers.iter().enumerate() {
            match layer.op {
                Op::Conv(spec) => convs.push(ConvWeights::new(&spec, device)),
                Op::Norm(spec) => {
                    let channels = blueprint.channels(at + 1);
                    let mut norm = BatchNormConfig::new(channels)
                        .with_epsilon(spec.epsilon)
                        .with_momentum(spec.momentum)
                        .init(device);
                    if spec.zero {
                        norm.gamma = Param::from_tensor(Tensor::zeros([channels], device));
                    }
                    norms.push(norm);
                }
                Op::Dropout { share } => dropouts.push(DropoutConfig::new(share).init()),
                _ => {}
            }
        }
        Self {
            head: Head::new(blueprint.embedding(), config.head, config.scale, device),
            blueprint,
            convs,
            norms,
            dropouts,
        }
    }

    /// Shape of the kernel of a convolution.
    pub(super) fn shape(&self, index: usize) -> [usize; 5] {
        self.convs[index].weight.dims()
    }

    /// Takes the weights of a convolution and its normalisation; folds them into one where
    /// the network has no normalisations.
    pub(super) fn take(&mut self, index: usize, from: Released) {
        let conv = &mut self.convs[index];
        if let Some(norm) = self.norms.get_mut(index) {
            conv.weight = Param::from_tensor(from.weight);
            norm.gamma = Param::from_tensor(from.gamma);
            norm.beta = Param::from_tensor(from.beta);
            norm.running_mean = RunningState::new(from.mean);
            norm.running_var = RunningState::new(from.variance);
            return;
        }
        let scale = from.gamma / (from.variance + from.epsilon).sqrt();
        let [out] = scale.dims();
        let factor = scale.clone().reshape([out, 1, 1, 1, 1]);
        conv.weight = Param::from_tensor(from.weight * factor);
        conv.bias = Some(Param::from_tensor(from.beta - from.mean * scale));
    }

    /// A network that computes the same as one with fixed weights, for training it further;
    /// `None` where it has normalisations, whose statistics are not kept.
    pub(super) fn of_plain(
        plain: &PlainNet,
        config: &NetworkConfig,
        device: &Device,
    ) -> Option<Self> {
        let mut net = Self::new(config.blueprint()?, config, device);
        if !net.norms.is_empty() || net.convs.len() != plain.kernels.len() {
            return None;
        }
        for (conv, kernel) in net.convs.iter_mut().zip(&plain.kernels) {
            conv.weight = Param::from_tensor(kernel.weight.clone());
            conv.bias = Some(Param::from_tensor(kernel.bias.clone()));
        }
        net.head.take(&plain.head);
        Some(net)
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
                let values = self.convs.iter().map(|conv| conv.values(false));
                let with_bias = values.filter_map(|(weight, bias)| Some((weight, bias?)));
                with_bias.collect()
            };
            let found = super::flex_chain::embedding(&self.blueprint, &images, convs, true);
            if let Some(found) = found {
                return found;
            }
        }
        self.embedding_by_operations(images, frames)
    }

    fn embedding_by_operations(&self, images: Tensor<4>, frames: usize) -> Tensor<2> {
        let frozen = self.blueprint.frozen_convs();
        let (mut convs, mut norms, mut dropouts) = (0.., 0.., 0..);
        run(&self.blueprint, images, frames, |op, x, frames| match op {
            Op::Conv(spec) => {
                let held = convs.start < frozen;
                let conv = nth(&self.convs, &mut convs);
                let (weight, bias) = conv.values(held);
                convolve(x, frames, weight, bias, spec)
            }
            Op::Norm(_) => {
                let norm = nth(&self.norms, &mut norms);
                // The convolution in front of it has been counted.
                if convs.start <= frozen {
                    standing(norm, x)
                } else {
                    norm.forward(x)
                }
            }
            Op::Dropout { .. } => nth(&self.dropouts, &mut dropouts).forward(x),
            _ => x,
        })
    }

    /// The same function in evaluation mode with normalisations folded into the convolutions
    /// in front of them, off the autodiff graph.
    pub fn fold(&self) -> PlainNet {
        let mut folded = PlainNet::empty(&self.blueprint, self.head.fold());
        let uses = self.blueprint.uses();
        let (mut convs, mut norms) = (0.., 0..);
        // Number of each value in the folded network.
        let mut moved = vec![0];
        for layer in &self.blueprint.layers {
            let from = moved[layer.from];
            let value = match layer.op {
                Op::Conv(spec) => {
                    let conv = nth(&self.convs, &mut convs);
                    folded.push_conv(spec, from, kernel(conv, &spec))
                }
                Op::Norm(_) => {
                    let (scale, bias) = norm_affine(nth(&self.norms, &mut norms));
                    folded.push_affine(from, scale, bias, uses[layer.from] == 1)
                }
                Op::Dropout { .. } => from,
                op => folded.push(Layer {
                    op,
                    from,
                    plus: moved[layer.plus],
                }),
            };
            moved.push(value);
        }
        folded
    }
}

fn kernel(conv: &ConvWeights, spec: &ConvSpec) -> Kernel {
    let weight = conv.weight.val().inner();
    let zeros = || Tensor::zeros([spec.output], &weight.device());
    Kernel {
        bias: conv
            .bias
            .as_ref()
            .map_or_else(zeros, |bias| bias.val().inner()),
        weight,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    use crate::network::{Architecture, HeadKind, Size};
    use crate::random::Random;
    use crate::test_numbers::{normal, redrawn, uniform};

    const FRAMES: usize = 3;

    fn config(architecture: Architecture) -> NetworkConfig {
        NetworkConfig {
            architecture,
            size: Size::Tiny,
            depth: 14,
            input: 32,
            cut: 6,
            fold: false,
            ..Default::default()
        }
    }

    /// A network whose normalisations and running statistics are those of some batches.
    fn trained(config: &NetworkConfig, device: &Device) -> LayeredNet {
        let blueprint = config.blueprint().unwrap();
        let on = device.clone().autodiff();
        let mut net = redrawn(LayeredNet::new(blueprint, config, &on), 11);
        for (seed, norm) in (0..).zip(&mut net.norms) {
            let [channels] = norm.gamma.dims();
            let gamma = uniform([channels], seed, device) + 0.5;
            norm.gamma = Param::from_tensor(gamma.autodiff());
            let beta = uniform([channels], 100 + seed, device) - 0.5;
            norm.beta = Param::from_tensor(beta.autodiff());
        }
        for _ in 0..3 {
            net.forward(clips(2, config.input, device).autodiff(), FRAMES);
        }
        net
    }

    fn clips(count: usize, side: usize, device: &Device) -> Tensor<4> {
        uniform([count * FRAMES, 3, side, side], 12, device)
    }

    fn largest_difference<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
        assert_eq!(a.dims(), b.dims());
        (a - b).abs().max().into_scalar()
    }

    #[test]
    fn folding_keeps_the_function() {
        let device = Device::flex();
        for architecture in [
            Architecture::Csn,
            Architecture::Meso4,
            Architecture::Xception,
            Architecture::Lite,
        ] {
            for head in [HeadKind::Cosine, HeadKind::Linear] {
                let config = NetworkConfig {
                    head,
                    luminance: head == HeadKind::Linear,
                    mirror: head == HeadKind::Linear,
                    temporal_stride: architecture == Architecture::Csn && head == HeadKind::Linear,
                    ..config(architecture)
                };
                let net = trained(&config, &device);
                // Crops of another side are what the first part of a run sees.
                for side in [32, 48] {
                    let images = clips(2, side, &device);
                    let want = net.valid().forward(images.clone(), FRAMES);
                    let got = net.fold().forward(images, FRAMES);
                    assert_eq!(got.logit.dims(), [2 * config.scores_per_clip(FRAMES)]);
                    assert_eq!(got.embedding.dims()[1], config.embedding());
                    let apart = largest_difference(want.logit, got.logit);
                    assert!(apart < 1e-3, "{architecture:?} {head:?}: logits {apart}");
                    let apart = largest_difference(want.embedding, got.embedding);
                    assert!(
                        apart < 1e-3,
                        "{architecture:?} {head:?}: embeddings {apart}"
                    );
                }
            }
        }
    }

    /// Embeddings and gradients of weights and pictures, one tensor behind the other.
    fn pass(
        net: &LayeredNet,
        images: &Tensor<4>,
        track_images: bool,
        by_operations: bool,
    ) -> Vec<Vec<f32>> {
        use burn::optim::GradientsParams;

        let numbers = |tensor: Tensor<1>| tensor.into_data().try_to_vec::<f32>().unwrap();
        let net = net.clone().train();
        let mut leaf = images.clone().autodiff();
        if track_images {
            leaf = leaf.require_grad();
        }
        let features = views(&net.blueprint, leaf.clone(), |images| {
            let embedding = if by_operations {
                net.embedding_by_operations(images, 1)
            } else {
                net.embedding(images, 1)
            };
            Features {
                logit: net.head.forward(embedding.clone()),
                embedding,
            }
        });
        let mut found = vec![numbers(features.embedding.clone().inner().flatten(0, 1))];
        let mut gradients = (features.embedding.sum() * 0.1 + features.logit.sum()).backward();
        if track_images {
            let gradient = leaf.grad_remove(&mut gradients).unwrap();
            found.push(numbers(gradient.flatten(0, 3)));
        }
        let gradients = GradientsParams::from_grads(gradients, &net);
        for conv in &net.convs {
            let of_weight = gradients.get::<5>(conv.weight.id);
            found.extend(of_weight.map(|g| numbers(g.flatten(0, 4))));
            let bias = conv.bias.as_ref().unwrap();
            found.extend(gradients.get::<1>(bias.id).map(numbers));
        }
        found
    }

    /// The kernels of the `flex` device against single tensor operations, whose gradients the
    /// engine's own tests hold to PyTorch's.
    #[test]
    fn kernels_agree_with_operations() {
        let device = Device::flex();
        let lite = NetworkConfig {
            architecture: Architecture::Lite,
            cut: 6,
            input: 64,
            ..Default::default()
        };
        let changed = [
            lite.clone(),
            NetworkConfig {
                freeze_blocks: 2,
                ..lite.clone()
            },
            NetworkConfig {
                luminance: true,
                mirror: true,
                cut: 13,
                ..lite.clone()
            },
        ];
        for (at, config) in changed.into_iter().enumerate() {
            let mut random = Random::seed_from_u64(5);
            let on = device.clone().autodiff();
            let blueprint = config.blueprint().unwrap();
            let mut net = LayeredNet::new(blueprint, &config, &on);
            for conv in &mut net.convs {
                // Large enough to be seen at the end, some of it beyond the limits.
                let [out, inputs, _, rows, columns] = conv.weight.dims();
                let deviation = (3.0 / (inputs * rows * columns) as f32).sqrt();
                let shape = [out, inputs, 1, rows, columns];
                conv.weight = Param::from_tensor(normal(shape, deviation, &mut random, &on));
                let bias = normal([out], 0.5, &mut random, &on) + 0.5;
                conv.bias = Some(Param::from_tensor(bias));
            }
            let images = normal(
                clips(1, config.input, &device).dims(),
                0.25,
                &mut random,
                &device,
            );
            let images = (images + 0.5).clamp(0.0, 1.0);
            for track_images in [false, true] {
                let got = pass(&net, &images, track_images, false);
                let want = pass(&net, &images, track_images, true);
                let held = 2 * net.blueprint.frozen_convs();
                let tensors = 1 + usize::from(track_images) + 2 * net.convs.len() - held;
                assert_eq!((got.len(), want.len()), (tensors, tensors));
                for (place, (got, want)) in got.iter().zip(&want).enumerate() {
                    // A limit that rounding passes on one side alone changes few numbers.
                    let size = want.iter().map(|w| w * w).sum::<f32>().sqrt();
                    assert!(size > 1e-3, "{at}: tensor {place} is {size}");
                    let off = got.iter().zip(want).map(|(a, b)| (a - b) * (a - b));
                    let off = off.sum::<f32>().sqrt();
                    assert!(off < 2e-3 * size, "{at}: tensor {place}: {off} of {size}");
                }
            }
        }
    }

    #[test]
    fn numbers_do_not_depend_on_the_threads() {
        let device = Device::flex();
        let config = NetworkConfig {
            architecture: Architecture::Lite,
            cut: 4,
            input: 32,
            ..Default::default()
        };
        let blueprint = config.blueprint().unwrap();
        let net = LayeredNet::new(blueprint, &config, &device.clone().autodiff());
        let net = redrawn(net, 6);
        let images = clips(7, 32, &device);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().unwrap();
            pool.install(|| pass(&net, &images, true, false))
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn frames_of_a_clip_network_are_judged_together_and_in_order() {
        let device = Device::flex();
        let net = trained(&config(Architecture::Csn), &device).fold();
        let images = clips(2, 32, &device);
        let both = net.forward(images.clone(), FRAMES).logit;
        let first = images.clone().narrow(0, 0, FRAMES);
        let alone = net.forward(first.clone(), FRAMES).logit;
        let apart = largest_difference(both.narrow(0, 0, 1), alone.clone());
        assert!(apart < 1e-4, "clips of a batch mix: {apart}");
        let backwards = net.forward(first.flip([0]), FRAMES).logit;
        assert!(largest_difference(alone, backwards) > 1e-4);
    }

    #[test]
    fn a_residual_branch_starts_as_nothing() {
        let device = Device::flex();
        let config = config(Architecture::Csn);
        let net = LayeredNet::new(config.blueprint().unwrap(), &config, &device);
        let zero = |norm: &&BatchNorm| norm.gamma.val().abs().max().into_scalar::<f32>() == 0.0;
        assert_eq!(net.norms.iter().filter(zero).count(), 4);
    }

    #[test]
    fn every_weight_is_trained_and_survives_its_record() {
        use burn::optim::{AdamWConfig, GradientsParams};
        use burn::store::ModuleRecord;
        use burn::tensor::Bytes;

        let device = Device::flex();
        for architecture in [
            Architecture::Csn,
            Architecture::Meso4,
            Architecture::Xception,
            Architecture::Lite,
        ] {
            let config = config(architecture);
            let mut net = trained(&config, &device);
            // It draws from the device's generator, which tests beside this one draw from too.
            net.dropouts.fill(DropoutConfig::new(0.0).init());
            let mut optimizer = AdamWConfig::new().init();
            let images = clips(4, 32, &device);
            let scores = 4 * config.scores_per_clip(FRAMES);
            // The first half of the batch is real, the second fake.
            let real = Tensor::<1>::ones([scores / 2], &device);
            let sign = Tensor::cat(vec![real.clone(), real * -1.0], 0).autodiff();
            let mut losses = Vec::new();
            for _ in 0..8 {
                let logit = net.forward(images.clone().autodiff(), FRAMES).logit;
                let loss = ((logit * sign.clone()).exp() + 1.0).log().mean();
                losses.push(loss.clone().into_scalar::<f32>());
                let gradients = GradientsParams::from_grads(loss.backward(), &net);
                assert_eq!(gradients.len(), weights_of(&net), "{architecture:?}");
                net = optimizer.step(1e-2, net, gradients);
            }
            assert!(losses[7] < losses[0] / 2.0, "{architecture:?}: {losses:?}");

            let bytes = net.valid().into_record().into_bytes().unwrap().to_vec();
            let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).unwrap();
            let fresh = LayeredNet::new(config.blueprint().unwrap(), &config, &device);
            let loaded = fresh.try_load_record(record).unwrap();
            let want = net.valid().forward(images.clone(), FRAMES).logit;
            let got = loaded.forward(images, FRAMES).logit;
            assert_eq!(largest_difference(want, got), 0.0, "{architecture:?}");
        }
    }

    /// Tensors that a step changes: kernels, offsets, factors, and the head.
    fn weights_of(net: &LayeredNet) -> usize {
        let biases = net.convs.iter().filter(|conv| conv.bias.is_some());
        net.convs.len() + biases.count() + 2 * net.norms.len() + 1
    }
}
