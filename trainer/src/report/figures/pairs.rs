//! Figures of pairs of a real and a fake face: errors at an operating point, by kind, radius,
//! distortion and run.

use std::collections::BTreeSet;

use super::{SEED, auc};
use crate::evaluation::{Distorted, Scores};
use crate::metric::{Bootstrap, Ranking, apcer, apcer_by, bpcer, roc_auc, threshold_at_bpcer};
use crate::report::schema::{
    ComparedRun, DistortionFigures, ManipulationErrors, OperatingErrors, RadiusFigures,
    ReportFigure,
};

/// Errors at the lowest threshold that keeps BPCER on clean scores at or below a limit.
pub fn operating_point(scores: &Scores, limit: f64) -> Option<OperatingErrors> {
    let threshold = threshold_at_bpcer(&scores.clean, &scores.fake, limit)?;
    let attacked = (!scores.attacked.is_empty()).then_some(&scores.attacked);
    Some(OperatingErrors {
        threshold,
        bpcer_limit: limit,
        bpcer: bpcer(&scores.clean, &scores.fake, threshold),
        bpcer_attacked: attacked.map(|all| bpcer(all, &scores.fake, threshold)),
        apcer: apcer(&scores.clean, &scores.fake, threshold),
        apcer_attacked: attacked.map(|all| apcer(all, &scores.fake, threshold)),
    })
}

/// Errors at a threshold by kind of manipulation.
pub fn manipulations(scores: &Scores, threshold: f32, resamples: usize) -> Vec<ManipulationErrors> {
    let set = scores.set();
    let found = apcer_by(&set.clean, &set.fake, &set.kinds, threshold);
    let attacked = apcer_by(&set.attacked, &set.fake, &set.kinds, threshold);
    let of = |(kind, apcer)| {
        let members: Vec<usize> = (0..set.kinds.len())
            .filter(|i| set.kinds.get(*i) == Some(&kind))
            .collect();
        let pick = |all: &[f32]| -> Vec<f32> {
            members
                .iter()
                .filter_map(|i| all.get(*i).copied())
                .collect()
        };
        let labels: Vec<bool> = members
            .iter()
            .filter_map(|i| set.fake.get(*i).copied())
            .collect();
        let origins = members.iter().filter_map(|i| set.origins.get(*i));
        let groups: Vec<&str> = origins.map(|origin| origin.group.as_str()).collect();
        let of_fakes = groups.iter().zip(&labels).filter(|(_, fake)| **fake);
        let fake_groups: BTreeSet<&str> = of_fakes.map(|(group, _)| *group).collect();
        let bootstrap = Bootstrap::new(&groups, resamples, SEED);
        let clean = pick(&set.clean);
        ManipulationErrors {
            groups: fake_groups.len(),
            apcer,
            apcer_attacked: attacked.get(&kind).copied(),
            bpcer: bpcer(&clean, &labels, threshold),
            auc: auc(&clean, &labels, &bootstrap),
            auc_attacked: auc(&pick(&set.attacked), &labels, &bootstrap),
            kind,
        }
    };
    found.into_iter().map(of).collect()
}

/// AUC at one radius, attacked in three ways. Without attacked scores: the radius zero.
pub fn radius_figures(scores: &Scores, epsilon: f64, resamples: usize) -> RadiusFigures {
    let set = scores.set();
    let bootstrap = Bootstrap::new(&set.groups(), resamples, SEED);
    let of = |logits: &[f32]| auc(logits, &scores.fake, &bootstrap);
    if scores.attacked.is_empty() {
        let clean = of(&scores.clean);
        return RadiusFigures {
            epsilon: 0.0,
            fakes: clean,
            reals: clean,
            both: clean,
            gradient_share: None,
        };
    }
    RadiusFigures {
        epsilon,
        fakes: scores.one_sided(true).and_then(|logits| of(&logits)),
        reals: scores.one_sided(false).and_then(|logits| of(&logits)),
        both: of(&scores.attacked),
        gradient_share: Some(f64::from(scores.gradient_share)),
    }
}

/// AUC under each perturbation; the first row is of the same pairs without one.
pub fn distortion_figures(
    clean: &Scores,
    distorted: &[Distorted],
    resamples: usize,
) -> Vec<DistortionFigures> {
    let measured = distorted.iter().filter_map(|d| d.scores.as_ref().ok());
    let pairs = measured.map(|scores| scores.kinds.len()).max().unwrap_or(0);
    let first = |scores: &Scores| -> Option<ReportFigure> {
        let count = 2 * pairs;
        let groups: Vec<&str> = scores
            .origins
            .iter()
            .take(count)
            .map(|origin| origin.group.as_str())
            .collect();
        let bootstrap = Bootstrap::new(&groups, resamples, SEED);
        auc(
            scores.clean.get(..count)?,
            scores.fake.get(..count)?,
            &bootstrap,
        )
    };
    let mut rows = vec![DistortionFigures {
        code: "none".into(),
        name: "none".into(),
        level: 0,
        pairs,
        auc: first(clean),
        reason: None,
    }];
    rows.extend(distorted.iter().map(|of| {
        let distortion = of.perturbation.distortion;
        DistortionFigures {
            code: distortion.code().to_string(),
            name: distortion.to_string(),
            level: of.perturbation.level.number(),
            pairs: of.scores.as_ref().map_or(0, |scores| scores.kinds.len()),
            auc: of.scores.as_ref().ok().and_then(first),
            reason: of.scores.as_ref().err().cloned(),
        }
    }));
    rows
}

/// Figures of runs that scored the same pairs; the first is what others are held against.
///
/// `runs`: name of the folder, method, scores.
pub fn compared(runs: &[(String, String, &Scores)], resamples: usize) -> Vec<ComparedRun> {
    let Some((_, _, first)) = runs.first() else {
        return Vec::new();
    };
    let set = first.set();
    let bootstrap = Bootstrap::new(&set.groups(), resamples, SEED);
    let difference = |of: fn(&Scores) -> &Vec<f32>, scores: &Scores| -> Option<ReportFigure> {
        if scores.fake != first.fake {
            return None;
        }
        let mine = Ranking::new(of(scores), &scores.fake)?;
        let theirs = Ranking::new(of(first), &first.fake)?;
        let value = roc_auc(of(scores), &scores.fake)? - roc_auc(of(first), &first.fake)?;
        Some(ReportFigure {
            value,
            bounds: bootstrap.interval(|times| Some(mine.auc(times)? - theirs.auc(times)?)),
        })
    };
    let row = |(place, (run, method, scores)): (usize, &(String, String, &Scores))| {
        let other = place > 0;
        ComparedRun {
            run: run.clone(),
            method: method.clone(),
            clean: auc(&scores.clean, &scores.fake, &bootstrap),
            fakes: scores
                .one_sided(true)
                .and_then(|logits| auc(&logits, &scores.fake, &bootstrap)),
            both: auc(&scores.attacked, &scores.fake, &bootstrap),
            clean_difference: other.then(|| difference(|s| &s.clean, scores)).flatten(),
            both_difference: other.then(|| difference(|s| &s.attacked, scores)).flatten(),
        }
    };
    runs.iter().enumerate().map(row).collect()
}
