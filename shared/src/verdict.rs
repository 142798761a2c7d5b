//! The verdict on a track: a sequential probability ratio test (Wald) over
//! calibrated frames.

use core::fmt;

use libm::log;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::calibration::{Calibration, CalibrationError, sigmoid};
use crate::evidence::{TrackEvidence, TrackModel};
use crate::quality::{Quality, QualityLimits};
pub use crate::reason::Reason;

/// What is said about a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The evidence for a genuine face has reached its bound.
    Genuine,
    /// The evidence for a manipulated face has reached its bound.
    Manipulated,
    /// Neither; [`SequentialTest::reason`] says why.
    #[default]
    Undecided,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Genuine => "genuine",
            Self::Manipulated => "manipulated",
            Self::Undecided => "undecided",
        })
    }
}

/// A probability of a manipulated face, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Score(f32);

impl Score {
    /// The score of a log-likelihood ratio in nats; `None` for NaN.
    pub fn from_llr(llr: f32) -> Option<Self> {
        (!llr.is_nan()).then(|| Self(sigmoid(llr)))
    }

    /// The number, 0 to 1.
    pub fn value(self) -> f32 {
        self.0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How much evidence a verdict takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictConfig {
    /// Allowed chance that a genuine face is called manipulated, between 0 and
    /// 0.5.
    pub false_alarm: f32,
    /// Allowed chance that a manipulated face is called genuine, between 0 and
    /// 0.5.
    pub miss: f32,
    /// How much of a frame's evidence counts, above 0, at most 1. Neighbouring
    /// frames resemble each other, so that ten of them say less than ten
    /// independent ones would. Unused where there are [`Self::tracks`].
    pub frame_weight: f32,
    /// Fewest frames before a verdict, at least 1. To a network that judges
    /// clips, a clip is one frame here and below.
    pub frames_min: u16,
    /// What a frame must offer to count.
    pub quality: QualityLimits,
    /// What a track says as a whole; without it, as in bundles of earlier
    /// versions, the weighted evidence of frames adds up.
    #[serde(default)]
    pub tracks: Option<TrackModel>,
}

impl Default for VerdictConfig {
    fn default() -> Self {
        Self {
            false_alarm: 0.01,
            miss: 0.05,
            frame_weight: 0.25,
            frames_min: 5,
            quality: QualityLimits::default(),
            tracks: None,
        }
    }
}

/// Settings that cannot lead to a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum VerdictError {
    /// An allowed error rate is out of its range.
    #[error("verdict: {name} is {value}, must be above 0 and below 0.5")]
    Rate {
        /// Name of the setting.
        name: &'static str,
        /// What it was set to.
        value: f32,
    },
    /// The weight of a frame is out of its range.
    #[error("verdict: frame_weight is {0}, must be above 0 and at most 1")]
    FrameWeight(f32),
    /// No frame would be enough.
    #[error("verdict: frames_min is 0, must be at least 1")]
    FramesMin,
    /// A quality limit is negative or not a number.
    #[error("verdict: quality limits must be numbers of at least 0")]
    Quality,
    /// The model of tracks means nothing.
    #[error(
        "verdict: tracks must hold numbers with spreads above 0, manipulated_mean above genuine_mean, and counts of at least 1"
    )]
    Tracks,
    /// The calibration means nothing.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
}

impl VerdictConfig {
    /// Refuses settings outside the documented ranges.
    pub fn check(&self) -> Result<(), VerdictError> {
        for (name, value) in [("false_alarm", self.false_alarm), ("miss", self.miss)] {
            if !(value > 0.0 && value < 0.5) {
                return Err(VerdictError::Rate { name, value });
            }
        }
        if !(self.frame_weight > 0.0 && self.frame_weight <= 1.0) {
            return Err(VerdictError::FrameWeight(self.frame_weight));
        }
        if self.frames_min == 0 {
            return Err(VerdictError::FramesMin);
        }
        if !self.quality.is_valid() {
            return Err(VerdictError::Quality);
        }
        if self.tracks.is_some_and(|model| !model.is_valid()) {
            return Err(VerdictError::Tracks);
        }
        Ok(())
    }

    /// Wald's bounds in nats: below the first a face is genuine
    /// (`ln miss / (1 - false_alarm)`), above the second manipulated
    /// (`ln (1 - miss) / false_alarm`).
    pub fn bounds(&self) -> (f32, f32) {
        let (false_alarm, miss) = (f64::from(self.false_alarm), f64::from(self.miss));
        (
            log(miss / (1.0 - false_alarm)) as f32,
            log((1.0 - miss) / false_alarm) as f32,
        )
    }
}

/// Weighs the evidence of one track until it reaches a bound.
///
/// The chance that a genuine face is ever called manipulated before any other
/// verdict is at most `false_alarm / (1 - miss)`, and the other way round
/// `miss / (1 - false_alarm)`: with a [`TrackModel`] among videos that vary as
/// it says, without one where frames are independent. A verdict stays until
/// the opposite bound is reached.
///
/// With a [`TrackModel`] the evidence is that of the whole track. A person who
/// changes later is seen when the latest frames, a window at least, reach the
/// opposite bound by themselves; the track then starts anew with them.
///
/// Without one, the sum of the frames' evidence is held at the bounds, so that
/// a person who changes later is seen after the evidence of one bound to the
/// other. The rates above are those of the first verdict; a track that runs
/// for hours gets a new chance with every window or excursion.
#[derive(Clone, Debug, PartialEq)]
pub struct SequentialTest {
    config: VerdictConfig,
    calibration: Calibration,
    genuine_at: f32,
    manipulated_at: f32,
    evidence: f32,
    track: TrackEvidence,
    llr_sum: f64,
    frames: u32,
    skipped: [u32; Reason::ALL.len()],
    not_numbers: u32,
    verdict: Verdict,
}

impl SequentialTest {
    /// A test that has seen nothing.
    pub fn new(config: VerdictConfig, calibration: Calibration) -> Result<Self, VerdictError> {
        config.check()?;
        calibration.check()?;
        let (genuine_at, manipulated_at) = config.bounds();
        Ok(Self {
            config,
            calibration,
            genuine_at,
            manipulated_at,
            evidence: 0.0,
            track: TrackEvidence::default(),
            llr_sum: 0.0,
            frames: 0,
            skipped: [0; Reason::ALL.len()],
            not_numbers: 0,
            verdict: Verdict::Undecided,
        })
    }

    /// Takes the network's logit for a frame. A frame of too low quality, or a
    /// logit that is not finite, is counted but changes nothing.
    pub fn push(&mut self, logit: f32, quality: &Quality) -> Verdict {
        if !logit.is_finite() {
            self.not_numbers = self.not_numbers.saturating_add(1);
            return self.verdict();
        }
        if let Some(reason) = self.config.quality.check(quality) {
            self.skip(reason);
            return self.verdict();
        }
        let llr = self.calibration.llr(logit);
        self.frames = self.frames.saturating_add(1);
        self.llr_sum += f64::from(llr);
        self.evidence = match &self.config.tracks {
            Some(model) => {
                self.track.push(llr, model);
                self.track.whole(model)
            }
            None => self.evidence + self.config.frame_weight * llr,
        };
        if self.frames >= u32::from(self.config.frames_min) {
            self.decide();
        }
        self.verdict()
    }

    fn decide(&mut self) {
        if let Some(model) = &self.config.tracks
            && let Some(recent) = self.track.recent(model)
            && self
                .reached(recent)
                .is_some_and(|verdict| verdict != self.verdict)
        {
            self.track.forget_the_past();
            self.evidence = recent;
        }
        self.evidence = self.evidence.clamp(self.genuine_at, self.manipulated_at);
        self.verdict = self.reached(self.evidence).unwrap_or(self.verdict);
    }

    /// The verdict whose bound some evidence has reached.
    fn reached(&self, evidence: f32) -> Option<Verdict> {
        if evidence >= self.manipulated_at {
            Some(Verdict::Manipulated)
        } else if evidence <= self.genuine_at {
            Some(Verdict::Genuine)
        } else {
            None
        }
    }

    /// Counts a frame of the track that could not be judged.
    pub fn skip(&mut self, reason: Reason) {
        // The judge of this release gives none of a later one.
        if let Some(count) = self.skipped.get_mut(usize::from(reason.code())) {
            *count = count.saturating_add(1);
        }
    }

    /// Takes other settings from the next frame on. What was collected counts on,
    /// and a verdict stays until the opposite bound is reached.
    ///
    /// # Errors
    /// Settings out of range; the old ones stay then.
    pub fn configure(&mut self, config: VerdictConfig) -> Result<(), VerdictError> {
        config.check()?;
        self.config = config;
        (self.genuine_at, self.manipulated_at) = config.bounds();
        Ok(())
    }

    /// Forgets every frame, for a new track with the same settings.
    pub fn reset(&mut self) {
        self.evidence = 0.0;
        self.track = TrackEvidence::default();
        self.llr_sum = 0.0;
        self.frames = 0;
        self.skipped = [0; Reason::ALL.len()];
        self.not_numbers = 0;
        self.verdict = Verdict::Undecided;
    }

    /// What can be said now. Genuine only of a face that was judged for at least half of the
    /// time that it was there: what was not seen must not speak for it.
    pub fn verdict(&self) -> Verdict {
        match self.verdict {
            Verdict::Genuine if self.frames_skipped() > self.frames => Verdict::Undecided,
            verdict => verdict,
        }
    }

    /// Share of the frames that were judged, 0 to 1; 0 without a frame.
    pub fn coverage(&self) -> f32 {
        let all = self.frames.saturating_add(self.frames_skipped());
        self.frames as f32 / all.max(1) as f32
    }

    /// Why there is no verdict; `None` where there is one. The most frequent
    /// reason to skip frames, where more were skipped than used.
    pub fn reason(&self) -> Option<Reason> {
        if self.verdict() != Verdict::Undecided {
            return None;
        }
        let skipped: u64 = self.skipped.iter().map(|count| u64::from(*count)).sum();
        if skipped > u64::from(self.frames) {
            return Reason::ALL
                .into_iter()
                .max_by_key(|reason| self.skipped[usize::from(reason.code())]);
        }
        Some(if self.frames == 0 && self.not_numbers == 0 {
            Reason::NoFace
        } else if self.frames < u32::from(self.config.frames_min) && self.not_numbers == 0 {
            Reason::TooShort
        } else {
            Reason::Inconclusive
        })
    }

    /// The probability of a manipulated face, from the evidence that the verdict rests on, where
    /// both are as likely beforehand: sigmoid of [`Self::llr`], kept at the bound that the verdict
    /// has reached while the evidence recedes from it. At least `(1 - miss) / (1 - miss +
    /// false_alarm)` beside manipulated, at most `miss / (miss + 1 - false_alarm)` beside genuine,
    /// between the two beside [`Reason::Inconclusive`]. `None` where the face could not be judged.
    pub fn score(&self) -> Option<Score> {
        let evidence = match self.verdict() {
            Verdict::Manipulated => self.evidence.max(self.manipulated_at),
            Verdict::Genuine => self.evidence.min(self.genuine_at),
            Verdict::Undecided
                if self.verdict == Verdict::Undecided
                    && self.frames >= u32::from(self.config.frames_min)
                    && self.reason() == Some(Reason::Inconclusive) =>
            {
                self.evidence.clamp(self.genuine_at, self.manipulated_at)
            }
            Verdict::Undecided => return None,
        };
        Score::from_llr(evidence)
    }

    /// Sigmoid of the mean log-likelihood ratio of the used frames, `None` where none was used. It
    /// tells how the track looks on average, and says nothing of how sure that is: a swap at the
    /// end of a long track hardly moves it.
    pub fn mean_score(&self) -> Option<Score> {
        let mean = self.llr_sum / f64::from(self.frames);
        Score::from_llr(mean as f32)
    }

    /// The evidence for the verdict, in nats; from `frames_min` frames on it lies
    /// within the bounds.
    pub fn llr(&self) -> f32 {
        self.evidence
    }

    /// Frames used.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// Frames that could not be judged, by quality or because the network
    /// returned no number.
    pub fn frames_skipped(&self) -> u32 {
        self.skipped
            .iter()
            .fold(self.not_numbers, |sum, count| sum.saturating_add(*count))
    }

    /// Frames for which the network returned no finite number.
    pub fn frames_not_finite(&self) -> u32 {
        self.not_numbers
    }
}

#[cfg(test)]
mod tests;
