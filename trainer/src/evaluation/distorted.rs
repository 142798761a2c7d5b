//! Scores on held-out pairs under the perturbations of DeeperForensics.

use anyhow::Result;
use burn::tensor::Device;

use super::validate::validate_on;
use super::{Scores, Validation};
use crate::dataset::Pairs;
use crate::distortion::{DistortionError, Perturbation};
use crate::network::Frozen;

/// What became of pairs under one perturbation.
#[derive(Clone, Debug)]
pub struct Distorted {
    /// What was done to the stored crops.
    pub perturbation: Perturbation,
    /// The scores, or why there are none.
    pub scores: Result<Scores, String>,
}

/// Scores the pairs of `request` under every perturbation at every level, without attack.
/// Stored crops are perturbed, not the frames that they were cut from: an approximation,
/// see [`Perturbation::apply_to_crops`]. `told` hears how many of how many are done.
///
/// A perturbation that has no effect on crops, or needs a program that is not there, is
/// kept with the reason.
///
/// # Errors
/// When a stored face is damaged.
pub fn score_distorted(
    net: &Frozen,
    pairs: &Pairs<'_>,
    request: &Validation,
    device: &Device,
    mut told: impl FnMut(usize, usize),
) -> Result<Vec<Distorted>> {
    let clean = Validation {
        epsilon: None,
        ..*request
    };
    let perturbations: Vec<Perturbation> = Perturbation::all().collect();
    let mut all = Vec::new();
    for perturbation in &perturbations {
        let scores = match validate_on(net, net, pairs, &clean, Some(perturbation), device) {
            Ok(scores) => Ok(scores),
            Err(error) => match error.downcast_ref::<DistortionError>() {
                Some(reason) => Err(reason.to_string()),
                None => return Err(error),
            },
        };
        all.push(Distorted {
            perturbation: *perturbation,
            scores,
        });
        told(all.len(), perturbations.len());
    }
    Ok(all)
}
