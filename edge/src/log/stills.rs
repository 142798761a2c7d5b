//! Pictures of what was called manipulated, kept beside the log for a while.
//!
//! The log holds their checksums, so a still that is there can be checked; one
//! that was deleted leaves the log as it was.

use std::io::{self, Cursor};

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use sha2::{Digest, Sha256};

use super::merkle::Hash;
use super::storage::Storage;
use crate::source::Frame;

/// Quality of the JPEG files, 1 to 100.
const QUALITY: u8 = 90;
const FRESH: &str = "still.new";
const SUFFIX: &str = ".jpg";

/// How long stills are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillsConfig {
    /// The newest so many, at least 1.
    pub count_max: usize,
    /// So many seconds; `None` for as long as there is room.
    pub age_max_s: Option<u64>,
}

/// A folder of stills.
#[derive(Debug)]
pub struct Stills<S> {
    storage: S,
    config: StillsConfig,
}

impl<S: Storage> Stills<S> {
    /// The stills in a folder of their own.
    pub fn new(storage: S, config: StillsConfig) -> Self {
        Self { storage, config }
    }

    /// Keeps a frame for the log's entry `entry` and returns its checksum. The
    /// oldest stills make room for it.
    pub fn keep(&mut self, entry: u64, frame: &Frame, unix_s: u64) -> io::Result<Hash> {
        let bytes = jpeg(frame)?;
        let name = format!("{entry:020}-{unix_s:012}{SUFFIX}");
        self.make_room(self.config.count_max.saturating_sub(1), unix_s)?;
        self.storage.create(FRESH, &bytes)?;
        self.storage.sync(FRESH)?;
        self.storage.rename(FRESH, &name)?;
        self.storage.sync_folder()?;
        Ok(Sha256::digest(&bytes).into())
    }

    /// Deletes the stills that are too old.
    pub fn expire(&mut self, unix_s: u64) -> io::Result<()> {
        self.make_room(self.config.count_max, unix_s)
    }

    fn make_room(&mut self, count_max: usize, unix_s: u64) -> io::Result<()> {
        let names = still_names(&self.storage)?;
        let surplus = names.len().saturating_sub(count_max);
        for (index, name) in names.iter().enumerate() {
            let age_s = unix_s.saturating_sub(taken_at(name).unwrap_or(unix_s));
            if index < surplus || self.config.age_max_s.is_some_and(|max| age_s > max) {
                self.storage.remove(name)?;
            }
        }
        Ok(())
    }
}

/// Whether the still of an entry is as it was taken; `None` when it is gone.
pub(super) fn is_genuine(
    storage: &dyn Storage,
    names: &[String],
    entry: u64,
    checksum: &Hash,
) -> io::Result<Option<bool>> {
    let start = format!("{entry:020}-");
    let at = names.partition_point(|name| name.as_str() < start.as_str());
    match names.get(at).filter(|name| name.starts_with(&start)) {
        None => Ok(None),
        Some(name) => {
            let bytes = storage.read(name, STILL_BYTES_MAX)?;
            Ok(Some(Hash::from(Sha256::digest(&bytes)) == *checksum))
        }
    }
}

/// Most bytes of a still.
const STILL_BYTES_MAX: usize = 256 << 20;

/// Names of all stills, oldest entry first.
pub(super) fn still_names(storage: &dyn Storage) -> io::Result<Vec<String>> {
    let mut names = storage.list()?;
    names.retain(|name| taken_at(name).is_some());
    names.sort_unstable();
    Ok(names)
}

fn taken_at(name: &str) -> Option<u64> {
    let (_, time) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    time.parse().ok()
}

fn jpeg(frame: &Frame) -> io::Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .encode(
            &frame.rgb,
            side(frame.width),
            side(frame.height),
            ExtendedColorType::Rgb8,
        )
        .map_err(io::Error::other)?;
    Ok(bytes.into_inner())
}
