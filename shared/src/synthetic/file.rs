//! The file of a face model.
//!
//! | bytes | |
//! |---|---|
//! | 8 | `UMPEOPLE` |
//! | 2 | version, 2 |
//! | 2 | side of the pictures in pixels |
//! | 2 | components |
//! | 2 | zero |
//! | 4, 4 | distance between the eyes and height of their line, in sides |
//! | to the end | zlib: mean, then scale and standard deviation of each component, then the components |
//!
//! Numbers are little-endian, fractions 32-bit floats. Faces are smooth: pictures are stored
//! as differences (modulo 256) of each value to what its neighbours on the left, above, and
//! diagonally between let expect, which packs them to less than a third.

use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use super::model::{FaceModelError, Inner, MODEL_BYTES_MAX, check_sizes};

const MAGIC: &[u8; 8] = b"UMPEOPLE";
pub(super) const VERSION: u16 = 2;
const HEADER_BYTES: usize = 24;
/// zlib's slowest: a model is written once.
const LEVEL: u8 = 10;
const CHANNELS: usize = 3;

/// Size of a file that would not be packed.
pub(super) fn unpacked_bytes(side: usize, components: usize) -> usize {
    HEADER_BYTES + body_bytes(side, components)
}

fn body_bytes(side: usize, components: usize) -> usize {
    side * side * CHANNELS * (components + 1) + components * 8
}

pub(super) fn read(bytes: &[u8]) -> Result<Inner, FaceModelError> {
    if bytes.len() < HEADER_BYTES || bytes.len() > MODEL_BYTES_MAX {
        return Err(FaceModelError::Length {
            expected: HEADER_BYTES,
            found: bytes.len(),
        });
    }
    let (header, packed) = bytes.split_at(HEADER_BYTES);
    let short = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    if &header[..8] != MAGIC || short(8) != VERSION {
        return Err(FaceModelError::Unknown);
    }
    let (side, count) = (usize::from(short(10)), usize::from(short(12)));
    check_sizes(side, count)?;
    let expected = body_bytes(side, count);
    let body =
        decompress_to_vec_zlib_with_limit(packed, expected).map_err(|_| FaceModelError::Packing)?;
    if body.len() != expected {
        return Err(FaceModelError::Length {
            expected,
            found: body.len(),
        });
    }
    let values = side * side * CHANNELS;
    let (mean, rest) = body.split_at(values);
    let (tables, weights) = rest.split_at(count * 8);
    let pictures = weights.chunks_exact(values);
    Ok(Inner {
        side,
        eye_distance: float_at(header, 16),
        eye_line: float_at(header, 20),
        mean: summed(mean, side),
        scales: (0..count).map(|i| float_at(tables, i * 8)).collect(),
        deviations: (0..count).map(|i| float_at(tables, i * 8 + 4)).collect(),
        weights: pictures
            .flat_map(|picture| summed(picture, side))
            .map(|byte| byte as i8)
            .collect(),
    })
}

pub(super) fn write(model: &Inner) -> Vec<u8> {
    let count = model.scales.len();
    let mut body = Vec::with_capacity(body_bytes(model.side, count));
    body.extend(differences(&model.mean, model.side));
    for (scale, deviation) in model.scales.iter().zip(&model.deviations) {
        body.extend_from_slice(&scale.to_le_bytes());
        body.extend_from_slice(&deviation.to_le_bytes());
    }
    let weights: Vec<u8> = model.weights.iter().map(|&weight| weight as u8).collect();
    for picture in weights.chunks_exact(model.mean.len()) {
        body.extend(differences(picture, model.side));
    }
    let mut bytes = MAGIC.to_vec();
    for short in [VERSION, model.side as u16, count as u16, 0] {
        bytes.extend_from_slice(&short.to_le_bytes());
    }
    bytes.extend_from_slice(&model.eye_distance.to_le_bytes());
    bytes.extend_from_slice(&model.eye_line.to_le_bytes());
    bytes.extend(compress_to_vec_zlib(&body, LEVEL));
    bytes
}

/// What a value's neighbours let expect; nothing beyond the edges.
fn expected(picture: &[u8], side: usize, at: usize) -> u8 {
    let row = side * CHANNELS;
    let (has_left, has_above) = (at % row >= CHANNELS, at >= row);
    let left = if has_left { picture[at - CHANNELS] } else { 0 };
    let above = if has_above { picture[at - row] } else { 0 };
    let between = if has_left && has_above {
        picture[at - row - CHANNELS]
    } else {
        0
    };
    left.wrapping_add(above).wrapping_sub(between)
}

fn differences(picture: &[u8], side: usize) -> impl Iterator<Item = u8> {
    (0..picture.len()).map(move |at| picture[at].wrapping_sub(expected(picture, side, at)))
}

/// Undoes [`differences`].
fn summed(differences: &[u8], side: usize) -> Vec<u8> {
    let mut picture = differences.to_vec();
    for at in 0..picture.len() {
        picture[at] = picture[at].wrapping_add(expected(&picture, side, at));
    }
    picture
}

/// Little-endian float at `at`; the caller has checked the length.
fn float_at(bytes: &[u8], at: usize) -> f32 {
    f32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_a_plane_are_zero_within() {
        let side = 4;
        let picture: Vec<u8> = (0..side * side * CHANNELS)
            .map(|at| {
                let (x, y, channel) = (at / 3 % side, at / 3 / side, at % 3);
                (250 + 3 * x + 5 * y + channel) as u8
            })
            .collect();
        let differences: Vec<u8> = differences(&picture, side).collect();
        for (at, difference) in differences.iter().enumerate() {
            let (x, y) = (at / 3 % side, at / 3 / side);
            let expected = match (x, y) {
                (0, 0) => picture[at],
                (_, 0) => 3,
                (0, _) => 5,
                _ => 0,
            };
            assert_eq!(*difference, expected, "{x}, {y}");
        }
        assert_eq!(summed(&differences, side), picture);
    }

    #[test]
    fn a_file_that_unpacks_to_more_is_refused() {
        let header = |side: u16| {
            let mut bytes = MAGIC.to_vec();
            for short in [VERSION, side, 1, 0] {
                bytes.extend_from_slice(&short.to_le_bytes());
            }
            bytes.extend_from_slice(&[0; 8]);
            bytes
        };
        let mut bomb = header(32);
        bomb.extend(compress_to_vec_zlib(&vec![0; 64 << 20], 6));
        assert_eq!(read(&bomb).err(), Some(FaceModelError::Packing));
        let mut short = header(32);
        short.extend(compress_to_vec_zlib(&[0; 100], 6));
        let error = read(&short).err().unwrap();
        assert!(matches!(error, FaceModelError::Length { found: 100, .. }));
    }
}
