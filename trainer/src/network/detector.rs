//! Any of the architectures, as it is trained and as it is attacked and shipped.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::config::NetworkConfig;
use super::fused::FusedNet;
use super::head::Features;
use super::stream::StreamNet;

/// A detector as it is trained.
#[derive(Module, Debug)]
pub enum Detector {
    /// One frame per step, with memory.
    Stream(StreamNet),
}

impl Detector {
    /// A network with fresh weights; seed the device first for repeatable ones.
    pub fn new(config: &NetworkConfig, device: &Device) -> Self {
        Self::Stream(StreamNet::new(config, device))
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
        }
    }

    /// The same function in evaluation mode with normalisations folded away, off the
    /// autodiff graph: what is attacked, evaluated, exported and shipped.
    pub fn fold(&self) -> Frozen {
        match self {
            Self::Stream(net) => Frozen::Stream(net.fuse()),
        }
    }
}

/// A detector with fixed weights.
#[derive(Clone, Debug)]
pub enum Frozen {
    /// One frame per step, with memory.
    Stream(FusedNet),
}

impl Frozen {
    /// Runs a batch of clips off the autodiff graph; shapes as [`Detector::forward`].
    pub fn forward(&self, images: Tensor<4>, frames: usize) -> Features {
        match self {
            Self::Stream(net) => net.forward(images, frames),
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
        }
    }

    fn scale(&self) -> f32 {
        match self {
            Self::Stream(net) => net.scale(),
        }
    }
}
