//! From held-out logits to the numbers that verdicts rest on.

use anyhow::{Context, Result, ensure};
use unmask_shared::calibration::Calibration;
use unmask_shared::manifest::OperatingPoint;

use crate::evaluation::Scores;
use crate::metric::fit_platt;

/// Largest evidence that one frame may give: odds of 150 to 1.
const LLR_MAX: f32 = 5.0;

/// How careful verdicts are; shares of held-out faces, in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Caution {
    /// Real pictures that may be called manipulated.
    pub bpcer: f32,
    /// Fake pictures that may be called genuine.
    pub apcer: f32,
    /// Real faces that may lean towards manipulated, that is score above one half. Frames
    /// of one person resemble each other, so that a face that leans the wrong way is
    /// judged wrongly however long it is watched; Platt scaling alone lets many lean.
    pub leaning: f32,
}

impl Default for Caution {
    fn default() -> Self {
        Self {
            bpcer: 0.02,
            apcer: 0.1,
            leaning: 0.1,
        }
    }
}

/// Calibration and thresholds from clean held-out frames; the error rates at the thresholds
/// are those of `others`, faces of other people.
///
/// Platt scaling gives log-likelihood ratios; they are then lowered by a constant until
/// at most [`Caution::leaning`] of the real faces lean towards manipulated.
///
/// # Errors
/// When there are too few scores, or scores do not grow with manipulation.
pub fn calibrate(
    scores: &Scores,
    others: &Scores,
    caution: &Caution,
) -> Result<(Calibration, OperatingPoint)> {
    let platt = fit_platt(&scores.clean, &scores.fake)
        .context("held-out faces of both classes are needed to calibrate")?;
    ensure!(
        platt.scale > 0.0,
        "scores do not grow with manipulation on held-out faces: train longer"
    );
    let scale = platt.scale as f32;
    let mut real: Vec<f32> = scores
        .clean
        .iter()
        .zip(&scores.fake)
        .filter(|(_, fake)| !**fake)
        .map(|(logit, _)| scale * logit + platt.bias as f32)
        .collect();
    real.sort_by(f32::total_cmp);
    let lowered = quantile(&real, 1.0 - caution.leaning).max(0.0);
    let bias = platt.bias as f32 - lowered;
    let calibration = Calibration {
        scale,
        bias,
        llr_max: LLR_MAX,
    };
    let class = |of: &Scores, fake: bool| -> Vec<f32> {
        let mut all: Vec<f32> = of
            .clean
            .iter()
            .zip(&of.fake)
            .filter(|(_, is)| **is == fake)
            .map(|(logit, _)| calibration.probability(*logit))
            .collect();
        all.sort_by(f32::total_cmp);
        all
    };
    let (reals, fakes) = (class(scores, false), class(scores, true));
    let threshold = quantile(&reals, 1.0 - caution.bpcer).max(0.5);
    let genuine_below = quantile(&fakes, caution.apcer).min(0.5);
    let (reals, fakes) = (class(others, false), class(others, true));
    ensure!(
        !reals.is_empty() && !fakes.is_empty(),
        "there are no faces of other people to state error rates on: prepare more people"
    );
    let rate = |scores: &[f32], wrong: fn(f32, f32) -> bool, at: f32| {
        scores.iter().filter(|score| wrong(**score, at)).count() as f32 / scores.len() as f32
    };
    let point = OperatingPoint {
        threshold,
        genuine_below,
        bpcer: rate(&reals, |score, at| score >= at, threshold),
        apcer: rate(&fakes, |score, at| score < at, threshold),
    };
    Ok((calibration, point))
}

fn quantile(sorted: &[f32], share: f32) -> f32 {
    let last = sorted.len() - 1;
    sorted[((share * last as f32).ceil() as usize).min(last)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(shift: f32) -> Scores {
        let noise: Vec<f32> = (0..200).map(|i| (i as f32 / 199.0 - 0.5) * 6.0).collect();
        Scores {
            clean: noise.iter().flat_map(|n| [n - shift, n + shift]).collect(),
            fake: (0..400).map(|i| i % 2 == 1).collect(),
            ..Default::default()
        }
    }

    #[test]
    fn the_stated_error_holds_on_the_data() {
        let (calibration, point) =
            calibrate(&scores(1.0), &scores(1.0), &Caution::default()).unwrap();
        assert!(calibration.scale > 0.0);
        assert!(point.bpcer <= 0.03, "{point:?}");
        assert!(point.threshold > point.genuine_below, "{point:?}");
        let scores = scores(1.0);
        let leaning = |fake: bool| {
            let of_class = scores
                .clean
                .iter()
                .zip(&scores.fake)
                .filter(|(_, is)| **is == fake);
            of_class
                .filter(|(logit, _)| calibration.llr(**logit) > 0.0)
                .count()
        };
        assert!(
            leaning(false) <= 21,
            "{} of 200 real faces lean",
            leaning(false)
        );
        assert!(leaning(true) > 60, "{} of 200 fakes lean", leaning(true));
    }

    /// Of 200 fakes, at most the tolerated share is below the score of genuine faces.
    #[test]
    fn few_fakes_are_below_the_score_of_genuine_faces() {
        for apcer in [0.05, 0.2] {
            let caution = Caution {
                apcer,
                ..Caution::default()
            };
            let scores = scores(1.5);
            let (calibration, point) = calibrate(&scores, &scores, &caution).unwrap();
            let fakes = scores
                .clean
                .iter()
                .zip(&scores.fake)
                .filter(|(_, fake)| **fake);
            let below =
                fakes.filter(|(logit, _)| calibration.probability(**logit) < point.genuine_below);
            let below = below.count() as f32 / 200.0;
            assert!(below <= apcer && below > apcer - 0.02, "{below} of {apcer}");
        }
    }

    #[test]
    fn a_detector_that_is_upside_down_is_refused() {
        let error = calibrate(&scores(-1.0), &scores(1.0), &Caution::default()).unwrap_err();
        assert!(error.to_string().contains("train longer"));
    }

    /// Thresholds that were fitted on some people do not promise as much for others.
    #[test]
    fn rates_are_those_of_other_people() {
        let fitted = scores(1.5);
        let (_, own) = calibrate(&fitted, &fitted, &Caution::default()).unwrap();
        let (_, others) = calibrate(&fitted, &scores(0.2), &Caution::default()).unwrap();
        assert_eq!(own.threshold, others.threshold);
        assert!(others.bpcer > 2.0 * own.bpcer, "{own:?} {others:?}");
        assert!(others.apcer > own.apcer, "{own:?} {others:?}");
        assert!(calibrate(&fitted, &Scores::default(), &Caution::default()).is_err());
    }

    /// What is added to every logit is taken away again.
    #[test]
    fn verdicts_do_not_depend_on_where_logits_lie() {
        let (here, mut there) = (scores(1.0), scores(1.0));
        there.clean.iter_mut().for_each(|logit| *logit += 3.0);
        let caution = Caution::default();
        let (calibration, point) = calibrate(&here, &here, &caution).unwrap();
        let (moved, moved_point) = calibrate(&there, &there, &caution).unwrap();
        for logit in [-2.5, -0.5, 0.0, 1.0, 2.5] {
            let (one, other) = (calibration.llr(logit), moved.llr(logit + 3.0));
            assert!((one - other).abs() < 0.02, "{logit}: {one}, {other}");
        }
        for (one, other) in [
            (point.threshold, moved_point.threshold),
            (point.genuine_below, moved_point.genuine_below),
        ] {
            assert!((one - other).abs() < 0.01, "{point:?} {moved_point:?}");
        }
    }

    /// One of four real faces and four of five fakes on the wrong side.
    #[test]
    fn rates_count_each_class_for_itself() {
        let others = Scores {
            clean: vec![-9.0, -9.0, 9.0, -9.0, -9.0, -9.0, -9.0, 9.0, -9.0],
            fake: [0, 0, 0, 0, 1, 1, 1, 1, 1].map(|fake| fake == 1).into(),
            ..Default::default()
        };
        let (_, point) = calibrate(&scores(1.0), &others, &Caution::default()).unwrap();
        assert_eq!((point.bpcer, point.apcer), (0.25, 0.8));
        let nobody = Scores {
            fake: vec![true; 9],
            ..others
        };
        assert!(calibrate(&scores(1.0), &nobody, &Caution::default()).is_err());
    }
}
