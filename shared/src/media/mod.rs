//! Pictures and videos as frames: the same for training and on the device.

mod animation;
mod child;
mod ffmpeg;
mod folder;
mod images;
mod ppm;
mod probe;
mod reader;
mod stderr;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sample::{ImageError, RgbView};

pub use animation::{Animation, animation};
pub use child::{end, set_patience};
pub use ffmpeg::FfmpegSource;
pub use folder::{FolderSource, MediaKind, list_media, list_open_media, sniff};
pub use images::{decode_picture, pad_edges, read_picture, read_picture_before};
pub use ppm::read_frame as read_ppm;
pub use probe::{Probe, frame_count, read_answer as read_probe};
pub use stderr::StderrTail;

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

    /// Frames per second at which timecodes count: of variable rates the one whose frames all
    /// frames fall on, else [`Self::rate_hz`].
    fn timecode_hz(&self) -> f64 {
        self.rate_hz()
    }

    /// Like [`FrameSource::next_frame`], but a live source waits no longer than
    /// `wait`, so that its reader can do other things in between.
    fn poll_frame(&mut self, frame: &mut Frame, wait: Duration) -> Result<Polled, SourceError> {
        let _ = wait;
        Ok(if self.next_frame(frame)? {
            Polled::Frame(0)
        } else {
            Polled::End
        })
    }

    /// Names of the streams that the frames belong to, where there are several,
    /// as of several cameras.
    fn streams(&self) -> Vec<String> {
        vec![self.name().to_owned()]
    }

    /// Frames that a live source left out because newer ones came.
    fn frames_dropped(&self) -> u64 {
        0
    }
}

/// What a source has at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// A frame of the stream with this number in [`FrameSource::streams`].
    Frame(usize),
    /// Nothing yet.
    Nothing,
    /// Nothing any more.
    End,
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
    /// A pipe, a device or a socket, which can be read only once or not at all.
    #[error(
        "{0} is a pipe or a device; name a file, or use --command for what writes frames and --camera for a camera"
    )]
    NoFile(PathBuf),
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
    /// The system does not tell which cameras there are.
    #[error("cannot list the cameras: {0}")]
    Cameras(io::Error),
    /// A camera, or the command that stands for one, cannot be used.
    #[error("camera {camera}: {reason}")]
    Camera {
        /// Which one was asked for.
        camera: String,
        /// Why not, and what to do.
        reason: String,
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
