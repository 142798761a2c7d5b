//! Red, green and blue, as they are.

use super::Format;
use super::colour::rows;
use super::entry::{Entry, Raw};

pub(super) const ENTRY: Entry = Entry {
    name: "RGB24",
    fourcc: *b"RGB3",
    fourcc_alias: None,
    ffmpeg: "rgb24",
    aliases: &["rgb"],
    words: "red, green, blue",
    raw: Some(Raw {
        even: &[],
        row_bytes: |width| 3 * width,
        bytes_min: |format| format.stride() * (format.height() - 1) + 3 * format.width(),
        to_rgb,
    }),
};

fn to_rgb(format: &Format, bytes: &[u8], rgb: &mut [u8]) {
    for (out, row) in rows(format, rgb).zip(bytes.chunks(format.stride())) {
        for (out, value) in out.iter_mut().zip(row) {
            *out = *value;
        }
    }
}

#[cfg(test)]
pub(super) const PLACE: super::Place = super::Place::Rgb(|format, x, y| {
    let first = y * format.stride() + 3 * x;
    [first, first + 1, first + 2]
});
