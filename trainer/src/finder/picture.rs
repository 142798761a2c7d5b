//! Pictures to take from, and canvases to paste onto.

use unmask_shared::geometry::{FaceBox, Point, Similarity};

/// A picture and its halvings.
#[derive(Clone, Debug)]
pub struct Pyramid {
    levels: Vec<CellGrid>,
}

#[derive(Clone, Debug)]
struct CellGrid {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

const SIDE_MIN: usize = 8;

impl Pyramid {
    /// Of a picture `[height, width, 3]`.
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Self {
        let mut levels = vec![CellGrid { width, height, rgb }];
        while let Some(last) = levels.last()
            && last.width.min(last.height) >= 2 * SIDE_MIN
        {
            levels.push(last.halved());
        }
        Self { levels }
    }

    /// Pixels across.
    pub fn width(&self) -> usize {
        self.levels[0].width
    }

    /// Pixels down.
    pub fn height(&self) -> usize {
        self.levels[0].height
    }

    /// The level whose pixels are closest to `scale` pixels of the picture, not much larger,
    /// and its number.
    fn level(&self, scale: f32) -> (&CellGrid, i32) {
        let number = (scale.max(1.0).log2() + 0.35).floor() as usize;
        let number = number.min(self.levels.len() - 1);
        (&self.levels[number], number as i32)
    }
}

impl CellGrid {
    /// Means of 2x2 pixels; an odd last row or column is left out.
    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut rgb = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            let [above, below] = [2 * y, 2 * y + 1].map(|y| &self.rgb[y * self.width * 3..]);
            for x in 0..width {
                for colour in 0..3 {
                    let at = 6 * x + colour;
                    let sum = u16::from(above[at])
                        + u16::from(above[at + 3])
                        + u16::from(below[at])
                        + u16::from(below[at + 3]);
                    rgb.push(((sum + 2) / 4) as u8);
                }
            }
        }
        Self { width, height, rgb }
    }

    /// Bilinear; places beyond the border see the border. `x` and `y` in pixels of the level.
    #[inline]
    fn sample(&self, x: f32, y: f32) -> [f32; 3] {
        let x = (x - 0.5).clamp(0.0, (self.width - 1) as f32);
        let y = (y - 0.5).clamp(0.0, (self.height - 1) as f32);
        let (column, row) = (x as usize, y as usize);
        let (fx, fy) = (x - column as f32, y - row as f32);
        let right = 3 * usize::from(column + 1 < self.width);
        let below = 3 * self.width * usize::from(row + 1 < self.height);
        let at = 3 * (row * self.width + column);
        std::array::from_fn(|colour| {
            let value = |offset: usize| f32::from(self.rgb[at + colour + offset]);
            let upper = value(0) + fx * (value(right) - value(0));
            let lower = value(below) + fx * (value(below + right) - value(below));
            upper + fy * (lower - upper)
        })
    }
}

/// Red, green and blue of every pixel, 0 to 255, row by row.
#[derive(Clone, Debug)]
pub struct Canvas {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// `[height, width, 3]`
    pub rgb: Vec<f32>,
}

/// What of a picture is pasted, and how.
#[derive(Clone, Copy, Debug)]
pub struct BackgroundPatch {
    /// From pixels of the canvas to those of the picture.
    pub to_picture: Similarity,
    /// What is taken, in pixels of the picture.
    pub region: FaceBox,
    /// Whether only the ellipse within the region is.
    pub round: bool,
    /// Width of the soft edge, as a fraction of the region's shorter side.
    pub feather: f32,
    /// Whether the picture is mirrored first.
    pub mirrored: bool,
    /// Factors of the colours.
    pub gain: [f32; 3],
}

impl Canvas {
    /// Of one colour.
    pub fn plain(width: usize, height: usize, colour: [f32; 3]) -> Self {
        Self {
            width,
            height,
            rgb: colour.repeat(width * height),
        }
    }

    /// Of the pixel nearest to a place.
    pub fn colour(&self, place: Point) -> [f32; 3] {
        let clip = |value: f32, count: usize| (value.max(0.0) as usize).min(count - 1);
        let at = clip(place.y, self.height) * self.width + clip(place.x, self.width);
        std::array::from_fn(|colour| self.rgb[3 * at + colour])
    }

    /// Pastes a patch of a picture. The transform knows nothing of mirroring: its picture is
    /// the mirrored one.
    pub fn paste(&mut self, picture: &Pyramid, patch: &BackgroundPatch) {
        let scale = patch.to_picture.scale();
        let (level, number) = picture.level(scale);
        let shrink = 0.5_f32.powi(number);
        let Some(bounds) = self.reached(patch) else {
            return;
        };
        let [left, top, right, bottom] = bounds;
        let width = picture.width() as f32;
        let centre = patch.region.centre();
        let half = [patch.region.width * 0.5, patch.region.height * 0.5];
        let soft = (patch.feather * half[0].min(half[1])).max(0.5 * scale);
        for y in top..bottom {
            for x in left..right {
                let place = patch
                    .to_picture
                    .apply(Point::new(x as f32 + 0.5, y as f32 + 0.5));
                let (dx, dy) = ((place.x - centre.x).abs(), (place.y - centre.y).abs());
                let inside = if patch.round {
                    let radius = (dx / half[0]).hypot(dy / half[1]);
                    (1.0 - radius) * half[0].min(half[1])
                } else {
                    (half[0] - dx).min(half[1] - dy)
                };
                if inside <= 0.0 {
                    continue;
                }
                let cover = (inside / soft).min(1.0);
                let across = if patch.mirrored {
                    width - place.x
                } else {
                    place.x
                };
                let colour = level.sample(across * shrink, place.y * shrink);
                let pixel = &mut self.rgb[3 * (y * self.width + x)..][..3];
                for ((value, colour), gain) in pixel.iter_mut().zip(colour).zip(patch.gain) {
                    *value += cover * (colour * gain - *value);
                }
            }
        }
    }

    /// Pixels that a patch may reach: left, top, right, bottom.
    fn reached(&self, patch: &BackgroundPatch) -> Option<[usize; 4]> {
        let back = patch.to_picture.inverse()?;
        let covered = map_corners(&patch.region, &back);
        let clip = |value: f32, most: usize| value.clamp(0.0, most as f32) as usize;
        let bounds = [
            clip(covered.x.floor(), self.width),
            clip(covered.y.floor(), self.height),
            clip((covered.x + covered.width).ceil(), self.width),
            clip((covered.y + covered.height).ceil(), self.height),
        ];
        (bounds[0] < bounds[2] && bounds[1] < bounds[3]).then_some(bounds)
    }
}

/// A picture with fewer pixels, `[height, width, 3]`.
pub fn shrunk(picture: &Pyramid, width: usize, height: usize) -> Vec<u8> {
    let scale = picture.width() as f32 / width as f32;
    let region = FaceBox {
        x: 0.0,
        y: 0.0,
        width: picture.width() as f32,
        // Rounding must not cut off the last row.
        height: picture.height() as f32 + 2.0 * scale,
    };
    let patch = BackgroundPatch {
        to_picture: Similarity {
            a: scale,
            ..Similarity::IDENTITY
        },
        region,
        round: false,
        feather: 0.0,
        mirrored: false,
        gain: [1.0; 3],
    };
    let mut canvas = Canvas::plain(width, height, [0.0; 3]);
    canvas.paste(picture, &patch);
    canvas.rgb.iter().map(|v| (v + 0.5) as u8).collect()
}

/// The upright box around a transformed one.
pub fn map_corners(region: &FaceBox, by: &Similarity) -> FaceBox {
    let (right, bottom) = (region.x + region.width, region.y + region.height);
    let corners = [
        (region.x, region.y),
        (right, region.y),
        (region.x, bottom),
        (right, bottom),
    ]
    .map(|(x, y)| by.apply(Point::new(x, y)));
    let extent = |of: fn(&Point) -> f32| {
        let values = corners.iter().map(of);
        let low = values.clone().fold(f32::INFINITY, f32::min);
        (low, values.fold(f32::NEG_INFINITY, f32::max) - low)
    };
    let ((x, width), (y, height)) = (extent(|p| p.x), extent(|p| p.y));
    FaceBox {
        x,
        y,
        width,
        height,
    }
}

/// The upright box around the transformed ellipse within a box: what a finder puts around a
/// head that was turned in the picture.
pub fn map_ellipse(region: &FaceBox, by: &Similarity) -> FaceBox {
    let centre = by.apply(region.centre());
    let half =
        |along: f32, across: f32| (along * 0.5 * region.width).hypot(across * 0.5 * region.height);
    let (width, height) = (2.0 * half(by.a, by.b), 2.0 * half(by.b, by.a));
    FaceBox {
        x: centre.x - 0.5 * width,
        y: centre.y - 0.5 * height,
        width,
        height,
    }
}

/// Area that two boxes share.
pub fn overlap(a: &FaceBox, b: &FaceBox) -> f32 {
    let width = (a.x + a.width).min(b.x + b.width) - a.x.max(b.x);
    let height = (a.y + a.height).min(b.y + b.height) - a.y.max(b.y);
    width.max(0.0) * height.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose red grows to the right by 2 a pixel, and green downwards by 1.
    fn ramp() -> Pyramid {
        let pixel = |at: usize| [2 * (at % 64) as u8, (at / 64) as u8, 7];
        Pyramid::new(64, 48, (0..64 * 48).flat_map(pixel).collect())
    }

    fn patch(to_picture: Similarity, mirrored: bool) -> BackgroundPatch {
        BackgroundPatch {
            to_picture,
            region: FaceBox {
                x: 0.0,
                y: 0.0,
                width: 64.0,
                height: 48.0,
            },
            round: false,
            feather: 0.0,
            mirrored,
            gain: [1.0; 3],
        }
    }

    #[test]
    fn places_keep_their_colours_at_all_scales() {
        for scale in [0.5, 1.0, 1.7, 3.9] {
            let to_picture = Similarity {
                a: scale,
                b: 0.0,
                tx: 3.0,
                ty: 2.0,
            };
            let mut canvas = Canvas::plain(40, 40, [200.0; 3]);
            canvas.paste(&ramp(), &patch(to_picture, false));
            let place = to_picture.apply(Point::new(8.5, 6.5));
            let pixel = &canvas.rgb[3 * (6 * 40 + 8)..][..3];
            let want = [2.0 * (place.x - 0.5), place.y - 0.5, 7.0];
            for (got, want) in pixel.iter().zip(want) {
                assert!((got - want).abs() < 1.1, "{pixel:?}, not {want} at {scale}");
            }
        }
    }

    #[test]
    fn a_mirrored_picture_is_read_from_the_right() {
        let mut canvas = Canvas::plain(64, 48, [0.0; 3]);
        canvas.paste(&ramp(), &patch(Similarity::IDENTITY, true));
        assert_eq!(canvas.rgb[3 * (20 * 64 + 10)], 2.0 * 53.0);
    }

    #[test]
    fn the_box_around_a_turned_ellipse_touches_it() {
        let region = FaceBox {
            x: 10.0,
            y: 20.0,
            width: 30.0,
            height: 40.0,
        };
        let by = Similarity::about(Point::new(3.0, 4.0), 1.3, 0.6, 2.0, 1.0);
        let got = map_ellipse(&region, &by);
        let mut ends = [
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::INFINITY,
            f32::NEG_INFINITY,
        ];
        for step in 0..3600 {
            let angle = step as f32 * std::f32::consts::TAU / 3600.0;
            let at = Point::new(25.0 + 15.0 * angle.cos(), 40.0 + 20.0 * angle.sin());
            let at = by.apply(at);
            ends = [
                ends[0].min(at.x),
                ends[1].max(at.x),
                ends[2].min(at.y),
                ends[3].max(at.y),
            ];
        }
        let want = [got.x, got.x + got.width, got.y, got.y + got.height];
        for (end, want) in ends.iter().zip(want) {
            assert!((end - want).abs() < 0.01, "{ends:?}, not {want}");
        }
    }
}
