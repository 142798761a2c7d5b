//! What the file of a format says of it.

use super::Format;

/// A pixel format.
pub(super) struct Entry {
    /// For people; in small letters, for configurations.
    pub name: &'static str,
    /// Code that V4L2 drivers call it by.
    pub fourcc: [u8; 4],
    /// Another code that is taken for it.
    pub fourcc_alias: Option<[u8; 4]>,
    /// How ffmpeg calls it, which is understood as well.
    pub ffmpeg: &'static str,
    /// Other names that are understood, in small letters.
    pub aliases: &'static [&'static str],
    /// How it is stored, for a table.
    pub words: &'static str,
    /// Where its pixels lie; `None` where they are compressed.
    pub raw: Option<Raw>,
}

/// Pixels that lie open.
pub(crate) struct Raw {
    /// Lengths that must be even.
    pub even: &'static [Length],
    /// Least bytes in a row of the first plane, by the width.
    pub row_bytes: fn(usize) -> usize,
    /// Least bytes of a whole picture. The last row need not be padded.
    pub bytes_min: fn(&Format) -> usize,
    /// Fills the `3 * width * height` bytes of RGB from at least `bytes_min` bytes.
    pub to_rgb: fn(&Format, &[u8], &mut [u8]),
}

/// A length of a picture.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Width,
    Height,
    Stride,
}

impl Length {
    pub fn name(self) -> &'static str {
        match self {
            Self::Width => "width",
            Self::Height => "height",
            Self::Stride => "bytes of a row",
        }
    }
}

/// Where a pixel's bytes lie, by column and row, for tests.
#[cfg(test)]
pub(crate) enum Place {
    /// Those of Y, Cb and Cr.
    Luma(fn(&Format, usize, usize) -> [usize; 3]),
    /// Those of red, green and blue.
    Rgb(fn(&Format, usize, usize) -> [usize; 3]),
    /// Nowhere in particular.
    Compressed,
}
