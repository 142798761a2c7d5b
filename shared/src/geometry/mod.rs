//! Points, boxes, similarity transforms, and the crop that the network sees.
//!
//! Coordinates are in pixels with the origin in the top-left corner of the
//! picture and y pointing down; pixel `i` covers `[i, i + 1)`, so its centre
//! is at `i + 0.5`.

mod mean_face;

use libm::{cosf, hypot, sinf};
use serde::{Deserialize, Serialize};

pub use mean_face::{INTER_OCULAR, MEAN_FACE, mean_face_eyes, mean_face_five};

/// Height of the point between the eyes in a square box around a face, as a fraction of its
/// side: the convention of networks that were trained with boxes, and of [`face_px`].
pub const EYE_Y: f32 = 0.36;
/// Distance between the eye centres as a fraction of the side of that box.
pub const EYE_D: f32 = 0.40;

/// A place in a picture, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Pixels from the left edge.
    pub x: f32,
    /// Pixels from the top edge.
    pub y: f32,
}

impl Point {
    /// The point at `x`, `y`.
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The point half way to `other`.
    pub fn midpoint(self, other: Self) -> Self {
        Self::new((self.x + other.x) * 0.5, (self.y + other.y) * 0.5)
    }

    /// Distance to `other` in pixels.
    pub fn distance(self, other: Self) -> f32 {
        hypot(f64::from(self.x - other.x), f64::from(self.y - other.y)) as f32
    }
}

/// An upright rectangle around a face, in pixels. It may reach out of the
/// picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FaceBox {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width, at least 0.
    pub width: f32,
    /// Height, at least 0.
    pub height: f32,
}

impl FaceBox {
    /// The middle of the box.
    pub fn centre(&self) -> Point {
        Point::new(self.x + self.width * 0.5, self.y + self.height * 0.5)
    }

    /// Area in square pixels; 0 for a box without positive sides.
    pub fn area(&self) -> f32 {
        self.width.max(0.0) * self.height.max(0.0)
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        let Self {
            x,
            y,
            width,
            height,
        } = self;
        [x, y, width, height].iter().all(|value| value.is_finite())
    }

    /// Where the eyes, nose tip and mouth corners of the mean face are if it fills this box as a
    /// face does ([`EYE_Y`], [`EYE_D`]); undone by [`Self::from_landmarks`] for square boxes.
    pub fn mean_landmarks(&self) -> [Point; 5] {
        let eye_y = self.y + EYE_Y * self.height;
        let (middle, half) = (self.x + 0.5 * self.width, 0.5 * EYE_D * self.width);
        let eyes = [middle - half, middle + half].map(|x| Point::new(x, eye_y));
        let to_frame = Similarity::fit(&mean_face_eyes(), &eyes).unwrap_or(Similarity::IDENTITY);
        mean_face_five().map(|point| to_frame.apply(point))
    }

    /// The square box that the mean face fills ([`EYE_Y`], [`EYE_D`]) when it is fitted to these
    /// landmarks. Its width measures a face whatever finder it comes from, and hardly changes
    /// when the head is turned. `None` where the landmarks coincide or are not numbers.
    pub fn from_landmarks(landmarks: &[Point; 5]) -> Option<Self> {
        let to_frame = Similarity::fit(&mean_face_five(), landmarks)?;
        let [left, right] = mean_face_eyes();
        let between = to_frame.apply(left.midpoint(right));
        let side = to_frame.scale() * INTER_OCULAR / EYE_D;
        (side > 0.0).then_some(Self {
            x: between.x - 0.5 * side,
            y: between.y - EYE_Y * side,
            width: side,
            height: side,
        })
    }

    /// Overlap with `other`: intersection over union, 0 (apart) to 1 (equal).
    pub fn iou(&self, other: &Self) -> f32 {
        let width = (self.x + self.width).min(other.x + other.width) - self.x.max(other.x);
        let height = (self.y + self.height).min(other.y + other.height) - self.y.max(other.y);
        let apart = width <= 0.0 || height <= 0.0;
        if apart || !self.is_finite() || !other.is_finite() {
            return 0.0;
        }
        let both = width * height;
        let union = self.area() + other.area() - both;
        if union > 0.0 {
            (both / union).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

/// Width of a face in pixels of the frame, measured alike whatever finder found it: that of
/// [`FaceBox::from_landmarks`]; 0 where the landmarks coincide or are not numbers.
pub fn face_px(landmarks: &[Point; 5]) -> f32 {
    FaceBox::from_landmarks(landmarks).map_or(0.0, |face| face.width)
}

/// Rotation, uniform scale and shift:
/// `x' = a*x - b*y + tx`, `y' = b*x + a*y + ty`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Similarity {
    /// Scale times the cosine of the rotation.
    pub a: f32,
    /// Scale times the sine of the rotation.
    pub b: f32,
    /// Shift to the right, in pixels of the target.
    pub tx: f32,
    /// Shift downwards, in pixels of the target.
    pub ty: f32,
}

impl Similarity {
    /// The transform that changes nothing.
    pub const IDENTITY: Self = Self {
        a: 1.0,
        b: 0.0,
        tx: 0.0,
        ty: 0.0,
    };

    /// Where `point` goes.
    pub fn apply(&self, point: Point) -> Point {
        Point::new(
            self.a * point.x - self.b * point.y + self.tx,
            self.b * point.x + self.a * point.y + self.ty,
        )
    }

    /// The transform that undoes this one; `None` where the scale is zero or a
    /// coefficient is not finite.
    pub fn inverse(&self) -> Option<Self> {
        let (a, b) = (f64::from(self.a), f64::from(self.b));
        let (tx, ty) = (f64::from(self.tx), f64::from(self.ty));
        let square = a * a + b * b;
        if !(square.is_finite() && square > 1e-18) {
            return None;
        }
        let (ia, ib) = (a / square, -b / square);
        let inverse = Self {
            a: ia as f32,
            b: ib as f32,
            tx: (-(ia * tx - ib * ty)) as f32,
            ty: (-(ib * tx + ia * ty)) as f32,
        };
        inverse.is_finite().then_some(inverse)
    }

    /// This transform followed by `next`.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let shift = next.apply(Point::new(self.tx, self.ty));
        Self {
            a: next.a * self.a - next.b * self.b,
            b: next.b * self.a + next.a * self.b,
            tx: shift.x,
            ty: shift.y,
        }
    }

    /// How many target pixels one source pixel becomes, along a line.
    pub fn scale(&self) -> f32 {
        hypot(f64::from(self.a), f64::from(self.b)) as f32
    }

    /// Whether every coefficient is a number.
    pub fn is_finite(&self) -> bool {
        self.a.is_finite() && self.b.is_finite() && self.tx.is_finite() && self.ty.is_finite()
    }

    /// The transform that brings `from` closest to `to` (least squares, never a
    /// mirror image). `None` where the lengths differ, fewer than two points
    /// are given, or the points of `from` coincide.
    pub fn fit(from: &[Point], to: &[Point]) -> Option<Self> {
        if from.len() != to.len() || from.len() < 2 {
            return None;
        }
        let (from_x, from_y) = mean(from);
        let (to_x, to_y) = mean(to);
        let (mut along, mut across, mut spread) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let (px, py) = (f64::from(p.x) - from_x, f64::from(p.y) - from_y);
            let (qx, qy) = (f64::from(q.x) - to_x, f64::from(q.y) - to_y);
            along += px * qx + py * qy;
            across += px * qy - py * qx;
            spread += px * px + py * py;
        }
        if !(spread.is_finite() && spread > 1e-9) {
            return None;
        }
        let (a, b) = (along / spread, across / spread);
        let fit = Self {
            a: a as f32,
            b: b as f32,
            tx: (to_x - (a * from_x - b * from_y)) as f32,
            ty: (to_y - (b * from_x + a * from_y)) as f32,
        };
        fit.is_finite().then_some(fit)
    }

    /// Scales by `scale` and turns by `radians` (clockwise as seen, since y
    /// points down) around `centre`, then shifts by `dx`, `dy` pixels.
    pub fn about(centre: Point, scale: f32, radians: f32, dx: f32, dy: f32) -> Self {
        let (a, b) = (scale * cosf(radians), scale * sinf(radians));
        Self {
            a,
            b,
            tx: centre.x - (a * centre.x - b * centre.y) + dx,
            ty: centre.y - (b * centre.x + a * centre.y) + dy,
        }
    }
}

fn mean(points: &[Point]) -> (f64, f64) {
    let count = points.len() as f64;
    let x: f64 = points.iter().map(|p| f64::from(p.x)).sum();
    let y: f64 = points.iter().map(|p| f64::from(p.y)).sum();
    (x / count, y / count)
}

/// Where the face lies in the square crop that the network sees. Lengths are
/// fractions of the crop's side; the point between the eyes is always half way
/// across.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CropSpec {
    /// Side of the crop in pixels.
    pub size: u16,
    /// Distance between the eye centres.
    pub eye_distance: f32,
    /// Distance of the line through the eyes from the top edge.
    pub eye_line: f32,
    /// What brings a face there.
    #[serde(default)]
    pub align: Align,
}

/// What a crop is cut by. Networks see only crops that are cut as those that they were trained
/// with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    /// The face's box, upright also where the head is not; what manifests mean that do not say.
    #[default]
    Box,
    /// Eyes, nose tip and mouth corners: moved, scaled and turned as they lie.
    Landmarks,
}

impl Default for CropSpec {
    fn default() -> Self {
        Self {
            size: 112,
            eye_distance: 0.34,
            eye_line: 0.36,
            align: Align::Landmarks,
        }
    }
}

impl CropSpec {
    /// Frame to crop, from the point between the eyes and the distance between
    /// them in frame pixels (counted as 1 px where smaller or not a number).
    pub fn from_eyes(&self, midpoint: Point, eye_distance_px: f32) -> Similarity {
        let side = f32::from(self.size);
        let scale = self.eye_distance * side / eye_distance_px.max(1.0);
        Similarity {
            a: scale,
            b: 0.0,
            tx: 0.5 * side - scale * midpoint.x,
            ty: self.eye_line * side - scale * midpoint.y,
        }
    }

    /// Frame to crop, as [`Self::align`] says, for a face with these landmarks in the frame:
    /// left eye, right eye (as seen in the picture), nose tip, left and right mouth corner.
    /// Trainer and firmware cut by this alone. `None` where they coincide or are not numbers.
    pub fn of_face(&self, landmarks: &[Point; 5]) -> Option<Similarity> {
        match self.align {
            Align::Landmarks => self.from_landmarks(landmarks),
            Align::Box => FaceBox::from_landmarks(landmarks).map(|face| self.from_box(&face)),
        }
    }

    /// Frame to crop, from a box of the face finder ([`EYE_Y`], [`EYE_D`]).
    pub fn from_box(&self, face: &FaceBox) -> Similarity {
        let midpoint = Point::new(face.x + 0.5 * face.width, face.y + EYE_Y * face.height);
        self.from_eyes(midpoint, EYE_D * face.width)
    }

    /// Frame to crop, from the left eye, right eye (as seen in the picture),
    /// nose tip, left and right mouth corner. `None` where they coincide or
    /// are not numbers.
    pub fn from_landmarks(&self, landmarks: &[Point; 5]) -> Option<Similarity> {
        let to_crop = self.of_mean_face();
        Similarity::fit(
            landmarks,
            &mean_face_five().map(|point| to_crop.apply(point)),
        )
    }

    /// The 68 points of the mean face in crop pixels, in the usual order: jaw
    /// 0-16, brows 17-26, nose 27-35, eyes 36-47, mouth 48-67.
    pub fn landmarks(&self) -> [Point; 68] {
        let to_crop = self.of_mean_face();
        MEAN_FACE.map(|[x, y]| to_crop.apply(Point::new(x, y)))
    }

    /// From the pixels of [`MEAN_FACE`] to those of the crop.
    fn of_mean_face(&self) -> Similarity {
        let side = f32::from(self.size);
        let half = 0.5 * self.eye_distance * side;
        let eyes = [
            Point::new(0.5 * side - half, self.eye_line * side),
            Point::new(0.5 * side + half, self.eye_line * side),
        ];
        Similarity::fit(&mean_face_eyes(), &eyes).unwrap_or(Similarity::IDENTITY)
    }

    /// The same face in a crop whose side covers `margin` times as much and
    /// counts `size` pixels. Both crops have the same middle.
    #[must_use]
    pub fn with_margin(&self, margin: f32, size: u16) -> Self {
        Self {
            size,
            eye_distance: self.eye_distance / margin,
            eye_line: 0.5 + (self.eye_line - 0.5) / margin,
            align: self.align,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_of_half_shifted_boxes_is_a_third() {
        let a = FaceBox {
            x: 0.0,
            y: 0.0,
            width: 10.0,
            height: 10.0,
        };
        let b = FaceBox { x: 5.0, ..a };
        assert!((a.iou(&b) - 1.0 / 3.0).abs() < 1e-6, "{}", a.iou(&b));
        assert_eq!(a.iou(&a), 1.0);
        assert_eq!(a.iou(&FaceBox { x: 10.0, ..a }), 0.0);
        assert_eq!(a.iou(&FaceBox { y: -10.0, ..a }), 0.0);
        // 8 x 3 of 10 x 6 and 12 x 8: 24 / (60 + 96 - 24).
        let flat = FaceBox { height: 6.0, ..a };
        let beside = FaceBox {
            x: 2.0,
            y: 3.0,
            width: 12.0,
            height: 8.0,
        };
        for found in [flat.iou(&beside), beside.iou(&flat)] {
            assert!((found - 24.0 / 132.0).abs() < 1e-6, "{found}");
        }
        assert_eq!(a.iou(&FaceBox { x: f32::NAN, ..a }), 0.0);
    }

    #[test]
    fn the_eyes_of_the_mean_face_lie_where_the_crop_says() {
        let spec = CropSpec::default();
        let face = spec.landmarks();
        let (left_x, left_y) = mean(&face[36..42]);
        let (right_x, right_y) = mean(&face[42..48]);
        assert!((left_y - right_y).abs() < 1e-3, "{left_y} {right_y}");
        assert!((left_y - 0.36 * 112.0).abs() < 1e-3, "{left_y}");
        assert!(((right_x - left_x) - 0.34 * 112.0).abs() < 1e-3);
        assert!(((right_x + left_x) - 112.0).abs() < 1e-3);
    }

    #[test]
    fn landmarks_of_the_mean_face_need_no_transform() {
        let spec = CropSpec::default();
        let face = spec.landmarks();
        let eye = |i: usize| {
            let (x, y) = mean(&face[i..i + 6]);
            Point::new(x as f32, y as f32)
        };
        let five = [eye(36), eye(42), face[30], face[48], face[54]];
        let fit = spec.from_landmarks(&five).expect("distinct points");
        assert!((fit.a - 1.0).abs() < 1e-4 && fit.b.abs() < 1e-4, "{fit:?}");
        assert_eq!(spec.from_landmarks(&[Point::default(); 5]), None);
        assert_eq!(spec.from_landmarks(&[Point::new(f32::NAN, 0.0); 5]), None);
    }

    #[test]
    fn a_box_and_the_mean_face_in_it_say_the_same() {
        let face = FaceBox {
            x: 30.0,
            y: 40.0,
            width: 90.0,
            height: 90.0,
        };
        let landmarks = face.mean_landmarks();
        let again = FaceBox::from_landmarks(&landmarks).expect("distinct points");
        assert!(again.iou(&face) > 0.9999, "{again:?}");
        let spec = CropSpec::default();
        let (one, other) = (spec.from_box(&face), spec.from_landmarks(&landmarks));
        let other = other.expect("distinct points");
        for corner in [Point::new(30.0, 40.0), Point::new(120.0, 130.0)] {
            assert!(one.apply(corner).distance(other.apply(corner)) < 1e-2);
        }
        // A head on its side is as wide as before.
        let turn = Similarity::about(face.centre(), 1.0, 1.2, 3.0, 4.0);
        let turned = FaceBox::from_landmarks(&landmarks.map(|at| turn.apply(at)));
        assert!((turned.expect("distinct points").width - 90.0).abs() < 1e-2);
        assert_eq!(FaceBox::from_landmarks(&[Point::new(5.0, 5.0); 5]), None);
    }

    #[test]
    fn a_tilted_head_is_set_upright_by_landmarks_only() {
        let face = FaceBox {
            x: 30.0,
            y: 40.0,
            width: 90.0,
            height: 90.0,
        };
        let tilt = Similarity::about(face.centre(), 1.0, 0.3, 0.0, 0.0);
        let landmarks = face.mean_landmarks().map(|at| tilt.apply(at));
        let crop = |align| {
            let spec = CropSpec {
                align,
                ..CropSpec::default()
            };
            spec.of_face(&landmarks).expect("distinct points")
        };
        let (upright, as_is) = (crop(Align::Landmarks), crop(Align::Box));
        assert!((libm::atan2f(upright.b, upright.a) + 0.3).abs() < 1e-3);
        assert_eq!(as_is.b, 0.0);
        assert!((upright.scale() - as_is.scale()).abs() < 1e-4);
        let between = tilt.apply(Point::new(75.0, 40.0 + EYE_Y * 90.0));
        for transform in [upright, as_is] {
            let eyes = transform.apply(between);
            let wanted = Point::new(56.0, 0.36 * 112.0);
            assert!(eyes.distance(wanted) < 0.05, "{eyes:?}");
        }
    }

    #[test]
    fn a_margin_keeps_the_middle_and_widens_the_view() {
        let spec = CropSpec::default();
        let wide = spec.with_margin(1.5, 168);
        let eyes = Point::new(300.0, 200.0);
        let (inner, outer) = (spec.from_eyes(eyes, 80.0), wide.from_eyes(eyes, 80.0));
        assert!((inner.scale() - outer.scale()).abs() < 1e-5);
        let middle = inner.inverse().map(|i| i.apply(Point::new(56.0, 56.0)));
        let wide_middle = outer.inverse().map(|i| i.apply(Point::new(84.0, 84.0)));
        let (m, w) = (middle.expect("scale"), wide_middle.expect("scale"));
        assert!(m.distance(w) < 1e-2, "{m:?} {w:?}");
    }

    #[test]
    fn a_box_of_no_width_still_gives_a_usable_transform() {
        let spec = CropSpec::default();
        for side in [0.0, -4.0, f32::NAN] {
            let face = FaceBox {
                x: 3.0,
                y: 4.0,
                width: side,
                height: 0.0,
            };
            assert!(spec.from_box(&face).scale() <= 0.34 * 112.0 + 1e-3);
        }
    }
}
