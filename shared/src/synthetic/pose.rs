//! How a person moves before the camera.

use core::ops::RangeInclusive;

use super::random::{Random, Walk};
use crate::geometry::{EYE_D, EYE_Y, FaceBox, Point};

const ROLL: f32 = 0.055;
const TURN: [f32; 2] = [0.09, 0.05];
const NEARNESS: f32 = 0.05;
/// The bulge that a turn of the head moves: middle and radius in face units.
const BULGE: (f32, f32) = (0.4, 1.5);

/// Where the face is in one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadPose {
    /// Point between the eyes of an unturned head, in pixels.
    pub middle: Point,
    /// Pixels per face unit.
    pub unit: f32,
    /// Cosine and sine of the roll.
    pub roll: (f32, f32),
    /// Shift of the face's middle against its outline, right and down, in face units.
    pub turn: [f32; 2],
}

impl HeadPose {
    /// Where a point in face units, before turning, is seen in the frame.
    pub fn place(&self, u: f32, v: f32) -> Point {
        let (cos, sin) = self.roll;
        Point::new(
            self.middle.x + self.unit * (cos * u - sin * v),
            self.middle.y + self.unit * (sin * u + cos * v),
        )
    }

    /// Face units at a place in the frame, before turning.
    pub fn find(&self, x: f32, y: f32) -> (f32, f32) {
        let (dx, dy) = (
            (x - self.middle.x) / self.unit,
            (y - self.middle.y) / self.unit,
        );
        let (cos, sin) = self.roll;
        (cos * dx + sin * dy, cos * dy - sin * dx)
    }

    /// The point of the face seen where an unturned head shows `u`, `v`.
    #[inline]
    pub fn turned(&self, u: f32, v: f32) -> (f32, f32) {
        let (du, dv) = (u / BULGE.1, (v - BULGE.0) / BULGE.1);
        let bulge = (1.0 - du * du - dv * dv).max(0.0);
        (u - self.turn[0] * bulge, v - self.turn[1] * bulge)
    }

    /// Where the eyes are seen, left one in the picture first.
    pub fn eyes(&self) -> [Point; 2] {
        [-0.5, 0.5].map(|eye| {
            let (mut u, mut v) = (eye, 0.0);
            for _ in 0..8 {
                let (tu, tv) = self.turned(u, v);
                (u, v) = (u + eye - tu, v - tv);
            }
            self.place(u, v)
        })
    }

    /// The box that the face finder's convention puts around the face.
    pub fn bbox(&self) -> FaceBox {
        let [left, right] = self.eyes();
        let middle = left.midpoint(right);
        let side = left.distance(right) / EYE_D;
        FaceBox {
            x: middle.x - 0.5 * side,
            y: middle.y - EYE_Y * side,
            width: side,
            height: side,
        }
    }
}

/// The movement of one person: smooth, and such that the face stays in the frame.
pub struct Motion {
    home: Point,
    reach: Point,
    unit: f32,
    walks: [Walk; 6],
}

impl Motion {
    /// `face_px` bounds the width of the face box.
    pub fn sample(
        random: &mut Random,
        width: f32,
        height: f32,
        face_px: &RangeInclusive<f32>,
    ) -> Self {
        let face = random.range(*face_px.start(), *face_px.end());
        let margin = 0.60 * face;
        let free = |side: f32| (side - 2.0 * margin).max(0.0);
        let reach = Point::new(
            (0.35 * face).min(0.5 * free(width)),
            (0.2 * face).min(0.5 * free(height)),
        );
        let spare_x = (free(width) - 2.0 * reach.x).min(0.5 * width);
        let spare_y = (free(height) - 2.0 * reach.y).min(0.3 * height);
        let home = Point::new(
            0.5 * width + spare_x * random.range(-0.5, 0.5),
            0.5 * height + spare_y * random.range(-0.5, 0.5),
        );
        let walks = core::array::from_fn(|i| {
            let (fastest, slowest) = if i < 3 { (2.5, 12.0) } else { (1.5, 8.0) };
            Walk::new(random, fastest, slowest)
        });
        Self {
            home,
            reach,
            unit: face * EYE_D,
            walks,
        }
    }

    /// The pose at `seconds`.
    pub fn at(&self, seconds: f64) -> HeadPose {
        let [x, y, near, roll, turn, nod] =
            core::array::from_fn(|i| self.walks[i].at(seconds) / 2.83);
        let unit = self.unit * (1.0 + NEARNESS * near);
        let roll = 2.83 * ROLL * roll;
        let centre_y = self.home.y + self.reach.y * y;
        HeadPose {
            middle: Point::new(
                self.home.x + self.reach.x * x,
                centre_y - (0.5 - EYE_Y) * unit / EYE_D,
            ),
            unit,
            roll: (libm::cosf(roll), libm::sinf(roll)),
            turn: [2.83 * TURN[0] * turn, 2.83 * TURN[1] * nod],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eyes_are_seen_where_the_face_has_them() {
        let pose = HeadPose {
            middle: Point::new(300.0, 200.0),
            unit: 50.0,
            roll: (libm::cosf(0.1), libm::sinf(0.1)),
            turn: [0.15, -0.08],
        };
        for (eye, at) in [-0.5, 0.5].into_iter().zip(pose.eyes()) {
            let (u, v) = pose.find(at.x, at.y);
            let (u, v) = pose.turned(u, v);
            assert!(
                (u - eye).abs() < 1e-4 && v.abs() < 1e-4,
                "{u}, {v} for {eye}"
            );
        }
    }

    #[test]
    fn faces_stay_in_the_frame() {
        for seed in 0..50 {
            let motion = Motion::sample(&mut Random::new(seed, 1), 640.0, 480.0, &(90.0..=260.0));
            for second in 0..60 {
                let bbox = motion.at(f64::from(second)).bbox();
                assert!(
                    bbox.x > -1.0 && bbox.x + bbox.width < 641.0,
                    "{bbox:?} of {seed}"
                );
                assert!(
                    bbox.y > -1.0 && bbox.y + bbox.height < 481.0,
                    "{bbox:?} of {seed}"
                );
            }
        }
    }
}
