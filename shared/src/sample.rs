//! Drawing a crop from a frame: bilinear, with supersampling where the crop
//! shrinks the frame.

use thiserror::Error;

use crate::geometry::{Point, Similarity};

/// Longest side of a picture in pixels.
pub const IMAGE_SIDE_MAX: usize = 16_384;
/// Most samples along one side of a crop pixel.
const SUPERSAMPLING_MAX: usize = 8;

/// What can be wrong with a picture or a crop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ImageError {
    /// A side is zero or longer than [`IMAGE_SIDE_MAX`]; check the decoder's
    /// width and height.
    #[error("a picture of {width} x {height} pixels: sides must be 1 to {IMAGE_SIDE_MAX}")]
    Size {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
    },
    /// The buffer does not hold the picture; usually a truncated frame or
    /// another pixel format.
    #[error(
        "a buffer of {actual} values where {expected} are needed: truncated frame, or not packed RGB"
    )]
    Length {
        /// Values that the picture needs.
        expected: usize,
        /// Values that the buffer has.
        actual: usize,
    },
    /// The transform squeezes the frame into a point or is not a number;
    /// usually an empty face box.
    #[error("the crop transform cannot be inverted: the face box is empty or not a number")]
    Transform,
}

/// A borrowed picture: rows of packed R, G, B bytes, checked once.
#[derive(Clone, Copy, Debug)]
pub struct RgbView<'a> {
    width: usize,
    height: usize,
    data: &'a [u8],
}

impl<'a> RgbView<'a> {
    /// Wraps `data`, which must hold exactly `height * width * 3` bytes.
    pub fn new(width: usize, height: usize, data: &'a [u8]) -> Result<Self, ImageError> {
        let sides = 1..=IMAGE_SIDE_MAX;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(ImageError::Size { width, height });
        }
        check_length(width * height * 3, data.len())?;
        Ok(Self {
            width,
            height,
            data,
        })
    }

    /// Pixels across.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels down.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes, row by row, R G B.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The colour at a place in pixels, 0 to 255, bilinear; places outside
    /// take the nearest edge.
    fn bilinear(&self, at: Point) -> [f32; 3] {
        // Written so that a NaN lands on 0.
        let x = (at.x - 0.5).max(0.0).min((self.width - 1) as f32);
        let y = (at.y - 0.5).max(0.0).min((self.height - 1) as f32);
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = (
            (left + 1).min(self.width - 1),
            (top + 1).min(self.height - 1),
        );
        let (fx, fy) = (x - left as f32, y - top as f32);
        let texel = |column: usize, row: usize| {
            let start = (row * self.width + column) * 3;
            &self.data[start..start + 3]
        };
        let (tl, tr) = (texel(left, top), texel(right, top));
        let (bl, br) = (texel(left, bottom), texel(right, bottom));
        let mut colour = [0.0; 3];
        for (channel, value) in colour.iter_mut().enumerate() {
            let (tl, tr) = (f32::from(tl[channel]), f32::from(tr[channel]));
            let (bl, br) = (f32::from(bl[channel]), f32::from(br[channel]));
            let upper = tl + fx * (tr - tl);
            let lower = bl + fx * (br - bl);
            *value = upper + fy * (lower - upper);
        }
        colour
    }
}

/// Draws the crop as packed RGB bytes.
///
/// `to_crop` maps frame pixels to crop pixels. Places outside the frame repeat
/// its edge.
///
/// # Shapes
/// - `out`: `[size, size, 3]`
pub fn crop_rgb(
    view: &RgbView<'_>,
    to_crop: &Similarity,
    size: usize,
    out: &mut [u8],
) -> Result<(), ImageError> {
    check_crop(size, out.len())?;
    for_each_pixel(view, to_crop, size, |pixel, colour| {
        for (channel, value) in colour.iter().enumerate() {
            out[pixel * 3 + channel] = (value + 0.5) as u8;
        }
    })
}

/// Draws the crop as planes of values in [0, 1]; equal to [`crop_rgb`] divided
/// by 255 up to its rounding.
///
/// # Shapes
/// - `out`: `[3, size, size]`
pub fn crop_planar(
    view: &RgbView<'_>,
    to_crop: &Similarity,
    size: usize,
    out: &mut [f32],
) -> Result<(), ImageError> {
    check_crop(size, out.len())?;
    let plane = size * size;
    for_each_pixel(view, to_crop, size, |pixel, colour| {
        for (channel, value) in colour.iter().enumerate() {
            out[channel * plane + pixel] = (value / 255.0).clamp(0.0, 1.0);
        }
    })
}

/// Calls `put` with the index and the colour (0 to 255) of each crop pixel.
fn for_each_pixel(
    view: &RgbView<'_>,
    to_crop: &Similarity,
    size: usize,
    mut put: impl FnMut(usize, [f32; 3]),
) -> Result<(), ImageError> {
    let to_frame = to_crop.inverse().ok_or(ImageError::Transform)?;
    let samples = samples_per_side(to_frame.scale());
    let step = 1.0 / samples as f32;
    let weight = step * step;
    for row in 0..size {
        for column in 0..size {
            let mut sum = [0.0; 3];
            for sub in 0..samples * samples {
                let x = column as f32 + ((sub % samples) as f32 + 0.5) * step;
                let y = row as f32 + ((sub / samples) as f32 + 0.5) * step;
                let colour = view.bilinear(to_frame.apply(Point::new(x, y)));
                for (total, value) in sum.iter_mut().zip(colour) {
                    *total += value;
                }
            }
            put(row * size + column, sum.map(|total| total * weight));
        }
    }
    Ok(())
}

/// One sample per frame pixel that a crop pixel covers along a line, bounded.
fn samples_per_side(frame_px_per_crop_px: f32) -> usize {
    // The slack keeps a scale of 1 at one sample in spite of rounding.
    let wanted = libm::ceilf(frame_px_per_crop_px - 0.01);
    (wanted as usize).clamp(1, SUPERSAMPLING_MAX)
}

fn check_crop(size: usize, actual: usize) -> Result<(), ImageError> {
    if size == 0 || size > IMAGE_SIDE_MAX {
        return Err(ImageError::Size {
            width: size,
            height: size,
        });
    }
    check_length(size * size * 3, actual)
}

fn check_length(expected: usize, actual: usize) -> Result<(), ImageError> {
    if expected == actual {
        Ok(())
    } else {
        Err(ImageError::Length { expected, actual })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2 x 2: black, red / green, white.
    const FOUR: [u8; 12] = [0, 0, 0, 255, 0, 0, 0, 255, 0, 255, 255, 255];

    #[test]
    fn the_identity_copies_the_picture() {
        let view = RgbView::new(2, 2, &FOUR).expect("sizes agree");
        let mut out = [9; 12];
        crop_rgb(&view, &Similarity::IDENTITY, 2, &mut out).expect("valid crop");
        assert_eq!(out, FOUR);
    }

    #[test]
    fn half_a_pixel_to_the_side_is_the_mean_of_two() {
        let view = RgbView::new(2, 2, &FOUR).expect("sizes agree");
        let shift = Similarity {
            tx: -0.5,
            ..Similarity::IDENTITY
        };
        let mut out = [0.0; 12];
        crop_planar(&view, &shift, 2, &mut out).expect("valid crop");
        // Red plane: between black and red, then red repeated at the edge.
        assert_eq!(out[..4], [0.5, 1.0, 0.5, 1.0]);
    }

    #[test]
    fn shrinking_averages_every_pixel() {
        // Columns alternate 0 and 255; a crop of a quarter the size is grey.
        let mut data = [0; 8 * 8 * 3];
        for (i, byte) in data.iter_mut().enumerate() {
            *byte = if (i / 3) % 2 == 0 { 0 } else { 255 };
        }
        let view = RgbView::new(8, 8, &data).expect("sizes agree");
        let quarter = Similarity {
            a: 0.25,
            ..Similarity::IDENTITY
        };
        let mut out = [0; 12];
        crop_rgb(&view, &quarter, 2, &mut out).expect("valid crop");
        assert_eq!(out, [128; 12]);
    }

    #[test]
    fn wrong_sizes_and_empty_transforms_are_refused() {
        let size = RgbView::new(0, 2, &[]).expect_err("no columns");
        assert_eq!(
            size,
            ImageError::Size {
                width: 0,
                height: 2
            }
        );
        let short = RgbView::new(2, 2, &FOUR[..11]).expect_err("one byte short");
        let (expected, actual) = (12, 11);
        assert_eq!(short, ImageError::Length { expected, actual });
        let view = RgbView::new(2, 2, &FOUR).expect("sizes agree");
        let flat = Similarity {
            a: 0.0,
            ..Similarity::IDENTITY
        };
        assert_eq!(
            crop_rgb(&view, &flat, 2, &mut [0; 12]),
            Err(ImageError::Transform)
        );
        let short = crop_rgb(&view, &Similarity::IDENTITY, 2, &mut [0; 3]);
        assert_eq!(
            short,
            Err(ImageError::Length {
                expected: 12,
                actual: 3
            })
        );
    }
}
