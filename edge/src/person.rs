//! What is known about one person in front of the camera.

use unmask_shared::calibration::sigmoid;
use unmask_shared::engine::{Engine, EngineError, Session};
use unmask_shared::geometry::FaceBox;
use unmask_shared::manifest::Manifest;
use unmask_shared::quality::Quality;
use unmask_shared::verdict::{Reason, SequentialTest, Verdict, VerdictError};

/// A verdict of "manipulated" that was later taken back still counts for the
/// whole track if it was held for this many judged frames.
pub const HELD_FRAMES_MIN: u32 = 25;

/// One person: the network's memory of the face, and the case against it.
#[derive(Debug)]
pub struct Person {
    /// Number within the stream, from 1; 0 until the face is believed.
    pub id: u32,
    /// First frame in which the face was followed.
    pub first_frame: u64,
    /// Last frame in which it was seen.
    pub last_frame: u64,
    /// Frames that the network has judged.
    pub frames: u32,
    /// Where the face is, in pixels of the frame.
    pub bbox: FaceBox,
    /// Raw score of the latest frame.
    pub logit: f32,
    /// Evidence map of the latest frame, logit units, row by row.
    pub evidence: Vec<f32>,
    pub(crate) key: u64,
    session: Session,
    test: SequentialTest,
    /// Sum of the evidence of all frames, whatever their quality.
    llr_sum: f64,
    frames_manipulated: u32,
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
        key: u64,
        frame: u64,
        bbox: FaceBox,
        engine: &Engine,
        manifest: &Manifest,
    ) -> Result<Self, JudgeError> {
        Ok(Self {
            id: 0,
            first_frame: frame,
            last_frame: frame,
            frames: 0,
            bbox,
            logit: f32::NAN,
            evidence: Vec::new(),
            key,
            session: engine.session()?,
            test: SequentialTest::new(manifest.verdict, manifest.calibration)?,
            llr_sum: 0.0,
            frames_manipulated: 0,
        })
    }

    /// Shows the network the next crop of the face.
    ///
    /// # Shapes
    /// crop: [3, side, side], RGB in [0, 1]
    pub(crate) fn look(&mut self, crop: &[f32]) -> Result<(), JudgeError> {
        let step = self.session.step(crop)?;
        self.logit = step.logit;
        self.evidence = step.evidence;
        Ok(())
    }

    /// Adds the latest look to the case.
    pub(crate) fn judge(&mut self, quality: &Quality, manifest: &Manifest) -> Verdict {
        let verdict = self.test.push(self.logit, quality);
        if self.logit.is_finite() {
            self.frames = self.frames.saturating_add(1);
            self.llr_sum += f64::from(manifest.calibration.llr(self.logit));
        }
        if verdict == Verdict::Manipulated {
            self.frames_manipulated = self.frames_manipulated.saturating_add(1);
        }
        verdict
    }

    /// The verdict as of the latest frame.
    pub fn verdict(&self) -> Verdict {
        self.test.verdict()
    }

    /// The verdict on the whole track: manipulated also where that was said for
    /// [`HELD_FRAMES_MIN`] frames and taken back later.
    pub fn overall_verdict(&self) -> Verdict {
        if self.frames_manipulated >= HELD_FRAMES_MIN {
            return Verdict::Manipulated;
        }
        self.verdict()
    }

    /// Why there is no verdict; `None` where there is one.
    pub fn reason(&self) -> Option<Reason> {
        self.test.reason()
    }

    /// Evidence collected for the verdict, nats.
    pub fn llr(&self) -> f32 {
        self.test.llr()
    }

    /// Calibrated score, 0 (genuine) to 1 (manipulated), from the mean evidence
    /// of the frames that were good enough, or of all frames where none was.
    /// `None` before the first frame.
    pub fn score(&self) -> Option<f32> {
        if self.frames == 0 {
            return None;
        }
        if self.test.frames() > 0 {
            return Some(self.test.score().value());
        }
        Some(sigmoid((self.llr_sum / f64::from(self.frames)) as f32))
    }

    /// Whether the face was followed and judged at all.
    pub(crate) fn is_announced(&self) -> bool {
        self.id != 0
    }
}
