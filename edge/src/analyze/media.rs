//! What is kept between files: the model, the face finders, the buffers.

use unmask_shared::engine::Engine;
use unmask_shared::face::{FinderChoice, FinderConfig};
use unmask_shared::manifest::Manifest;

use crate::error::EdgeError;
use crate::pipeline::{Pipeline, PipelineConfig};
use crate::search::FaceSearch;
use crate::source::Frame;

use super::picture::PictureJudge;

/// Smallest face looked for in pictures, and longest side at which they are
/// searched, in pixels.
const PICTURE_FACE_PX: u32 = 40;
const PICTURE_SIDE_PX: u32 = 854;
/// The same for videos.
const VIDEO_FACE_PX: u32 = 50;
const VIDEO_SIDE_PX: u32 = 427;

/// Analyses one file after the other.
pub struct Analyzer {
    pub(super) pipeline: Pipeline,
    pub(super) judge: PictureJudge,
    pub(super) frame: Frame,
    pub(super) keep_logits: bool,
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
        let config = PipelineConfig {
            detect_every: every,
            padded_search: true,
            finder: finder(VIDEO_FACE_PX, VIDEO_SIDE_PX),
            ..PipelineConfig::default()
        };
        let in_pictures = choice.finder(finder(PICTURE_FACE_PX, PICTURE_SIDE_PX))?;
        let search = FaceSearch::new(in_pictures, true);
        let judge = PictureJudge::new(&engine, manifest.clone(), search, keep_logits)?;
        let pipeline = Pipeline::new(engine, choice, manifest.clone(), config)?;
        Ok(Self {
            pipeline,
            judge,
            frame: Frame::default(),
            keep_logits,
        })
    }
}

fn finder(min_face_px: u32, longest_side_px: u32) -> FinderConfig {
    FinderConfig {
        min_face_px,
        longest_side_px,
        ..FinderConfig::default()
    }
}
