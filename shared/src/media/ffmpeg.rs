//! Reads a video through the `ffmpeg` command.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use super::child::{self, Idleness};
use super::probe::{Probe, file_argument, launch_error, probe};
use super::reader::{FrameReader, FromPipe};
use super::stderr::StderrTail;
use super::{Frame, FrameSource, Polled, SourceError};

/// Wider videos are scaled down to this by ffmpeg.
const WIDTH_MAX: u32 = 1280;
/// How long ffmpeg may do nothing, or be busy, after its last frame before it ends.
const END: Duration = Duration::from_secs(2);
/// Time stamps on their way from ffmpeg, which is at most a few frames ahead.
const STAMPS: usize = 1024;
/// A time stamp is told before its frame, and waited for no longer.
const STAMP_WITHIN: Duration = Duration::from_secs(1);
/// Time between looks at what ffmpeg does while a frame is waited for.
const LOOK: Duration = Duration::from_millis(200);
/// Whoever must have the next frame waits so long for an ffmpeg that does nothing.
const HUNG: Duration = Duration::from_secs(30);
/// Most tracks of pictures of a file that are looked at.
const TRACKS_MAX: usize = 4;

/// The frames of one track of a video file, every one of them, in order.
///
/// The child process is stopped and collected when this is dropped.
pub struct FfmpegSource {
    path: PathBuf,
    name: String,
    probe: Probe,
    /// Further tracks of pictures, which a viewer may choose.
    others: VecDeque<Probe>,
    /// Tracks beyond [`TRACKS_MAX`].
    left_out: usize,
    child: Child,
    reader: Option<FrameReader>,
    stderr: StderrTail,
    stamps: Receiver<Stamp>,
    frames: u64,
    time_us: u64,
    idleness: Idleness,
    silence: Duration,
}

impl FfmpegSource {
    /// Asks ffprobe about the file and starts ffmpeg on the track that players show.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let mut tracks = VecDeque::from(probe(path)?);
        let left_out = tracks.len().saturating_sub(TRACKS_MAX);
        tracks.truncate(TRACKS_MAX);
        Self::start(path, tracks, left_out)
    }

    /// Starts ffmpeg on the next track of pictures that the file has beside this one: what a
    /// viewer may choose to see. `None` after the last.
    pub fn next_track(&mut self) -> Option<Result<Self, SourceError>> {
        let others = std::mem::take(&mut self.others);
        (!others.is_empty()).then(|| Self::start(&self.path, others, self.left_out))
    }

    /// Further tracks of pictures, and how many of them are never looked at.
    pub fn other_tracks(&self) -> (usize, usize) {
        (self.others.len(), self.left_out)
    }

    /// Whether the video is transparent in places of which ffmpeg tells nothing.
    pub fn hides_alpha(&self) -> bool {
        self.probe.hides_alpha
    }

    /// What ffmpeg complained of, now that the last frame was read: frames may be damaged or
    /// missing without anybody being able to tell how many.
    pub fn complaint(&self) -> Option<String> {
        let said = self.stderr.words_so_far(&self.path);
        (!said.is_empty()).then_some(said)
    }

    /// For how long a frame has been waited for of which ffmpeg did nothing: it was not busy, and
    /// read nothing. Zero after a frame.
    pub fn silence(&self) -> Duration {
        self.silence
    }

    /// Gives up an ffmpeg that hangs.
    fn give_up(&mut self) -> SourceError {
        self.reader = None;
        child::kill(&mut self.child);
        self.ended_early(child::nothing_done(child::patience(HUNG)))
    }

    fn ended_early(&self, reason: String) -> SourceError {
        let path = self.path.clone();
        match self.frames {
            0 => SourceError::NotAVideo { path, reason },
            frames => SourceError::Truncated {
                path,
                frames,
                expected: self.expected(),
                reason,
            },
        }
    }

    fn start(
        path: &Path,
        mut tracks: VecDeque<Probe>,
        left_out: usize,
    ) -> Result<Self, SourceError> {
        let Some(probe) = tracks.pop_front() else {
            let (path, reason) = (path.to_path_buf(), "it has no video".to_owned());
            return Err(SourceError::NotAVideo { path, reason });
        };
        let mut child = command(path, &probe)
            .spawn()
            .map_err(|error| launch_error("ffmpeg", path, error))?;
        let reader = child.stdout.take().map(FrameReader::start);
        let reader = reader.transpose().map_err(|error| {
            child::kill(&mut child);
            launch_error("ffmpeg", path, error)
        })?;
        let (told, stamps) = sync_channel(STAMPS);
        let sift = move |line: &str| is_complaint(line, &told);
        let stderr = StderrTail::sift(child.stderr.take(), sift);
        let name = path.display().to_string();
        Ok(Self {
            path: path.to_path_buf(),
            name,
            probe,
            others: tracks,
            left_out,
            child,
            reader,
            stderr,
            stamps,
            frames: 0,
            time_us: 0,
            idleness: Idleness::default(),
            silence: Duration::ZERO,
        })
    }

    /// Decides, after the last frame, whether that was the whole video.
    fn finish(&mut self) -> Result<(), SourceError> {
        self.reader = None;
        let status = child::end(&mut self.child, END).map_err(|error| self.pipe_error(error))?;
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
        Err(self.ended_early(reason))
    }

    /// Frames that the container promises, by their number or by its length.
    fn expected(&self) -> Option<u64> {
        let by_length = |seconds: f64| (seconds * self.probe.rate_hz).round() as u64;
        self.probe.frames.or(self.probe.duration_s.map(by_length))
    }

    /// When a frame is shown, microseconds: by the file's own time stamps, which need not be
    /// evenly spaced; where they are missing, by the rate.
    fn stamp(&mut self, frame: u64) -> u64 {
        let by_rate = (frame as f64 * 1e6 / self.probe.rate_hz) as u64;
        let next = match frame {
            0 => 0,
            _ => self.time_us + (1e6 / self.probe.rate_hz) as u64,
        };
        loop {
            match self.stamps.recv_timeout(STAMP_WITHIN) {
                Ok(stamp) if stamp.frame < frame => {}
                Ok(Stamp { time_us, .. }) => return time_us.unwrap_or(next),
                // Nothing is told: ffmpeg is not as it should be. No frame waits for it again.
                Err(_) => {
                    self.stamps = sync_channel(0).1;
                    return by_rate.max(self.time_us);
                }
            }
        }
    }

    /// Containers often promise a frame or two that an edit list hides, and
    /// ffmpeg complains about harmless things: only both together count.
    fn is_whole(&self, status: ExitStatus, said: &str) -> bool {
        let expected = self.expected().unwrap_or(0);
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

/// The time stamp of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stamp {
    frame: u64,
    /// Microseconds; `None` where the file has none.
    time_us: Option<u64>,
}

/// Whether a line of ffmpeg is a complaint, with its level in brackets: `[error] what is wrong`.
/// Those of the filter that tells time stamps are handed on.
fn is_complaint(line: &str, stamps: &SyncSender<Stamp>) -> bool {
    if let Some(stamp) = stamp(line) {
        // Where nobody reads frames, nobody needs their time.
        let _ = stamps.try_send(stamp);
        return false;
    }
    let level = |name: &str| line.contains(&format!("[{name}] "));
    !["info", "warning", "verbose", "debug"]
        .into_iter()
        .any(level)
}

/// Reads `[Parsed_metadata_3 @ 0x55f8] [info] frame:0    pts:0       pts_time:0`.
fn stamp(line: &str) -> Option<Stamp> {
    let words = line.strip_prefix("[Parsed_metadata_")?;
    let mut words = words.split_whitespace();
    let frame = words.find_map(|word| word.strip_prefix("frame:"))?;
    let time = words.find_map(|word| word.strip_prefix("pts:"))?;
    Some(Stamp {
        frame: frame.parse().ok()?,
        time_us: time.parse::<i64>().ok().map(|us| us.max(0) as u64),
    })
}

/// Before white where it is transparent, as most viewers show it: black behind the negative.
const BEFORE_WHITE: &str = "format=gbrap,negate,premultiply=inplace=1,negate,format=gbrp,";

/// Frames as they are shown, with square pixels and their time stamps in microseconds.
fn filters(has_alpha: bool) -> String {
    let before = if has_alpha { BEFORE_WHITE } else { "" };
    format!(
        "{before}scale=w='max(1,min({WIDTH_MAX},round(iw*sar)))':h='max(1,round(ow/dar))':flags=area,\
         settb=1/1000000,metadata=add:key=t:value=1,metadata=print:key=t"
    )
}

fn command(path: &Path, probe: &Probe) -> Command {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-hide_banner", "-nostats"])
        .args(["-loglevel", "level+info"])
        .args(["-protocol_whitelist", "file,pipe", "-i"])
        .arg(file_argument(path))
        .args(["-map", &format!("0:{}", probe.index), "-an", "-sn", "-dn"])
        .args([
            if probe.fps_mode {
                "-fps_mode"
            } else {
                "-vsync"
            },
            "passthrough",
        ])
        .args(["-vf", &filters(probe.has_alpha)])
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
    /// Waits for the next frame, no longer than `wait`.
    fn read(&mut self, frame: &mut Frame, wait: Duration) -> Result<Polled, SourceError> {
        let Some(reader) = &mut self.reader else {
            return Ok(Polled::End);
        };
        match reader.read(frame, wait) {
            Ok(FromPipe::Frame) => {
                frame.index = self.frames;
                self.time_us = self.stamp(self.frames).max(self.time_us);
                frame.time_us = self.time_us;
                self.frames += 1;
                (self.idleness, self.silence) = (Idleness::default(), Duration::ZERO);
                Ok(Polled::Frame(0))
            }
            Ok(FromPipe::Nothing) => {
                self.silence = self.idleness.of(&self.child);
                Ok(Polled::Nothing)
            }
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
        loop {
            match self.read(frame, LOOK)? {
                Polled::Frame(_) => return Ok(true),
                Polled::End => return Ok(false),
                Polled::Nothing if self.silence >= child::patience(HUNG) => {
                    return Err(self.give_up());
                }
                Polled::Nothing => {}
            }
        }
    }

    fn poll_frame(&mut self, frame: &mut Frame, wait: Duration) -> Result<Polled, SourceError> {
        self.read(frame, wait)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_are_told_from_complaints() {
        let (told, stamps) = sync_channel(4);
        let is_complaint = |line: &str| is_complaint(line, &told);
        let filter =
            "[Parsed_metadata_3 @ 0x55f80e5d97c0] [info] frame:7    pts:280000  pts_time:0.28";
        assert!(!is_complaint(filter));
        assert!(!is_complaint(&filter.replace("280000", "NOPTS")));
        assert!(!is_complaint("[Parsed_metadata_3 @ 0x55f8] [info] t=1"));
        assert!(!is_complaint("[info]     title : frame:7 pts:0"));
        assert!(is_complaint("[mov @ 0x55] [error] moov atom not found"));
        assert!(is_complaint("ffmpeg: cannot open shared object file"));
        let (frame, time_us) = (7, Some(280_000));
        let told: Vec<Stamp> = stamps.try_iter().collect();
        let none = Stamp {
            frame,
            time_us: None,
        };
        assert_eq!(told, [Stamp { frame, time_us }, none]);
    }
}
