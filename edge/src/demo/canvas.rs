//! A picture to draw on.

use embedded_graphics::Drawable;
use embedded_graphics::Pixel;
use embedded_graphics::mono_font::ascii::{FONT_6X10, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{DrawTarget, OriginDimensions, Point, Size};
use embedded_graphics::text::{Baseline, Text};
use image::{Rgb, RgbImage};

/// A colour.
pub(super) type Colour = [u8; 3];

/// Sizes of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextSize {
    Small,
    Large,
}

impl TextSize {
    fn font(self) -> &'static MonoFont<'static> {
        match self {
            Self::Small => &FONT_6X10,
            Self::Large => &FONT_10X20,
        }
    }
}

/// Draws into a picture; everything outside is cut off.
pub(super) struct Canvas {
    picture: RgbImage,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32, background: Colour) -> Self {
        Self {
            picture: RgbImage::from_pixel(width, height, Rgb(background)),
        }
    }

    pub(super) fn into_picture(self) -> RgbImage {
        self.picture
    }

    /// Covers a pixel by `share` (0 to 1) of a colour.
    pub(super) fn blend(&mut self, x: i32, y: i32, colour: Colour, share: f32) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
            return;
        };
        if let Some(pixel) = self.picture.get_pixel_mut_checked(x, y) {
            for (value, new) in pixel.0.iter_mut().zip(colour) {
                *value = (f32::from(*value) * (1.0 - share) + f32::from(new) * share) as u8;
            }
        }
    }

    pub(super) fn fill(&mut self, x: i32, y: i32, width: i32, height: i32, colour: Colour) {
        for row in y..y + height {
            for column in x..x + width {
                self.blend(column, row, colour, 1.0);
            }
        }
    }

    /// The outline of a rectangle, `line` pixels wide, growing inwards.
    pub(super) fn outline(&mut self, x: i32, y: i32, size: [i32; 2], line: i32, colour: Colour) {
        let [width, height] = size;
        self.fill(x, y, width, line, colour);
        self.fill(x, y + height - line, width, line, colour);
        self.fill(x, y, line, height, colour);
        self.fill(x + width - line, y, line, height, colour);
    }

    /// Text with its top left corner at `x`, `y`.
    pub(super) fn text(&mut self, x: i32, y: i32, text: &str, size: TextSize, colour: Colour) {
        let colour = Rgb888::new(colour[0], colour[1], colour[2]);
        let style = MonoTextStyle::new(size.font(), colour);
        let at = Point::new(x, y);
        let Ok(_) = Text::with_baseline(text, at, style, Baseline::Top).draw(self);
    }

    /// Copies a picture, scaled to `size` by averaging or repeating pixels.
    pub(super) fn picture(&mut self, x: i32, y: i32, size: [u32; 2], rgb: &RgbImage) {
        let filter = image::imageops::FilterType::Triangle;
        let scaled = image::imageops::resize(rgb, size[0], size[1], filter);
        image::imageops::replace(&mut self.picture, &scaled, i64::from(x), i64::from(y));
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.picture.width(), self.picture.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Self::Error>
    where
        I: IntoIterator<Item = Pixel<Self::Color>>,
    {
        for Pixel(at, colour) in pixels {
            self.blend(at.x, at.y, [colour.r(), colour.g(), colour.b()], 1.0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_stays_inside() {
        let mut canvas = Canvas::new(40, 24, [0; 3]);
        canvas.fill(-5, -5, 100, 100, [9; 3]);
        canvas.outline(30, 15, [30, 30], 2, [200; 3]);
        canvas.text(-3, 2, "unmask", TextSize::Large, [255; 3]);
        let picture = canvas.into_picture();
        assert!(
            picture.pixels().any(|p| p.0 == [255; 3]),
            "the text left no trace"
        );
        assert_eq!(picture.get_pixel(0, 0).0, [9; 3]);
    }
}
