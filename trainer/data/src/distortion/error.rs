//! What can go wrong, and what to do then.

use super::{Perturbation, RUN_BYTES_MAX};

/// Why a perturbation could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DistortionError {
    /// A code that names none.
    #[error(
        "`{0}` is no perturbation: write cs, cc, bw, gnc, gb, jpeg or vc, an underscore and a level from 1 to 5, such as gb_4"
    )]
    UnknownCode(String),
    /// A frame whose bytes do not fit its size, or that is empty.
    #[error(
        "a frame of {width}x{height} pixels cannot have {bytes} bytes: give three for each pixel, one pixel at least"
    )]
    FrameSize {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Bytes of the frame.
        bytes: usize,
    },
    /// Frames of different sizes cannot be one video.
    #[error("frame {index} has another size than the first: compress runs of one size")]
    MixedSizes {
        /// The first frame that differs.
        index: usize,
    },
    /// More frames than are held in memory at once.
    #[error(
        "{bytes} bytes of frames are more than the {RUN_BYTES_MAX} that are compressed at once: take fewer frames, or give the video file to `unmask-trainer distort`"
    )]
    RunTooLong {
        /// Bytes of all frames.
        bytes: usize,
    },
    /// A perturbation that does nothing to a crop.
    #[error(
        "{0} has no effect on pictures below 256 pixels, such as stored face crops: apply it to whole frames before `prepare`"
    )]
    NoEffectOnCrops(Perturbation),
    /// The command that compresses videos is not installed.
    #[error(
        "the ffmpeg command is needed for video compression and was not found; on Debian and Ubuntu: apt-get install ffmpeg"
    )]
    NoFfmpeg,
    /// ffmpeg could not do it.
    #[error(
        "ffmpeg failed while {doing}: {reason}; video compression needs an ffmpeg with libx264"
    )]
    Ffmpeg {
        /// What it was asked to do.
        doing: &'static str,
        /// The last thing that it said.
        reason: String,
    },
    /// ffmpeg did not finish.
    #[error(
        "ffmpeg took more than {seconds} s while {doing} and was stopped: take fewer frames at once"
    )]
    TimedOut {
        /// What it was asked to do.
        doing: &'static str,
        /// Seconds that it was given.
        seconds: u64,
    },
    /// A temporary file or a pipe failed.
    #[error("cannot {doing}: {error}; see that there is room for temporary files")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
}
