//! The `[verdict]` table of the configuration: what SIGHUP reads again.

use serde::{Deserialize, Serialize};
use unmask_shared::signal::HoldConfig;
use unmask_shared::verdict::{VerdictConfig, VerdictError};

/// Rules for a verdict, in place of those of the model, and how long an alarm is
/// held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictTable {
    /// Allowed chance that a genuine face is called manipulated, between 0 and 0.5.
    pub false_alarm: Option<f32>,
    /// Allowed chance that a manipulated face is called genuine, between 0 and 0.5.
    pub miss: Option<f32>,
    /// How much of a frame's evidence counts, above 0, at most 1.
    pub frame_weight: Option<f32>,
    /// Fewest frames before a verdict, at least 1.
    pub frames_min: Option<u16>,
    /// Least sharpness of a frame that counts, grey levels.
    pub sharpness_min: Option<f32>,
    /// Least brightness of a frame that counts, 0 to 1.
    pub luma_min: Option<f32>,
    /// Least width of a face that counts, pixels.
    pub face_px_min: Option<f32>,
    /// Most turn of a head to a side in a frame that counts, degrees.
    pub turn_deg_max: Option<f32>,
    /// Most turn up or down, degrees.
    pub pitch_deg_max: Option<f32>,
    /// Least contrast of each eye and the mouth, as a share of the face's brightness: below, they are
    /// covered.
    pub contrast_min: Option<f32>,
    /// An alarm is shown at least so long, milliseconds.
    pub hold_ms: u32,
    /// An alarm is shown at least so long after nobody was manipulated any more,
    /// milliseconds.
    pub clear_ms: u32,
}

impl Default for VerdictTable {
    fn default() -> Self {
        let HoldConfig { hold_us, clear_us } = HoldConfig::default();
        Self {
            false_alarm: None,
            miss: None,
            frame_weight: None,
            frames_min: None,
            sharpness_min: None,
            luma_min: None,
            face_px_min: None,
            turn_deg_max: None,
            pitch_deg_max: None,
            contrast_min: None,
            hold_ms: (hold_us / 1000) as u32,
            clear_ms: (clear_us / 1000) as u32,
        }
    }
}

impl VerdictTable {
    /// These rules over those of the model.
    ///
    /// # Errors
    /// Rules out of range.
    pub fn over(&self, model: &VerdictConfig) -> Result<VerdictConfig, VerdictError> {
        let mut rules = *model;
        let numbers = [
            (&mut rules.false_alarm, self.false_alarm),
            (&mut rules.miss, self.miss),
            (&mut rules.frame_weight, self.frame_weight),
            (&mut rules.quality.sharpness_min, self.sharpness_min),
            (&mut rules.quality.luma_min, self.luma_min),
            (&mut rules.quality.face_px_min, self.face_px_min),
            (&mut rules.quality.turn_deg_max, self.turn_deg_max),
            (&mut rules.quality.pitch_deg_max, self.pitch_deg_max),
            (&mut rules.quality.contrast_min, self.contrast_min),
        ];
        for (rule, number) in numbers {
            *rule = number.unwrap_or(*rule);
        }
        rules.frames_min = self.frames_min.unwrap_or(rules.frames_min);
        rules.check()?;
        Ok(rules)
    }

    /// How long an alarm is held.
    pub fn hold(&self) -> HoldConfig {
        HoldConfig {
            hold_us: 1000 * u64::from(self.hold_ms),
            clear_us: 1000 * u64::from(self.clear_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_replaces_the_rule_of_the_model_and_nothing_else() {
        let model = VerdictConfig::default();
        assert_eq!(VerdictTable::default().over(&model), Ok(model));
        let table = VerdictTable {
            miss: Some(0.2),
            face_px_min: Some(99.0),
            turn_deg_max: Some(12.0),
            frames_min: Some(7),
            ..VerdictTable::default()
        };
        let rules = table.over(&model).unwrap();
        let mut expected = model;
        (expected.miss, expected.frames_min) = (0.2, 7);
        expected.quality.face_px_min = 99.0;
        expected.quality.turn_deg_max = 12.0;
        assert_eq!(rules, expected);
        let wrong = VerdictTable {
            miss: Some(0.7),
            ..VerdictTable::default()
        };
        assert!(wrong.over(&model).is_err());
    }
}
