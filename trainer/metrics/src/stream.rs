//! False alarms of a detector that watches genuine people for hours.

use serde::{Deserialize, Serialize};

use super::interval::{Interval, poisson};

/// Confidence of the bounds.
const CONFIDENCE: f64 = 0.95;

/// Alarms in a stream of scores, one for each frame: a score at or above the threshold
/// raises one, and until `quiet_frames` frames in a row have stayed below, it is the same
/// alarm.
pub fn count_alarms(scores: &[f32], threshold: f32, quiet_frames: usize) -> usize {
    let mut alarms = 0;
    let mut quiet = quiet_frames.max(1);
    for score in scores {
        if *score >= threshold {
            if quiet >= quiet_frames.max(1) {
                alarms += 1;
            }
            quiet = 0;
        } else {
            quiet += 1;
        }
    }
    alarms
}

/// False alarms in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmRate {
    /// Alarms that were counted.
    pub alarms: usize,
    /// Hours watched.
    pub hours: f64,
    /// Alarms in an hour.
    pub per_hour: f64,
    /// Exact 95 % bounds, which take alarms for independent of each other.
    pub bounds: Interval,
}

impl AlarmRate {
    /// `None` unless hours are positive and finite.
    pub fn new(alarms: usize, hours: f64) -> Option<Self> {
        if !hours.is_finite() || hours <= 0.0 {
            return None;
        }
        let bounds = poisson(alarms, CONFIDENCE);
        Some(Self {
            alarms,
            hours,
            per_hour: alarms as f64 / hours,
            bounds: Interval {
                low: bounds.low / hours,
                high: bounds.high / hours,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_lasts_until_it_is_quiet() {
        let scores = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        assert_eq!(count_alarms(&scores, 0.5, 1), 3);
        assert_eq!(count_alarms(&scores, 0.5, 2), 2);
        assert_eq!(count_alarms(&scores, 0.5, 3), 1);
        assert_eq!(count_alarms(&scores, 2.0, 1), 0);
        assert_eq!(count_alarms(&[1.0], 0.5, 0), 1);
    }

    /// The rule of three: none in n hours bounds the rate near 3.7 / n at 97.5 %.
    #[test]
    fn none_seen_is_not_none_ever() {
        let rate = AlarmRate::new(0, 10.0).unwrap();
        assert_eq!(rate.per_hour, 0.0);
        assert!((rate.bounds.high - 0.368_887_9).abs() < 1e-5, "{rate:?}");
        assert!(AlarmRate::new(1, 0.0).is_none());
    }
}
