//! From trained weights to the bundle that ships.

mod bundle;
mod calibrate;
mod card;
mod check;
mod graph;
mod held_out;
mod int8;
mod kinds;
mod layers;
mod onnx;
mod quantise;
mod read;
mod release;
mod rewrite;
mod views;

pub use bundle::{About, FigureText, ProvenanceText, clip_logits, write_bundle};
pub use calibrate::{Caution, calibrate};
pub use card::{CardText, write_card};
pub use check::{CheckReport, ENGINE_TOLERANCE, STREAM_TOLERANCE, check_bundle, stream_difference};
pub use held_out::replay;
pub(crate) use held_out::verdict_figures;
pub use int8::{QuantisedHead, QuantisedKernel};
pub use onnx::{GraphNames, write_onnx};
pub use quantise::{Quantised, QuantisedConv, QuantisedPlain, QuantisedStream, quantise};
pub use read::read_bundle;
pub use release::Release;
pub use rewrite::{card_of_unseen, rewrite};
