//! Which input and output of a graph is which.

use tract_onnx::pb;
use tract_onnx::prelude::*;

use super::{EngineError, disagree, tract_error};
use crate::manifest::{Manifest, ModelKind};

/// Which input and output of the plan is which.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) crop_side: usize,
    /// Crops of a clip; `None` where each crop is judged.
    pub(super) clip_frames: Option<usize>,
    pub(super) inputs: Vec<Input>,
    pub(super) logit: usize,
    pub(super) embedding: usize,
    pub(super) evidence: usize,
    /// Output that feeds state `i` of the next step.
    pub(super) next_states: Vec<usize>,
    state_shapes: Vec<[usize; 4]>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Input {
    Image,
    State(usize),
}

impl Layout {
    pub(super) fn new(graph: &pb::GraphProto, manifest: &Manifest) -> Result<Self, EngineError> {
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
            clip_frames: match manifest.kind {
                ModelKind::Stream | ModelKind::Frame => None,
                ModelKind::Clip { frames } => Some(usize::from(frames)),
            },
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

    /// `[1, 3, side, side]`, of a clip `[1, 3, frames, side, side]`.
    pub(super) fn image_shape(&self) -> TVec<usize> {
        let side = self.crop_side;
        match self.clip_frames {
            None => tvec![1, 3, side, side],
            Some(frames) => tvec![1, 3, frames, side, side],
        }
    }

    /// Compares the shapes that tract found with those of the manifest.
    pub(super) fn check(
        &self,
        plan: &TypedRunnableModel,
        manifest: &Manifest,
    ) -> Result<(), EngineError> {
        let model = plan.model();
        for (at, input) in self.inputs.iter().enumerate() {
            let fact = model.input_fact(at).map_err(|e| tract_error(&e))?;
            let wanted = match *input {
                Input::Image => self.image_shape(),
                Input::State(index) => TVec::from_slice(&self.state_shapes[index]),
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

    pub(super) fn no_past(&self) -> Result<TVec<TValue>, EngineError> {
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
