//! Decodes pictures.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use image::error::{DecodingError, ImageFormatHint};
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage,
    RgbaImage,
};

use super::{Frame, SourceError, open_error};

const SIDE_MAX: u32 = 16_384;
const ALLOC_BYTES_MAX: u64 = 1 << 30;

/// What most viewers show behind transparent parts of a picture.
const WHITE: u8 = 255;

/// Reads a picture into `frame` (pixels and size only), upright, and before white where it is
/// transparent.
pub fn read_picture(path: &Path, frame: &mut Frame) -> Result<(), SourceError> {
    read_picture_before(path, WHITE, frame).map(|_| ())
}

/// The same before this level of grey, 0 (black) to 255 (white); whether any part is transparent.
///
/// # Errors
/// See [`decode_picture`].
pub fn read_picture_before(
    path: &Path,
    behind: u8,
    frame: &mut Frame,
) -> Result<bool, SourceError> {
    let file = File::open(path).map_err(|error| open_error(path, error))?;
    decode_before(BufReader::new(file), behind, frame).map_err(|error| match error {
        ImageError::IoError(error) if !is_of_the_picture(&error) => open_error(path, error),
        error => SourceError::Picture {
            path: path.to_path_buf(),
            error,
        },
    })
}

/// Whether the picture ends too early, rather than the disk failing.
fn is_of_the_picture(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
    )
}

/// Decodes a picture, of any format that the program reads, into `frame` (pixels and
/// size only), upright, and before white where it is transparent. What `frame` holds after an error is of no use.
///
/// # Errors
/// When the bytes are no picture, or one of more than 16,384 pixels in width or height
/// or a gibibyte in memory; and when a JPEG picture is cut short, of which the decoder would fill up
/// the rest with grey.
pub fn decode_picture(input: impl BufRead + Seek, frame: &mut Frame) -> Result<(), ImageError> {
    decode_before(input, WHITE, frame).map(|_| ())
}

fn decode_before(
    mut input: impl BufRead + Seek,
    behind: u8,
    frame: &mut Frame,
) -> Result<bool, ImageError> {
    if input.fill_buf()?.starts_with(&[0xff, 0xd8]) {
        let mut bytes = Vec::new();
        input
            .by_ref()
            .take(ALLOC_BYTES_MAX)
            .read_to_end(&mut bytes)?;
        if !is_whole_jpeg(&bytes) {
            let what = format!("the JPEG picture is cut short after {} bytes", bytes.len());
            let hint = ImageFormatHint::Exact(ImageFormat::Jpeg);
            return Err(ImageError::Decoding(DecodingError::new(hint, what)));
        }
        return decode(ImageReader::new(Cursor::new(bytes)), behind, frame);
    }
    decode(ImageReader::new(input), behind, frame)
}

/// Whether a JPEG picture ends with its end-of-image marker. Segments, which may hold pictures
/// themselves, are skipped by their length; within a scan, a marker is what is neither escaped nor
/// a restart (ITU-T T.81, B.1.1).
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(offset) = rest.windows(2).position(|pair| {
            pair[0] == 0xff && !matches!(pair[1], 0x00 | 0x01 | 0xd0..=0xd8 | 0xff)
        }) else {
            return false;
        };
        at += offset + 2;
        if bytes.get(at - 1) == Some(&0xd9) {
            return true;
        }
        let Some(&[high, low]) = bytes.get(at..at + 2) else {
            return false;
        };
        at += usize::from(u16::from_be_bytes([high, low])).max(2);
    }
}

fn decode(
    reader: ImageReader<impl BufRead + Seek>,
    behind: u8,
    frame: &mut Frame,
) -> Result<bool, ImageError> {
    let mut reader = reader.with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(ALLOC_BYTES_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    let mut is_transparent = false;
    let rgb = match picture.color().has_alpha() {
        true => {
            let pixels = picture.into_rgba8();
            is_transparent = pixels.pixels().any(|pixel| pixel[3] < 255);
            before(&pixels, behind)
        }
        false => picture.into_rgb8(),
    };
    frame.width = rgb.width() as usize;
    frame.height = rgb.height() as usize;
    frame.rgb = rgb.into_raw();
    Ok(is_transparent)
}

/// A picture before a level of grey, mixed as viewers do: by the stored values.
fn before(pixels: &RgbaImage, behind: u8) -> RgbImage {
    let mix = |value: u8, alpha: u8| {
        let (value, behind, alpha) = (u32::from(value), u32::from(behind), u32::from(alpha));
        ((value * alpha + behind * (255 - alpha) + 127) / 255) as u8
    };
    RgbImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        let [r, g, b, alpha] = pixels.get_pixel(x, y).0;
        Rgb([r, g, b].map(|value| mix(value, alpha)))
    })
}

/// Every `step`th pixel of the picture, with its edges drawn out by `margin` of
/// those on all sides.
///
/// A face that fills the picture is found only when there is something around it.
pub fn pad_edges(frame: &Frame, step: usize, margin: usize, padded: &mut Frame) {
    let step = step.max(1);
    let (width, height) = (frame.width.div_ceil(step), frame.height.div_ceil(step));
    padded.index = frame.index;
    padded.time_us = frame.time_us;
    padded.width = width + 2 * margin;
    padded.height = height + 2 * margin;
    padded.rgb.clear();
    padded.rgb.reserve(3 * padded.width * padded.height);
    for y in 0..padded.height {
        let row = step * y.saturating_sub(margin).min(height.saturating_sub(1));
        let Some(pixels) = frame
            .rgb
            .get(3 * frame.width * row..3 * frame.width * (row + 1))
        else {
            return;
        };
        let thinned = || pixels.chunks_exact(3).step_by(step);
        let (Some(first), Some(last)) = (thinned().next(), thinned().next_back()) else {
            return;
        };
        for _ in 0..margin {
            padded.rgb.extend_from_slice(first);
        }
        thinned().for_each(|pixel| padded.rgb.extend_from_slice(pixel));
        for _ in 0..margin {
            padded.rgb.extend_from_slice(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_repeats_the_edge_pixels() {
        let frame = Frame {
            width: 2,
            height: 1,
            rgb: b"abcxyz".to_vec(),
            ..Frame::default()
        };
        let mut padded = Frame::default();
        pad_edges(&frame, 1, 1, &mut padded);
        assert_eq!((padded.width, padded.height), (4, 3));
        assert_eq!(padded.rgb, b"abcabcxyzxyz".repeat(3));
        pad_edges(&frame, 2, 1, &mut padded);
        assert_eq!(padded.rgb, b"abcabcabc".repeat(3));
    }

    /// Nobody sees the colours of what is transparent.
    #[test]
    fn transparent_parts_are_seen_before_something() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("face.png");
        let mut frame = Frame::default();
        let mut seen = |alpha: u8, behind: u8| {
            let pixel = image::Rgba([200, 100, 0, alpha]);
            RgbaImage::from_pixel(2, 1, pixel).save(&path).unwrap();
            let is_transparent = read_picture_before(&path, behind, &mut frame).unwrap();
            (is_transparent, frame.rgb[..3].to_vec())
        };
        assert_eq!(seen(255, 0), (false, vec![200, 100, 0]));
        assert_eq!(seen(0, 255), (true, vec![255, 255, 255]));
        assert_eq!(seen(0, 0), (true, vec![0, 0, 0]));
        // 200 * 0.2 + 255 * 0.8 and so on.
        assert_eq!(seen(51, 255), (true, vec![244, 224, 204]));
    }

    #[test]
    fn a_text_file_is_not_a_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.jpg");
        std::fs::write(&path, "not a picture").unwrap();
        let error = read_picture(&path, &mut Frame::default()).unwrap_err();
        assert!(error.to_string().contains("notes.jpg"), "{error}");
    }

    /// Grey below the cut is no face.
    #[test]
    fn a_jpeg_that_is_cut_anywhere_is_an_error() {
        let picture = RgbImage::from_fn(64, 64, |x, y| {
            Rgb([(x * 4) as u8, (y * 4) as u8, ((x * y) % 256) as u8])
        });
        let mut whole = Vec::new();
        let encoder = image::codecs::jpeg::JpegEncoder::new(&mut whole);
        picture.write_with_encoder(encoder).unwrap();
        let mut frame = Frame::default();
        decode_picture(Cursor::new(&whole), &mut frame).unwrap();
        for share in 1..20 {
            let cut = &whole[..whole.len() * share / 20];
            let error = decode_picture(Cursor::new(cut), &mut frame).unwrap_err();
            assert!(error.to_string().contains("cut short"), "{share}: {error}");
        }
        // A small picture inside does not end it.
        let mut inside = vec![0xff, 0xd8, 0xff, 0xe1, 0x00, 0x06, 1, 2, 0xff, 0xd9];
        inside.extend_from_slice(&whole[2..]);
        decode_picture(Cursor::new(&inside), &mut frame).unwrap();
        assert!(decode_picture(Cursor::new(&inside[..700]), &mut frame).is_err());
        inside.extend_from_slice(b"what phones put behind it");
        decode_picture(Cursor::new(&inside), &mut frame).unwrap();
    }

    /// Where row 0 and column 0 of the stored picture are seen, for each orientation (EXIF 2.32,
    /// table 6).
    const ORIENTATIONS: [(&str, &str); 8] = [
        ("top", "left"),
        ("top", "right"),
        ("bottom", "right"),
        ("bottom", "left"),
        ("left", "top"),
        ("right", "top"),
        ("right", "bottom"),
        ("left", "bottom"),
    ];

    #[test]
    fn pictures_are_upright_whatever_their_orientation() {
        // Four quarters that nobody confuses, 32 x 16.
        let upright = RgbImage::from_fn(32, 16, |x, y| match (x < 16, y < 8) {
            (true, true) => Rgb([220, 20, 20]),
            (false, true) => Rgb([20, 220, 20]),
            (true, false) => Rgb([20, 20, 220]),
            (false, false) => Rgb([220, 220, 220]),
        });
        for (number, (row, column)) in (1_u8..).zip(ORIENTATIONS) {
            let is_turned = row == "left" || row == "right";
            let (width, height) = if is_turned { (16, 32) } else { (32, 16) };
            let stored = RgbImage::from_fn(width, height, |x, y| {
                let place = |side: &str, along: u32, length: u32| match side {
                    "right" | "bottom" => length - 1 - along,
                    _ => along,
                };
                let (seen_x, seen_y) = match is_turned {
                    true => (place(row, y, 32), place(column, x, 16)),
                    false => (place(column, x, 32), place(row, y, 16)),
                };
                *upright.get_pixel(seen_x, seen_y)
            });
            let mut plain = Vec::new();
            let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut plain, 100);
            stored.write_with_encoder(encoder).unwrap();
            // APP1 with one entry: the orientation, tag 0x0112, a short.
            let mut bytes = plain[..2].to_vec();
            bytes.extend(b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01");
            bytes.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, number, 0, 0, 0, 0, 0, 0]);
            bytes.extend(&plain[2..]);
            let mut frame = Frame::default();
            decode_picture(Cursor::new(&bytes), &mut frame).unwrap();
            assert_eq!((frame.width, frame.height), (32, 16), "{number}");
            for (at, seen) in frame.rgb.chunks_exact(3).enumerate() {
                let wanted = upright.get_pixel(at as u32 % 32, at as u32 / 32).0;
                // Colours run at the edges of the quarters.
                let is_edge = (13..19).contains(&(at % 32)) || (5..11).contains(&(at / 32));
                let is_near = seen.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 40);
                assert!(
                    is_edge || is_near,
                    "{number} at {at}: {seen:?}, not {wanted:?}"
                );
            }
        }
    }

    /// Made and read by Pillow 11:
    ///
    ///     im = Image.new('CMYK', (8, 8), (0, 200, 100, 40))
    ///     im.save(b, 'JPEG', quality=95, subsampling=0, optimize=True)
    ///     Image.open(b).convert('RGB').getpixel((4, 4))  # (215, 46, 131)
    #[test]
    fn colours_of_print_and_deep_colours_are_read() {
        const CMYK: &str = "ffd8ffee000e41646f626500640000000000ffdb00430002010101010102010101\
            02020202020403020202020504040304060506060605060606070908060709070606080b08090a0a0a0a0a06\
            080b0c0b0a0c090a0a0affc000140800080008044311004d11005911004b1100ffc400150001010000000000\
            0000000000000000000907ffc40014100100000000000000000000000000000000ffda000e0443004d005900\
            4b00003f007f06dad8571fffd9";
        let bytes = (0..CMYK.len() / 2).map(|at| &CMYK[2 * at..2 * at + 2]);
        let bytes: Vec<u8> = bytes.map(|b| u8::from_str_radix(b, 16).unwrap()).collect();
        let mut frame = Frame::default();
        decode_picture(Cursor::new(bytes), &mut frame).unwrap();
        assert_eq!((frame.width, frame.height), (8, 8));
        let near = |frame: &Frame, wanted: [u8; 3]| {
            let same = |pixel: &[u8]| pixel.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 2);
            frame.rgb.chunks_exact(3).all(same)
        };
        assert!(near(&frame, [215, 46, 131]), "{:?}", &frame.rgb[..3]);
        // Sixteen bits a channel, coloured and grey, without and with alpha.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep.png");
        let deep = |value: u8| u16::from(value) * 257;
        let rgb = [40, 120, 250].map(deep);
        type Deep<P> = image::ImageBuffer<P, Vec<u16>>;
        Deep::from_pixel(5, 3, Rgb(rgb)).save(&path).unwrap();
        read_picture(&path, &mut frame).unwrap();
        assert!(near(&frame, [40, 120, 250]), "{:?}", &frame.rgb[..3]);
        let clear = image::Rgba([rgb[0], rgb[1], rgb[2], deep(51)]);
        Deep::from_pixel(5, 3, clear).save(&path).unwrap();
        read_picture(&path, &mut frame).unwrap();
        // 40 * 0.2 + 255 * 0.8 and so on.
        assert!(near(&frame, [212, 228, 254]), "{:?}", &frame.rgb[..3]);
        Deep::from_pixel(5, 3, image::Luma([deep(99)]))
            .save(&path)
            .unwrap();
        read_picture(&path, &mut frame).unwrap();
        assert!(near(&frame, [99; 3]), "{:?}", &frame.rgb[..3]);
    }

    #[test]
    fn a_truncated_picture_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("face.png");
        RgbImage::from_pixel(64, 64, Rgb([9, 80, 200]))
            .save(&path)
            .unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(read_picture(&path, &mut Frame::default()).is_err());
    }
}
