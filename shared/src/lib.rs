//! What the trainer and the firmware must do identically: where a face lies in
//! a crop, how pixels are sampled, what a logit means, when a verdict is
//! reached, and how events and models are written down.
//!
//! Without features the crate is `no_std` and never allocates. The feature
//! `std` adds synthetic people and bundles on disk; `media` reads pictures and
//! videos; `tract` adds the engine that runs a bundle, and the face finder;
//! `settings` reads settings in layers.
//!
//! The way of a frame: [`face`] finds eyes, nose and mouth, [`geometry`] turns them
//! into a similarity transform, [`sample`] draws the crop, the network returns a
//! logit, [`calibration`] gives it a meaning, [`verdict`] adds up the evidence
//! of a track, [`event`] records what changed, [`signal`] says what the device
//! shows, and [`wire`] tells both to a microcontroller.

// On a device each of these is a crash.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo)
)]
#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(all(test, not(feature = "std")))]
extern crate std;

#[cfg(feature = "std")]
pub mod bundle;
pub mod calibration;
mod codes;
#[cfg(feature = "tract")]
pub mod engine;
pub mod event;
pub mod evidence;
#[cfg(feature = "tract")]
pub mod face;
pub mod geometry;
#[cfg(feature = "std")]
mod hex;
pub mod manifest;
#[cfg(feature = "media")]
pub mod media;
pub mod pose;
pub mod quality;
pub mod reason;
pub mod review;
pub mod sample;
#[cfg(feature = "settings")]
pub mod settings;
pub mod signal;
#[cfg(feature = "std")]
pub mod signature;
#[cfg(feature = "std")]
pub mod synthetic;
#[cfg(feature = "std")]
mod temporary;
pub mod verdict;
pub mod wire;

#[cfg(feature = "std")]
pub use bundle::{Bundle, BundleError};
pub use calibration::{Calibration, CalibrationError};
pub use event::{Event, EventError, EventKind};
pub use evidence::TrackModel;
#[cfg(feature = "tract")]
pub use face::{Face, Finder, FinderConfig, FinderError, builtin_finder};
pub use geometry::{Align, CropSpec, FaceBox, Point, Similarity};
#[cfg(feature = "std")]
pub use hex::hex;
pub use manifest::{Manifest, ManifestError};
pub use quality::{Quality, QualityLimits};
pub use sample::{ImageError, RgbView, crop_planar, crop_rgb};
pub use signal::{HoldConfig, Signal, SignalHold};
#[cfg(feature = "std")]
pub use temporary::without_temporary_name;
pub use verdict::{Reason, Score, SequentialTest, Verdict, VerdictConfig, VerdictError};
