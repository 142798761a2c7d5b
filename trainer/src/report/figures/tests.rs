//! Figures of made-up scores.

use super::level::cross_fitted;
use super::*;
use crate::evaluation::{Origin, Scores};
use crate::metric::accuracy;
use crate::report::schema::{Material, ScoreLevel};

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
        level: ScoreLevel::Frame,
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
    let value = |figure: Option<ReportFigure>| figure.unwrap().value;
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
