//! Pictures of cameras that deliver Motion JPEG.
//!
//! A picture is accepted only when it is whole: from the start-of-image marker
//! over segments whose lengths fit to the end-of-image marker, and every block
//! of it decodes. Half a face is worse than none.
//!
//! The decoder fills up what is missing before an end-of-image marker with grey
//! and says nothing: a picture that lost packets on its way would pass. It does
//! fail at the end of its bytes. So it is given the picture without that
//! marker, and a picture passes when all that is needed came before it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use unmask_arena::within;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder as Decoder;

use crate::format::SIDE_MAX;

/// Most bytes before the start-of-image marker.
const LEAD_MAX: usize = 1024;
/// Start-of-image markers that are tried.
const STARTS_MAX: usize = 4;
/// Says "Motion JPEG with the standard Huffman tables" to decoders: an
/// application segment named `AVI1`. Many cameras leave those tables out.
const AVI1: [u8; 18] = *b"\xff\xe0\x00\x10AVI1\0\0\0\0\0\0\0\0\0\0";

/// What is wrong with a JPEG picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JpegFault {
    /// It ends before its end-of-image marker.
    #[error("the JPEG picture is cut short after {have} bytes")]
    Truncated {
        /// Bytes that came.
        have: usize,
    },
    /// It breaks the rules of the format.
    #[error("the JPEG picture is damaged: {0}")]
    Corrupt(String),
    /// It is sound, but not as large as the camera said.
    #[error("the JPEG picture has {}x{} pixels instead of {}x{}", have.0, have.1, want.0, want.1)]
    Size {
        /// Width and height of the picture.
        have: (usize, usize),
        /// Width and height that were agreed on.
        want: (usize, usize),
    },
}

fn corrupt(what: &str) -> JpegFault {
    JpegFault::Corrupt(what.into())
}

/// Bytes behind the picture's data, which the decoder may read ahead of what it
/// needs. About so many bytes may be missing unnoticed.
const AHEAD: [u8; 8] = [0; 8];

/// Where a picture lies in a buffer, and what its headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outline {
    start: usize,
    end: usize,
    width: usize,
    height: usize,
    has_tables: bool,
}

/// Decodes one picture after the other.
#[derive(Debug, Default)]
pub struct JpegDecoder {
    picture: Vec<u8>,
}

impl JpegDecoder {
    /// Fills `rgb` with the picture in `bytes`, which must be `size` (width and
    /// height) large. Bytes before the picture (a few) and behind it (any
    /// number) are skipped.
    pub fn decode(
        &mut self,
        bytes: &[u8],
        size: (usize, usize),
        rgb: &mut Vec<u8>,
    ) -> Result<(), JpegFault> {
        let outline = outline(bytes)?;
        let have = (outline.width, outline.height);
        if have != size {
            return Err(JpegFault::Size { have, want: size });
        }
        let whole = bytes.get(outline.start..outline.end).unwrap_or_default();
        let (start, rest) = whole.split_at(2.min(whole.len()));
        let picture = &mut self.picture;
        picture.clear();
        picture.extend_from_slice(start);
        if !outline.has_tables {
            picture.extend_from_slice(&AVI1);
        }
        picture.extend_from_slice(rest.get(..rest.len().saturating_sub(2)).unwrap_or_default());
        picture.extend_from_slice(&AHEAD);
        rgb.resize(3 * size.0 * size.1, 0);
        // The decoder has been fuzzed by its makers, but one picture must never
        // end the program. It makes its rows of blocks anew for each picture.
        catch_unwind(AssertUnwindSafe(|| within(|| decode_whole(picture, rgb))))
            .unwrap_or_else(|_| Err(corrupt("the decoder gave up")))
    }
}

fn decode_whole(picture: &[u8], rgb: &mut [u8]) -> Result<(), JpegFault> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_strict_mode(true)
        .set_max_width(SIDE_MAX)
        .set_max_height(SIDE_MAX);
    let mut decoder = Decoder::new_with_options(ZCursor::new(picture), options);
    let refused = |error| JpegFault::Corrupt(format!("{error:?}").chars().take(120).collect());
    decoder.decode_headers().map_err(refused)?;
    if decoder.output_buffer_size() != Some(rgb.len()) {
        return Err(corrupt("it has other colours than a camera's"));
    }
    decoder.decode_into(rgb).map_err(refused)
}

/// Where the picture is: at the first start-of-image marker, or, where that begins nothing whole, at
/// one of the next. Some cameras repeat the marker, or give a picture up and begin anew.
fn outline(bytes: &[u8]) -> Result<Outline, JpegFault> {
    let mut start = bytes
        .windows(2)
        .take(LEAD_MAX)
        .position(|pair| pair == [0xff, 0xd8])
        .ok_or_else(|| corrupt("it does not begin with a start-of-image marker"))?;
    let first = outline_at(bytes, start);
    for _ in 1..STARTS_MAX {
        if first.is_ok() {
            break;
        }
        let rest = bytes.get(start + 1..).unwrap_or_default();
        let next = rest.windows(3).position(|next| next == [0xff, 0xd8, 0xff]);
        let Some(next) = next else { break };
        start += 1 + next;
        if let Ok(outline) = outline_at(bytes, start) {
            return Ok(outline);
        }
    }
    first
}

/// Walks over the segments of a picture without decoding it.
fn outline_at(bytes: &[u8], start: usize) -> Result<Outline, JpegFault> {
    let truncated = || JpegFault::Truncated { have: bytes.len() };
    let mut size = None;
    let (mut has_tables, mut has_scan) = (false, false);
    let mut at = start + 2;
    loop {
        let (marker, after) = next_marker(bytes, at, has_scan)?.ok_or_else(truncated)?;
        at = after;
        match marker {
            0xd9 => break,
            0xd0..=0xd8 | 0x01 => return Err(corrupt("a marker is out of place")),
            0xc4 | 0xda..=0xdd | 0xe0..=0xef | 0xfe => {}
            _ if has_scan => return Err(corrupt("a marker is inside the picture's data")),
            _ => {}
        }
        let segment = segment(bytes, at)?.ok_or_else(truncated)?;
        at += 2 + segment.len();
        match marker {
            0xc0 | 0xc1 if size.is_none() => size = Some(frame_size(segment)?),
            0xc0 | 0xc1 => return Err(corrupt("it has two frame headers")),
            0xc2 => return Err(corrupt("it is progressive, which Motion JPEG never is")),
            0xc4 => has_tables = true,
            0xda => has_scan = true,
            _ => {}
        }
    }
    match (size, has_scan) {
        (Some((width, height)), true) => Ok(Outline {
            start,
            end: at,
            width,
            height,
            has_tables,
        }),
        _ => Err(corrupt("it holds no picture")),
    }
}

/// The next marker at or, inside a scan, after `at`, and where it ends. `None`
/// at the end of the bytes.
fn next_marker(
    bytes: &[u8],
    mut at: usize,
    in_scan: bool,
) -> Result<Option<(u8, usize)>, JpegFault> {
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(offset) = rest.iter().position(|&byte| byte == 0xff) else {
            return Ok(None);
        };
        if offset > 0 && !in_scan {
            return Err(corrupt("a segment is longer or shorter than it says"));
        }
        at += offset + 1;
        match bytes.get(at) {
            None => return Ok(None),
            Some(0xff) => {}
            Some(0x00 | 0xd0..=0xd7) if in_scan => at += 1,
            Some(&marker) => return Ok(Some((marker, at + 1))),
        }
    }
}

/// What a segment holds behind its length.
fn segment(bytes: &[u8], at: usize) -> Result<Option<&[u8]>, JpegFault> {
    let Some(&[high, low]) = bytes.get(at..at + 2) else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let length = length
        .checked_sub(2)
        .ok_or_else(|| corrupt("a segment has no room for its length"))?;
    Ok(bytes.get(at + 2..at + 2 + length))
}

/// Width and height from a start-of-frame segment.
fn frame_size(segment: &[u8]) -> Result<(usize, usize), JpegFault> {
    let &[8, h1, h0, w1, w0, ..] = segment else {
        return Err(corrupt("it has not 8 bits per sample"));
    };
    let side = |high, low| usize::from(u16::from_be_bytes([high, low]));
    Ok((side(w1, w0), side(h1, h0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some cameras repeat the marker, or begin a picture anew.
    #[test]
    fn of_two_start_markers_the_second_counts() {
        let whole = picture(32, 16);
        let mut wanted = Vec::new();
        let decode =
            |bytes: &[u8], rgb: &mut Vec<u8>| JpegDecoder::default().decode(bytes, (32, 16), rgb);
        decode(&whole, &mut wanted).unwrap();
        let given_up = [&whole[..whole.len() / 2], &whole].concat();
        for bytes in [[&whole[..2], &whole].concat(), given_up] {
            let mut rgb = Vec::new();
            decode(&bytes, &mut rgb).unwrap();
            assert_eq!(rgb, wanted);
        }
    }

    /// A JPEG picture with red growing to the right and green downward.
    fn picture(width: usize, height: usize) -> Vec<u8> {
        let pixels = image::RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let (x, y) = (x as usize * 255 / width, y as usize * 255 / height);
            image::Rgb([x as u8, y as u8, 90])
        });
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 92)
            .encode_image(&pixels)
            .unwrap();
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Vec<u8>, JpegFault> {
        let mut rgb = Vec::new();
        JpegDecoder::default().decode(bytes, (48, 32), &mut rgb)?;
        Ok(rgb)
    }

    #[test]
    fn a_picture_is_decoded_with_bytes_around_it() {
        let mut bytes = vec![0; 20];
        bytes.extend(picture(48, 32));
        bytes.extend([0x55; 3000]);
        let rgb = decode(&bytes).unwrap();
        for (at, pixel) in rgb.chunks_exact(3).enumerate() {
            let wanted = [at % 48 * 255 / 48, at / 48 * 255 / 32, 90];
            for (have, want) in pixel.iter().zip(wanted) {
                assert!(have.abs_diff(want as u8) < 14, "pixel {at}: {pixel:?}");
            }
        }
    }

    #[test]
    fn tables_that_a_camera_left_out_are_the_standard_ones() {
        // The encoder writes the standard tables, as most cameras mean them.
        let whole = picture(48, 32);
        let mut bare = whole[..2].to_vec();
        let mut at = 2;
        loop {
            let length = usize::from(whole[at + 2]) * 256 + usize::from(whole[at + 3]);
            if whole[at + 1] == 0xda {
                bare.extend_from_slice(&whole[at..]);
                break;
            }
            if whole[at + 1] != 0xc4 {
                bare.extend_from_slice(&whole[at..at + 2 + length]);
            }
            at += 2 + length;
        }
        assert!(bare.len() + 400 < whole.len());
        assert_eq!(decode(&bare), decode(&whole));
    }

    #[test]
    fn every_cut_is_a_truncated_picture() {
        let whole = picture(48, 32);
        for have in 2..whole.len() {
            let fault = decode(&whole[..have]);
            assert_eq!(fault, Err(JpegFault::Truncated { have }));
        }
        assert!(matches!(decode(&[]), Err(JpegFault::Corrupt(_))));
    }

    #[test]
    fn data_lost_in_the_middle_is_noticed() {
        let whole = picture(48, 32);
        let tail = whole.len() - 2;
        let scan = whole.windows(2).rposition(|pair| pair == [0xff, 0xda]);
        let mut missed = Vec::new();
        for kept in scan.unwrap() + 14..tail - 1 {
            let mut bytes = whole[..kept].to_vec();
            bytes.extend([0xff, 0xd9]);
            match decode(&bytes) {
                Err(JpegFault::Corrupt(_)) => {}
                other => missed.push((tail - kept, other.is_ok())),
            }
        }
        // What stands in for bytes that are read ahead, and makes fewer blocks
        // of zeros than there were of a picture.
        let most = missed.iter().map(|(lost, _)| *lost).max().unwrap_or(0);
        assert!(most <= AHEAD.len() + 4, "{missed:?}");
        let mut marker = whole;
        marker[tail - 100..tail - 98].copy_from_slice(&[0xff, 0xc8]);
        assert!(decode(&marker).is_err());
    }

    #[test]
    fn another_size_is_told() {
        assert_eq!(
            decode(&picture(64, 32)),
            Err(JpegFault::Size {
                have: (64, 32),
                want: (48, 32)
            })
        );
    }

    #[test]
    fn grey_pictures_are_pictures() {
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new(&mut bytes)
            .encode_image(&image::GrayImage::from_pixel(48, 32, image::Luma([77])))
            .unwrap();
        let rgb = decode(&bytes).unwrap();
        assert!(rgb.iter().all(|value| value.abs_diff(77) < 3));
    }
}
