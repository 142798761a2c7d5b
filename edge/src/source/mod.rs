//! Where frames come from.

mod cast;
mod ffmpeg;
mod folder;
pub mod images;
mod ppm;
mod probe;
mod stderr;
pub mod synthetic;

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use unmask_shared::sample::{ImageError, RgbView};

pub use ffmpeg::FfmpegSource;
pub use folder::{FolderSource, MediaKind, list_media, sniff};
pub use synthetic::SyntheticSource;

/// One picture of a stream. Sources fill it in place, so that a stream runs
/// without allocating.
#[derive(Debug, Default, Clone)]
pub struct Frame {
    /// Number in the stream, from 0.
    pub index: u64,
    /// Time since the start of the stream in microseconds.
    pub time_us: u64,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Rows of RGB bytes, `3 * width * height` of them.
    pub rgb: Vec<u8>,
}

impl Frame {
    /// The pixels as the shared code wants to see them.
    pub fn view(&self) -> Result<RgbView<'_>, ImageError> {
        RgbView::new(self.width, self.height, &self.rgb)
    }
}

/// A stream of frames.
pub trait FrameSource {
    /// Fills in the next frame. `false` means that the stream has ended.
    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError>;

    /// A name for reports: a path, or `synthetic:7`.
    fn name(&self) -> &str;

    /// How many frames the stream will have, where that is known.
    fn frames_expected(&self) -> Option<u64>;

    /// Frames per second.
    fn rate_hz(&self) -> f64;
}

/// What the user asked to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// Synthetic people, from this seed.
    Synthetic(u64),
    /// A video, a picture, or a folder of pictures.
    Path(PathBuf),
}

impl FromStr for SourceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "synthetic" {
            return Ok(Self::Synthetic(1));
        }
        match text.strip_prefix("synthetic:") {
            Some(seed) => seed.parse().map(Self::Synthetic).map_err(|_| {
                format!("the seed in {text:?} is not a whole number; try synthetic:7")
            }),
            None if text.is_empty() => Err("name a file, a folder, or synthetic".into()),
            None => Ok(Self::Path(text.into())),
        }
    }
}

/// Opens what the user asked for.
pub fn open(spec: &SourceSpec) -> Result<Box<dyn FrameSource>, SourceError> {
    match spec {
        SourceSpec::Synthetic(seed) => Ok(Box::new(SyntheticSource::new(*seed)?)),
        SourceSpec::Path(path) if path.is_dir() => Ok(Box::new(FolderSource::open(path)?)),
        SourceSpec::Path(path) => match sniff(path)? {
            MediaKind::Image => Ok(Box::new(FolderSource::single(path))),
            MediaKind::Video => Ok(Box::new(FfmpegSource::open(path)?)),
        },
    }
}

/// Why frames cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file or folder cannot be opened.
    #[error("cannot open {path}: {error}")]
    Open {
        /// What was asked for.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is a picture that the decoder does not understand.
    #[error("cannot read the picture {path}: {error}")]
    Picture {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        error: image::ImageError,
    },
    /// A folder without a single picture.
    #[error("{0} holds no pictures (jpg, png, webp, bmp)")]
    NoPictures(PathBuf),
    /// A folder without anything to analyse.
    #[error("{0} holds no pictures or videos")]
    NoMedia(PathBuf),
    /// A folder with more files than anybody meant to hand over.
    #[error("{0} holds more than {MEDIA_MAX} files; name smaller folders")]
    TooManyFiles(PathBuf),
    /// The commands that read videos are not installed.
    #[error(
        "the {command} command is needed to read videos and was not found; on Debian and Ubuntu: apt-get install ffmpeg"
    )]
    NoFfmpeg {
        /// `ffmpeg` or `ffprobe`.
        command: &'static str,
    },
    /// The file is not a video that ffmpeg understands.
    #[error("{path} cannot be read as a video: {reason}")]
    NotAVideo {
        /// The file.
        path: PathBuf,
        /// The last thing that ffmpeg said.
        reason: String,
    },
    /// The video ends before its own header says.
    #[error("{path} is cut short or damaged: {frames} frames could be read{of}; ffmpeg says: {reason}", of = .expected.map_or(String::new(), |n| format!(" of {n}")))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Frames that could be read.
        frames: u64,
        /// Frames that the header promises.
        expected: Option<u64>,
        /// The last thing that ffmpeg said.
        reason: String,
    },
    /// The pipe from ffmpeg broke.
    #[error("reading frames of {path} from ffmpeg failed: {error}")]
    Pipe {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The built-in synthetic people could not be set up.
    #[error("synthetic people: {0}")]
    Synthetic(String),
}

/// Most files that one folder may hold.
pub const MEDIA_MAX: usize = 1_000_000;

fn open_error(path: &Path, error: io::Error) -> SourceError {
    SourceError::Open {
        path: path.to_path_buf(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_synthetic_or_a_path() {
        assert_eq!("synthetic".parse(), Ok(SourceSpec::Synthetic(1)));
        assert_eq!("synthetic:42".parse(), Ok(SourceSpec::Synthetic(42)));
        assert_eq!(
            "./synthetic".parse(),
            Ok(SourceSpec::Path("./synthetic".into()))
        );
        assert!("synthetic:x".parse::<SourceSpec>().is_err());
        assert!("".parse::<SourceSpec>().is_err());
    }

    #[test]
    fn a_missing_file_is_an_error_with_its_name() {
        let Err(error) = open(&SourceSpec::Path("does/not/exist.mp4".into())) else {
            panic!("a missing file was opened");
        };
        assert!(error.to_string().contains("does/not/exist.mp4"), "{error}");
    }
}
