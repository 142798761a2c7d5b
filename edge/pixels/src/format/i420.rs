//! A plane of Y, then one of Cb and one of Cr, at half size.

use super::Format;
use super::colour::rows;
use super::entry::{Entry, Length, Raw};

pub(super) const ENTRY: Entry = Entry {
    name: "I420",
    fourcc: *b"YU12",
    fourcc_alias: None,
    ffmpeg: "yuv420p",
    aliases: &["yuv420"],
    words: "a plane of Y, then one of Cb and one of Cr, at half size",
    raw: Some(Raw {
        even: &[Length::Width, Length::Height, Length::Stride],
        row_bytes: |width| width,
        bytes_min: |format| {
            let (rows, stride) = (format.height(), format.stride());
            stride * rows + stride / 2 * (rows - 1) + format.width() / 2
        },
        to_rgb,
    }),
};

fn to_rgb(format: &Format, bytes: &[u8], rgb: &mut [u8]) {
    let weights = format.colours().weights();
    let (stride, half) = (format.stride(), format.stride() / 2);
    let (luma, chroma) = bytes.split_at(stride * format.height());
    let (blues, reds) = chroma.split_at(half * format.height() / 2);
    for (at, (out, y)) in rows(format, rgb).zip(luma.chunks(stride)).enumerate() {
        let blues = blues.get(at / 2 * half..).unwrap_or_default();
        let reds = reds.get(at / 2 * half..).unwrap_or_default();
        let pairs = y.chunks_exact(2).zip(blues.iter().zip(reds));
        for (out, (y, (cb, cr))) in out.chunks_exact_mut(6).zip(pairs) {
            if let &[y0, y1] = y {
                weights.two(out, y0, y1, weights.chroma(*cb, *cr));
            }
        }
    }
}

#[cfg(test)]
pub(super) const PLACE: super::Place = super::Place::Luma(|format, x, y| {
    let (stride, height) = (format.stride(), format.height());
    let blue = stride * height + stride / 2 * (y / 2) + x / 2;
    [y * stride + x, blue, blue + stride / 2 * (height / 2)]
});
