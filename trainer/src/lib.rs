//! Trains, attacks, evaluates, quantises and exports the unmask detector.

pub mod attack;
pub mod bench;
pub mod cli;
pub mod config;
pub mod dataset;
pub mod device;
pub mod distortion;
pub mod evaluation;
pub mod export;
pub mod fake;
pub mod files;
pub mod finder;
mod linear;
pub mod loss;
pub mod metric;
pub mod network;
pub mod progress;
pub mod random;
pub mod reconstruct;
pub mod report;
pub mod reproduce;
pub mod synthetic;
#[cfg(test)]
mod test_numbers;
pub mod train;
