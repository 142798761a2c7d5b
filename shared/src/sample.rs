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
        check_sides(width, height)?;
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
        let Between { texels, fx, fy } = Between::of((self.width, self.height), at);
        let [tl, tr, bl, br] = texels.map(|texel| &self.data[3 * texel..3 * texel + 3]);
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

/// A place among the four pixels around it.
struct Between {
    /// Top left, top right, bottom left, bottom right; row by row from the top left of the frame.
    texels: [usize; 4],
    /// From the left to the right, 0 to 1.
    fx: f32,
    /// From the top to the bottom, 0 to 1.
    fy: f32,
}

impl Between {
    /// Places outside take the nearest edge.
    fn of((width, height): (usize, usize), at: Point) -> Self {
        // Written so that a NaN lands on 0.
        let x = (at.x - 0.5).max(0.0).min((width - 1) as f32);
        let y = (at.y - 0.5).max(0.0).min((height - 1) as f32);
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
        let (upper, lower) = (top * width, bottom * width);
        Self {
            texels: [upper + left, upper + right, lower + left, lower + right],
            fx: x - left as f32,
            fy: y - top as f32,
        }
    }
}

/// The four pixels around a place in a picture of at least one, row by row from its top left, and
/// how much of the colour there is theirs: weights of 0 to 1 that sum to 1. Places outside take the
/// nearest edge.
pub fn bilinear_weights(size: (usize, usize), at: Point) -> [(usize, f32); 4] {
    let between = Between::of(size, at);
    let [tl, tr, bl, br] = between.texels;
    let (right, bottom) = (between.fx, between.fy);
    let (left, top) = (1.0 - right, 1.0 - bottom);
    [
        (tl, left * top),
        (tr, right * top),
        (bl, left * bottom),
        (br, right * bottom),
    ]
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

/// The crop as a linear map of the frame: calls `put` with a crop pixel, a frame pixel (both row by
/// row) and the weight, 0 to 1, of the second in the first. Pairs repeat; the weights of a crop
/// pixel sum to 1. What [`crop_planar`] draws is this map of the frame.
///
/// # Errors
/// As [`crop_planar`].
pub fn for_each_weight(
    (width, height): (usize, usize),
    to_crop: &Similarity,
    size: usize,
    mut put: impl FnMut(usize, usize, f32),
) -> Result<(), ImageError> {
    check_sides(width, height)?;
    check_sides(size, size)?;
    let grid = Grid::of(to_crop)?;
    for pixel in 0..size * size {
        for at in grid.places(pixel / size, pixel % size) {
            for (texel, weight) in bilinear_weights((width, height), at) {
                put(pixel, texel, weight * grid.weight());
            }
        }
    }
    Ok(())
}

/// Calls `put` with the index and the colour (0 to 255) of each crop pixel.
fn for_each_pixel(
    view: &RgbView<'_>,
    to_crop: &Similarity,
    size: usize,
    mut put: impl FnMut(usize, [f32; 3]),
) -> Result<(), ImageError> {
    let grid = Grid::of(to_crop)?;
    for row in 0..size {
        for column in 0..size {
            let mut sum = [0.0; 3];
            for at in grid.places(row, column) {
                for (total, value) in sum.iter_mut().zip(view.bilinear(at)) {
                    *total += value;
                }
            }
            put(row * size + column, sum.map(|total| total * grid.weight()));
        }
    }
    Ok(())
}

/// Where the frame is looked at for each pixel of the crop.
struct Grid {
    to_frame: Similarity,
    /// Along one side of a crop pixel.
    samples: usize,
}

impl Grid {
    fn of(to_crop: &Similarity) -> Result<Self, ImageError> {
        let to_frame = to_crop.inverse().ok_or(ImageError::Transform)?;
        Ok(Self {
            samples: samples_per_side(to_frame.scale()),
            to_frame,
        })
    }

    /// Of each sample in the mean of its pixel.
    fn weight(&self) -> f32 {
        self.step() * self.step()
    }

    /// From one sample to the next, in crop pixels.
    fn step(&self) -> f32 {
        1.0 / self.samples as f32
    }

    fn places(&self, row: usize, column: usize) -> impl Iterator<Item = Point> + '_ {
        let step = self.step();
        (0..self.samples * self.samples).map(move |sub| {
            let x = column as f32 + ((sub % self.samples) as f32 + 0.5) * step;
            let y = row as f32 + ((sub / self.samples) as f32 + 0.5) * step;
            self.to_frame.apply(Point::new(x, y))
        })
    }
}

/// One sample per frame pixel that a crop pixel covers along a line, bounded.
fn samples_per_side(frame_px_per_crop_px: f32) -> usize {
    // The slack keeps a scale of 1 at one sample in spite of rounding.
    let wanted = libm::ceilf(frame_px_per_crop_px - 0.01);
    (wanted as usize).clamp(1, SUPERSAMPLING_MAX)
}

fn check_crop(size: usize, actual: usize) -> Result<(), ImageError> {
    check_sides(size, size)?;
    check_length(size * size * 3, actual)
}

fn check_sides(width: usize, height: usize) -> Result<(), ImageError> {
    let sides = 1..=IMAGE_SIDE_MAX;
    match sides.contains(&width) && sides.contains(&height) {
        true => Ok(()),
        false => Err(ImageError::Size { width, height }),
    }
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

    /// Turned, shrunk by half and reaching out of a frame of odd sides.
    #[test]
    fn the_weights_are_those_of_the_crop() {
        let (width, height, size) = (23, 17, 9);
        let byte = |at: usize| (at * 89 % 251) as u8;
        let data: [u8; 23 * 17 * 3] = core::array::from_fn(byte);
        let view = RgbView::new(width, height, &data).expect("sizes agree");
        let to_crop = Similarity {
            a: 0.4,
            b: 0.25,
            tx: 1.5,
            ty: -2.5,
        };
        let mut drawn = [0.0; 3 * 9 * 9];
        crop_planar(&view, &to_crop, size, &mut drawn).expect("valid crop");
        let mut mapped = [0.0; 3 * 9 * 9];
        let mut sums = [0.0; 9 * 9];
        for_each_weight((width, height), &to_crop, size, |pixel, texel, weight| {
            sums[pixel] += weight;
            for channel in 0..3 {
                let value = f32::from(data[3 * texel + channel]) / 255.0;
                mapped[channel * size * size + pixel] += weight * value;
            }
        })
        .expect("valid crop");
        for (drawn, mapped) in drawn.iter().zip(mapped) {
            assert!((drawn - mapped).abs() < 1e-5, "{drawn} {mapped}");
        }
        assert!(sums.iter().all(|sum| (sum - 1.0f32).abs() < 1e-5));
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
