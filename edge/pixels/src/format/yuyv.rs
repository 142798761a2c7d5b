//! Two pixels in four bytes: Y, Cb, Y, Cr.

use super::Format;
use super::colour::rows;
use super::entry::{Entry, Length, Raw};

pub(super) const ENTRY: Entry = Entry {
    name: "YUYV",
    fourcc: *b"YUYV",
    fourcc_alias: None,
    ffmpeg: "yuyv422",
    aliases: &[],
    words: "two pixels in four bytes: Y, Cb, Y, Cr",
    raw: Some(Raw {
        even: &[Length::Width],
        row_bytes: |width| 2 * width,
        bytes_min: |format| format.stride() * (format.height() - 1) + 2 * format.width(),
        to_rgb,
    }),
};

fn to_rgb(format: &Format, bytes: &[u8], rgb: &mut [u8]) {
    let weights = format.colours().weights();
    for (out, row) in rows(format, rgb).zip(bytes.chunks(format.stride())) {
        for (out, pair) in out.chunks_exact_mut(6).zip(row.chunks_exact(4)) {
            let &[y0, cb, y1, cr] = pair else { continue };
            weights.two(out, y0, y1, weights.chroma(cb, cr));
        }
    }
}

#[cfg(test)]
pub(super) const PLACE: super::Place = super::Place::Luma(|format, x, y| {
    let pair = y * format.stride() + x / 2 * 4;
    [pair + x % 2 * 2, pair + 1, pair + 3]
});
