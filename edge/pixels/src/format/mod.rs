//! How the bytes of a picture are laid out: a file for each pixel format, and the register.

mod colour;
mod entry;
mod i420;
mod layout;
mod mjpg;
mod nv12;
mod rgb24;
mod yuyv;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use colour::{ColourRange, ColourSpace, YcbcrMatrix};
#[cfg(test)]
pub(crate) use entry::Place;
use entry::{Entry, Length, Raw};
pub use layout::{Format, FormatError, SIDE_MAX};

macro_rules! register {
    ($($(#[$doc:meta])* $variant:ident = $file:ident,)+) => {
        /// How pixels are stored.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum PixelFormat {
            $($(#[$doc])* $variant,)+
        }

        impl PixelFormat {
            /// All of them, the cheapest to turn into RGB at good rates first.
            pub const ALL: [Self; [$(stringify!($file)),+].len()] = [$(Self::$variant),+];

            fn entry(self) -> &'static Entry {
                match self {
                    $(Self::$variant => &$file::ENTRY,)+
                }
            }

            #[cfg(test)]
            pub(crate) fn place(self) -> Place {
                match self {
                    $(Self::$variant => $file::PLACE,)+
                }
            }
        }
    };
}

register! {
    /// One JPEG picture (`MJPG`).
    Mjpg = mjpg,
    /// Two pixels in four bytes: Y, Cb, Y, Cr (`YUYV`, `yuyv422`).
    Yuyv = yuyv,
    /// A plane of Y, then one of Cb and Cr in turn, at half size (`NV12`).
    Nv12 = nv12,
    /// A plane of Y, then one of Cb and one of Cr, at half size (`YU12`,
    /// `yuv420p`).
    I420 = i420,
    /// Red, green, blue (`RGB3`, `rgb24`).
    Rgb24 = rgb24,
}

impl PixelFormat {
    /// The code that V4L2 drivers call it by.
    pub fn fourcc(self) -> [u8; 4] {
        self.entry().fourcc
    }

    /// The format of a V4L2 code; `JPEG` is taken for `MJPG`.
    pub fn from_fourcc(code: [u8; 4]) -> Option<Self> {
        let is = |format: &Self| {
            let entry = format.entry();
            entry.fourcc == code || entry.fourcc_alias == Some(code)
        };
        Self::ALL.into_iter().find(is)
    }

    /// Whether pixels lie open, as a command can write them.
    pub fn is_raw(self) -> bool {
        self.raw().is_some()
    }

    /// Names of all that configurations may hold, with commas between.
    pub fn names() -> String {
        joined(Self::ALL.map(String::from))
    }

    /// Likewise of those that a command can write.
    pub fn raw_names() -> String {
        joined(
            Self::ALL
                .into_iter()
                .filter(|f| f.is_raw())
                .map(String::from),
        )
    }

    /// Codes of all, likewise.
    pub fn codes() -> String {
        joined(Self::ALL.map(Self::code))
    }

    /// A row of a table: name, other names, codes and how it is stored.
    pub fn row(self) -> [String; 4] {
        let entry = self.entry();
        let other = entry.fourcc_alias.as_ref().map(text);
        let codes = std::iter::once(self.code()).chain(other);
        let words = entry.words.to_owned();
        let aliases = self.aliases().map(str::to_owned);
        [self.into(), joined(aliases), joined(codes), words]
    }

    /// Other names than its own.
    fn aliases(self) -> impl Iterator<Item = &'static str> {
        let entry = self.entry();
        let ffmpeg = Some(entry.ffmpeg).filter(|name| *name != String::from(self));
        ffmpeg.into_iter().chain(entry.aliases.iter().copied())
    }

    #[cfg(test)]
    pub(crate) fn ffmpeg(self) -> &'static str {
        self.entry().ffmpeg
    }

    fn code(self) -> String {
        text(&self.fourcc())
    }

    pub(crate) fn raw(self) -> Option<&'static Raw> {
        self.entry().raw.as_ref()
    }

    /// Least bytes in a row of the first plane; 0 where there are no rows.
    pub(crate) fn row_bytes(self, width: usize) -> usize {
        self.raw().map_or(0, |raw| (raw.row_bytes)(width))
    }

    /// Whether what must be even is.
    pub(crate) fn allows(self, width: usize, height: usize, stride: usize) -> bool {
        let even = self.raw().map_or(&[][..], |raw| raw.even);
        even.iter().all(|length| {
            let length = match length {
                Length::Width => width,
                Length::Height => height,
                Length::Stride => stride,
            };
            length.is_multiple_of(2)
        })
    }

    /// What must be even, as the beginning of a sentence's part; empty if nothing must.
    pub(crate) fn even_words(self) -> String {
        let even = self.raw().map_or(&[][..], |raw| raw.even);
        let names: Vec<&str> = even.iter().map(|length| length.name()).collect();
        match names.is_empty() {
            true => String::new(),
            false => format!("{} must be even, ", names.join(" and ")),
        }
    }
}

fn text(code: &[u8; 4]) -> String {
    String::from_utf8_lossy(code).into_owned()
}

fn joined(names: impl IntoIterator<Item = String>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().name)
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
        let name = text.to_ascii_lowercase();
        let is = |format: &Self| {
            name == String::from(*format) || format.aliases().any(|alias| alias == name)
        };
        let found = Self::ALL.into_iter().find(is);
        found.ok_or_else(|| {
            let names = Self::names();
            format!("{text:?} is no pixel format; take one of {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_and_names_go_both_ways() {
        let (mut codes, mut names) = (HashSet::new(), HashSet::new());
        for pixels in PixelFormat::ALL {
            let entry = pixels.entry();
            assert_eq!(pixels.to_string().parse(), Ok(pixels));
            for code in std::iter::once(entry.fourcc).chain(entry.fourcc_alias) {
                assert_eq!(PixelFormat::from_fourcc(code), Some(pixels));
                assert!(codes.insert(code), "{pixels}: another has this code");
            }
            let aliases = pixels.aliases().map(str::to_owned);
            for name in std::iter::once(String::from(pixels)).chain(aliases) {
                assert_eq!(name.parse(), Ok(pixels));
                assert_eq!(name, name.to_lowercase());
                assert!(names.insert(name), "{pixels}: another has this name");
            }
        }
        assert_eq!(PixelFormat::from_fourcc(*b"H264"), None);
        let error = "h264".parse::<PixelFormat>().unwrap_err();
        assert!(error.contains("yuyv") && error.contains("mjpg"), "{error}");
    }

    /// As configurations and cameras have them since the first release.
    #[test]
    fn names_and_codes_of_old_are_known() {
        for (pixels, names, code) in [
            (PixelFormat::Mjpg, &["mjpg", "mjpeg"][..], b"MJPG"),
            (PixelFormat::Mjpg, &["MJPG"], b"JPEG"),
            (PixelFormat::Yuyv, &["yuyv", "yuyv422"], b"YUYV"),
            (PixelFormat::Nv12, &["nv12"], b"NV12"),
            (PixelFormat::I420, &["i420", "yuv420", "yuv420p"], b"YU12"),
            (PixelFormat::Rgb24, &["rgb24", "rgb"], b"RGB3"),
        ] {
            assert_eq!(PixelFormat::from_fourcc(*code), Some(pixels));
            for name in names {
                assert_eq!(name.parse(), Ok(pixels));
            }
        }
    }

    #[test]
    fn raw_formats_alone_say_where_their_pixels_lie() {
        for pixels in PixelFormat::ALL {
            let lies_open = !matches!(pixels.place(), Place::Compressed);
            assert_eq!(lies_open, pixels.is_raw(), "{pixels}");
            let listed = PixelFormat::raw_names().contains(&String::from(pixels));
            assert_eq!(listed, pixels.is_raw(), "{pixels}");
        }
    }
}
