//! A small network that finds faces, trained to say what a teacher says.
//!
//! A teacher (a YuNet file) is asked once about every picture and frame
//! ([`prepare`]). Training then composes scenes on the fly from what it found ([`Composer`])
//! and teaches a network of dense convolutions with the teacher's output heads ([`train`]).

mod assign;
mod compose;
mod cover;
mod evaluate;
mod looks;
mod loss;
mod network;
mod people;
mod picture;
mod pool;
mod prepare;
mod preview;
mod progress;
mod recall;
mod store;
mod subject;
mod train;
mod truth;
mod validate;
mod weather;

/// Least width by landmarks of the faces that are labelled and compared, pixels. Heads in profile
/// have eyes close together: a higher limit would make them no faces in training, and in
/// comparisons count what one finder leaves out and another does not as false.
const FACE_PX_MIN: u32 = 4;

pub use assign::{CellGrid, Responsible, Targets, assign, levels};
pub use compose::{Composer, TrainingScene};
pub use evaluate::{EvaluateOptions, FinderFigures, evaluate};
pub use loss::{LossParts, finder_loss};
pub use network::{FinderNet, onnx_bytes};
pub use picture::{BackgroundPatch, Canvas, Pyramid};
pub use pool::{Loaded, Pool};
pub use prepare::{PoolOptions, prepare, read_empty};
pub use preview::preview;
pub use recall::{Known, Recall, Tally};
pub use store::{PictureMeta, StoredPicture, read_pictures};
pub use subject::NamedFinder;
pub use train::{FinderOutcome, FinderTraining, started_from, train, trained};
pub use validate::{FinderMeasures, FinderValidation};
