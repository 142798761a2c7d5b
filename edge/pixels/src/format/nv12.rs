//! A plane of Y, then one of Cb and Cr in turn, at half size.

use super::Format;
use super::colour::rows;
use super::entry::{Entry, Length, Raw};

pub(super) const ENTRY: Entry = Entry {
    name: "NV12",
    fourcc: *b"NV12",
    fourcc_alias: None,
    ffmpeg: "nv12",
    aliases: &[],
    words: "a plane of Y, then one of Cb and Cr in turn, at half size",
    raw: Some(Raw {
        even: &[Length::Width, Length::Height],
        row_bytes: |width| width,
        bytes_min: |format| {
            let rows = format.height() + format.height() / 2;
            format.stride() * (rows - 1) + format.width()
        },
        to_rgb,
    }),
};

fn to_rgb(format: &Format, bytes: &[u8], rgb: &mut [u8]) {
    let weights = format.colours().weights();
    let stride = format.stride();
    let (luma, chroma) = bytes.split_at(stride * format.height());
    for (at, (out, y)) in rows(format, rgb).zip(luma.chunks(stride)).enumerate() {
        let colours = chroma.get(at / 2 * stride..).unwrap_or_default();
        let pairs = y.chunks_exact(2).zip(colours.chunks_exact(2));
        for (out, (y, colour)) in out.chunks_exact_mut(6).zip(pairs) {
            if let (&[y0, y1], &[cb, cr]) = (y, colour) {
                weights.two(out, y0, y1, weights.chroma(cb, cr));
            }
        }
    }
}

#[cfg(test)]
pub(super) const PLACE: super::Place = super::Place::Luma(|format, x, y| {
    let pair = format.stride() * (format.height() + y / 2) + x / 2 * 2;
    [y * format.stride() + x, pair, pair + 1]
});
