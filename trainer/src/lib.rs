//! Trains, attacks, evaluates, quantises and exports the unmask detector.

pub mod attack;
pub mod bench;
pub mod cli;
pub mod config;
pub mod device;
pub mod evaluation;
pub mod export;
pub mod finder;
pub mod loss;
pub mod network;
pub mod reconstruct;
pub mod report;
pub mod reproduce;
#[cfg(test)]
mod test_numbers;
pub mod train;
pub mod video_attack;

pub use unmask_data::{dataset, distortion, fake, files, progress, random, synthetic};
pub use unmask_metrics as metric;
