//! Pictures of what was called manipulated, kept beside the log for a while.
//!
//! The log holds their checksums, so a still that is there can be checked; one
//! that was deleted leaves the log as it was.

use std::io::{self, Cursor};
use std::path::Path;

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use sha2::{Digest, Sha256};
use unmask_shared::geometry::FaceBox;

use super::entry::EventEntry;
use super::merkle::Hash;
use super::storage::{FolderStorage, Storage};
use unmask_shared::media::Frame;

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

    /// Keeps a frame for the log's entry `entry`, with a box around the face that it is about, and
    /// returns its checksum. The oldest stills make room for it, where there are too many.
    pub fn keep(
        &mut self,
        entry: u64,
        frame: &Frame,
        face: Option<&FaceBox>,
        unix_s: u64,
    ) -> io::Result<Hash> {
        let bytes = match face {
            None => jpeg(frame)?,
            Some(face) => jpeg(&with_box(frame, face))?,
        };
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
pub(crate) struct StillCheck {
    storage: FolderStorage,
    names: Vec<String>,
    /// Stills that are as they were taken.
    pub(crate) genuine: u64,
    /// Stills that are no longer there.
    pub(crate) gone: u64,
    /// Entries whose still was changed or cannot be read.
    pub(crate) changed: Vec<u64>,
}

impl StillCheck {
    /// The stills of a folder, which need not exist.
    pub(crate) fn new(place: &Path) -> io::Result<Self> {
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
    pub(crate) fn check(&mut self, number: u64, bytes: &[u8]) {
        let Some(still) = EventEntry::from_bytes(bytes)
            .ok()
            .and_then(|entry| entry.still)
        else {
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

/// Colour of the box: yellow, which no skin has.
const BOX_RGB: [u8; 3] = [255, 230, 0];

/// A copy of the frame with a box around the face, outside of it so that the face is as it was.
fn with_box(frame: &Frame, face: &FaceBox) -> Frame {
    let mut marked = frame.clone();
    let line = 1 + (frame.width.max(frame.height) / 400) as i64;
    let floor = |value: f32| value.floor().clamp(-1e6, 1e6) as i64;
    let (left, top) = (floor(face.x), floor(face.y));
    let right = floor(face.x + face.width) + 1;
    let bottom = floor(face.y + face.height) + 1;
    let mut fill = |from: [i64; 2], to: [i64; 2]| {
        let inside = |value: i64, side: usize| value.clamp(0, side as i64) as usize;
        for y in inside(from[1], frame.height)..inside(to[1], frame.height) {
            let x = inside(from[0], frame.width)..inside(to[0], frame.width);
            let row = 3 * frame.width * y;
            if let Some(pixels) = marked.rgb.get_mut(row + 3 * x.start..row + 3 * x.end) {
                pixels
                    .chunks_exact_mut(3)
                    .for_each(|pixel| pixel.copy_from_slice(&BOX_RGB));
            }
        }
    };
    fill([left - line, top - line], [right + line, top]);
    fill([left - line, bottom], [right + line, bottom + line]);
    fill([left - line, top], [left, bottom]);
    fill([right, top], [right + line, bottom]);
    marked
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

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        Frame {
            width: 40,
            height: 30,
            rgb: vec![7; 3 * 40 * 30],
            ..Frame::default()
        }
    }

    /// Where the pictures differ, as columns and rows.
    fn marked(face: FaceBox) -> Vec<(usize, usize)> {
        let (before, after) = (frame(), with_box(&frame(), &face));
        let pixels = before.rgb.chunks(3).zip(after.rgb.chunks(3)).enumerate();
        let changed = pixels.filter(|(_, (before, after))| before != after);
        changed.map(|(at, _)| (at % 40, at / 40)).collect()
    }

    #[test]
    fn the_box_lies_around_the_face_and_not_on_it() {
        let face = FaceBox {
            x: 10.0,
            y: 8.0,
            width: 9.0,
            height: 5.0,
        };
        let marked = marked(face);
        // The rim of 12 x 8 pixels around 10 x 6.
        assert_eq!(marked.len(), 12 * 8 - 10 * 6);
        assert!(marked.contains(&(9, 7)) && marked.contains(&(20, 14)));
        let on_face = |&(x, y): &(usize, usize)| (10..20).contains(&x) && (8..14).contains(&y);
        assert!(!marked.iter().any(on_face));
    }

    #[test]
    fn a_box_that_leaves_the_picture_is_cut() {
        let face = FaceBox {
            x: -20.0,
            y: -1e9,
            width: 30.0,
            height: f32::INFINITY,
        };
        assert!(marked(face).iter().all(|&(x, y)| x < 40 && y < 30));
    }
}
