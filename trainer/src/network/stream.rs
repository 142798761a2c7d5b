//! The network as it is trained.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::config::NetworkConfig;
use super::fused::{FusedConv, FusedNet};
use super::head::{Features, Head};
use super::rep::{RepBlock, norm_affine, scale_rows};

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

    /// Runs a batch of clips; the memory of every clip starts empty.
    ///
    /// # Shapes
    /// - `images`: `[clips * frames, 3, side, side]`, RGB in [0, 1], the frames of
    ///   a clip one behind the other
    /// - output: `clips * frames` embeddings and logits
    pub fn forward(&self, images: Tensor<4>, frames: usize) -> Features {
        let mut x = self.stem.forward(images - 0.5);
        x = relu(self.stem_norm.forward(x)); // [n, stem, side / 2, side / 2]
        for block in &self.blocks {
            x = block.forward(x, frames);
        }
        let [n, channels, _, _] = x.dims();
        let pooled = x.mean_dim(3).mean_dim(2).reshape([n, channels]);
        let embedding = self.embed_norm.forward(pooled);
        Features {
            logit: self.head.forward(embedding.clone()),
            embedding,
        }
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
