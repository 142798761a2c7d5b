//! Any of the architectures, as it is trained and as it is attacked and shipped.

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
