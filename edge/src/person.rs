//! What is known about one person in front of the camera.

use unmask_shared::calibration::sigmoid;
use unmask_shared::engine::{EngineError, Step};
use unmask_shared::geometry::{FaceBox, Point};
use unmask_shared::manifest::Manifest;
use unmask_shared::quality::Quality;
use unmask_shared::verdict::{Reason, Score, SequentialTest, Verdict, VerdictConfig, VerdictError};

use crate::network::{Judge, Network};
use crate::track::Track;
use unmask_shared::media::Frame;

/// A verdict of "manipulated" that was later taken back still counts for the
/// whole track if it was held for so many seconds in view.
pub const HELD_S_MIN: f32 = 1.0;

/// One person: the network's memory of the face, and the case against it.
#[derive(Debug)]
pub struct Person {
    /// Number within the stream, from 1; 0 until the face is believed.
    pub id: u32,
    /// First frame in which the face was followed.
    pub first_frame: u64,
    /// The time stamp of that frame, microseconds since the start of the stream.
    pub first_seen_us: u64,
    /// Last frame in which it was seen.
    pub last_frame: u64,
    /// The time stamp of that frame.
    pub last_seen_us: u64,
    /// Frames that were shown to the network.
    pub frames: u32,
    /// Where the face is, in pixels of the frame.
    pub bbox: FaceBox,
    /// Where its eyes, nose and mouth are, in the order of
    /// [`unmask_shared::face::Face::landmarks`].
    pub landmarks: [Point; 5],
    /// Raw score of the latest decision: of the latest frame, or of the latest
    /// clip for a network that judges clips.
    pub logit: f32,
    /// Evidence map of the latest decision, logit units, row by row.
    pub evidence: Vec<f32>,
    pub(crate) key: u64,
    /// Seconds in view since the latest look; infinite before the first.
    pub(crate) waited_s: f32,
    judge: Box<dyn Judge>,
    test: SequentialTest,
    /// Whether it is a face at all; see [`Track::is_face`].
    is_face: bool,
    /// Whether the latest look gave a decision.
    is_decided: bool,
    /// Of the frames since the last decision.
    quality: QualityMean,
    /// Decisions that were numbers.
    decisions: u32,
    /// Sum of their evidence, whatever the quality of their frames.
    llr_sum: f64,
    /// Seconds in view with the verdict "manipulated".
    held_s: f32,
    /// The latest score beside it.
    flagged_score: Option<f32>,
    /// The verdict that others were told last.
    told: Verdict,
}

/// Why a face cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The network failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The manifest's rules for a verdict make no sense.
    #[error(transparent)]
    Verdict(#[from] VerdictError),
}

impl Person {
    /// Somebody new, seen first in `frame`.
    pub(crate) fn new(
        track: &Track,
        frame: &Frame,
        network: &dyn Network,
        manifest: &Manifest,
    ) -> Result<Self, JudgeError> {
        Ok(Self {
            id: 0,
            first_frame: frame.index,
            first_seen_us: frame.time_us,
            last_frame: frame.index,
            last_seen_us: frame.time_us,
            frames: 0,
            bbox: track.bbox,
            landmarks: track.landmarks,
            logit: f32::NAN,
            evidence: Vec::new(),
            key: track.key,
            judge: network.begin()?,
            test: SequentialTest::new(manifest.verdict, manifest.calibration)?,
            is_face: track.is_face(),
            is_decided: false,
            quality: QualityMean::default(),
            decisions: 0,
            llr_sum: 0.0,
            held_s: 0.0,
            flagged_score: None,
            waited_s: f32::INFINITY,
            told: Verdict::Undecided,
        })
    }

    /// Takes over where the face is believed to be, and whether it is one.
    pub(crate) fn follow(&mut self, track: &Track) {
        self.bbox = track.bbox;
        self.landmarks = track.landmarks;
        self.is_face = track.is_face();
    }

    /// Shows the network the next crop of the face; tells whether it decided on
    /// it, which a clip network does once per clip.
    ///
    /// # Shapes
    /// crop: [3, side, side], RGB in [0, 1]
    pub(crate) fn look(&mut self, crop: &[f32]) -> Result<bool, JudgeError> {
        let step = self.judge.step(crop)?;
        self.frames = self.frames.saturating_add(1);
        Ok(self.take(step))
    }

    /// Adds the latest look to the case.
    pub(crate) fn judge(&mut self, quality: &Quality, manifest: &Manifest) {
        self.quality.add(quality);
        self.count(manifest);
    }

    /// Takes in that the face is in view in this frame, so long after the one before.
    pub(crate) fn wait(&mut self, frame: &Frame, seconds: f32) {
        (self.last_frame, self.last_seen_us) = (frame.index, frame.time_us);
        self.waited_s += seconds;
        if self.verdict() == Verdict::Manipulated {
            self.held_s += seconds;
            self.flagged_score = self.score();
        }
    }

    /// Whether there is another verdict than when this was asked last.
    pub(crate) fn has_news(&mut self) -> bool {
        let verdict = self.verdict();
        std::mem::replace(&mut self.told, verdict) != verdict
    }

    /// Ends the case: somebody who left before a clip was full is judged by
    /// what was seen.
    pub(crate) fn finish(&mut self, manifest: &Manifest) -> Result<(), JudgeError> {
        if self.decisions == 0 {
            let step = self.judge.finish()?;
            self.take(step);
            self.count(manifest);
        }
        Ok(())
    }

    fn take(&mut self, step: Option<Step>) -> bool {
        self.is_decided = step.is_some();
        if let Some(step) = step {
            self.logit = step.logit;
            self.evidence = step.evidence;
        }
        self.is_decided
    }

    /// Weighs a new decision by the mean quality of the frames that it rests on.
    fn count(&mut self, manifest: &Manifest) {
        if !std::mem::take(&mut self.is_decided) {
            return;
        }
        let Some(quality) = std::mem::take(&mut self.quality).mean() else {
            return;
        };
        if self.is_face {
            self.test.push(self.logit, &quality);
        } else {
            self.test.skip(Reason::NotAFace);
        }
        if self.logit.is_finite() {
            self.decisions = self.decisions.saturating_add(1);
            self.llr_sum += f64::from(manifest.calibration.llr(self.logit));
        }
    }

    /// Takes other rules for a verdict from the next frame on.
    pub(crate) fn configure(&mut self, verdict: VerdictConfig) -> Result<(), VerdictError> {
        self.test.configure(verdict)
    }

    /// The verdict as of the latest frame. There is none on what is not a face.
    pub fn verdict(&self) -> Verdict {
        if self.is_face {
            self.test.verdict()
        } else {
            Verdict::Undecided
        }
    }

    /// The verdict on the whole track: manipulated also where that was said for
    /// [`HELD_S_MIN`] and taken back later.
    pub fn overall_verdict(&self) -> Verdict {
        if self.is_face && self.held_s >= HELD_S_MIN {
            return Verdict::Manipulated;
        }
        self.verdict()
    }

    /// Why there is no verdict; `None` where there is one.
    pub fn reason(&self) -> Option<Reason> {
        match self.test.reason() {
            _ if !self.is_face => Some(Reason::NotAFace),
            // The face is seen, its first clip is not full yet.
            Some(Reason::NoFace) if self.frames > 0 => Some(Reason::TooShort),
            reason => reason,
        }
    }

    /// Decisions that count for the verdict, and those that do not: for the quality of
    /// their frames, or because it was no face. Together, the frames that were judged.
    pub fn decisions(&self) -> (u32, u32) {
        (self.test.frames(), self.test.frames_skipped())
    }

    /// Share of the looks that counted for the verdict, 0 to 1.
    pub fn coverage(&self) -> f32 {
        self.test.coverage()
    }

    /// Evidence collected for the verdict, nats.
    pub fn llr(&self) -> f32 {
        self.test.llr()
    }

    /// Probability of a manipulated face, 0 to 1, from the evidence that [`Self::verdict`] rests
    /// on; `None` where the face could not be judged. See [`SequentialTest::score`].
    pub fn score(&self) -> Option<f32> {
        let score = self.test.score().filter(|_| self.is_face);
        score.map(Score::value)
    }

    /// That of [`Self::overall_verdict`].
    pub fn overall_score(&self) -> Option<f32> {
        match (self.overall_verdict(), self.verdict()) {
            (Verdict::Manipulated, Verdict::Genuine | Verdict::Undecided) => self.flagged_score,
            _ => self.score(),
        }
    }

    /// Mean of the frames as a probability, 0 to 1: of those that were good enough, or of all where
    /// none was. `None` before the first decision, and for what is not a face. It may be on the
    /// other side than the verdict, which weighs how many frames there were, and when.
    pub fn mean_score(&self) -> Option<f32> {
        if self.decisions == 0 || !self.is_face {
            return None;
        }
        let mean = self.test.mean_score().map(Score::value);
        mean.or_else(|| Some(sigmoid((self.llr_sum / f64::from(self.decisions)) as f32)))
    }

    /// Whether the face was followed and judged at all.
    pub(crate) fn is_announced(&self) -> bool {
        self.id != 0
    }
}

/// Mean quality of some frames.
#[derive(Debug, Clone, Copy, Default)]
struct QualityMean {
    frames: u32,
    sharpness: f32,
    luma: f32,
    face_px: f32,
    turn_deg: f32,
    pitch_deg: f32,
    contrast: f32,
}

impl QualityMean {
    fn add(&mut self, quality: &Quality) {
        self.frames += 1;
        let share = 1.0 / self.frames as f32;
        self.sharpness += share * (quality.sharpness - self.sharpness);
        self.luma += share * (quality.luma - self.luma);
        self.face_px += share * (quality.face_px - self.face_px);
        self.turn_deg += share * (quality.turn_deg - self.turn_deg);
        self.pitch_deg += share * (quality.pitch_deg - self.pitch_deg);
        self.contrast += share * (quality.contrast - self.contrast);
    }

    /// `None` without a frame.
    fn mean(self) -> Option<Quality> {
        (self.frames > 0).then_some(Quality {
            sharpness: self.sharpness,
            luma: self.luma,
            face_px: self.face_px,
            turn_deg: self.turn_deg,
            pitch_deg: self.pitch_deg,
            contrast: self.contrast,
        })
    }
}
