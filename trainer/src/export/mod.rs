//! From trained weights to the bundle that ships.

mod bundle;
mod calibrate;
mod card;
mod graph;
mod int8;
mod layers;
mod onnx;
mod quantise;
mod release;

pub use bundle::{About, ProvenanceText, clip_logits, write_bundle};
pub use calibrate::{Caution, calibrate};
pub use card::{CardText, write_card};
pub use int8::{QuantisedHead, QuantisedKernel};
pub use onnx::{GraphNames, write_onnx};
pub use quantise::{Quantised, QuantisedConv, QuantisedPlain, QuantisedStream, quantise};
pub use release::Release;
