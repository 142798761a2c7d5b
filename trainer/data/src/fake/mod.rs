//! Pseudo-fakes made on the fly from real faces.
//!
//! Self-blended images (Shiohara and Yamasaki, CVPR 2022), swaps between two aligned faces
//! and swaps after Face X-ray (Li et al., CVPR 2020), with landmarks taken from the mean
//! face through the crop geometry, so that no landmark model is needed. On clips every
//! choice is made once and replayed, and there are fakes that only time gives away.

mod blend;
mod codec;
mod colour;
mod flicker;
mod generated;
mod landmarks;
mod likeness;
mod look;
mod mask;
mod outline;
mod passage;
pub mod photometry;
mod picture;
mod planes;
mod quality;
mod retime;
mod soft_blend;
mod xray;

pub use blend::{Blend, BlendKind};
pub use colour::{ColourShift, Texture};
pub use flicker::Flicker;
pub use generated::{Generated, Reconstruct};
pub use likeness::{Likeness, LikenessGrid};
pub use mask::{Hull, MaskShape};
pub use passage::Passage;
pub use picture::{Picture, gaussian_blur};
pub use quality::CodecQuality;
pub use retime::Retime;

pub use crate::random::Random;
