//! Turns the bytes of cameras into RGB.

#[cfg(test)]
mod tests;

use crate::format::Format;
use crate::jpeg::{JpegDecoder, JpegFault};

/// Why the bytes of a buffer are no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureFault {
    /// The picture ends too early.
    #[error("the picture is cut short: {have} bytes of {want}")]
    Short {
        /// Bytes that came.
        have: usize,
        /// Least bytes of a whole picture.
        want: usize,
    },
    /// The bytes are no sound JPEG picture, or one of another size.
    #[error(transparent)]
    Jpeg(#[from] JpegFault),
}

/// Turns buffers into RGB; keeps what it needs between pictures.
#[derive(Debug, Default)]
pub struct Converter {
    jpeg: JpegDecoder,
}

impl Converter {
    /// Fills `rgb` with the `3 * width * height` bytes of the picture, row by
    /// row. What `rgb` holds after an error is of no use.
    pub fn to_rgb(
        &mut self,
        format: &Format,
        bytes: &[u8],
        rgb: &mut Vec<u8>,
    ) -> Result<(), PictureFault> {
        let Some(raw) = format.pixels().raw() else {
            self.jpeg
                .decode(bytes, (format.width(), format.height()), rgb)?;
            return Ok(());
        };
        let want = format.bytes_min();
        if bytes.len() < want {
            let have = bytes.len();
            return Err(PictureFault::Short { have, want });
        }
        rgb.resize(3 * format.width() * format.height(), 0);
        (raw.to_rgb)(format, bytes, rgb);
        Ok(())
    }
}
