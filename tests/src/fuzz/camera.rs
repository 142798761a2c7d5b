//! What cameras deliver.

use std::time::Duration;

use unmask_edge::capture::device::Buffer;
use unmask_pixels::format::SIDE_MAX;
use unmask_pixels::{Converter, Format, JpegDecoder, JpegFault, PictureFault, PixelFormat};

use super::{Parser, Reached};

const WIDTH: usize = 16;
const HEIGHT: usize = 8;

/// A picture of a camera that delivers Motion JPEG.
#[derive(Debug, Default)]
pub struct Jpeg {
    decoder: JpegDecoder,
    rgb: Vec<u8>,
}

fn jpeg(quality: u8, grey: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality);
    let picture = image::RgbImage::from_fn(WIDTH as u32, HEIGHT as u32, |x, y| {
        image::Rgb([15 * x as u8, (37 * x * y) as u8, 90])
    });
    if grey {
        encoder.encode_image(&image::DynamicImage::from(picture).into_luma8())
    } else {
        encoder.encode_image(&picture)
    }
    .expect("room enough");
    bytes
}

/// The same picture without its Huffman tables, as many cameras deliver it.
fn without_tables(whole: &[u8]) -> Vec<u8> {
    let mut bare = whole[..2].to_vec();
    let mut rest = &whole[2..];
    while let &[0xff, marker, high, low, ..] = rest {
        if marker == 0xda {
            break;
        }
        let length = 2 + usize::from(u16::from_be_bytes([high, low]));
        let (segment, after) = rest.split_at(length);
        if marker != 0xc4 {
            bare.extend_from_slice(segment);
        }
        rest = after;
    }
    bare.extend_from_slice(rest);
    bare
}

impl Parser for Jpeg {
    fn name(&self) -> &'static str {
        "jpeg"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let fine = jpeg(90, false);
        vec![without_tables(&fine), jpeg(30, false), jpeg(75, true), fine]
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"\xff\xd8",
            b"\xff\xd9",
            b"\xff\xc0",
            b"\xff\xc2",
            b"\xff\xc4",
            b"\xff\xda",
            b"\xff\xdb",
            b"\xff\xdd\x00\x04\x00\x01",
            b"\xff\xd0",
            b"\xff\x00",
            b"\xff\xff",
            b"\xff\xe0\x00\x10AVI1",
            b"\xff\xee\x00\x0eAdobe",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let decoded = self.decoder.decode(bytes, (WIDTH, HEIGHT), &mut self.rgb);
        match decoded {
            Ok(()) => {
                assert_eq!(self.rgb.len(), 3 * WIDTH * HEIGHT);
                Reached::Accepted
            }
            Err(JpegFault::Truncated { have }) => {
                assert_eq!(have, bytes.len());
                Reached::Refused
            }
            Err(JpegFault::Size { have, .. }) => {
                assert_ne!(have, (WIDTH, HEIGHT));
                Reached::Within
            }
            Err(JpegFault::Corrupt(why)) => {
                assert!(!why.contains("gave up"), "the decoder panicked");
                if why.starts_with("it does not begin") {
                    Reached::Refused
                } else {
                    Reached::Within
                }
            }
        }
    }
}

/// A buffer of a camera that delivers pixels, with what its driver says about it.
///
/// The bytes are a pixel format, width, height, bytes of a row, bytes used, and then
/// the buffer; numbers are big-endian, with 16 bits or (rows and used) with 32.
#[derive(Debug, Default)]
pub struct RawBuffer {
    converter: Converter,
    rgb: Vec<u8>,
}

/// Inputs that are kept name these by their place.
const KEPT: [PixelFormat; 4] = [
    PixelFormat::Yuyv,
    PixelFormat::Nv12,
    PixelFormat::I420,
    PixelFormat::Rgb24,
];

/// All formats whose pixels lie open.
fn raw() -> impl Iterator<Item = PixelFormat> {
    let later = |format: &PixelFormat| format.is_raw() && !KEPT.contains(format);
    KEPT.into_iter()
        .chain(PixelFormat::ALL.into_iter().filter(later))
}

/// Pictures larger than this are not converted, to save time.
const PIXELS_MAX: usize = 1 << 14;

impl Parser for RawBuffer {
    fn name(&self) -> &'static str {
        "raw_buffer"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for (at, pixels) in raw().enumerate() {
            for (gap, spare) in [(0, 0), (4, 6)] {
                let packed = Format::packed(pixels, 6, 4).expect("even");
                let stride = packed.stride() + gap;
                let format = Format::with_stride(pixels, 6, 4, stride).expect("even");
                let used = format.bytes_min() as u32;
                let mut seed = vec![at as u8, 0, 6, 0, 4];
                seed.extend_from_slice(&(stride as u32).to_be_bytes());
                seed.extend_from_slice(&used.to_be_bytes());
                seed.extend((0..used as usize + spare).map(|i| (37 * i) as u8));
                seeds.push(seed);
            }
        }
        seeds
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let Some((head, bytes)) = bytes.split_first_chunk::<13>() else {
            return Reached::Refused;
        };
        let &[at, w1, w0, h1, h0, s3, s2, s1, s0, u3, u2, u1, u0] = head;
        let Some(pixels) = raw().nth(usize::from(at) % raw().count()) else {
            return Reached::Refused;
        };
        let side = |high, low| usize::from(u16::from_be_bytes([high, low]));
        let (width, height) = (side(w1, w0), side(h1, h0));
        let stride = u32::from_be_bytes([s3, s2, s1, s0]) as usize;
        let Ok(format) = Format::with_stride(pixels, width, height, stride) else {
            return Reached::Refused;
        };
        assert!(width <= SIDE_MAX && height <= SIDE_MAX);
        let buffer = Buffer {
            bytes,
            used: u32::from_be_bytes([u3, u2, u1, u0]) as usize,
            has_error: false,
            size: None,
            time: Duration::ZERO,
        };
        let payload = buffer.payload();
        assert!(payload.len() <= bytes.len());
        if width * height > PIXELS_MAX && payload.len() >= format.bytes_min() {
            return Reached::Within;
        }
        match self.converter.to_rgb(&format, payload, &mut self.rgb) {
            Ok(()) => {
                assert!(payload.len() >= format.bytes_min());
                assert_eq!(self.rgb.len(), 3 * width * height);
                Reached::Accepted
            }
            Err(PictureFault::Short { have, want }) => {
                assert_eq!((have, want), (payload.len(), format.bytes_min()));
                assert!(have < want);
                Reached::Within
            }
            Err(PictureFault::Jpeg(fault)) => panic!("{fault}"),
        }
    }
}
