//! Decodes pictures.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};

use super::{Frame, SourceError, open_error};

const SIDE_MAX: u32 = 16_384;
const ALLOC_BYTES_MAX: u64 = 1 << 30;

/// Reads a picture into `frame` (pixels and size only), upright.
pub fn read_picture(path: &Path, frame: &mut Frame) -> Result<(), SourceError> {
    let file = File::open(path).map_err(|error| open_error(path, error))?;
    decode_picture(BufReader::new(file), frame).map_err(|error| match error {
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
/// size only), upright. What `frame` holds after an error is of no use.
///
/// # Errors
/// When the bytes are no picture, or one of more than 16,384 pixels in width or height
/// or a gibibyte in memory.
pub fn decode_picture(input: impl BufRead + Seek, frame: &mut Frame) -> Result<(), ImageError> {
    let mut reader = ImageReader::new(input).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(ALLOC_BYTES_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    let rgb = picture.into_rgb8();
    frame.width = rgb.width() as usize;
    frame.height = rgb.height() as usize;
    frame.rgb = rgb.into_raw();
    Ok(())
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

    #[test]
    fn a_text_file_is_not_a_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.jpg");
        std::fs::write(&path, "not a picture").unwrap();
        let error = read_picture(&path, &mut Frame::default()).unwrap_err();
        assert!(error.to_string().contains("notes.jpg"), "{error}");
    }

    #[test]
    fn a_truncated_picture_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("face.png");
        image::RgbImage::from_pixel(64, 64, image::Rgb([9, 80, 200]))
            .save(&path)
            .unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(read_picture(&path, &mut Frame::default()).is_err());
    }
}
