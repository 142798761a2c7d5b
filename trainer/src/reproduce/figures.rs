//! What is measured of every run, before and after it becomes a file.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use unmask_shared::bundle::Bundle;

use crate::attack::Deployed;
use crate::config::Epsilon;
use crate::dataset::Pairs;
use crate::evaluation::{Scores, Validation, validate, validate_on};
use crate::network::Frozen;

/// AUC in per cent under PGD-10 of one radius.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Robust {
    /// Radius, l_inf.
    pub epsilon: Epsilon,
    /// Fakes attacked (evasion).
    pub fakes: f64,
    /// Reals attacked (framing).
    pub reals: f64,
    /// Both classes attacked.
    pub both: f64,
}

/// AUC in per cent of one detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aucs {
    /// Without attack.
    pub clean: f64,
    /// Under attack, by growing radius.
    pub robust: Vec<Robust>,
}

/// Figures of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DefenceFigures {
    /// Held-out pairs of a real and a fake face.
    pub pairs: usize,
    /// The trained network in 32-bit floats, in burn.
    pub trained: Aucs,
    /// The exported int8 bundle in tract; attacks are made on burn's network with the same
    /// int8 weights.
    pub shipped: Aucs,
}

/// Figures of one run with what it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFigures {
    /// Name of the row.
    pub row: String,
    /// Seed of weights, order and attacks.
    pub seed: u64,
    /// Epochs of the defence.
    pub epochs: f32,
    /// Training time in minutes, without the undefended part.
    pub minutes: f32,
    /// What was measured.
    pub figures: DefenceFigures,
}

/// Measures a trained network, and the bundle that was made of it.
///
/// # Errors
/// When a stored face is damaged, an attack changed nothing, or the bundle does not run.
pub fn measure(
    trained: &Frozen,
    rounded: &Frozen,
    bundle: &Path,
    pairs: &Pairs<'_>,
    request: &Validation,
    epsilons: &[Epsilon],
    device: &Device,
) -> Result<DefenceFigures> {
    let bundle = Bundle::open(bundle)?;
    let deployed = Deployed::load(&bundle)?;
    let mut counted = 0;
    let mut in_floats = Vec::with_capacity(epsilons.len());
    let mut on_device = Vec::with_capacity(epsilons.len());
    for epsilon in epsilons {
        let request = Validation {
            epsilon: Some(epsilon.value()),
            ..*request
        };
        let scores = validate(trained, pairs, &request, device)?;
        counted = scores.kinds.len();
        in_floats.push((*epsilon, scores));
        on_device.push((
            *epsilon,
            validate_on(rounded, &deployed, pairs, &request, None, device)?,
        ));
    }
    Ok(DefenceFigures {
        pairs: counted,
        trained: aucs(&in_floats)?,
        shipped: aucs(&on_device)?,
    })
}

fn aucs(scores: &[(Epsilon, Scores)]) -> Result<Aucs> {
    let per_cent = |auc: Option<f64>| {
        auc.map(|auc| auc * 100.0)
            .context("AUC needs held-out faces of both classes with finite scores")
    };
    let (_, first) = scores.first().context("no radius to attack with")?;
    let robust = scores.iter().map(|(epsilon, scores)| {
        Ok(Robust {
            epsilon: *epsilon,
            fakes: per_cent(scores.one_sided_auc(true))?,
            reals: per_cent(scores.one_sided_auc(false))?,
            both: per_cent(scores.attacked_auc())?,
        })
    });
    Ok(Aucs {
        clean: per_cent(first.clean_auc())?,
        robust: robust.collect::<Result<_>>()?,
    })
}
