//! Any of the architectures, as it is trained and as it is attacked and shipped.

use anyhow::{Context, Result};
use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::config::NetworkConfig;
use super::fused::FusedNet;
use super::head::Features;
use super::layered::LayeredNet;
use super::plain::PlainNet;
use super::stream::StreamNet;

/// A detector as it is trained.
#[derive(Module, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a run holds a few of these, never a list"
)]
pub enum Detector {
    /// One frame per step, with memory.
    Stream(StreamNet),
    /// Single frames, or whole clips, without memory.
    Layered(LayeredNet),
}

impl Detector {
    /// A network with fresh weights; seed the device first for repeatable ones.
    pub fn new(config: &NetworkConfig, device: &Device) -> Self {
        match config.blueprint() {
            None => Self::Stream(StreamNet::new(config, device)),
            Some(blueprint) => Self::Layered(LayeredNet::new(blueprint, config, device)),
        }
    }

    /// A network for training that computes the same as one with fixed weights, such as those of
    /// a bundle. Normalisations take the statistics of `images`, faces of the data that it will be
    /// trained on.
    ///
    /// # Shapes
    /// - `images`: `[n, 3, side, side]`, RGB in [0, 1]
    ///
    /// # Errors
    /// When normalisations that were folded away cannot be had back.
    pub fn of_frozen(
        frozen: &Frozen,
        config: &NetworkConfig,
        images: &Tensor<4>,
        device: &Device,
    ) -> Result<Self> {
        match frozen {
            Frozen::Stream(net) => Ok(Self::Stream(StreamNet::of_fused(
                net, config, images, device,
            ))),
            Frozen::Plain(net) => LayeredNet::of_plain(net, config, device)
                .map(Self::Layered)
                .with_context(|| {
                    let name = format!("{:?}", config.architecture).to_lowercase();
                    format!(
                        "a bundle of {name} has lost its normalisations: start from the run that it was exported \
                         from (stream, and lite with network.fold, can be started from a bundle)"
                    )
                }),
        }
    }

    /// Runs a batch of clips.
    ///
    /// # Shapes
    /// - `images`: `[clips * frames, 3, side, side]`, RGB in [0, 1], the frames of
    ///   a clip one behind the other
    /// - output: one embedding and logit per frame, or per clip for a clip network
    pub fn forward(&self, images: Tensor<4>, frames: usize) -> Features {
        match self {
            Self::Stream(net) => net.forward(images, frames),
            Self::Layered(net) => net.forward(images, frames),
        }
    }

    /// The same function in evaluation mode with normalisations folded away, off the
    /// autodiff graph: what is attacked, evaluated, exported and shipped.
    pub fn fold(&self) -> Frozen {
        match self {
            Self::Stream(net) => Frozen::Stream(net.fuse()),
            Self::Layered(net) => Frozen::Plain(net.fold()),
        }
    }
}

/// A detector with fixed weights.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a run holds a few of these, never a list"
)]
pub enum Frozen {
    /// One frame per step, with memory.
    Stream(FusedNet),
    /// Single frames, or whole clips, without memory.
    Plain(PlainNet),
}

impl Frozen {
    /// Runs a batch of clips off the autodiff graph; shapes as [`Detector::forward`].
    pub fn forward(&self, images: Tensor<4>, frames: usize) -> Features {
        match self {
            Self::Stream(net) => net.forward(images, frames),
            Self::Plain(net) => net.forward(images, frames),
        }
    }
}

/// What white-box attacks need of a network.
pub trait Differentiable {
    /// Features of images on the autodiff graph, so that gradients of the images can be
    /// taken; weights are constants. Shapes as [`Detector::forward`].
    fn features(&self, images: Tensor<4>, frames: usize) -> Features;

    /// Scale `s` of the cosine head; 1 for a linear one.
    fn scale(&self) -> f32;
}

impl Differentiable for Frozen {
    fn features(&self, images: Tensor<4>, frames: usize) -> Features {
        match self {
            Self::Stream(net) => net.autodiff().forward(images, frames),
            Self::Plain(net) => net.autodiff().forward(images, frames),
        }
    }

    fn scale(&self) -> f32 {
        match self {
            Self::Stream(net) => net.head.scale(),
            Self::Plain(net) => net.head.scale(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Architecture, Size};
    use crate::test_numbers::{redrawn, uniform};

    fn config(architecture: Architecture) -> NetworkConfig {
        NetworkConfig {
            architecture,
            size: Size::Tiny,
            depth: 14,
            input: 32,
            cut: 3,
            ..Default::default()
        }
    }

    #[test]
    fn fixed_weights_become_a_network_that_can_be_trained() {
        let device = Device::flex();
        for architecture in [Architecture::Stream, Architecture::Lite] {
            let config = config(architecture);
            let frozen = redrawn(Detector::new(&config, &device), 2).fold();
            let images: Tensor<4> = uniform([12, 3, 32, 32], 9, &device);
            let net = Detector::of_frozen(&frozen, &config, &images, &device).unwrap();
            let clips: Tensor<4> = uniform([6, 3, 32, 32], 4, &device);
            let largest = |a: Tensor<1>, b: Tensor<1>| (a - b).abs().max().into_scalar::<f32>();
            let wanted = frozen.forward(clips.clone(), 3).logit;
            let apart = largest(net.fold().forward(clips, 3).logit, wanted);
            assert!(apart < 1e-3, "{architecture:?}: {apart}");
            // In training, too, where normalisations take the statistics of the batch.
            let fresh = Detector::new(&config, &device.clone().autodiff());
            let training = fresh.load_record(net.into_record());
            let found = training.forward(images.clone().autodiff(), 1).logit;
            let apart = largest(found.inner(), frozen.forward(images, 1).logit);
            assert!(apart < 1e-2, "{architecture:?} in training: {apart}");
        }
    }

    #[test]
    fn normalisations_that_were_folded_away_are_named() {
        let device = Device::flex();
        let config = config(Architecture::Meso4);
        let frozen = Detector::new(&config, &device).fold();
        let images = Tensor::zeros([2, 3, 32, 32], &device);
        let error = Detector::of_frozen(&frozen, &config, &images, &device).unwrap_err();
        assert!(error.to_string().contains("meso4"), "{error}");
    }
}
