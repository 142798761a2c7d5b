//! A frame in the corner of the picture that a network is shown.

use crate::geometry::{FaceBox, Point};
use crate::sample::RgbView;

use super::Face;
use super::shrink::{Shrink, shrunk};

/// The sides of the network's picture are multiples of this.
pub(super) const SIDE_STEP: usize = 32;

/// Where a shrunk frame lies: in the top-left corner, with black to the right of it and below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// Width and height of the network's picture.
    pub(super) canvas: (usize, usize),
    /// Width and height of the frame in it.
    pub(super) inner: (usize, usize),
    /// Pixels of the frame for each pixel of the canvas, across and down.
    pub(super) step: (f32, f32),
}

impl Place {
    /// In a canvas that is just large enough for a frame of `size`, shrunk to at most
    /// `longest` pixels along its longer side.
    pub(super) fn fitted(size: (usize, usize), longest: u32) -> Self {
        let scale = longest as f32 / size.0.max(size.1).max(1) as f32;
        let inner = shrunk(size, scale.min(1.0));
        let canvas = |side: usize| side.next_multiple_of(SIDE_STEP);
        Self::new(size, inner, (canvas(inner.0), canvas(inner.1)))
    }

    /// In a canvas of given size.
    pub(super) fn within(size: (usize, usize), canvas: (usize, usize)) -> Self {
        let across = canvas.0 as f32 / size.0.max(1) as f32;
        let scale = across.min(canvas.1 as f32 / size.1.max(1) as f32);
        let (width, height) = shrunk(size, scale.min(1.0));
        Self::new(size, (width.min(canvas.0), height.min(canvas.1)), canvas)
    }

    fn new(size: (usize, usize), inner: (usize, usize), canvas: (usize, usize)) -> Self {
        let step = |frame: usize, inner: usize| frame as f32 / inner as f32;
        Self {
            canvas,
            inner,
            step: (step(size.0, inner.0), step(size.1, inner.1)),
        }
    }

    /// Draws `view` as planes of blue, green and red, 0 to 255.
    ///
    /// # Shapes
    /// - `planes`: `[3, height, width]` of the canvas
    pub(super) fn draw(&self, view: &RgbView<'_>, shrink: &mut Shrink, planes: &mut [f32]) {
        let (width, height) = self.canvas;
        let plane = width * height;
        shrink.draw(view, self.inner, |y, row| {
            for (channel, plane) in planes.chunks_exact_mut(plane).enumerate() {
                let (inside, beside) = plane[y * width..(y + 1) * width].split_at_mut(self.inner.0);
                for (value, rgb) in inside.iter_mut().zip(row.chunks_exact(3)) {
                    *value = rgb[2 - channel];
                }
                beside.fill(0.0);
            }
        });
        for plane in planes.chunks_exact_mut(plane) {
            plane[self.inner.1 * width..].fill(0.0);
        }
    }
}

/// A face of the network's picture in pixels of the frame.
pub(super) fn enlarged(face: &Face, (across, down): (f32, f32)) -> Face {
    let bbox = face.bbox;
    Face {
        bbox: FaceBox {
            x: across * bbox.x,
            y: down * bbox.y,
            width: across * bbox.width,
            height: down * bbox.height,
        },
        landmarks: (face.landmarks).map(|at| Point::new(across * at.x, down * at.y)),
        score: face.score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_shrunk_into_the_corner() {
        let place = Place::fitted((640, 360), 320);
        assert_eq!((place.canvas, place.inner), ((320, 192), (320, 180)));
        assert_eq!(place.step, (2.0, 2.0));
        // Never enlarged.
        assert_eq!(Place::fitted((50, 20), 320).canvas, (64, 32));
        assert_eq!(Place::fitted((50, 20), 320).inner, (50, 20));
        let place = Place::within((640, 360), (320, 320));
        assert_eq!((place.canvas, place.inner), ((320, 320), (320, 180)));
        assert_eq!(Place::within((1, 16_000), (320, 320)).inner, (1, 320));
    }

    #[test]
    fn planes_are_blue_green_red_with_black_around() {
        let data: Vec<u8> = [10, 20, 30].repeat(4 * 4);
        let view = RgbView::new(4, 4, &data).expect("sizes agree");
        let place = Place::within((4, 4), (3, 2));
        assert_eq!(place.inner, (2, 2));
        let mut planes = vec![7.0; 3 * 6];
        place.draw(&view, &mut Shrink::default(), &mut planes);
        let plane = |v| [v, v, 0.0, v, v, 0.0];
        let wanted = [30.0, 20.0, 10.0].map(plane).concat();
        assert_eq!(planes, wanted);
    }
}
