//! Runs a bundle's graph with tract, one face crop per step.

mod constants;
mod inspect;
mod layout;
mod session;
#[cfg(test)]
mod tests;
mod walk;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::pb;
use tract_onnx::prelude::*;

use crate::bundle::Bundle;
use crate::manifest::Manifest;
pub(crate) use inspect::inspect;
use layout::Layout;
pub use session::Session;

/// Why a graph cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file is not ONNX, or holds what no exported detector holds.
    #[error("the network file was refused: {0}; use a bundle written by unmask-trainer")]
    Refused(String),
    /// The graph and the manifest do not describe the same network.
    #[error("network and manifest disagree: {0}; export the bundle again")]
    Disagree(String),
    /// tract could not load or run the graph.
    #[error("tract failed on the network: {0}")]
    Tract(String),
    /// The picture handed to a step has the wrong number of values.
    #[error("a face crop has {found} values, the network wants {wanted}")]
    CropSize {
        /// Values handed in.
        found: usize,
        /// Values wanted: 3 * side * side.
        wanted: usize,
    },
}

/// What the network says about a face crop, or a clip of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Raw score before calibration; grows with manipulation.
    pub logit: f32,
    /// The feature vector in front of the head.
    pub embedding: Vec<f32>,
    /// Where in the crop the logit comes from: `side * side` values in logit
    /// units, row by row, whose mean is the logit.
    pub evidence: Vec<f32>,
}

/// A loaded network. Cheap to share between threads; each stream of frames of
/// one person takes a [`Session`] from it.
#[derive(Debug, Clone)]
pub struct Engine {
    plan: Arc<TypedRunnableModel>,
    layout: Arc<Layout>,
}

impl Engine {
    /// Loads the network of a bundle and checks that it is the one that the
    /// manifest describes.
    pub fn load(bundle: &Bundle) -> Result<Self, EngineError> {
        Self::from_proto(&decode(&bundle.model)?, &bundle.manifest)
    }

    /// Checks a network file as [`load`](Self::load) does before tract gets to see it:
    /// whether it is ONNX, and no larger or stranger than an exported detector.
    ///
    /// # Errors
    /// [`EngineError::Refused`].
    pub fn inspect(model: &[u8]) -> Result<(), EngineError> {
        inspect(&decode(model)?, &[]).map(drop)
    }

    fn from_proto(proto: &pb::ModelProto, manifest: &Manifest) -> Result<Self, EngineError> {
        let graph = inspect(proto, &[])?;
        let layout = Layout::new(graph, manifest)?;
        let plan = guarded(|| {
            onnx()
                .model_for_proto_model(proto)?
                .into_optimized()?
                .into_runnable()
        })?;
        layout.check(&plan, manifest)?;
        check_sizes(&plan)?;
        Ok(Self {
            plan,
            layout: Arc::new(layout),
        })
    }

    /// Starts a stream of one person's crops, without a past.
    pub fn session(&self) -> Result<Session, EngineError> {
        Session::new(&self.plan, &self.layout)
    }

    /// Side of the face crop in pixels.
    pub fn crop_side(&self) -> usize {
        self.layout.crop_side
    }
}

pub(crate) fn decode(model: &[u8]) -> Result<pb::ModelProto, EngineError> {
    walk::walk(model)?;
    let mut bytes = model;
    guarded(|| onnx().proto_model_for_read(&mut bytes))
        .map_err(|_| inspect::refused("it is not an ONNX file"))
}

/// Refuses networks that need more memory than any detector when they are run.
pub(crate) fn check_sizes(plan: &TypedRunnableModel) -> Result<(), EngineError> {
    let most = inspect::ELEMENTS_MAX.unsigned_abs();
    for outlet in plan.model().nodes().iter().flat_map(|node| &node.outputs) {
        let sides = outlet.fact.shape.as_concrete().unwrap_or_default();
        let volume = sides
            .iter()
            .fold(1, |volume: u64, side| volume.saturating_mul(*side as u64));
        if volume > most {
            return Err(inspect::refused(
                "it computes tensors beyond those of a detector",
            ));
        }
    }
    Ok(())
}

pub(crate) fn values(outputs: &TVec<TValue>, at: usize) -> Result<&[f32], EngineError> {
    let view = outputs[at]
        .try_as_plain_ram()
        .and_then(|view| view.as_slice::<f32>());
    view.map_err(|e| tract_error(&e))
}

/// Runs tract and turns both its errors and its panics into an error.
pub(crate) fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, EngineError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(tract_error(&error)),
        Err(panic) => Err(EngineError::Tract(panic_text(panic))),
    }
}

fn panic_text(panic: Box<dyn core::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| String::from(*s));
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked".into())
}

pub(crate) fn tract_error(error: &TractError) -> EngineError {
    EngineError::Tract(format!("{error:#}"))
}

fn disagree(what: String) -> EngineError {
    EngineError::Disagree(what)
}
