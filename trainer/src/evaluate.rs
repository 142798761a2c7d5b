//! Figures of a network on held-out faces, clean and attacked.

use std::collections::BTreeMap;

use anyhow::Result;
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

use crate::attack::{Faces, Pgd, Target};
use crate::dataset::{Batch, MakePlan, Pairs, PreparedPair};
use crate::metric::roc_auc;
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
}

/// Logits of held-out frames or clips.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// Without attack.
    pub clean: Vec<f32>,
    /// Under attack, in the same order; empty without one.
    pub attacked: Vec<f32>,
    /// True = fake.
    pub fake: Vec<bool>,
    /// What made the fake of each pair; a pair is two scores, real then fake.
    pub kinds: Vec<String>,
    /// Least share of non-zero gradients in a batch's last attack step; 1 without attack.
    pub gradient_share: f32,
}

impl Scores {
    /// AUC without attack.
    pub fn clean_auc(&self) -> Option<f64> {
        roc_auc(&self.clean, &self.fake)
    }

    /// AUC with both classes attacked.
    pub fn attacked_auc(&self) -> Option<f64> {
        roc_auc(&self.attacked, &self.fake)
    }

    /// AUC with one class attacked: fakes (evasion) or reals (framing).
    pub fn one_sided_auc(&self, fakes_attacked: bool) -> Option<f64> {
        if self.attacked.is_empty() {
            return None;
        }
        let scores: Vec<f32> = (0..self.fake.len())
            .map(|i| {
                if self.fake[i] == fakes_attacked {
                    self.attacked[i]
                } else {
                    self.clean[i]
                }
            })
            .collect();
        roc_auc(&scores, &self.fake)
    }

    /// Pairs, clean AUC and, under attack, AUC with both attacked, by what made the fake.
    pub fn by_kind(&self) -> BTreeMap<String, (usize, Option<f64>, Option<f64>)> {
        let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (pair, kind) in self.kinds.iter().enumerate() {
            members
                .entry(kind)
                .or_default()
                .extend([2 * pair, 2 * pair + 1]);
        }
        members
            .into_iter()
            .map(|(kind, members)| {
                let pick = |all: &[f32]| {
                    members
                        .iter()
                        .filter_map(|i| all.get(*i).copied())
                        .collect()
                };
                let labels: Vec<bool> = members.iter().map(|i| self.fake[*i]).collect();
                let (clean, attacked): (Vec<f32>, Vec<f32>) =
                    (pick(&self.clean), pick(&self.attacked));
                let figures = (
                    members.len() / 2,
                    roc_auc(&clean, &labels),
                    roc_auc(&attacked, &labels),
                );
                (kind.to_string(), figures)
            })
            .collect()
    }
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
    let epoch = pairs.epoch(VALIDATION_SEED, 0);
    let count = request.pairs.min(epoch.len());
    let mut scores = Scores {
        gradient_share: 1.0,
        ..Default::default()
    };
    device.seed(VALIDATION_SEED);
    let plan = MakePlan {
        frames: request.frames,
        ..MakePlan::frame(request.side)
    };
    let batch_pairs = (BATCH_FRAMES / request.frames.max(1)).max(1);
    for first in (0..count).step_by(batch_pairs) {
        let made: Vec<PreparedPair> = (first..(first + batch_pairs).min(count))
            .into_par_iter()
            .map(|index| pairs.make(&epoch, index, &plan))
            .collect::<Result<_>>()?;
        scores
            .kinds
            .extend(made.iter().map(|pair| pair.kind.to_string()));
        score_batch(
            net,
            &Batch::collect(&made, request.frames, request.side),
            request,
            device,
            &mut scores,
        )?;
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
    let (clips, frames) = (batch.clips(), batch.frames);
    let (images, labels) = to_tensors(batch, device);
    let logits = |images: Tensor<4>| -> Result<Vec<f32>> {
        let logit = net.forward(images, frames).logit;
        let [scores] = logit.dims();
        let per_clip = logit.reshape([clips, scores / clips]).mean_dim(1);
        let values = per_clip.into_data().try_to_vec::<f32>();
        values.map_err(|error| anyhow::anyhow!("logits are not f32: {error:?}"))
    };
    scores.clean.extend(logits(images.clone())?);
    scores
        .fake
        .extend(batch.labels.iter().map(|label| *label > 0.5));
    if let Some(epsilon) = request.epsilon {
        let faces = Faces {
            images,
            label: labels,
            frames,
        };
        let attacked = Pgd::ten(epsilon, Target::Both).run(net, &faces);
        attacked.change(&faces)?;
        scores.gradient_share = scores.gradient_share.min(attacked.gradient_share);
        scores.attacked.extend(logits(attacked.images)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sided_figures_mix_clean_and_attacked() {
        let scores = Scores {
            clean: vec![0.0, 1.0, 0.0, 1.0],
            attacked: vec![2.0, -1.0, 2.0, -1.0],
            fake: vec![false, true, false, true],
            kinds: vec!["a".into(), "b".into()],
            gradient_share: 1.0,
        };
        assert_eq!(scores.clean_auc(), Some(1.0));
        assert_eq!(scores.attacked_auc(), Some(0.0));
        assert_eq!(scores.one_sided_auc(true), Some(0.0));
        assert_eq!(scores.one_sided_auc(false), Some(0.0));
        assert_eq!(scores.by_kind()["b"], (1, Some(1.0), Some(0.0)));
    }
}
