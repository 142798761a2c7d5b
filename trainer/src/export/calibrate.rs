//! From held-out logits to the numbers that verdicts rest on.

use anyhow::{Context, Result, ensure};
use unmask_shared::calibration::Calibration;
use unmask_shared::manifest::OperatingPoint;

use crate::evaluate::Scores;
use crate::metric::fit_platt;

/// Largest evidence that one frame may give: odds of 150 to 1.
const LLR_MAX: f32 = 5.0;

/// Calibration and thresholds from clean held-out frames: a single picture is called
/// manipulated where at most `bpcer` of the real ones would be, and genuine where at
/// most `apcer` of the fakes would be.
///
/// # Errors
/// When there are too few scores, or scores do not grow with manipulation.
pub fn calibrate(scores: &Scores, bpcer: f32, apcer: f32) -> Result<(Calibration, OperatingPoint)> {
    let platt = fit_platt(&scores.clean, &scores.fake)
        .context("held-out faces of both classes are needed to calibrate")?;
    ensure!(
        platt.scale > 0.0,
        "scores do not grow with manipulation on held-out faces: train longer"
    );
    let calibration = Calibration {
        scale: platt.scale as f32,
        bias: platt.bias as f32,
        llr_max: LLR_MAX,
    };
    let class = |fake: bool| -> Vec<f32> {
        let mut all: Vec<f32> = scores
            .clean
            .iter()
            .zip(&scores.fake)
            .filter(|(_, is)| **is == fake)
            .map(|(logit, _)| calibration.probability(*logit))
            .collect();
        all.sort_by(f32::total_cmp);
        all
    };
    let (reals, fakes) = (class(false), class(true));
    let threshold = quantile(&reals, 1.0 - bpcer).max(0.5);
    let genuine_below = quantile(&fakes, apcer).min(0.5);
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
        let (calibration, point) = calibrate(&scores(1.0), 0.05, 0.1).unwrap();
        assert!(calibration.scale > 0.0);
        assert!(point.bpcer <= 0.05, "{point:?}");
        assert!(point.threshold > point.genuine_below, "{point:?}");
    }

    #[test]
    fn a_detector_that_is_upside_down_is_refused() {
        let error = calibrate(&scores(-1.0), 0.05, 0.1).unwrap_err();
        assert!(error.to_string().contains("train longer"));
    }
}
