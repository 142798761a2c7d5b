//! From scores to the figures of a report.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::{
    ComparedRun, DistortionFigures, Figure, Level, LevelFigures, ManipulationErrors, Material,
    OperatingErrors, RadiusFigures,
};
use crate::evaluation::{Distorted, ScoreSet, Scores};
use crate::metric::{
    Bootstrap, Ranking, accuracy, apcer, apcer_by, average_precision, bpcer, calibration_error,
    equal_error, fit_platt, roc_auc, roc_curve, threshold_at_bpcer, tpr_at_fpr,
};

/// Bins of the expected calibration error.
const BINS: usize = 15;
/// Points of a curve at most.
const POINTS_MAX: usize = 400;
/// Seed of the bootstrap.
const SEED: u64 = 0xB007;

/// AUC with bounds.
fn auc(scores: &[f32], labels: &[bool], bootstrap: &Bootstrap) -> Option<Figure> {
    let value = roc_auc(scores, labels)?;
    let ranking = Ranking::new(scores, labels)?;
    Some(Figure {
        value,
        bounds: bootstrap.interval(|times| ranking.auc(times)),
    })
}

/// Equal error rate with bounds.
fn eer(scores: &[f32], labels: &[bool], bootstrap: &Bootstrap) -> Option<Figure> {
    let drawn = |times: &[u32]| {
        let all = scores.iter().zip(labels).zip(times);
        let (scores, labels): (Vec<f32>, Vec<bool>) = all
            .flat_map(|((score, fake), times)| {
                std::iter::repeat_n((*score, *fake), *times as usize)
            })
            .unzip();
        equal_error(&scores, &labels).map(|found| found.rate)
    };
    Some(Figure {
        value: equal_error(scores, labels)?.rate,
        bounds: bootstrap.interval(drawn),
    })
}

/// What is needed to say what a level's scores are.
#[derive(Clone, Debug)]
pub struct LevelAsked<'a> {
    /// What a score stands for.
    pub level: Level,
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
fn cross_fitted(
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

/// A ROC curve without the points on straight lines between others, and without more than
/// a drawing can show.
pub fn roc_points(scores: &[f32], labels: &[bool]) -> Vec<[f64; 2]> {
    let all = roc_curve(scores, labels);
    let mut kept: Vec<[f64; 2]> = Vec::new();
    for (x, y) in all {
        if let [.., a, b] = kept.as_slice() {
            let turn = (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]);
            if turn.abs() < 1e-12 {
                kept.pop();
            }
        }
        kept.push([x, y]);
    }
    let every = kept.len().div_ceil(POINTS_MAX).max(1);
    let last = kept.len().saturating_sub(1);
    let chosen = kept.into_iter().enumerate();
    chosen
        .filter(|(place, _)| place % every == 0 || *place == last)
        .map(|(_, point)| point)
        .collect()
}

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
    let first = |scores: &Scores| -> Option<Figure> {
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
    let difference = |of: fn(&Scores) -> &Vec<f32>, scores: &Scores| -> Option<Figure> {
        if scores.fake != first.fake {
            return None;
        }
        let mine = Ranking::new(of(scores), &scores.fake)?;
        let theirs = Ranking::new(of(first), &first.fake)?;
        let value = roc_auc(of(scores), &scores.fake)? - roc_auc(of(first), &first.fake)?;
        Some(Figure {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::Origin;

    fn scores(shift: f32) -> Scores {
        let noise = |i: usize| ((i * 37 % 101) as f32 / 101.0 - 0.5) * 6.0;
        let clean: Vec<f32> = (0..200)
            .map(|i| noise(i) + if i % 2 == 1 { shift } else { -shift })
            .collect();
        let origin = |i: usize| Origin {
            group: format!("g{}", i / 8),
            ..Default::default()
        };
        Scores {
            attacked: clean
                .iter()
                .enumerate()
                .map(|(i, z)| z - if i % 2 == 1 { 1.0 } else { -1.0 })
                .collect(),
            fake: (0..200).map(|i| i % 2 == 1).collect(),
            kinds: (0..100).map(|i| ["swap", "blend"][i % 2].into()).collect(),
            origins: (0..200).map(origin).collect(),
            gradient_share: 0.9,
            clean,
        }
    }

    #[test]
    fn figures_lie_within_their_bounds_and_attacks_lower_them() {
        let scores = scores(1.0);
        let asked = LevelAsked {
            level: Level::Frame,
            material: Material::Pairs,
            frames: 200,
            attack: "PGD-10",
            resamples: 200,
        };
        let rows = level_figures(&scores.set(), &asked);
        assert_eq!(rows.len(), 2);
        for row in &rows {
            for figure in [row.auc.unwrap(), row.eer.unwrap()] {
                let bounds = figure.bounds.unwrap();
                assert!(bounds.low <= figure.value && figure.value <= bounds.high);
            }
            assert_eq!((row.reals, row.fakes, row.groups), (100, 100, 25));
            assert!(row.accuracy.unwrap() > 0.4 && row.calibration_error.unwrap() < 0.3);
        }
        assert!(rows[1].auc.unwrap().value < rows[0].auc.unwrap().value);
        assert!(rows[1].accuracy.unwrap() < rows[0].accuracy.unwrap());
        let radius = radius_figures(&scores, 0.01, 50);
        let value = |figure: Option<Figure>| figure.unwrap().value;
        assert!(value(radius.both) < value(radius.fakes));
    }

    /// A calibration that saw the attack would turn its scores round and be always right.
    #[test]
    fn calibration_does_not_see_the_attack() {
        let mut scores = scores(3.0);
        scores.attacked = scores.clean.iter().map(|z| -z).collect();
        let set = scores.set();
        let found = cross_fitted(&set.attacked, &set.clean, &set.fake, &set.groups()).unwrap();
        let sure: Vec<f32> = found.iter().map(|p| *p as f32).collect();
        assert!(accuracy(&sure, &set.fake, 0.5).unwrap() < 0.2);
        let upside_down = cross_fitted(&set.clean, &set.attacked, &set.fake, &set.groups());
        assert_eq!(upside_down, None);
    }

    #[test]
    fn kinds_share_the_threshold_and_add_up() {
        let scores = scores(1.0);
        let point = operating_point(&scores, 0.1).unwrap();
        assert!(point.bpcer.value <= 0.1);
        let kinds = manipulations(&scores, point.threshold, 50);
        let missed: usize = kinds.iter().map(|kind| kind.apcer.wrong).sum();
        assert_eq!((kinds.len(), missed), (2, point.apcer.wrong));
        assert!(point.apcer_attacked.unwrap().wrong >= point.apcer.wrong);
    }

    #[test]
    fn a_run_does_not_differ_from_itself() {
        let (a, b) = (scores(1.0), scores(2.0));
        let runs = [("a", &a), ("same", &a), ("b", &b)]
            .map(|(name, scores)| (name.to_string(), "at".to_string(), scores));
        let rows = compared(&runs, 100);
        assert_eq!(rows[0].clean_difference, None);
        let same = rows[1].clean_difference.unwrap();
        assert_eq!((same.value, same.bounds.unwrap().high), (0.0, 0.0));
        assert!(rows[2].clean_difference.unwrap().bounds.unwrap().low > 0.0);
    }

    #[test]
    fn curves_keep_their_ends_and_their_area() {
        let scores = scores(0.7);
        let points = roc_points(&scores.clean, &scores.fake);
        assert_eq!((points[0], points[points.len() - 1]), ([0.0; 2], [1.0; 2]));
        let area: f64 = points
            .windows(2)
            .map(|w| (w[1][0] - w[0][0]) * (w[1][1] + w[0][1]) / 2.0)
            .sum();
        assert!((area - scores.clean_auc().unwrap()).abs() < 1e-9);
    }
}
