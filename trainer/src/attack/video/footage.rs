//! The frames of a video, and where an attacker believes the faces to be.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use unmask_shared::face::{Face, FinderChoice, FinderConfig};
use unmask_shared::geometry::Point;
use unmask_shared::media::{FfmpegSource, Frame, FrameSource};

use crate::distortion::{Coding, VideoWriter};

/// A face that the finder is less sure of is not followed by the firmware.
const SCORE_MIN: f32 = 0.7;
/// Faces of a frame that are attacked, the largest.
const FACES_MAX: usize = 4;
/// Sides of the copies that are searched, coarse and fine.
const SIDES_PX: [u32; 2] = [320, 640];

/// Frames of one size with the landmarks of the faces in each.
#[derive(Clone, Debug, Default)]
pub struct Footage {
    /// At least one, all of one size.
    pub frames: Vec<Frame>,
    /// Of each frame, in its pixels, in the order of [`Face::landmarks`]. Where the finder sees
    /// none, those of the frame before.
    pub faces: Vec<Vec<[Point; 5]>>,
    /// Frames a second.
    pub rate_hz: f64,
}

impl Footage {
    /// Reads the first `seconds` of a video, and looks for faces in every frame: the firmware looks
    /// at times that nobody knows.
    ///
    /// # Errors
    /// When the file cannot be read, changes its size, or shows no face.
    pub fn read(path: &Path, seconds: f64, finder: &FinderChoice) -> Result<Self> {
        let mut source = FfmpegSource::open(path)?;
        let mut footage = Self {
            rate_hz: source.rate_hz(),
            ..Self::default()
        };
        let most = (seconds * footage.rate_hz).ceil().max(1.0) as usize;
        let mut frame = Frame::default();
        while footage.frames.len() < most && source.next_frame(&mut frame)? {
            footage.frames.push(frame.clone());
        }
        footage.check_sizes(path)?;
        footage.find_faces(finder)?;
        ensure!(
            footage.faces.iter().any(|faces| !faces.is_empty()),
            "{}: no face is seen in its first {seconds} seconds",
            path.display()
        );
        Ok(footage)
    }

    /// Pixels across and down.
    pub fn size(&self) -> (usize, usize) {
        self.frames
            .first()
            .map_or((0, 0), |frame| (frame.width, frame.height))
    }

    /// Writes frames in place of these.
    ///
    /// # Errors
    /// When ffmpeg is missing or cannot write.
    pub fn write(&self, frames: &[Frame], path: &Path, coding: Coding) -> Result<()> {
        let (width, height) = self.size();
        let mut writer = VideoWriter::create(path, width, height, self.rate_hz, coding)?;
        for frame in frames {
            writer.write(frame)?;
        }
        Ok(writer.finish()?)
    }

    fn check_sizes(&self, path: &Path) -> Result<()> {
        let size = self.size();
        let first = self.frames.first();
        first.with_context(|| format!("{} has no frame", path.display()))?;
        let differs = |frame: &Frame| (frame.width, frame.height) != size;
        ensure!(
            !self.frames.iter().any(differs),
            "{}: its frames are of several sizes",
            path.display()
        );
        Ok(())
    }

    fn find_faces(&mut self, choice: &FinderChoice) -> Result<()> {
        let finder = |longest_side_px| {
            choice.finder(FinderConfig {
                longest_side_px,
                ..FinderConfig::default()
            })
        };
        let [mut coarse, mut fine] = [finder(SIDES_PX[0])?, finder(SIDES_PX[1])?];
        let (mut found, mut last) = (Vec::new(), Vec::new());
        for frame in &self.frames {
            let view = frame.view()?;
            coarse.find(&view, &mut found)?;
            if found.is_empty() {
                fine.find(&view, &mut found)?;
            }
            found.retain(|face: &Face| face.score >= SCORE_MIN);
            found.truncate(FACES_MAX);
            if !found.is_empty() {
                last = found.iter().map(|face| face.landmarks).collect();
            }
            self.faces.push(last.clone());
        }
        Ok(())
    }
}
