//! What is kept between files: the model, the face finders, the buffers.

use unmask_shared::calibration::Calibration;
use unmask_shared::engine::Engine;
use unmask_shared::face::{FinderChoice, FinderConfig};
use unmask_shared::manifest::Manifest;
use unmask_shared::verdict::VerdictConfig;

use crate::error::EdgeError;
use crate::pipeline::{Pipeline, PipelineConfig};
use crate::search::{FaceSearch, Fine, SearchConfig};
use unmask_shared::media::Frame;

use super::picture::PictureJudge;

/// Least width of a face that is looked for in a picture, pixels.
const FACE_PX_MIN: u32 = 40;
/// Longest side of the copies of a picture that are searched, pixels: coarsely for large faces and
/// finely for small ones.
const PICTURE_SIDES_PX: [u32; 2] = [320, 1280];

/// Analyses one file after the other.
pub struct Analyzer {
    pub(super) pipeline: Pipeline,
    pub(super) judge: PictureJudge,
    pub(super) frame: Frame,
    pub(super) keep_logits: bool,
    pub(super) rules: VerdictConfig,
    pub(super) calibration: Calibration,
}

impl Analyzer {
    /// `every`: faces are looked for in every so many frames of a video. `keep_logits`: the
    /// report tells the raw score of every decision.
    pub fn new(
        engine: Engine,
        choice: &FinderChoice,
        manifest: &Manifest,
        every: u32,
        keep_logits: bool,
    ) -> Result<Self, EdgeError> {
        let finder = |longest_side_px| FinderConfig {
            min_face_px: FACE_PX_MIN,
            longest_side_px,
            ..FinderConfig::default()
        };
        let [coarse, fine] = PICTURE_SIDES_PX;
        let in_pictures = SearchConfig {
            finder: finder(coarse),
            fine_side_px: Some(fine),
            fine: Fine::Always,
            padded: true,
        };
        let config = PipelineConfig::watching(every);
        let search = FaceSearch::new(choice, in_pictures)?;
        let judge = PictureJudge::new(&engine, manifest.clone(), search, keep_logits)?;
        let pipeline = Pipeline::new(engine, choice, manifest.clone(), config)?;
        Ok(Self {
            pipeline,
            judge,
            frame: Frame::default(),
            keep_logits,
            rules: manifest.verdict,
            calibration: manifest.calibration,
        })
    }
}
