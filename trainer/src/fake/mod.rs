//! Pseudo-fakes made on the fly from real faces.
//!
//! Self-blended images (Shiohara and Yamasaki, CVPR 2022) and swaps between two
//! aligned faces (after Li et al., "Face X-ray", CVPR 2020), with landmarks taken
//! from the mean face through the crop geometry, so that no landmark model is needed.

mod blend;
mod colour;
mod mask;
mod picture;
mod quality;

pub use blend::{Blend, BlendKind};
pub use colour::{ColourShift, Texture};
pub use mask::{Hull, MaskShape};
pub use picture::{Picture, gaussian_blur};
pub use quality::Quality;

/// The generator behind every random choice: seeded per sample, portable.
pub type Random = rand_chacha::ChaCha8Rng;
