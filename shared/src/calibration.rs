//! What a logit means: a probability, and the weight of evidence.

use libm::expf;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Turns the network's logit into calibrated quantities (Platt scaling, fitted
/// on validation clips with as many genuine as manipulated ones).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Factor on the logit, above 0.
    pub scale: f32,
    /// Added after scaling.
    pub bias: f32,
    /// Most that one frame may say for either side, in nats, above 0. It keeps
    /// a single odd frame from deciding.
    pub llr_max: f32,
}

impl Default for Calibration {
    /// The logit as it is, at most 4 nats a frame.
    fn default() -> Self {
        Self {
            scale: 1.0,
            bias: 0.0,
            llr_max: 4.0,
        }
    }
}

/// A calibration that means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error(
    "calibration: scale {scale}, bias {bias}, llr_max {llr_max}: all must be numbers, scale and llr_max above 0; calibrate the model again"
)]
pub struct CalibrationError {
    scale: f32,
    bias: f32,
    llr_max: f32,
}

impl Calibration {
    /// Log-likelihood ratio in nats, `ln p(frame | manipulated) / p(frame |
    /// genuine)`, within `±llr_max`. NaN in, NaN out.
    pub fn llr(&self, logit: f32) -> f32 {
        (self.scale * logit + self.bias).clamp(-self.llr_max.abs(), self.llr_max.abs())
    }

    /// Probability of manipulation where both classes are as likely, 0 to 1.
    /// NaN in, NaN out.
    pub fn probability(&self, logit: f32) -> f32 {
        sigmoid(self.scale * logit + self.bias)
    }

    /// Refuses numbers that would turn the score around or make it NaN.
    pub fn check(&self) -> Result<(), CalibrationError> {
        let Self {
            scale,
            bias,
            llr_max,
        } = *self;
        let finite = scale.is_finite() && bias.is_finite() && llr_max.is_finite();
        if finite && scale > 0.0 && llr_max > 0.0 {
            Ok(())
        } else {
            Err(CalibrationError {
                scale,
                bias,
                llr_max,
            })
        }
    }
}

/// `1 / (1 + e^-x)` without overflow.
pub fn sigmoid(x: f32) -> f32 {
    if x >= 0.0 {
        1.0 / (1.0 + expf(-x))
    } else {
        let e = expf(x);
        e / (1.0 + e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigmoid_agrees_with_closed_forms() {
        assert_eq!(sigmoid(0.0), 0.5);
        // ln 3 are odds of 3 to 1.
        assert!((sigmoid(3.0_f32.ln()) - 0.75).abs() < 1e-6);
        assert_eq!((sigmoid(-1e30), sigmoid(1e30)), (0.0, 1.0));
    }

    #[test]
    fn evidence_is_bounded_and_probability_is_not() {
        let calibration = Calibration {
            scale: 2.0,
            bias: 1.0,
            llr_max: 3.0,
        };
        assert_eq!(calibration.llr(0.5), 2.0);
        assert_eq!(calibration.llr(100.0), 3.0);
        assert_eq!(calibration.llr(-100.0), -3.0);
        assert!(calibration.probability(100.0) > 0.999);
        assert!(calibration.llr(f32::NAN).is_nan());
    }

    #[test]
    fn a_calibration_that_turns_scores_around_is_refused() {
        let upright = Calibration::default();
        assert_eq!(upright.check(), Ok(()));
        for scale in [-1.0, 0.0, f32::NAN, f32::INFINITY] {
            assert!(Calibration { scale, ..upright }.check().is_err());
        }
        let silent = Calibration {
            llr_max: 0.0,
            ..upright
        };
        assert!(silent.check().is_err());
    }

    /// 1 / (1 + exp(-(2 * 0.5 + 1))) = 0.880797.
    #[test]
    fn the_bias_is_added_after_scaling() {
        let calibration = Calibration {
            scale: 2.0,
            bias: 1.0,
            llr_max: 3.0,
        };
        let found = calibration.probability(0.5);
        assert!((found - 0.880_797).abs() < 1e-6, "{found}");
    }

    #[test]
    fn each_number_must_be_one() {
        let upright = Calibration::default();
        for wrong in [f32::NAN, f32::INFINITY] {
            assert!(
                Calibration {
                    bias: wrong,
                    ..upright
                }
                .check()
                .is_err()
            );
            let unbounded = Calibration {
                llr_max: wrong,
                ..upright
            };
            assert!(unbounded.check().is_err());
        }
    }
}
