//! Faces to train the detector on: data sets cut to crops, pseudo-fakes, distortions, and the
//! synthetic people of tests. Nothing in here knows a network.

pub mod dataset;
pub mod distortion;
pub mod fake;
pub mod files;
mod linear;
pub mod progress;
pub mod random;
pub mod synthetic;
