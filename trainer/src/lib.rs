//! Trains, attacks, evaluates, quantises and exports the unmask detector.

pub mod attack;
pub mod device;
pub mod export;
pub mod fake;
pub mod loss;
pub mod metric;
pub mod network;
