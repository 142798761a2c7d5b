//! A second look at a face that was found: in the mirror, and nearer where the frame allows it.
//!
//! What a network says of a picture and of its mirror image differs by errors that are largely
//! independent, so that the mean is nearer to the truth than either, and what only one of them
//! takes for a face is seldom one.

use super::collect;
use super::graph::LayerWeights;
use super::run::Run;
use crate::face::Face;
use crate::face::letterbox::{Place, enlarged};
use crate::face::nms::keep_surest;
use crate::face::shrink::Shrink;
use crate::geometry::{FaceBox, Point};
use crate::sample::{ImageError, RgbView};

/// Side of the picture that the network is shown.
const SIDE: usize = 128;
/// Side of the square that is looked at, in sides of the box.
const REACH: f32 = 1.5;
/// Boxes beyond this many sides of the frame are not looked at.
const FRAMES_MAX: f32 = 2.0;
/// How much the second look counts; it is often the sharper one.
const SHARE: f32 = 0.6;
/// What overlaps the face by less is not the same.
const IOU_SAME: f32 = 0.5;
/// Least score of what is taken for the same face.
const SCORE_MIN: f32 = 0.3;
/// Where a landmark of the mirror image lies in the picture.
const MIRRORED: [usize; 5] = [1, 0, 2, 4, 3];

/// Buffers and a network for one size of picture.
#[derive(Debug)]
pub(super) struct Look {
    /// The square, mirrored, RGB.
    square: Vec<u8>,
    shrink: Shrink,
    run: Run,
    drawn: Option<Place>,
    faces: Vec<Face>,
}

/// A square of the frame, which may reach out of it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Square {
    left: i32,
    top: i32,
    side: usize,
}

impl Look {
    pub(super) fn new(weights: &[LayerWeights]) -> Self {
        Self {
            square: Vec::new(),
            shrink: Shrink::default(),
            run: Run::new(weights, SIDE, SIDE),
            drawn: None,
            faces: Vec::new(),
        }
    }

    /// Moves the landmarks of `face` to the mean of both looks, and its score where that is surer: a
    /// blurred face is hardly seen in the second one, and is a face still. Where the second one does
    /// not see it at all, landmarks stay, and its score is at most `unsure`.
    pub(super) fn refine(&mut self, view: &RgbView<'_>, face: &mut Face, unsure: f32) {
        let Some(seen) = self.again(view, &face.bbox) else {
            face.score = face.score.min(unsure);
            return;
        };
        face.score = surer(face.score, seen.score);
        for (at, seen) in face.landmarks.iter_mut().zip(seen.landmarks) {
            at.x += SHARE * (seen.x - at.x);
            at.y += SHARE * (seen.y - at.y);
        }
    }

    /// The face in a box, as it is seen in the mirror.
    fn again(&mut self, view: &RgbView<'_>, bbox: &FaceBox) -> Option<Face> {
        let square = Square::around(bbox, view)?;
        square.mirrored(view, &mut self.square);
        self.search(square.side).ok()?;
        let back = self.faces.iter().map(|seen| square.unmirrored(seen));
        let overlap = |seen: &Face| seen.bbox.iou(bbox);
        let same = back.filter(|seen| overlap(seen) >= IOU_SAME);
        same.max_by(|a, b| overlap(a).total_cmp(&overlap(b)))
    }

    /// Fills `faces`, in pixels of the square with this side.
    fn search(&mut self, side: usize) -> Result<(), ImageError> {
        let view = RgbView::new(side, side, &self.square)?;
        let place = Place::within((side, side), (SIDE, SIDE));
        if self.drawn != Some(place) {
            self.run.clear();
            self.drawn = Some(place);
        }
        self.shrink
            .draw(&view, place.inner, |y, row| self.run.set_row(y, row));
        self.run.run();
        self.faces.clear();
        for (stride, columns, said) in self.run.said().rev() {
            collect(stride, columns, said, SCORE_MIN, &mut self.faces);
        }
        for face in &mut self.faces {
            *face = enlarged(face, place.step);
        }
        keep_surest(&mut self.faces, usize::MAX);
        Ok(())
    }
}

impl Square {
    fn around(bbox: &FaceBox, view: &RgbView<'_>) -> Option<Self> {
        let side = REACH * bbox.width.max(bbox.height);
        let centre = bbox.centre();
        let most = FRAMES_MAX * view.width().max(view.height()) as f32;
        let near = |at: f32| at.abs() <= most;
        if !(side >= 1.0 && side <= most && near(centre.x) && near(centre.y)) {
            return None;
        }
        let start = |at: f32| libm::roundf(at - 0.5 * side) as i32;
        Some(Self {
            left: start(centre.x),
            top: start(centre.y),
            side: side as usize,
        })
    }

    /// Fills `out` with its mirror image; pixels outside of the frame repeat its edge.
    fn mirrored(&self, view: &RgbView<'_>, out: &mut Vec<u8>) {
        let within = |at: i32, most: usize| at.clamp(0, most as i32 - 1) as usize;
        out.clear();
        for y in 0..self.side as i32 {
            let row = within(self.top + y, view.height()) * view.width();
            for x in (0..self.side as i32).rev() {
                let at = 3 * (row + within(self.left + x, view.width()));
                out.extend_from_slice(&view.data()[at..at + 3]);
            }
        }
    }

    /// A face of the mirror image, in the frame.
    fn unmirrored(&self, face: &Face) -> Face {
        let (left, top) = (self.left as f32, self.top as f32);
        let across = |x: f32| left + self.side as f32 - x;
        Face {
            bbox: FaceBox {
                x: across(face.bbox.x + face.bbox.width),
                y: top + face.bbox.y,
                ..face.bbox
            },
            landmarks: MIRRORED.map(|at| {
                let Point { x, y } = face.landmarks[at];
                Point::new(across(x), top + y)
            }),
            score: face.score,
        }
    }
}

/// The score after a second look.
fn surer(first: f32, second: f32) -> f32 {
    first + SHARE * (second - first).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0.4 of the first and 0.6 of the second, where that is more.
    #[test]
    fn a_second_look_raises_a_score_and_takes_nothing_away() {
        for (first, second, wanted) in [(0.8, 0.9, 0.86), (0.8, 0.8, 0.8), (0.8, 0.4, 0.8)] {
            let found = surer(first, second);
            assert!((found - wanted).abs() < 1e-6, "{first} {second}: {found}");
        }
    }

    /// A pixel of the mirror image, brought back, is that of the frame.
    #[test]
    fn what_is_seen_in_the_mirror_is_found_again() {
        let (width, height) = (21, 14);
        let (x, y) = (15, 9);
        let mut data = vec![0; 3 * width * height];
        data[3 * (y * width + x)] = 255;
        let view = RgbView::new(width, height, &data).expect("sizes agree");
        let bbox = FaceBox {
            x: 12.0,
            y: 3.0,
            width: 6.0,
            height: 8.0,
        };
        let square = Square::around(&bbox, &view).expect("it is near");
        assert_eq!((square.left, square.top, square.side), (9, 1, 12));
        let mut seen = Vec::new();
        square.mirrored(&view, &mut seen);
        assert_eq!(seen.len(), 3 * 12 * 12);
        let at = seen.iter().position(|value| *value == 255).expect("seen") / 3;
        let place = Point::new((at % 12) as f32 + 0.5, (at / 12) as f32 + 0.5);
        let mut landmarks = [Point::default(); 5];
        landmarks[MIRRORED[3]] = place;
        let face = Face {
            bbox: FaceBox {
                x: place.x - 0.5,
                y: place.y - 0.5,
                width: 1.0,
                height: 2.0,
            },
            landmarks,
            score: 1.0,
        };
        let back = square.unmirrored(&face);
        assert_eq!((back.bbox.x, back.bbox.y), (x as f32, y as f32));
        assert_eq!(
            back.landmarks[3],
            Point::new(x as f32 + 0.5, y as f32 + 0.5)
        );
    }

    #[test]
    fn boxes_out_of_reach_are_not_looked_at() {
        let data = [0; 3 * 8 * 4];
        let view = RgbView::new(8, 4, &data).expect("sizes agree");
        for (x, width) in [
            (0.0, 1e9),
            (1e9, 3.0),
            (f32::NAN, 3.0),
            (0.0, f32::NAN),
            (0.0, 0.0),
        ] {
            let bbox = FaceBox {
                x,
                y: 0.0,
                width,
                height: 0.5,
            };
            assert_eq!(Square::around(&bbox, &view), None, "{bbox:?}");
        }
    }
}
