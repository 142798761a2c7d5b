//! Motion JPEG: each picture is whole. [`crate::jpeg`] decodes it.

use super::entry::Entry;

pub(super) const ENTRY: Entry = Entry {
    name: "MJPG",
    fourcc: *b"MJPG",
    fourcc_alias: Some(*b"JPEG"),
    ffmpeg: "mjpeg",
    aliases: &[],
    words: "one JPEG picture, colours in full range; from cameras only",
    raw: None,
};

#[cfg(test)]
pub(super) const PLACE: super::Place = super::Place::Compressed;
