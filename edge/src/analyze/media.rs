//! What is kept between files: the model, the face finders, the buffers.

use unmask_shared::engine::Engine;
use unmask_shared::face::{FinderConfig, builtin_finder};
use unmask_shared::manifest::Manifest;

use crate::error::EdgeError;
use crate::pipeline::{Pipeline, PipelineConfig, PipelineError};
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
}

impl Analyzer {
    /// `every`: faces are looked for in every so many frames of a video.
    pub fn new(engine: Engine, manifest: &Manifest, every: u32) -> Result<Self, EdgeError> {
        let config = PipelineConfig {
            detect_every: every,
            padded_search: true,
            finder: finder(VIDEO_FACE_PX, VIDEO_SIDE_PX),
            ..PipelineConfig::default()
        };
        let finder = builtin_finder(finder(PICTURE_FACE_PX, PICTURE_SIDE_PX))
            .map_err(PipelineError::from)?;
        let search = FaceSearch::new(finder, true);
        let judge = PictureJudge::new(&engine, manifest.clone(), search)?;
        let pipeline = Pipeline::new(engine, manifest.clone(), config)?;
        Ok(Self {
            pipeline,
            judge,
            frame: Frame::default(),
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
