//! The frames of a file, and where an attacker believes the faces to be.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use unmask_shared::face::{Face, FinderChoice, FinderConfig};
use unmask_shared::geometry::Point;
use unmask_shared::media::{FfmpegSource, Frame, FrameSource, MediaKind, read_picture, sniff};

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
    /// Frames a second; 0 of a picture.
    pub rate_hz: f64,
}

impl Footage {
    /// Reads a picture, or the first `seconds` of a video, and looks for faces in every frame: the
    /// firmware looks at times that nobody knows.
    ///
    /// # Errors
    /// When the file cannot be read, changes its size, or shows no face.
    pub fn read(path: &Path, seconds: f64, finder: &FinderChoice) -> Result<Self> {
        let mut footage = match sniff(path)? {
            MediaKind::Image => Self::of_picture(path)?,
            MediaKind::Video => Self::of_video(path, seconds)?,
        };
        footage.check_sizes(path)?;
        footage.find_faces(finder)?;
        ensure!(
            footage.faces.iter().any(|faces| !faces.is_empty()),
            "{}: no face is seen",
            path.display()
        );
        Ok(footage)
    }

    fn of_picture(path: &Path) -> Result<Self> {
        let mut frame = Frame::default();
        read_picture(path, &mut frame)?;
        Ok(Self {
            frames: vec![frame],
            ..Self::default()
        })
    }

    fn of_video(path: &Path, seconds: f64) -> Result<Self> {
        let mut source = FfmpegSource::open(path)?;
        let rate_hz = source.rate_hz();
        let most = (seconds * rate_hz).ceil().max(1.0) as usize;
        let (mut frames, mut frame) = (Vec::new(), Frame::default());
        while frames.len() < most && source.next_frame(&mut frame)? {
            frames.push(frame.clone());
        }
        Ok(Self {
            frames,
            faces: Vec::new(),
            rate_hz,
        })
    }

    /// Whether it is a picture.
    pub fn is_picture(&self) -> bool {
        self.rate_hz == 0.0
    }

    /// Pixels across and down.
    pub fn size(&self) -> (usize, usize) {
        self.frames
            .first()
            .map_or((0, 0), |frame| (frame.width, frame.height))
    }

    /// Writes frames in place of these into a folder, under a name and an ending that fits: a
    /// picture is written without loss whatever `coding` says.
    ///
    /// # Errors
    /// When ffmpeg is missing, or the disk refuses.
    pub fn write(
        &self,
        frames: &[Frame],
        folder: &Path,
        name: &str,
        coding: Coding,
    ) -> Result<PathBuf> {
        let (width, height) = self.size();
        if self.is_picture() {
            let path = folder.join(format!("{name}.png"));
            let frame = frames.first().context("no picture")?;
            let size = (width as u32, height as u32);
            image::save_buffer(&path, &frame.rgb, size.0, size.1, image::ColorType::Rgb8)?;
            return Ok(path);
        }
        let path = folder.join(format!("{name}.mp4"));
        let mut writer = VideoWriter::create(&path, width, height, self.rate_hz, coding)?;
        for frame in frames {
            writer.write(frame)?;
        }
        writer.finish()?;
        Ok(path)
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
