//! How the bytes of a picture are laid out.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Largest width and height of a picture.
pub const SIDE_MAX: usize = 8192;

/// How pixels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PixelFormat {
    /// Two pixels in four bytes: Y, Cb, Y, Cr (`YUYV`, `yuyv422`).
    Yuyv,
    /// One JPEG picture (`MJPG`).
    Mjpg,
    /// A plane of Y, then one of Cb and Cr in turn, at half size (`NV12`).
    Nv12,
    /// A plane of Y, then one of Cb and one of Cr, at half size (`YU12`,
    /// `yuv420p`).
    I420,
    /// Red, green, blue (`RGB3`, `rgb24`).
    Rgb24,
}

impl PixelFormat {
    /// All of them, the cheapest to turn into RGB at good rates first.
    pub const ALL: [Self; 5] = [Self::Mjpg, Self::Yuyv, Self::Nv12, Self::I420, Self::Rgb24];

    /// The code that V4L2 drivers call it by.
    pub fn fourcc(self) -> [u8; 4] {
        *match self {
            Self::Yuyv => b"YUYV",
            Self::Mjpg => b"MJPG",
            Self::Nv12 => b"NV12",
            Self::I420 => b"YU12",
            Self::Rgb24 => b"RGB3",
        }
    }

    /// The format of a V4L2 code; `JPEG` is taken for `MJPG`.
    pub fn from_fourcc(code: [u8; 4]) -> Option<Self> {
        if &code == b"JPEG" {
            return Some(Self::Mjpg);
        }
        Self::ALL.into_iter().find(|format| format.fourcc() == code)
    }

    /// Least bytes in a row of the first plane.
    pub(super) fn row_bytes(self, width: usize) -> usize {
        match self {
            Self::Mjpg => 0,
            Self::Yuyv => 2 * width,
            Self::Nv12 | Self::I420 => width,
            Self::Rgb24 => 3 * width,
        }
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yuyv => "YUYV",
            Self::Mjpg => "MJPG",
            Self::Nv12 => "NV12",
            Self::I420 => "I420",
            Self::Rgb24 => "RGB24",
        })
    }
}

impl TryFrom<String> for PixelFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PixelFormat> for String {
    fn from(pixels: PixelFormat) -> Self {
        pixels.to_string().to_lowercase()
    }
}

impl FromStr for PixelFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "yuyv" | "yuyv422" => Ok(Self::Yuyv),
            "mjpg" | "mjpeg" => Ok(Self::Mjpg),
            "nv12" => Ok(Self::Nv12),
            "i420" | "yuv420" | "yuv420p" => Ok(Self::I420),
            "rgb" | "rgb24" => Ok(Self::Rgb24),
            _ => Err(format!(
                "{text:?} is no pixel format; take rgb24, nv12, i420, yuyv or mjpg"
            )),
        }
    }
}

/// A picture's layout, with sizes that fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    pixels: PixelFormat,
    width: usize,
    height: usize,
    stride: usize,
}

/// A layout that no picture can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{width}x{height} pixels in rows of {stride} bytes is no picture in {pixels}: \
     width and height must be even (not for RGB24 and MJPG) and at most {SIDE_MAX}"
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
        let even = match pixels {
            PixelFormat::Mjpg | PixelFormat::Rgb24 => true,
            PixelFormat::Yuyv => width.is_multiple_of(2),
            PixelFormat::Nv12 => (width | height).is_multiple_of(2),
            PixelFormat::I420 => (width | height | stride).is_multiple_of(2),
        };
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
            stride: if pixels == PixelFormat::Mjpg {
                0
            } else {
                stride
            },
        })
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
        let (rows, stride) = (self.height, self.stride);
        match self.pixels {
            PixelFormat::Mjpg => 4,
            PixelFormat::Yuyv | PixelFormat::Rgb24 => {
                stride * (rows - 1) + self.pixels.row_bytes(self.width)
            }
            PixelFormat::Nv12 => stride * (rows + rows / 2 - 1) + self.width,
            PixelFormat::I420 => stride * rows + stride / 2 * (rows - 1) + self.width / 2,
        }
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
    fn codes_and_names_go_both_ways() {
        for pixels in PixelFormat::ALL {
            assert_eq!(PixelFormat::from_fourcc(pixels.fourcc()), Some(pixels));
            assert_eq!(pixels.to_string().parse(), Ok(pixels));
        }
        assert_eq!(PixelFormat::from_fourcc(*b"H264"), None);
        assert!("h264".parse::<PixelFormat>().is_err());
    }

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
    }
}
