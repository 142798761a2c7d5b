//! The detectors.
//!
//! [`StreamNet`] sees one face crop per step and keeps its temporal memory as explicit
//! state: RepVGG blocks (Ding et al., CVPR 2021) of a 3x3 branch, a 1x1 branch and an
//! identity, each under batch normalisation. [`FusedNet`] is the same function as plain
//! convolutions: what is attacked, evaluated, exported and shipped.
//!
//! [`LayeredNet`] trains the others, which are lists of plain layers ([`Blueprint`]): the
//! paper's clip network (CSN), and the frame detectors MesoNet-4, Xception and
//! EfficientNet-Lite0, which starts from released weights ([`read_weights`]). [`PlainNet`]
//! is the same function with normalisations folded away.

mod blueprint;
mod config;
mod csn;
mod detector;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "flex")]
mod flex_chain;
mod fused;
mod head;
mod layered;
mod lite;
mod meso4;
mod plain;
mod pretrained;
mod rep;
mod stream;
mod stream_config;
mod temporal;
mod xception;

pub use blueprint::{
    Blueprint, ConvSpec, Extent, LUMINANCE_MEAN, LUMINANCE_SHARES, LUMINANCE_STD, LUMINANCE_TINY,
    Layer, NormSpec, Op,
};
pub use config::{Architecture, HeadKind, NetworkConfig, Size};
pub use detector::{Detector, Differentiable, Frozen};
#[cfg(feature = "flex")]
pub(crate) use flex::{shuffled_stem, train_block};
pub use fused::{FusedConv, FusedNet, StepOutput};
pub use head::{Features, Head, PlainHead, cosine_similarity, l2_norm};
pub use layered::LayeredNet;
pub use plain::{Affine, Kernel, PlainNet};
pub use pretrained::read_weights;
pub use rep::RepBlock;
pub(crate) use rep::{norm_affine, scale_rows};
pub use stream::StreamNet;
pub use stream_config::StreamLayer;
