//! Video files: compressed as a whole, or written frame by frame.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};
use std::time::Duration;

use unmask_shared::media::Frame;

use super::process::{Running, ffmpeg};
use super::video::{RATE_FACTOR, RUN_LIMIT, raw_input};
use super::{DistortionError, Level};

/// Time for a whole file.
const FILE_LIMIT: Duration = Duration::from_secs(4 * 3600);
/// x264 compresses colour in blocks of two by two and wants even sides.
const EVEN: &str = "pad=ceil(iw/2)*2:ceil(ih/2)*2";

/// Compresses a video file as the data set did: `ffmpeg -i input -crf C output`, without
/// sound, into MP4 whatever the name's ending. The output appears when it is complete.
///
/// # Errors
/// When ffmpeg is missing, cannot read the input or cannot write the output.
pub fn compress_file(input: &Path, output: &Path, level: Level) -> Result<(), DistortionError> {
    let partial = Partial::of(output);
    let mut command = ffmpeg();
    command
        .args(["-protocol_whitelist", "file,pipe", "-i"])
        .arg(file_argument(input))
        .args([
            "-map", "0:v:0", "-vf", EVEN, "-c:v", "libx264", "-pix_fmt", "yuv420p",
        ])
        .args(["-crf", &level.of(RATE_FACTOR).to_string(), "-f", "mp4"])
        .arg(file_argument(&partial.path))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    Running::start(command, "compressing a video")?.wait(FILE_LIMIT)?;
    partial.keep(output)
}

/// How [`VideoWriter`] compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// H.264 at a constant rate factor, 0 to 51; 23 is usual, more is worse.
    RateFactor(u8),
    /// H.264 in RGB, from which the same bytes come back.
    Lossless,
}

impl Coding {
    fn arguments(self) -> Vec<String> {
        let words = |words: &str| words.split(' ').map(str::to_owned).collect();
        match self {
            Self::RateFactor(factor) => {
                words(&format!("-c:v libx264 -pix_fmt yuv420p -crf {factor}"))
            }
            Self::Lossless => words("-c:v libx264rgb -preset veryfast -qp 0"),
        }
    }
}

/// Writes frames into an MP4 file with ffmpeg and x264. Sides are filled up to even ones.
///
/// The file appears when [`Self::finish`] has been called; dropped before, it leaves none.
pub struct VideoWriter {
    running: Running,
    pipe: Option<ChildStdin>,
    size: (usize, usize),
    frames: usize,
    partial: Partial,
    output: PathBuf,
}

impl VideoWriter {
    /// Starts a video of frames of this size in pixels, `rate_hz` of them a second.
    ///
    /// # Errors
    /// When ffmpeg is missing or cannot be started.
    pub fn create(
        output: &Path,
        width: usize,
        height: usize,
        rate_hz: f64,
        coding: Coding,
    ) -> Result<Self, DistortionError> {
        let partial = Partial::of(output);
        let mut command = ffmpeg();
        raw_input(&mut command, (width, height), rate_hz);
        command
            .args(["-vf", EVEN])
            .args(coding.arguments())
            .args(["-f", "mp4"])
            .arg(file_argument(&partial.path))
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut running = Running::start(command, "writing a video")?;
        Ok(Self {
            pipe: running.input(),
            running,
            size: (width, height),
            frames: 0,
            partial,
            output: output.to_path_buf(),
        })
    }

    /// Appends a frame.
    ///
    /// # Errors
    /// When its size is another, or ffmpeg has ended, mostly for want of room.
    pub fn write(&mut self, frame: &Frame) -> Result<(), DistortionError> {
        super::check(frame)?;
        if (frame.width, frame.height) != self.size {
            return Err(DistortionError::MixedSizes { index: self.frames });
        }
        let Some(pipe) = &mut self.pipe else {
            return Ok(());
        };
        if let Err(error) = pipe.write_all(&frame.rgb) {
            self.pipe = None;
            // The child's own words say more than a broken pipe.
            return Err(match self.running.wait(RUN_LIMIT) {
                Err(cause) => cause,
                Ok(()) => self.running.failed(error),
            });
        }
        self.frames += 1;
        Ok(())
    }

    /// Completes the file.
    ///
    /// # Errors
    /// When ffmpeg fails or the file cannot take its name.
    pub fn finish(mut self) -> Result<(), DistortionError> {
        self.pipe = None;
        self.running.wait(FILE_LIMIT)?;
        self.partial.keep(&self.output)
    }
}

/// A file under a name of its own until it is complete; removed when it never is.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn of(output: &Path) -> Self {
        let mut name = output.as_os_str().to_owned();
        name.push(".partial");
        Self { path: name.into() }
    }

    fn keep(&self, output: &Path) -> Result<(), DistortionError> {
        std::fs::rename(&self.path, output).map_err(|error| DistortionError::Io {
            doing: "name a finished video",
            error,
        })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // There is nothing to remove once it has been renamed.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A path that ffmpeg takes neither for an option nor for an address.
fn file_argument(path: &Path) -> OsString {
    let mut argument = OsString::from("file:");
    argument.push(path);
    argument
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distortion::video::tests::{run, skipped};
    use unmask_shared::media::{FfmpegSource, FrameSource};

    const USUAL: Coding = Coding::RateFactor(23);

    #[test]
    fn without_loss_the_same_bytes_come_back() {
        if skipped() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let frames = run(4, 64, 48);
        let read = |coding| {
            let path = folder.path().join(format!("{coding:?}.mp4"));
            let mut writer = VideoWriter::create(&path, 64, 48, 25.0, coding).unwrap();
            frames.iter().for_each(|frame| writer.write(frame).unwrap());
            writer.finish().unwrap();
            let (mut source, mut frame) = (FfmpegSource::open(&path).unwrap(), Frame::default());
            let mut next = || {
                source
                    .next_frame(&mut frame)
                    .unwrap()
                    .then(|| frame.rgb.clone())
            };
            std::iter::from_fn(&mut next).collect::<Vec<_>>()
        };
        let written: Vec<_> = frames.iter().map(|frame| frame.rgb.clone()).collect();
        assert!(read(Coding::Lossless) == written, "the bytes are others");
        assert!(read(Coding::RateFactor(28)) != written);
    }

    #[test]
    fn a_file_appears_only_when_it_is_whole() {
        if skipped() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("-clip.mp4");
        let clean = run(5, 64, 48);
        let mut writer = VideoWriter::create(&path, 64, 48, 25.0, USUAL).unwrap();
        clean.iter().for_each(|frame| writer.write(frame).unwrap());
        let wrong = writer.write(&run(1, 32, 48)[0]).unwrap_err().to_string();
        assert!(wrong.contains("frame 5"), "{wrong}");
        assert!(!path.exists());
        writer.finish().unwrap();
        let small = folder.path().join("small.mp4");
        compress_file(&path, &small, Level::new(5).unwrap()).unwrap();
        let bytes = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert!(bytes(&small) < bytes(&path));
        let dropped = folder.path().join("dropped.mp4");
        drop(VideoWriter::create(&dropped, 64, 48, 25.0, USUAL).unwrap());
        let cause = compress_file(
            &folder.path().join("none.mp4"),
            &small,
            Level::new(1).unwrap(),
        );
        assert!(cause.unwrap_err().to_string().contains("No such file"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
