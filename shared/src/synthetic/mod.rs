//! Synthetic people: endless faces of nobody before a camera, genuine and
//! swapped, for demonstrations, self-tests and tests.
//!
//! A [`FaceModel`] (mean face and components, fitted by the trainer) gives
//! identities and expressions. A [`Scene`] puts one person with head, hair and
//! shoulders before a background, moves them, lights them and looks through a
//! noisy camera. A swap replaces the face by another identity's within a
//! blended mask, with the faults of real swaps; everything else, noise and
//! light included, is the same as in the genuine frame.
//!
//! Every frame is a pure function of the configuration and its index, and the
//! same on every platform.

mod background;
mod body;
mod file;
mod golden;
mod grid;
mod model;
mod person;
mod pose;
mod random;
mod render;
mod scene;
mod swap;

pub use golden::{golden_clip, golden_frame};
pub use model::{Component, FaceModel, FaceModelError, MODEL_BYTES_MAX};
pub use random::Random;
pub use scene::{FRAMES_PER_SECOND, Scene, SceneConfig, SceneError, SceneFrame, SceneTruth, Swap};
