//! Pictures of what was called manipulated, kept beside the log for a while.
//!
//! The log holds their checksums, so a still that is there can be checked; one
//! that was deleted leaves the log as it was.

use std::io::{self, Cursor};
use std::path::Path;

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use sha2::{Digest, Sha256};

use super::entry::Entry;
use super::merkle::Hash;
use super::storage::{FolderStorage, Storage};
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
    /// oldest stills make room for it, where there are too many.
    pub fn keep(&mut self, entry: u64, frame: &Frame, unix_s: u64) -> io::Result<Hash> {
        let bytes = jpeg(frame)?;
        let name = format!("{entry:020}-{unix_s:012}{SUFFIX}");
        self.make_room(self.config.count_max.saturating_sub(1), None)?;
        self.storage.create(FRESH, &bytes)?;
        self.storage.sync(FRESH)?;
        self.storage.rename(FRESH, &name)?;
        self.storage.sync_folder()?;
        Ok(Sha256::digest(&bytes).into())
    }

    /// Deletes the stills that are too old at a time of day that can be believed.
    pub fn expire(&mut self, unix_s: u64) -> io::Result<()> {
        self.make_room(self.config.count_max, Some(unix_s))
    }

    fn make_room(&mut self, count_max: usize, unix_s: Option<u64>) -> io::Result<()> {
        let names = still_names(&self.storage)?;
        let surplus = names.len().saturating_sub(count_max);
        for (index, name) in names.iter().enumerate() {
            let age_s = unix_s.zip(taken_at(name));
            let age_s = age_s.map_or(0, |(now, taken)| now.saturating_sub(taken));
            if index < surplus || self.config.age_max_s.is_some_and(|max| age_s > max) {
                self.storage.remove(name)?;
            }
        }
        Ok(())
    }
}

/// Compares stills with the checksums in the log.
pub(super) struct StillCheck {
    storage: FolderStorage,
    names: Vec<String>,
    /// Stills that are as they were taken.
    pub(super) genuine: u64,
    /// Stills that are no longer there.
    pub(super) gone: u64,
    /// Entries whose still was changed or cannot be read.
    pub(super) changed: Vec<u64>,
}

impl StillCheck {
    /// The stills of a folder, which need not exist.
    pub(super) fn new(place: &Path) -> io::Result<Self> {
        let storage = FolderStorage::read_only(place);
        let names = match place.is_dir() {
            true => still_names(&storage)?,
            false => Vec::new(),
        };
        Ok(Self {
            storage,
            names,
            genuine: 0,
            gone: 0,
            changed: Vec::new(),
        })
    }

    /// Looks at the still of an entry, if it has one.
    pub(super) fn check(&mut self, number: u64, bytes: &[u8]) {
        let Some(still) = Entry::from_bytes(bytes).ok().and_then(|entry| entry.still) else {
            return;
        };
        match is_genuine(&self.storage, &self.names, number, &still) {
            Ok(None) => self.gone += 1,
            Ok(Some(true)) => self.genuine += 1,
            Ok(Some(false)) | Err(_) => self.changed.push(number),
        }
    }
}

/// Whether the still of an entry is as it was taken; `None` when it is gone.
fn is_genuine(
    storage: &dyn Storage,
    names: &[String],
    entry: u64,
    checksum: &Hash,
) -> io::Result<Option<bool>> {
    match name_of(names, entry) {
        None => Ok(None),
        Some(name) => {
            let bytes = storage.read(name, STILL_BYTES_MAX)?;
            Ok(Some(Hash::from(Sha256::digest(&bytes)) == *checksum))
        }
    }
}

/// The still of an entry, `None` when there is none.
pub(super) fn still_of(storage: &dyn Storage, entry: u64) -> io::Result<Option<Vec<u8>>> {
    let names = still_names(storage)?;
    let name = name_of(&names, entry);
    name.map(|name| storage.read(name, STILL_BYTES_MAX))
        .transpose()
}

fn name_of(names: &[String], entry: u64) -> Option<&String> {
    let start = format!("{entry:020}-");
    let at = names.partition_point(|name| name.as_str() < start.as_str());
    names.get(at).filter(|name| name.starts_with(&start))
}

/// Most bytes of a still.
const STILL_BYTES_MAX: usize = 256 << 20;

/// Names of all stills, oldest entry first.
fn still_names(storage: &dyn Storage) -> io::Result<Vec<String>> {
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
