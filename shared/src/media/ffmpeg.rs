//! Reads a video through the `ffmpeg` command.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::probe::{Probe, file_argument, launch_error, probe, stamps};
use super::reader::{FrameReader, FromPipe};
use super::stderr::StderrTail;
use super::{Frame, FrameSource, Polled, SourceError, child};

/// Wider videos are scaled down to this by ffmpeg.
const WIDTH_MAX: u32 = 1280;
/// How long ffmpeg may take to end after its last frame.
const END: Duration = Duration::from_secs(2);

/// The frames of one video file, every one of them, in order.
///
/// The child process is stopped and collected when this is dropped.
pub struct FfmpegSource {
    path: PathBuf,
    name: String,
    probe: Probe,
    /// Of a video of uneven times, when each frame is shown; empty for others.
    stamps: Vec<u64>,
    child: Child,
    reader: Option<FrameReader>,
    stderr: StderrTail,
    frames: u64,
}

impl FfmpegSource {
    /// Asks ffprobe about the file and starts ffmpeg on it.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let probe = probe(path)?;
        let stamps = match probe.is_variable {
            true => stamps(path),
            false => Vec::new(),
        };
        let mut child = command(path, &probe)
            .spawn()
            .map_err(|error| launch_error("ffmpeg", path, error))?;
        let reader = child.stdout.take().map(FrameReader::start);
        let reader = reader.transpose().map_err(|error| {
            child::kill(&mut child);
            launch_error("ffmpeg", path, error)
        })?;
        let stderr = StderrTail::follow(child.stderr.take());
        let name = path.display().to_string();
        Ok(Self {
            path: path.to_path_buf(),
            name,
            probe,
            stamps,
            child,
            reader,
            stderr,
            frames: 0,
        })
    }

    /// Decides, after the last frame, whether that was the whole video.
    fn finish(&mut self) -> Result<(), SourceError> {
        self.reader = None;
        let status = child::wait(&mut self.child, END).map_err(|error| self.pipe_error(error))?;
        let said = match status {
            Some(_) => self.stderr.last_words(&self.path),
            None => self.stderr.words_so_far(&self.path),
        };
        if status.is_some_and(|status| self.is_whole(status, &said)) {
            return Ok(());
        }
        let reason = match status {
            None => "it closed its output and does not end".into(),
            Some(status) if said.is_empty() => format!("it ended with {status}"),
            Some(_) => said,
        };
        let path = self.path.clone();
        if self.frames == 0 {
            return Err(SourceError::NotAVideo { path, reason });
        }
        Err(SourceError::Truncated {
            path,
            frames: self.frames,
            expected: self.probe.frames,
            reason,
        })
    }

    /// Containers often promise a frame or two that an edit list hides, and
    /// ffmpeg complains about harmless things: only both together count.
    fn is_whole(&self, status: ExitStatus, said: &str) -> bool {
        let expected = self.probe.frames.unwrap_or(0);
        let missing = expected.saturating_sub(self.frames);
        let many = missing > 2 && missing * 20 > expected;
        status.success() && self.frames > 0 && (said.is_empty() || !many)
    }

    fn pipe_error(&self, error: io::Error) -> SourceError {
        SourceError::Pipe {
            path: self.path.clone(),
            error,
        }
    }
}

fn command(path: &Path, probe: &Probe) -> Command {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-hide_banner", "-loglevel", "error"])
        .args(["-protocol_whitelist", "file,pipe", "-i"])
        .arg(file_argument(path))
        .args(["-map", "0:v:0", "-an", "-sn", "-dn"])
        .args([
            if probe.fps_mode {
                "-fps_mode"
            } else {
                "-vsync"
            },
            "passthrough",
        ])
        .args([
            "-vf",
            &format!("scale=w='min({WIDTH_MAX},iw)':h=-2:flags=area"),
        ])
        .args([
            "-f",
            "image2pipe",
            "-c:v",
            "ppm",
            "-pix_fmt",
            "rgb24",
            "pipe:1",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // A Ctrl-C in the terminal is for us: we finish the frame and stop ffmpeg.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

impl FfmpegSource {
    /// When a frame is shown, microseconds since the first.
    fn time_us(&self, frame: u64) -> u64 {
        let at = usize::try_from(frame)
            .ok()
            .and_then(|at| self.stamps.get(at));
        let even = |frames: u64| (frames as f64 * 1e6 / self.probe.rate_hz) as u64;
        match (at, self.stamps.last()) {
            (Some(time_us), _) => *time_us,
            // More frames than stamps: they go on evenly.
            (None, Some(last)) => last + even(frame + 1 - self.stamps.len() as u64),
            (None, None) => even(frame),
        }
    }

    /// Waits for the next frame; with `wait`, no longer than that.
    fn read(&mut self, frame: &mut Frame, wait: Option<Duration>) -> Result<Polled, SourceError> {
        let Some(reader) = &mut self.reader else {
            return Ok(Polled::End);
        };
        match reader.read(frame, wait) {
            Ok(FromPipe::Frame) => {
                frame.index = self.frames;
                frame.time_us = self.time_us(self.frames);
                self.frames += 1;
                Ok(Polled::Frame(0))
            }
            Ok(FromPipe::Nothing) => Ok(Polled::Nothing),
            Ok(FromPipe::End) => self.finish().map(|()| Polled::End),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.finish()?;
                Err(self.pipe_error(error))
            }
            Err(error) => Err(self.pipe_error(error)),
        }
    }
}

impl FrameSource for FfmpegSource {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        // Without a limit to the wait, there is always something.
        Ok(self.read(frame, None)? != Polled::End)
    }

    fn poll_frame(&mut self, frame: &mut Frame, wait: Duration) -> Result<Polled, SourceError> {
        self.read(frame, Some(wait))
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn frames_expected(&self) -> Option<u64> {
        self.probe.frames
    }

    fn rate_hz(&self) -> f64 {
        self.probe.rate_hz
    }

    fn timecode_hz(&self) -> f64 {
        self.probe.timecode_hz
    }
}

impl Drop for FfmpegSource {
    fn drop(&mut self) {
        self.reader = None;
        child::kill(&mut self.child);
    }
}
