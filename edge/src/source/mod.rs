//! Where frames come from.

mod address;
pub mod args;
pub mod config;
pub mod live;
pub mod preset;
pub mod synthetic;
mod synthetic_people;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub use unmask_shared::media::{
    Animation, FfmpegSource, FolderSource, Frame, FrameSource, MediaKind, Polled, SourceError,
    animation, list_media, list_open_media, pad_edges, read_picture, read_picture_before, sniff,
};

use crate::capture::{CameraStatus, FaultKind, FaultSet};
use crate::console::progress::tell;
use crate::console::style::printable;

pub use address::without_secrets;
pub use config::{CaptureTable, Injection};
pub(crate) use live::is_installed;
pub use live::{LiveInput, LiveSource, LiveSpec};
pub use preset::Preset;
pub use synthetic::SyntheticSource;

/// What the user asked to look at.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceSpec {
    /// Synthetic people, from this seed.
    Synthetic(u64),
    /// A video, a picture, or a folder of pictures.
    Path(PathBuf),
    /// Cameras, or commands that stand for them.
    Live(LiveSpec),
}

impl FromStr for SourceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "synthetic" {
            return Ok(Self::Synthetic(1));
        }
        if text == "-" {
            return Err("standard input is read by a command: --command cat, with --size".into());
        }
        if let Some(preset) = Preset::parse(text) {
            return Ok(Self::Live(LiveInput::Preset(preset?).into_spec()));
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

/// A source whose cameras can have faults.
pub trait WatchedSource: FrameSource {
    /// What is wrong with a stream at the moment, by its number in
    /// [`FrameSource::streams`].
    fn faults(&self, stream: usize) -> FaultSet {
        let _ = stream;
        FaultSet::default()
    }

    /// How long ago the device delivered a frame that was just handed out; zero where
    /// there is no device.
    fn age(&self, stream: usize, frame: &Frame) -> Duration {
        let _ = (stream, frame);
        Duration::ZERO
    }

    /// What the cameras are doing, in the order of [`FrameSource::streams`]; empty
    /// where there are none.
    fn cameras(&self) -> Vec<CameraStatus> {
        Vec::new()
    }

    /// Frames that a stream has had so far, also those that nobody took. 0 where
    /// frames wait until they are taken.
    fn frames_delivered(&self, stream: usize) -> u64 {
        let _ = stream;
        0
    }
}

impl WatchedSource for SyntheticSource {}
impl WatchedSource for FolderSource {}

/// A video of which nothing comes for so long, though nobody is busy with it, stalls: its disk or
/// network is gone.
const STALLED: Duration = Duration::from_millis(700);

impl WatchedSource for FfmpegSource {
    fn faults(&self, _: usize) -> FaultSet {
        let is_stalled = self.silence() >= STALLED;
        is_stalled
            .then_some(FaultKind::Stalled)
            .into_iter()
            .collect()
    }
}

/// Opens what the user asked for.
pub fn open(spec: &SourceSpec) -> Result<Box<dyn WatchedSource>, SourceError> {
    match spec {
        SourceSpec::Synthetic(seed) => Ok(Box::new(SyntheticSource::new(*seed)?)),
        SourceSpec::Live(spec) => Ok(Box::new(LiveSource::open(spec)?)),
        SourceSpec::Path(path) if path.is_dir() => Ok(Box::new(FolderSource::open(path)?)),
        SourceSpec::Path(path) => match sniff(path)? {
            MediaKind::Image => Ok(Box::new(FolderSource::single(path))),
            MediaKind::Video => {
                let video = FfmpegSource::open(path)?;
                let (others, left_out) = video.other_tracks();
                if others + left_out > 0 {
                    let (path, count) = (printable(video.name()), others + left_out);
                    tell(&format!(
                        "{path}: {count} further tracks of pictures are not watched; analyze judges them\n"
                    ));
                }
                Ok(Box::new(video))
            }
        },
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
        let piped = "-".parse::<SourceSpec>().unwrap_err();
        assert!(piped.contains("--command cat"), "{piped}");
    }

    #[test]
    fn a_missing_file_is_an_error_with_its_name() {
        let Err(error) = open(&SourceSpec::Path("does/not/exist.mp4".into())) else {
            panic!("a missing file was opened");
        };
        assert!(error.to_string().contains("does/not/exist.mp4"), "{error}");
    }
}
