//! Runs a bundle's graph with tract, one face crop per step.

mod inspect;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::pb;
use tract_onnx::prelude::*;

use crate::bundle::Bundle;
use crate::manifest::Manifest;

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

/// What one step says about one face crop.
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

/// Which input and output of the plan is which.
#[derive(Debug)]
struct Layout {
    crop_side: usize,
    inputs: Vec<Input>,
    logit: usize,
    embedding: usize,
    evidence: usize,
    /// Output that feeds state `i` of the next step.
    next_states: Vec<usize>,
    state_shapes: Vec<[usize; 4]>,
}

#[derive(Debug, Clone, Copy)]
enum Input {
    Image,
    State(usize),
}

impl Engine {
    /// Loads the network of a bundle and checks that it is the one that the
    /// manifest describes.
    pub fn load(bundle: &Bundle) -> Result<Self, EngineError> {
        let mut bytes = bundle.model.as_slice();
        guarded(|| onnx().proto_model_for_read(&mut bytes))
            .map_err(|_| EngineError::Refused("it is not an ONNX file".into()))
            .and_then(|proto| Self::from_proto(&proto, &bundle.manifest))
    }

    fn from_proto(proto: &pb::ModelProto, manifest: &Manifest) -> Result<Self, EngineError> {
        let graph = inspect::inspect(proto)?;
        let layout = Layout::new(graph, manifest)?;
        let plan = guarded(|| {
            onnx()
                .model_for_proto_model(proto)?
                .into_optimized()?
                .into_runnable()
        })?;
        layout.check(&plan, manifest)?;
        Ok(Self {
            plan,
            layout: Arc::new(layout),
        })
    }

    /// Starts a stream of frames without a past.
    pub fn session(&self) -> Result<Session, EngineError> {
        let state = guarded(|| self.plan.spawn())?;
        let past = self.layout.no_past()?;
        Ok(Session {
            state,
            past,
            layout: Arc::clone(&self.layout),
        })
    }

    /// Side of the face crop in pixels.
    pub fn crop_side(&self) -> usize {
        self.layout.crop_side
    }
}

/// One person's frames: the network and what it remembers of earlier ones.
#[derive(Debug)]
pub struct Session {
    state: TypedSimpleState,
    past: TVec<TValue>,
    layout: Arc<Layout>,
}

impl Session {
    /// Shows the next frame of the stream to the network.
    ///
    /// `image` is the face crop as planar RGB in [0, 1].
    ///
    /// # Shapes
    /// image: [3, side, side]
    pub fn step(&mut self, image: &[f32]) -> Result<Step, EngineError> {
        let side = self.layout.crop_side;
        let wanted = 3 * side * side;
        if image.len() != wanted {
            return Err(EngineError::CropSize {
                found: image.len(),
                wanted,
            });
        }
        let layout = Arc::clone(&self.layout);
        let (state, past) = (&mut self.state, &self.past);
        let outputs = guarded(|| {
            let image = Tensor::from_shape(&[1, 3, side, side], image)?.into_tvalue();
            let inputs = layout.inputs.iter().map(|input| match *input {
                Input::Image => image.clone(),
                Input::State(index) => past[index].clone(),
            });
            state.run(inputs.collect())
        })?;
        let step = Step {
            logit: values(&outputs, layout.logit)?
                .first()
                .copied()
                .unwrap_or(f32::NAN),
            embedding: values(&outputs, layout.embedding)?.to_vec(),
            evidence: values(&outputs, layout.evidence)?.to_vec(),
        };
        self.past = layout
            .next_states
            .iter()
            .map(|&index| outputs[index].clone())
            .collect();
        Ok(step)
    }

    /// Forgets the past, as for another person.
    pub fn reset(&mut self) -> Result<(), EngineError> {
        self.past = self.layout.no_past()?;
        Ok(())
    }
}

impl Layout {
    fn new(graph: &pb::GraphProto, manifest: &Manifest) -> Result<Self, EngineError> {
        let spec = &manifest.graph;
        let initialised = |name: &str| graph.initializer.iter().any(|t| t.name == name);
        let mut inputs = Vec::new();
        for input in graph.input.iter().filter(|i| !initialised(&i.name)) {
            if input.name == spec.image.as_str() {
                inputs.push(Input::Image);
            } else if let Some(at) = spec
                .states
                .iter()
                .position(|s| s.input == input.name.as_str())
            {
                inputs.push(Input::State(at));
            } else {
                return Err(disagree(format!("input {:.40} is unknown", input.name)));
            }
        }
        if inputs.len() != spec.states.len() + 1 {
            return Err(disagree(format!(
                "the graph has {} inputs, the manifest names {}",
                inputs.len(),
                spec.states.len() + 1
            )));
        }
        let output = |name: &str| {
            let found = graph.output.iter().position(|o| o.name == name);
            found.ok_or_else(|| disagree(format!("output {name} is missing")))
        };
        let next_states = spec
            .states
            .iter()
            .map(|s| output(&s.output))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            crop_side: usize::from(manifest.crop.size),
            inputs,
            logit: output(&spec.logit)?,
            embedding: output(&spec.embedding)?,
            evidence: output(&spec.evidence)?,
            next_states,
            state_shapes: spec
                .states
                .iter()
                .map(|s| s.shape.map(usize::from))
                .collect(),
        })
    }

    /// Compares the shapes that tract found with those of the manifest.
    fn check(&self, plan: &TypedRunnableModel, manifest: &Manifest) -> Result<(), EngineError> {
        let model = plan.model();
        for (at, input) in self.inputs.iter().enumerate() {
            let fact = model.input_fact(at).map_err(|e| tract_error(&e))?;
            let wanted = match *input {
                Input::Image => [1, 3, self.crop_side, self.crop_side],
                Input::State(index) => self.state_shapes[index],
            };
            expect_shape("an input", fact, &wanted)?;
        }
        let side = usize::from(manifest.graph.evidence_side);
        let length = usize::from(manifest.graph.embedding_len);
        let mut outputs: Vec<(&str, usize, Vec<usize>)> = Vec::from([
            ("the logit", self.logit, Vec::from([1, 1])),
            ("the embedding", self.embedding, Vec::from([1, length])),
            ("the evidence", self.evidence, Vec::from([1, 1, side, side])),
        ]);
        for (&at, shape) in self.next_states.iter().zip(&self.state_shapes) {
            outputs.push(("a next state", at, shape.to_vec()));
        }
        for (what, at, wanted) in outputs {
            let fact = model.output_fact(at).map_err(|e| tract_error(&e))?;
            expect_shape(what, fact, &wanted)?;
        }
        Ok(())
    }

    fn no_past(&self) -> Result<TVec<TValue>, EngineError> {
        let zeros = |shape: &[usize; 4]| Tensor::zero::<f32>(shape).map(IntoTValue::into_tvalue);
        self.state_shapes
            .iter()
            .map(zeros)
            .collect::<TractResult<_>>()
            .map_err(|e| tract_error(&e))
    }
}

fn expect_shape(what: &str, fact: &TypedFact, wanted: &[usize]) -> Result<(), EngineError> {
    let found = fact.shape.as_concrete();
    if fact.datum_type != f32::datum_type() || found != Some(wanted) {
        return Err(disagree(format!(
            "{what} is {:?} {:?}, the manifest says f32 {wanted:?}",
            fact.datum_type, fact.shape
        )));
    }
    Ok(())
}

fn values(outputs: &TVec<TValue>, at: usize) -> Result<&[f32], EngineError> {
    let view = outputs[at]
        .try_as_plain_ram()
        .and_then(|view| view.as_slice::<f32>());
    view.map_err(|e| tract_error(&e))
}

/// Runs tract and turns both its errors and its panics into an error.
fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, EngineError> {
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

fn tract_error(error: &TractError) -> EngineError {
    EngineError::Tract(format!("{error:#}"))
}

fn disagree(what: String) -> EngineError {
    EngineError::Disagree(what)
}
