//! The streaming detector: one face crop per step, temporal memory as explicit state.
//!
//! [`StreamNet`] is what is trained: RepVGG blocks (Ding et al., CVPR 2021) of a
//! 3x3 branch, a 1x1 branch and an identity, each under batch normalisation.
//! [`FusedNet`] is the same function as plain convolutions: what is attacked,
//! evaluated, exported and shipped.

mod config;
mod detector;
#[cfg(feature = "flex")]
mod flex;
mod fused;
mod head;
mod rep;
mod stream;

pub use config::{NetworkConfig, Size};
pub use detector::{Detector, Differentiable, Frozen};
pub use fused::{FusedConv, FusedNet, StepOutput};
pub use head::{CosineHead, Features, cosine_similarity, l2_norm};
pub use rep::RepBlock;
pub use stream::StreamNet;
