//! `check`: the shipped file computes what was trained.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use unmask_shared::bundle::Bundle;
use unmask_shared::engine::Engine;
use unmask_shared::synthetic::{FaceModel, golden_clip};

use super::clip_logits;
use crate::network::{Frozen, NetworkConfig};

/// Largest difference of a logit between burn's clip and tract's stream.
pub const ENGINE_TOLERANCE: f32 = 1e-3;
/// Largest difference of a logit between a clip and the same frames as a stream, in
/// one engine.
pub const STREAM_TOLERANCE: f32 = 1e-4;

/// Differences found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CheckReport {
    /// Decisions compared: one per frame, or per clip for a clip network.
    pub decisions: usize,
    /// Largest |burn clip - tract stream| over the golden clips.
    pub engine_difference: f32,
    /// Largest |logit - mean evidence| in tract.
    pub evidence_difference: f32,
}

/// Runs the golden clips of a bundle through tract as a stream and compares them with
/// the logits that burn gave for the whole clips.
///
/// # Errors
/// When the bundle is damaged, has no golden clip, or differs by more than
/// [`ENGINE_TOLERANCE`].
pub fn check_bundle(folder: &Path) -> Result<CheckReport> {
    let bundle = Bundle::open(folder)?;
    let engine = Engine::load(&bundle)?;
    let people = FaceModel::builtin().context("the built-in synthetic people are damaged")?;
    ensure!(
        !bundle.manifest.golden.is_empty(),
        "the bundle has no golden clip: export it again"
    );
    let mut report = CheckReport::default();
    for clip in &bundle.manifest.golden {
        let frames = golden_clip(
            &people,
            &bundle.manifest.crop,
            clip.seed,
            clip.swapped,
            clip.frames.into(),
        );
        let mut session = engine.session()?;
        let mut steps = Vec::with_capacity(clip.logits.len());
        for frame in &frames {
            steps.extend(session.step(frame)?);
        }
        ensure!(
            steps.len() == clip.logits.len(),
            "tract decided {} times on a golden clip, burn {} times: export the bundle again",
            steps.len(),
            clip.logits.len()
        );
        for (step, want) in steps.iter().zip(&clip.logits) {
            let mean = step.evidence.iter().sum::<f32>() / step.evidence.len().max(1) as f32;
            report.decisions += 1;
            report.engine_difference = report.engine_difference.max((step.logit - want).abs());
            report.evidence_difference = report.evidence_difference.max((step.logit - mean).abs());
        }
    }
    ensure!(
        report.engine_difference <= ENGINE_TOLERANCE
            && report.evidence_difference <= ENGINE_TOLERANCE,
        "tract and burn differ: logits by {:.2e}, evidence by {:.2e}; at most {ENGINE_TOLERANCE:.0e} is allowed",
        report.engine_difference,
        report.evidence_difference
    );
    Ok(report)
}

/// Largest difference between burn's logits of a clip and of the same frames one by one;
/// `None` for a clip network, which has no frames one by one.
///
/// # Shapes
/// - `frames`: `[3, side, side]` each
///
/// # Errors
/// When the backend does not give f32.
pub fn stream_difference(
    net: &Frozen,
    frames: &[Vec<f32>],
    config: &NetworkConfig,
    device: &Device,
) -> Result<Option<f32>> {
    if config.clip_frames().is_some() {
        return Ok(None);
    }
    let shape = [1, 3, config.input, config.input];
    let mut memory = match net {
        Frozen::Stream(net) => net.empty_states(1, &config.state_shapes(), device),
        Frozen::Plain(_) => Vec::new(),
    };
    let mut largest = 0f32;
    let whole = clip_logits(net, config, frames, device)?;
    for (frame, want) in frames.iter().zip(whole) {
        let image = Tensor::<4>::from_data(TensorData::new(frame.clone(), shape), device);
        let logit = match net {
            Frozen::Stream(net) => {
                let out = net.step(image, &memory);
                memory = out.states;
                out.logit
            }
            Frozen::Plain(net) => net.forward(image, 1).logit,
        };
        largest = largest.max((logit.into_scalar::<f32>() - want).abs());
    }
    Ok(Some(largest))
}
