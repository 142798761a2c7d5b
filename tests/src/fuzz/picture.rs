//! Pictures from files.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use unmask_shared::media::{Frame, decode_picture};

use super::{Parser, Reached};

/// A picture in any format that the program reads.
#[derive(Debug, Default)]
pub struct Picture {
    frame: Frame,
}

impl Parser for Picture {
    fn name(&self) -> &'static str {
        "picture"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let picture = RgbImage::from_fn(7, 5, |x, y| {
            image::Rgb([30 * x as u8, 40 * y as u8, (x * y) as u8])
        });
        let formats = [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::WebP,
            ImageFormat::Bmp,
        ];
        formats
            .map(|format| {
                let mut bytes = Cursor::new(Vec::new());
                picture.write_to(&mut bytes, format).expect("room enough");
                bytes.into_inner()
            })
            .into()
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"IHDR",
            b"IDAT",
            b"IEND",
            b"PLTE",
            b"tRNS",
            b"eXIf",
            b"VP8 ",
            b"VP8L",
            b"VP8X",
            b"EXIF",
            b"ANIM",
            b"\xff\xd8",
            b"\xff\xd9",
            b"\xff\xc4",
            b"\xff\xda",
            b"\xff\xe1",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        match decode_picture(Cursor::new(bytes), &mut self.frame) {
            Ok(()) => {
                let Frame {
                    width, height, rgb, ..
                } = &self.frame;
                assert!(*width > 0 && *height > 0);
                assert_eq!(rgb.len(), 3 * width * height);
                Reached::Accepted
            }
            Err(image::ImageError::Unsupported(_)) => Reached::Refused,
            Err(_) => Reached::Within,
        }
    }
}
