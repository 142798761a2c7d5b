//! A small network that finds faces, trained to say what a teacher says.
//!
//! A teacher (a YuNet file) is asked once about every picture and frame
//! ([`prepare`]). Training then composes scenes on the fly from what it found ([`Composer`])
//! and teaches a network of dense convolutions with the teacher's output heads ([`train`]).

mod assign;
mod compose;
mod export;
mod loss;
mod network;
mod people;
mod picture;
mod pool;
mod prepare;
mod progress;
mod store;
mod teacher;
mod train;
mod validate;
mod weather;

use unmask_shared::geometry::{FaceBox, Point};

pub use assign::{Level, Responsible, Targets, assign, levels};
pub use compose::{Composer, Scene};
pub use export::onnx_bytes;
pub use loss::{LossParts, finder_loss};
pub use network::{FinderNet, Folded, FoldedLayer};
pub use picture::{Canvas, Patch, Pyramid};
pub use pool::{Loaded, Pool};
pub use prepare::{PrepareOptions, prepare};
pub use store::{Meta, Picture, read_pictures};
pub use teacher::{Heads, Teacher};
pub use train::{FinderConfig, Outcome, train, trained};
pub use validate::{Measured, Validation};

/// A face with its landmarks, in pixels of its picture.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Face {
    /// Upright box from forehead to chin.
    pub bbox: FaceBox,
    /// Left and right eye as seen in the picture, tip of the nose, left and right corner of
    /// the mouth.
    pub landmarks: [Point; 5],
    /// How sure its finder is, 0 to 1.
    pub score: f32,
}
