//! The network as it is attacked, exported and shipped: plain convolutions.

use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::{Device, Tensor};

use super::head::{Features, PlainHead, l2_norm};
use super::rep::{conv_options, shift_frames};

/// A convolution with bias, followed by ReLU.
#[derive(Clone, Debug)]
pub struct FusedConv {
    /// `[out, in + past, k, k]`
    pub weight: Tensor<4>,
    /// `[out]`
    pub bias: Tensor<1>,
    /// Spatial stride.
    pub stride: usize,
    /// Zero padding on each side.
    pub padding: usize,
    /// Channels of the previous frame behind those of the present one; 0 = none.
    pub past: usize,
}

impl FusedConv {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let options = conv_options(self.stride, self.padding);
        relu(conv2d(
            x,
            self.weight.clone(),
            Some(self.bias.clone()),
            options,
        ))
    }

    fn without_past(&self, x: Tensor<4>) -> Tensor<4> {
        let [out, channels, kh, kw] = self.weight.dims();
        let weight = self
            .weight
            .clone()
            .slice([0..out, 0..channels - self.past, 0..kh, 0..kw]);
        let options = conv_options(self.stride, self.padding);
        relu(conv2d(x, weight, Some(self.bias.clone()), options))
    }
}

/// Mean over the pixels.
///
/// # Shapes
/// - `map`: `[n, channels, height, width]`, output: `[n, channels]`
pub(super) fn mean_of_map(map: Tensor<4>) -> Tensor<2> {
    let [n, channels, _, _] = map.dims();
    map.mean_dim(3).mean_dim(2).reshape([n, channels])
}

/// A trained network with all branches and normalisations folded away.
#[derive(Clone, Debug)]
pub struct FusedNet {
    /// The stem and the body, in order.
    pub convs: Vec<FusedConv>,
    /// Factor of the pooled features, `[embedding]`.
    pub embed_scale: Tensor<1>,
    /// Offset of the pooled features, `[embedding]`.
    pub embed_bias: Tensor<1>,
    /// From the embedding to the logit.
    pub head: PlainHead,
}

/// What one step of the stream gives.
#[derive(Clone, Debug)]
pub struct StepOutput {
    /// `[n]`
    pub logit: Tensor<1>,
    /// `[n, embedding]`
    pub embedding: Tensor<2>,
    /// `[n, side, side]`, in units of the logit; its mean is the logit.
    pub evidence: Tensor<3>,
    /// Memory for the next step, `[n, channels, height, width]` each.
    pub states: Vec<Tensor<4>>,
}

impl FusedNet {
    /// The same weights as constants of the autodiff graph, so that gradients of
    /// the input can be taken.
    pub fn autodiff(&self) -> Self {
        self.map(Tensor::autodiff, Tensor::autodiff)
    }

    /// Moves the weights to a device.
    pub fn to_device(&self, device: &Device) -> Self {
        self.map(|t| t.to_device(device), |t| t.to_device(device))
    }

    fn map(
        &self,
        four: impl Fn(Tensor<4>) -> Tensor<4>,
        one: impl Fn(Tensor<1>) -> Tensor<1>,
    ) -> Self {
        let conv = |c: &FusedConv| FusedConv {
            weight: four(c.weight.clone()),
            bias: one(c.bias.clone()),
            ..*c
        };
        Self {
            convs: self.convs.iter().map(conv).collect(),
            embed_scale: one(self.embed_scale.clone()),
            embed_bias: one(self.embed_bias.clone()),
            head: self.head.map(one),
        }
    }

    /// Runs a batch of clips; the memory of every clip starts empty.
    ///
    /// # Shapes
    /// - `images`: `[clips * frames, 3, side, side]`, RGB in [0, 1]
    pub fn forward(&self, images: Tensor<4>, frames: usize) -> Features {
        self.head_of(self.pooled(images, frames))
    }

    fn head_of(&self, pooled: Tensor<2>) -> Features {
        let embedding = self.embed(pooled);
        Features {
            logit: self.head.forward(embedding.clone()),
            embedding,
        }
    }

    /// Mean of the last map, `[clips * frames, embedding]`.
    fn pooled(&self, images: Tensor<4>, frames: usize) -> Tensor<2> {
        #[cfg(feature = "flex")]
        if let Some(pooled) = super::flex::pooled_features(&self.convs, &images, frames) {
            return pooled;
        }
        self.pooled_by_operations(images, frames)
    }

    fn pooled_by_operations(&self, images: Tensor<4>, frames: usize) -> Tensor<2> {
        let mut x = images - 0.5;
        for conv in &self.convs {
            x = if conv.past == 0 {
                conv.forward(x)
            } else if frames == 1 {
                conv.without_past(x)
            } else {
                let past = shift_frames(x.clone(), frames, conv.past);
                conv.forward(Tensor::cat(vec![x, past], 1))
            };
        }
        mean_of_map(x)
    }

    fn embed(&self, pooled: Tensor<2>) -> Tensor<2> {
        let [_, channels] = pooled.dims();
        pooled * self.embed_scale.clone().reshape([1, channels])
            + self.embed_bias.clone().reshape([1, channels])
    }

    /// Memory of a stream that has seen nothing: zeros.
    ///
    /// # Shapes
    /// - `shapes`: `[channels, height, width]` of each state, for `n` streams
    pub fn empty_states(&self, n: usize, shapes: &[[usize; 3]], device: &Device) -> Vec<Tensor<4>> {
        shapes
            .iter()
            .map(|[c, h, w]| Tensor::zeros([n, *c, *h, *w], device))
            .collect()
    }

    /// One frame of `n` streams.
    ///
    /// # Shapes
    /// - `images`: `[n, 3, side, side]`, RGB in [0, 1]
    /// - `states`: as [`Self::empty_states`] or the last step gave them
    pub fn step(&self, images: Tensor<4>, states: &[Tensor<4>]) -> StepOutput {
        let mut x = images - 0.5;
        let mut next = Vec::with_capacity(states.len());
        for conv in &self.convs {
            if conv.past > 0 {
                let [n, _, h, w] = x.dims();
                let present = x.clone().slice([0..n, 0..conv.past, 0..h, 0..w]);
                x = Tensor::cat(vec![x, states[next.len()].clone()], 1);
                next.push(present);
            }
            x = conv.forward(x);
        }
        let [n, c, h, w] = x.dims();
        let embedding = self.embed(mean_of_map(x.clone()));
        let head = &self.head.weight;
        let weight = (head.clone() * self.embed_scale.clone()).reshape([1, c, 1, 1]);
        let bias = (head.clone() * self.embed_bias.clone()).sum();
        let evidence = (x * weight).sum_dim(1).reshape([n, h, w]) + bias.reshape([1, 1, 1]);
        let evidence = match &self.head.bias {
            Some(bias) => evidence + bias.clone().reshape([1, 1, 1]),
            None => evidence / l2_norm(embedding.clone()).reshape([n, 1, 1]),
        };
        let logit = evidence
            .clone()
            .reshape([n, h * w])
            .mean_dim(1)
            .reshape([n]);
        StepOutput {
            logit,
            embedding,
            evidence,
            states: next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{NetworkConfig, Size, StreamNet};
    use crate::test_numbers::{redrawn, uniform};
    use burn::module::Module;

    const FRAMES: usize = 4;

    fn config() -> NetworkConfig {
        NetworkConfig {
            size: Size::Tiny,
            input: 48,
            ..Default::default()
        }
    }

    /// A network whose running statistics are those of some batches.
    fn trained(device: &Device) -> StreamNet {
        let net = redrawn(StreamNet::new(&config(), &device.clone().autodiff()), 11);
        for seed in 0..3 {
            let images = uniform([8, 3, 48, 48], seed, device);
            net.forward(images.autodiff(), 1);
        }
        net
    }

    fn largest_difference<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
        (a - b).abs().max().into_scalar()
    }

    #[test]
    fn fusing_keeps_the_function() {
        let device = Device::flex();
        let net = trained(&device);
        let clip = uniform([2 * FRAMES, 3, 48, 48], 21, &device);
        let want = net.valid().forward(clip.clone(), FRAMES);
        let got = net.fuse().forward(clip, FRAMES);
        assert!(largest_difference(want.logit, got.logit) < 1e-3);
        assert!(largest_difference(want.embedding, got.embedding) < 1e-3);
    }

    #[test]
    fn the_stream_is_the_clip_frame_by_frame() {
        let device = Device::flex();
        let net = trained(&device).fuse();
        let clip = uniform([FRAMES, 3, 48, 48], 22, &device);
        let whole = net.forward(clip.clone(), FRAMES);
        let mut states = net.empty_states(1, &config().state_shapes(), &device);
        for frame in 0..FRAMES {
            let image = clip.clone().narrow(0, frame, 1);
            let out = net.step(image, &states);
            let want = whole.logit.clone().narrow(0, frame, 1);
            assert!(
                largest_difference(out.logit.clone(), want) < 1e-4,
                "frame {frame}"
            );
            let mean = out.evidence.mean().reshape([1]);
            assert!(
                largest_difference(mean, out.logit) < 1e-4,
                "evidence of frame {frame}"
            );
            states = out.states;
        }
    }

    /// Pictures with which no sum before a ReLU is so small that the order of its terms, which
    /// differs between processors, decides its sign and with it a gradient.
    fn away_from_zero(net: &FusedNet, frames: usize) -> Tensor<4> {
        let linear = |conv: &FusedConv, x: Tensor<4>| {
            let options = conv_options(conv.stride, conv.padding);
            conv2d(x, conv.weight.clone(), Some(conv.bias.clone()), options)
        };
        let smallest = |images: Tensor<4>| {
            let mut x = images - 0.5;
            let mut smallest = f32::INFINITY;
            for conv in &net.convs {
                if conv.past > 0 {
                    let past = shift_frames(x.clone(), frames, conv.past);
                    x = Tensor::cat(vec![x, past], 1);
                }
                let sums = linear(conv, x);
                smallest = smallest.min(sums.clone().abs().min().into_scalar());
                x = relu(sums);
            }
            smallest
        };
        (0..200)
            .map(|seed| uniform([FRAMES, 3, 32, 32], seed, &Device::flex()))
            .find(|images| smallest(images.clone()) > 3e-6)
            .unwrap()
    }

    /// The kernels of the `flex` device against single tensor operations, whose gradients
    /// the engine's own tests hold to PyTorch's.
    #[test]
    fn kernels_agree_with_operations() {
        let device = Device::flex();
        let fused = trained(&device).fuse();
        let net = fused.autodiff();
        for frames in [1, FRAMES] {
            let images = away_from_zero(&fused, frames);
            let run = |by_operations: bool| {
                let leaf = images.clone().autodiff().require_grad();
                let features = net.head_of(if by_operations {
                    net.pooled_by_operations(leaf.clone(), frames)
                } else {
                    net.pooled(leaf.clone(), frames)
                });
                let goal = features.logit.clone().sum() + features.embedding.sum() * 0.1;
                let gradient = leaf.grad_remove(&mut goal.backward()).unwrap();
                (features.logit.inner(), gradient)
            };
            let (want, got) = (run(true), run(false));
            assert!(largest_difference(want.0.clone(), got.0.clone()) < 1e-4);
            let size: f32 = want.1.clone().abs().max().into_scalar();
            let off = largest_difference(want.1, got.1.clone());
            assert!(off < 1e-4 * size, "{frames} frames: {off} of {size}");
            let plain = net.forward(images.clone(), frames).logit.inner();
            assert_eq!(largest_difference(plain, got.0), 0.0);
        }
    }

    #[test]
    fn the_past_matters() {
        let device = Device::flex();
        let net = trained(&device).fuse();
        let clip = uniform([2, 3, 48, 48], 23, &device);
        let together = net.forward(clip.clone(), 2).logit.narrow(0, 1, 1);
        let alone = net.forward(clip.narrow(0, 1, 1), 1).logit;
        assert!(largest_difference(together, alone) > 1e-4);
    }
}
