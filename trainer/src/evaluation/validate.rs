//! Scores on held-out pairs, clean and under PGD-10.

use anyhow::{Context, Result, anyhow};
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

use super::{Origin, Scores};
use crate::attack::{Faces, Pgd, Target, per_clip};
use crate::dataset::{Batch, Epoch, MakePlan, Pairs, PreparedPair};
use crate::distortion::Perturbation;
use crate::network::{Frozen, NetworkConfig};
use crate::train::to_tensors;

/// Order and pseudo-fakes of validation, the same for every run.
pub const VALIDATION_SEED: u64 = 0x5EED;
/// Real frames at a time, and as many fake ones.
const BATCH_FRAMES: usize = 32;

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validation {
    /// Pairs at most.
    pub pairs: usize,
    /// Side of the crops in pixels.
    pub side: usize,
    /// Frames of a clip; its score is the mean logit.
    pub frames: usize,
    /// Radius of PGD-10 in [0, 1]; `None` = clean only.
    pub epsilon: Option<f32>,
}

impl Validation {
    /// For a network as it is shipped: single frames, or clips for a clip network. An
    /// `epsilon` of zero means clean only.
    pub fn of(network: &NetworkConfig, pairs: usize, epsilon: f32) -> Self {
        Self {
            pairs,
            side: network.input,
            frames: network.clip_frames().unwrap_or(1),
            epsilon: (epsilon > 0.0).then_some(epsilon),
        }
    }

    /// How the pairs are made.
    pub fn plan(&self) -> MakePlan {
        MakePlan {
            frames: self.frames,
            ..MakePlan::frame(self.side)
        }
    }
}

/// The order in which held-out pairs are scored.
pub(super) fn order(pairs: &Pairs<'_>) -> Epoch {
    pairs.epoch(VALIDATION_SEED, 0)
}

/// Scores held-out pairs, each a real and a fake frame or clip.
///
/// # Errors
/// When a stored face is damaged, or an attack changed nothing.
pub fn validate(
    net: &Frozen,
    pairs: &Pairs<'_>,
    request: &Validation,
    device: &Device,
) -> Result<Scores> {
    score_pairs(net, pairs, request, None, device)
}

/// [`validate`] of pairs whose stored crops were perturbed.
pub(super) fn score_pairs(
    net: &Frozen,
    pairs: &Pairs<'_>,
    request: &Validation,
    perturbation: Option<&Perturbation>,
    device: &Device,
) -> Result<Scores> {
    let epoch = order(pairs);
    let count = request.pairs.min(epoch.len());
    let mut scores = Scores {
        gradient_share: 1.0,
        ..Default::default()
    };
    device.seed(VALIDATION_SEED);
    let plan = request.plan();
    let batch_pairs = (BATCH_FRAMES / request.frames.max(1)).max(1);
    for first in (0..count).step_by(batch_pairs) {
        let made: Vec<PreparedPair> = (first..(first + batch_pairs).min(count))
            .into_par_iter()
            .map(|index| match perturbation {
                Some(perturbation) => pairs.make_perturbed(&epoch, index, &plan, perturbation),
                None => pairs.make(&epoch, index, &plan),
            })
            .collect::<Result<_>>()?;
        for pair in &made {
            scores.kinds.push(pair.kind.to_string());
            for record in pair.records {
                let record = pairs.record(record).context("a pair without a record")?;
                scores.origins.push(Origin::of(record));
            }
        }
        let batch = Batch::collect(&made, request.frames, request.side);
        score_batch(net, &batch, request, device, &mut scores)?;
    }
    Ok(scores)
}

fn score_batch(
    net: &Frozen,
    batch: &Batch,
    request: &Validation,
    device: &Device,
    scores: &mut Scores,
) -> Result<()> {
    let frames = batch.frames;
    let (images, label) = to_tensors(batch, device);
    scores
        .clean
        .extend(clip_logits(net, images.clone(), frames)?);
    scores
        .fake
        .extend(batch.labels.iter().map(|label| *label > 0.5));
    if let Some(epsilon) = request.epsilon {
        let faces = Faces {
            images,
            label,
            frames,
        };
        let attacked = Pgd::ten(epsilon, Target::Both).run(net, &faces);
        attacked.change(&faces)?;
        scores.gradient_share = scores.gradient_share.min(attacked.gradient_share);
        scores
            .attacked
            .extend(clip_logits(net, attacked.images, frames)?);
    }
    Ok(())
}

/// Mean logit of each clip.
///
/// # Shapes
/// - `images`: `[clips * frames, 3, side, side]`
fn clip_logits(net: &Frozen, images: Tensor<4>, frames: usize) -> Result<Vec<f32>> {
    let [n, ..] = images.dims();
    values(per_clip(
        net.forward(images, frames).logit,
        n / frames.max(1),
    ))
}

/// A tensor's numbers.
pub(super) fn values(tensor: Tensor<1>) -> Result<Vec<f32>> {
    let values = tensor.into_data().try_to_vec::<f32>();
    values.map_err(|error| anyhow!("logits are not f32: {error:?}"))
}
