//! Width, height and rows of a picture.

use std::fmt;

use super::{ColourSpace, PixelFormat};

/// Largest width and height of a picture.
pub const SIDE_MAX: usize = 8192;

/// A picture's layout, with sizes that fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    pixels: PixelFormat,
    width: usize,
    height: usize,
    stride: usize,
    colours: ColourSpace,
}

/// A layout that no picture can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{width}x{height} pixels in rows of {stride} bytes is no picture in {pixels}: \
     {}sides are at most {SIDE_MAX}",
    .pixels.even_words()
)]
pub struct FormatError {
    /// How pixels are stored.
    pub pixels: PixelFormat,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Bytes from one row to the next.
    pub stride: usize,
}

impl Format {
    /// Rows without a gap between them.
    pub fn packed(pixels: PixelFormat, width: usize, height: usize) -> Result<Self, FormatError> {
        let stride = pixels.row_bytes(width.min(SIDE_MAX + 1));
        Self::with_stride(pixels, width, height, stride)
    }

    /// Rows that begin every `stride` bytes; of planes at half size, every
    /// `stride` (NV12) or half as many (I420). JPEG pictures have no rows: 0.
    pub fn with_stride(
        pixels: PixelFormat,
        width: usize,
        height: usize,
        stride: usize,
    ) -> Result<Self, FormatError> {
        let even = pixels.allows(width, height, stride);
        let sized = (1..=SIDE_MAX).contains(&width) && (1..=SIDE_MAX).contains(&height);
        let stride_max = 16 * SIDE_MAX;
        if !even || !sized || stride < pixels.row_bytes(width) || stride > stride_max {
            return Err(FormatError {
                pixels,
                width,
                height,
                stride,
            });
        }
        Ok(Self {
            pixels,
            width,
            height,
            stride: if pixels.is_raw() { stride } else { 0 },
            colours: ColourSpace::default(),
        })
    }

    /// The same, with other colours in it; RGB and JPEG have their own.
    pub fn with_colours(self, colours: ColourSpace) -> Self {
        Self { colours, ..self }
    }

    /// What brightness and colour mean.
    pub fn colours(&self) -> ColourSpace {
        self.colours
    }

    /// How pixels are stored.
    pub fn pixels(&self) -> PixelFormat {
        self.pixels
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Bytes from one row of the first plane to the next; 0 for JPEG.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Least bytes of a whole picture. The last row need not be padded.
    pub fn bytes_min(&self) -> usize {
        // A JPEG picture has its two markers.
        self.pixels.raw().map_or(4, |raw| (raw.bytes_min)(self))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}x{}", self.pixels, self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_the_bytes_that_its_layout_says() {
        let bytes = |pixels, stride| {
            Format::with_stride(pixels, 6, 4, stride)
                .unwrap()
                .bytes_min()
        };
        assert_eq!(bytes(PixelFormat::Yuyv, 12), 48);
        assert_eq!(bytes(PixelFormat::Yuyv, 16), 3 * 16 + 12);
        assert_eq!(bytes(PixelFormat::Rgb24, 18), 72);
        assert_eq!(bytes(PixelFormat::Nv12, 6), 36);
        assert_eq!(bytes(PixelFormat::Nv12, 8), 8 * 5 + 6);
        assert_eq!(bytes(PixelFormat::I420, 6), 36);
        assert_eq!(bytes(PixelFormat::I420, 8), 8 * 4 + 4 * 3 + 3);
    }

    #[test]
    fn impossible_layouts_are_refused() {
        for (pixels, width, height, stride) in [
            (PixelFormat::Yuyv, 7, 4, 14),
            (PixelFormat::Nv12, 6, 3, 6),
            (PixelFormat::I420, 6, 4, 7),
            (PixelFormat::Rgb24, 6, 4, 17),
            (PixelFormat::Rgb24, 0, 4, 17),
            (PixelFormat::Mjpg, 6, 0, 0),
            (PixelFormat::Mjpg, SIDE_MAX + 1, 6, 0),
            (PixelFormat::Nv12, 6, 4, usize::MAX - 1),
        ] {
            let format = Format::with_stride(pixels, width, height, stride);
            assert!(format.is_err(), "{format:?}");
        }
        assert!(Format::packed(PixelFormat::Rgb24, usize::MAX, 1).is_err());
        let told = |pixels| Format::packed(pixels, 7, 9).unwrap_err().to_string();
        let error = told(PixelFormat::Nv12);
        assert!(error.contains("width and height must be even"), "{error}");
        let error = told(PixelFormat::Yuyv);
        assert!(error.contains(": width must be even"), "{error}");
    }
}
