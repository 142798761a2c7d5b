//! From trained weights to the file that ships.

mod graph;
mod onnx;
mod quantise;

pub use onnx::{GraphNames, write_onnx};
pub use quantise::{QuantisedConv, QuantisedNet, quantise};
