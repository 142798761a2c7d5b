//! What `prepare` is told.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use unmask_shared::face::FinderChoice;

use super::align::FACE_PX_LEAST;
use super::layout::{Compression, Layout};
use super::partition::Partition;
use super::record::Split;

/// Changes when the same input gives other records.
const VERSION: u32 = 3;
/// Most frames that one file gives.
const FILE_FRAMES_MAX: usize = 16_384;

/// What to prepare and how.
#[derive(Clone, Debug)]
pub struct PrepareOptions {
    /// Folders of data sets.
    pub inputs: Vec<PathBuf>,
    /// Where shards and the table of skipped files go.
    pub output: PathBuf,
    /// Consecutive frames per record of a video.
    pub frames: usize,
    /// Records taken from each video, evenly spaced.
    pub windows: usize,
    /// Smallest face in pixels, at least 40.
    pub min_face_px: u32,
    /// What finds the faces.
    pub finder: FinderChoice,
    /// Table `name<TAB>group` for files that share a person or a clip.
    pub groups: Option<PathBuf>,
    /// Table of fakes and their originals, see [`super::prepare`].
    pub pairs: Option<PathBuf>,
    /// Table of paths with the persons and kinds of the files below them.
    pub people: Option<PathBuf>,
    /// Synthetic people to render, each genuine and swapped.
    pub synthetic: usize,
    /// How the inputs are to be read; `None` tells by their folders.
    pub layout: Option<Layout>,
    /// Compression of FaceForensics++.
    pub compression: Compression,
    /// Methods by their folders; empty for those that papers mean by the data set, `all`
    /// for all.
    pub methods: Vec<String>,
    /// Folder with the official splits, where the data set does not hold them itself.
    pub splits: Option<PathBuf>,
    /// FaceForensics++ folder with the real videos of DeeperForensics.
    pub originals: Option<PathBuf>,
    /// Official splits to prepare; files without one count as training.
    pub splits_kept: Vec<Split>,
    /// The part of the work that this process does.
    pub partition: Partition,
    /// Threads; 0 for as many as there are cores.
    pub threads: usize,
    /// About how many records a shard holds: what is lost when the process is stopped.
    pub shard_records: usize,
}

impl Default for PrepareOptions {
    fn default() -> Self {
        Self {
            inputs: vec![],
            output: PathBuf::new(),
            frames: 4,
            windows: 4,
            min_face_px: 60,
            finder: FinderChoice::BuiltIn,
            groups: None,
            pairs: None,
            people: None,
            synthetic: 0,
            layout: None,
            compression: Compression::default(),
            methods: vec![],
            splits: None,
            originals: None,
            splits_kept: vec![Split::Train, Split::Val],
            partition: Partition::WHOLE,
            threads: 0,
            shard_records: 1000,
        }
    }
}

impl PrepareOptions {
    /// Refuses what cannot be meant.
    pub(super) fn check(&self) -> Result<()> {
        ensure!(
            self.frames > 0 && self.windows > 0 && self.shard_records > 0,
            "frames, windows and records per shard must be at least 1"
        );
        ensure!(
            self.frames * self.windows <= FILE_FRAMES_MAX,
            "{} windows of {} frames are more than {FILE_FRAMES_MAX} frames of one file: take fewer",
            self.windows,
            self.frames
        );
        ensure!(
            self.min_face_px >= FACE_PX_LEAST,
            "faces of {} px cannot be found: ask for at least {FACE_PX_LEAST}",
            self.min_face_px
        );
        ensure!(!self.splits_kept.is_empty(), "no split is chosen");
        Ok(())
    }

    /// Everything but the files that the records depend on, by name.
    pub(super) fn settings(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("version".into(), VERSION.to_string()),
            ("frames".into(), self.frames.to_string()),
            ("windows".into(), self.windows.to_string()),
            ("min-face".into(), self.min_face_px.to_string()),
            ("finder".into(), self.finder.name().into()),
            ("synthetic".into(), self.synthetic.to_string()),
            ("shard-records".into(), self.shard_records.to_string()),
        ])
    }

    /// Threads to start.
    pub(super) fn threads(&self) -> usize {
        if self.threads > 0 {
            return self.threads;
        }
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}
