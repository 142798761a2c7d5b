//! Figures of one level: frames, clips or videos.

use std::collections::{BTreeMap, BTreeSet};

use super::{SEED, auc};
use crate::evaluation::ScoreSet;
use crate::metric::{
    Bootstrap, accuracy, average_precision, calibration_error, equal_error, fit_platt, tpr_at_fpr,
};
use crate::report::schema::{LevelFigures, Material, ReportFigure, ScoreLevel};

/// Bins of the expected calibration error.
const BINS: usize = 15;

/// What is needed to say what a level's scores are.
#[derive(Clone, Debug)]
pub struct LevelAsked<'a> {
    /// What a score stands for.
    pub level: ScoreLevel,
    /// What was scored.
    pub material: Material,
    /// Frames behind all scores together.
    pub frames: usize,
    /// The attack, where the set has attacked scores.
    pub attack: &'a str,
    /// Resamples of the bootstrap.
    pub resamples: usize,
}

/// Figures of one level: clean ones, and attacked ones where there are such scores.
pub fn level_figures(set: &ScoreSet, asked: &LevelAsked<'_>) -> Vec<LevelFigures> {
    let groups = set.groups();
    let bootstrap = Bootstrap::new(&groups, asked.resamples, SEED);
    let compression: BTreeSet<String> = set
        .origins
        .iter()
        .filter_map(|origin| origin.compression.clone())
        .collect();
    let fakes = set.fake.iter().filter(|fake| **fake).count();
    let of = |scores: &[f32], attack: Option<String>| {
        let labels = &set.fake;
        let probabilities = cross_fitted(scores, &set.clean, labels, &groups);
        let sure: Option<Vec<f32>> = probabilities
            .as_ref()
            .map(|all| all.iter().map(|p| *p as f32).collect());
        LevelFigures {
            level: asked.level,
            material: asked.material,
            attack,
            reals: labels.len() - fakes,
            fakes,
            groups: bootstrap.groups(),
            frames_per_score: asked.frames as f64 / labels.len().max(1) as f64,
            compression: compression.iter().cloned().collect(),
            auc: auc(scores, labels, &bootstrap),
            eer: eer(scores, labels, &bootstrap),
            average_precision: average_precision(scores, labels),
            tpr_at_1_percent: tpr_at_fpr(scores, labels, 0.01),
            tpr_at_01_percent: tpr_at_fpr(scores, labels, 0.001),
            accuracy: sure.and_then(|p| accuracy(&p, labels, 0.5)),
            calibration_error: probabilities.and_then(|p| calibration_error(&p, labels, BINS)),
        }
    };
    let mut rows = vec![of(&set.clean, None)];
    if !set.attacked.is_empty() {
        rows.push(of(&set.attacked, Some(asked.attack.to_string())));
    }
    rows
}

/// Probabilities of being fake from Platt scaling that was fitted on the clean scores of the
/// other half of the groups, so that no score is judged by a calibration that has seen it or
/// the attack. `None` where a half has one class only, or scores do not grow with
/// manipulation.
pub(super) fn cross_fitted(
    scores: &[f32],
    clean: &[f32],
    labels: &[bool],
    groups: &[&str],
) -> Option<Vec<f64>> {
    let distinct: BTreeSet<&str> = groups.iter().copied().collect();
    let half: BTreeMap<&str, bool> = distinct
        .into_iter()
        .enumerate()
        .map(|(place, group)| (group, place % 2 == 1))
        .collect();
    let side: Vec<bool> = groups
        .iter()
        .map(|group| half.get(group).copied().unwrap_or(false))
        .collect();
    let fit = |wanted: bool| {
        let part = clean.iter().zip(labels).zip(&side);
        let (scores, labels): (Vec<f32>, Vec<bool>) = part
            .filter(|(_, side)| **side == wanted)
            .map(|((score, fake), _)| (*score, *fake))
            .unzip();
        fit_platt(&scores, &labels).filter(|platt| platt.scale > 0.0)
    };
    let (even, odd) = (fit(false)?, fit(true)?);
    let probability = |(score, side): (&f32, &bool)| {
        let platt = if *side { even } else { odd };
        1.0 / (1.0 + (-(platt.scale * f64::from(*score) + platt.bias)).exp())
    };
    Some(scores.iter().zip(&side).map(probability).collect())
}

/// Equal error rate with bounds.
fn eer(scores: &[f32], labels: &[bool], bootstrap: &Bootstrap) -> Option<ReportFigure> {
    let drawn = |times: &[u32]| {
        let all = scores.iter().zip(labels).zip(times);
        let (scores, labels): (Vec<f32>, Vec<bool>) = all
            .flat_map(|((score, fake), times)| {
                std::iter::repeat_n((*score, *fake), *times as usize)
            })
            .unzip();
        equal_error(&scores, &labels).map(|found| found.rate)
    };
    Some(ReportFigure {
        value: equal_error(scores, labels)?.rate,
        bounds: bootstrap.interval(drawn),
    })
}
