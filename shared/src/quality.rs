//! Whether a crop shows enough of a face to judge it.

use serde::{Deserialize, Serialize};

use crate::geometry::{CropSpec, Point, face_px};
use crate::pose::Pose;
use crate::reason::Reason;

/// What was measured on a face and its crop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Fine detail: root mean square of the Laplacian of the luma over the
    /// middle of the crop, in grey levels (0 to 255). In crops of 112
    /// pixels, faces in photos and video have 5 to 35 and hopelessly blurred
    /// ones less than 2.5.
    pub sharpness: f32,
    /// Mean luma over the middle of the crop, 0 (black) to 1 (white).
    pub luma: f32,
    /// Width of the face in pixels of the frame; see [`face_px`].
    pub face_px: f32,
    /// How far the head is turned to a side, degrees; see [`Pose::yaw_deg`].
    pub turn_deg: f32,
    /// How far it is turned up or down, degrees; see [`Pose::pitch_deg`].
    pub pitch_deg: f32,
    /// The least contrast of the left eye, the right eye and the mouth: the standard deviation of
    /// the luma in each over the mean luma of the face. Of 1,800 faces in photos and video, 99.9 %
    /// have 0.06 or more; those below wear dark glasses. What is plain, as a bar or a sticker, has
    /// less than 0.03.
    pub contrast: f32,
}

impl Quality {
    /// Measures a face with these landmarks in the frame, and the middle of its crop (a quarter
    /// of the side is left out at each edge, where hair and background are), which is cut as `spec`
    /// says. A crop of another size or smaller than 8 x 8 measures as black; where landmarks tell no
    /// angles or no place in the crop, what follows is not a number.
    ///
    /// # Shapes
    /// - `planar`: `[3, spec.size, spec.size]`, RGB in [0, 1]
    pub fn of_crop(planar: &[f32], spec: &CropSpec, landmarks: &[Point; 5]) -> Self {
        let pose = Pose::from_landmarks(landmarks);
        let size = usize::from(spec.size);
        let (sharpness, luma) = sharpness_and_luma(planar, size);
        Self {
            sharpness,
            luma,
            face_px: face_px(landmarks),
            turn_deg: pose.map_or(f32::NAN, |pose| pose.yaw_deg),
            pitch_deg: pose.map_or(f32::NAN, |pose| pose.pitch_deg),
            contrast: contrast(planar, spec, landmarks, luma).unwrap_or(f32::NAN),
        }
    }
}

/// Half the width and height of what is looked at of an eye and of the mouth, in distances between
/// the eyes.
const EYE: [f32; 2] = [0.26, 0.16];
const MOUTH: [f32; 2] = [0.42, 0.22];
/// In less light, noise is no contrast.
const LUMA_MIN: f32 = 0.05;

/// [`Quality::contrast`], where the parts lie within the crop.
fn contrast(planar: &[f32], spec: &CropSpec, landmarks: &[Point; 5], mean: f32) -> Option<f32> {
    let to_crop = spec.of_face(landmarks)?;
    let [left, right, _, corner, other] = landmarks.map(|point| to_crop.apply(point));
    let mouth = Point::new(0.5 * (corner.x + other.x), 0.5 * (corner.y + other.y));
    let (x, y) = (right.x - left.x, right.y - left.y);
    let apart = libm::sqrtf(x * x + y * y);
    let parts = [(left, EYE), (right, EYE), (mouth, MOUTH)];
    let mut least = f32::INFINITY;
    for (at, half) in parts {
        least = least.min(deviation(
            planar,
            usize::from(spec.size),
            at,
            half.map(|h| h * apart),
        )?);
    }
    Some(least / mean.max(LUMA_MIN))
}

/// Standard deviation of the luma in the part of a crop around a point, half as wide and half as
/// high as `half`, pixels. `None` where nothing of that is in the crop.
fn deviation(planar: &[f32], size: usize, at: Point, half: [f32; 2]) -> Option<f32> {
    let plane = size * size;
    let range = |middle: f32, half: f32| {
        let least = libm::roundf(middle - half).max(0.0);
        let most = libm::roundf(middle + half).min(size as f32 - 1.0);
        (least <= most).then_some(least as usize..=most as usize)
    };
    let (columns, rows) = (range(at.x, half[0])?, range(at.y, half[1])?);
    let (mut sum, mut squares, mut count) = (0.0_f64, 0.0_f64, 0.0_f64);
    for row in rows {
        for column in columns.clone() {
            let value = f64::from(luma(planar, plane, row * size + column)?);
            sum += value;
            squares += value * value;
            count += 1.0;
        }
    }
    let variance = squares / count - (sum / count) * (sum / count);
    Some(libm::sqrt(variance.max(0.0)) as f32)
}

/// Luma of a pixel of a planar picture of so many pixels.
fn luma(planar: &[f32], plane: usize, at: usize) -> Option<f32> {
    let channel = |number: usize| planar.get(number * plane + at).copied();
    Some(0.299 * channel(0)? + 0.587 * channel(1)? + 0.114 * channel(2)?)
}

/// [`Quality::sharpness`] and [`Quality::luma`] of a crop.
fn sharpness_and_luma(planar: &[f32], size: usize) -> (f32, f32) {
    let plane = size.saturating_mul(size);
    if size < 8 || planar.len() != plane.saturating_mul(3) {
        return (0.0, 0.0);
    }
    let luma = |index: usize| {
        0.299 * planar[index] + 0.587 * planar[plane + index] + 0.114 * planar[2 * plane + index]
    };
    let middle = size / 4..size - size / 4;
    let (mut light, mut detail, mut count) = (0.0_f64, 0.0_f64, 0.0_f64);
    for row in middle.clone() {
        for column in middle.clone() {
            let at = row * size + column;
            let here = luma(at);
            let around = luma(at - 1) + luma(at + 1) + luma(at - size) + luma(at + size);
            let laplacian = f64::from(around - 4.0 * here);
            light += f64::from(here);
            detail += laplacian * laplacian;
            count += 1.0;
        }
    }
    let sharpness = 255.0 * libm::sqrt(detail / count);
    (sharpness as f32, (light / count) as f32)
}

/// The least that a frame must offer to count towards a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QualityLimits {
    /// Least [`Quality::sharpness`], grey levels.
    pub sharpness_min: f32,
    /// Least [`Quality::luma`], 0 to 1.
    pub luma_min: f32,
    /// Least [`Quality::face_px`], pixels of the frame.
    pub face_px_min: f32,
    /// Most [`Quality::turn_deg`] to either side. No network's own: manifests do not hold it.
    #[serde(skip, default = "turn_deg_max")]
    pub turn_deg_max: f32,
    /// Most [`Quality::pitch_deg`] up or down. No network's own either.
    #[serde(skip, default = "pitch_deg_max")]
    pub pitch_deg_max: f32,
    /// Least [`Quality::contrast`]. No network's own either.
    #[serde(skip, default = "contrast_min")]
    pub contrast_min: f32,
}

fn turn_deg_max() -> f32 {
    QualityLimits::default().turn_deg_max
}

fn contrast_min() -> f32 {
    QualityLimits::default().contrast_min
}

fn pitch_deg_max() -> f32 {
    QualityLimits::default().pitch_deg_max
}

impl Default for QualityLimits {
    fn default() -> Self {
        Self {
            sharpness_min: 2.5,
            luma_min: 0.06,
            face_px_min: 48.0,
            turn_deg_max: 25.0,
            pitch_deg_max: 25.0,
            contrast_min: 0.05,
        }
    }
}

impl QualityLimits {
    /// Why a frame of this quality must not count; `None` where it may. A
    /// measure that is not a number never passes.
    pub fn check(&self, quality: &Quality) -> Option<Reason> {
        let below = |value: f32, least: f32| value.is_nan() || value < least;
        if below(quality.face_px, self.face_px_min) {
            Some(Reason::TooSmall)
        } else if below(quality.luma, self.luma_min) {
            Some(Reason::Dark)
        } else if below(quality.sharpness, self.sharpness_min) {
            Some(Reason::Blurred)
        } else if !(quality.turn_deg.abs() <= self.turn_deg_max
            && quality.pitch_deg.abs() <= self.pitch_deg_max)
        {
            Some(Reason::Turned)
        } else if below(quality.contrast, self.contrast_min) {
            Some(Reason::Covered)
        } else {
            None
        }
    }

    /// Whether each limit is a number and at least 0.
    pub fn is_valid(&self) -> bool {
        let limits = [
            self.sharpness_min,
            self.luma_min,
            self.face_px_min,
            self.turn_deg_max,
            self.pitch_deg_max,
            self.contrast_min,
        ];
        limits
            .iter()
            .all(|limit| limit.is_finite() && *limit >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::geometry::FaceBox;

    /// The landmarks of a face so wide that looks straight ahead.
    fn ahead(width: f32) -> [Point; 5] {
        let face = FaceBox {
            x: 30.0,
            y: 40.0,
            width,
            height: width,
        };
        face.mean_landmarks()
    }

    fn spec() -> CropSpec {
        CropSpec {
            size: 32,
            ..CropSpec::default()
        }
    }

    fn crop(pixel: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        (0..3 * 32 * 32)
            .map(|i| pixel(i % 32, i / 32 % 32))
            .collect()
    }

    #[test]
    fn a_checkerboard_has_the_sharpness_of_its_contrast() {
        // Each pixel differs from its four neighbours by 0.1: |4 * 0.1| * 255.
        let board = crop(|x, y| if (x + y) % 2 == 0 { 0.5 } else { 0.6 });
        let quality = Quality::of_crop(&board, &spec(), &ahead(100.0));
        assert!((quality.sharpness - 102.0).abs() < 0.1, "{quality:?}");
        assert!((quality.luma - 0.55).abs() < 1e-3, "{quality:?}");
        assert_eq!(QualityLimits::default().check(&quality), None);
    }

    #[test]
    fn size_and_angles_are_those_of_the_landmarks() {
        let board = crop(|x, y| if (x + y) % 2 == 0 { 0.5 } else { 0.6 });
        let straight = Quality::of_crop(&board, &spec(), &ahead(70.0));
        assert!((straight.face_px - 70.0).abs() < 1e-2, "{straight:?}");
        assert!(straight.turn_deg.abs() < 2.5 && straight.pitch_deg.abs() < 2.0);
        // The nose of somebody who looks to the right.
        let mut aside = ahead(70.0);
        aside[2].x += 10.0;
        let pose = Pose::from_landmarks(&aside).expect("a face");
        let quality = Quality::of_crop(&board, &spec(), &aside);
        assert_eq!(
            (quality.turn_deg, quality.pitch_deg),
            (pose.yaw_deg, pose.pitch_deg)
        );
        assert!(quality.turn_deg > 20.0, "{quality:?}");
        let nowhere = Quality::of_crop(&board, &spec(), &[Point::default(); 5]);
        assert!(nowhere.face_px == 0.0 && nowhere.turn_deg.is_nan());
    }

    #[test]
    fn each_lack_has_its_reason() {
        let limits = QualityLimits::default();
        let board = crop(|x, y| if (x + y) % 2 == 0 { 0.5 } else { 0.6 });
        let small = Quality::of_crop(&board, &spec(), &ahead(20.0));
        assert_eq!(limits.check(&small), Some(Reason::TooSmall));
        let flat = Quality::of_crop(&crop(|_, _| 0.5), &spec(), &ahead(100.0));
        assert_eq!(limits.check(&flat), Some(Reason::Blurred));
        let dark = Quality::of_crop(&vec![0.01; 3 * 32 * 32], &spec(), &ahead(100.0));
        assert_eq!(limits.check(&dark), Some(Reason::Dark));
        let broken = Quality::of_crop(&vec![f32::NAN; 3 * 32 * 32], &spec(), &ahead(100.0));
        assert_eq!(limits.check(&broken), Some(Reason::Dark));
        let fine = Quality::of_crop(&board, &spec(), &ahead(100.0));
        let away = Quality {
            turn_deg: -30.0,
            ..fine
        };
        assert_eq!(limits.check(&away), Some(Reason::Turned));
        for pitch_deg in [30.0, f32::NAN] {
            let down = Quality { pitch_deg, ..fine };
            assert_eq!(limits.check(&down), Some(Reason::Turned));
        }
        let short = Quality::of_crop(&[0.5; 10], &spec(), &ahead(100.0));
        assert_eq!(limits.check(&short), Some(Reason::Dark));
    }

    /// A bar over the eyes, a plain mask over the mouth, one dark glass.
    #[test]
    fn what_is_covered_by_something_plain_is_told() {
        let board = |x: usize, y: usize| if (x + y).is_multiple_of(2) { 0.5 } else { 0.6 };
        let limits = QualityLimits::default();
        let face = ahead(100.0);
        let to_crop = spec().of_face(&face).expect("a face");
        let at = face.map(|point| to_crop.apply(point));
        let seen = Quality::of_crop(&crop(board), &spec(), &face);
        // 0.05 over 0.55.
        assert!((seen.contrast - 0.0909).abs() < 2e-3, "{seen:?}");
        assert_eq!(limits.check(&seen), None);
        let apart = at[1].x - at[0].x;
        for (name, middle, half) in [
            ("bar", 0.5 * (at[0].y + at[1].y), [apart * 2.0, apart * 0.3]),
            (
                "mask",
                0.5 * (at[3].y + at[4].y),
                [apart * 2.0, apart * 0.4],
            ),
        ] {
            let covered = crop(|x, y| {
                let is_under = (y as f32 - middle).abs() <= half[1] && x as f32 <= half[0] + 32.0;
                if is_under { 0.3 } else { board(x, y) }
            });
            let quality = Quality::of_crop(&covered, &spec(), &face);
            assert_eq!(
                limits.check(&quality),
                Some(Reason::Covered),
                "{name}: {quality:?}"
            );
        }
        let glass = crop(|x, y| {
            let (dx, dy) = (x as f32 - at[0].x, y as f32 - at[0].y);
            let is_under = dx * dx + dy * dy < 0.2 * apart * apart;
            if is_under { 0.05 } else { board(x, y) }
        });
        let quality = Quality::of_crop(&glass, &spec(), &face);
        assert_eq!(limits.check(&quality), Some(Reason::Covered), "{quality:?}");
    }

    /// A paraboloid of its own in each channel: x^2 + 2 y^2 in units of a hundredth of the
    /// channel's share has a Laplacian of 6 everywhere. What lies beyond the middle and its
    /// neighbours is far too bright and must not count.
    #[test]
    fn each_channel_row_and_column_counts_for_itself() {
        const SIZE: usize = 12;
        let (red, green, blue) = (0.004, 0.0025, 0.001);
        let middle = 3..SIZE - 3;
        let crop: Vec<f32> = (0..3 * SIZE * SIZE)
            .map(|i| {
                let (channel, y, x) = (i / (SIZE * SIZE), i / SIZE % SIZE, i % SIZE);
                let is_near = |at: usize| (middle.start - 1..=middle.end).contains(&at);
                let height = (x * x + 2 * y * y) as f32;
                match is_near(x) && is_near(y) {
                    true => [red, green, blue][channel] * height,
                    false => 9.0,
                }
            })
            .collect();
        let (sharpness, luma) = sharpness_and_luma(&crop, SIZE);
        let unit = 0.299 * red + 0.587 * green + 0.114 * blue;
        assert!((sharpness - 255.0 * 6.0 * unit).abs() < 1e-2, "{sharpness}");
        // Of x in 3..9 the mean square is 199 / 6.
        let expected = unit * 3.0 * 199.0 / 6.0;
        assert!((luma - expected).abs() < 1e-4, "{luma}, not {expected}");
    }

    #[test]
    fn what_is_just_enough_counts() {
        let limits = QualityLimits::default();
        let least = Quality {
            sharpness: limits.sharpness_min,
            luma: limits.luma_min,
            face_px: limits.face_px_min,
            turn_deg: -limits.turn_deg_max,
            pitch_deg: limits.pitch_deg_max,
            contrast: limits.contrast_min,
        };
        assert_eq!(limits.check(&least), None);
        assert_eq!(sharpness_and_luma(&[0.5; 3 * 7 * 7], 7), (0.0, 0.0));
        let (_, luma) = sharpness_and_luma(&[0.5; 3 * 8 * 8], 8);
        assert!((luma - 0.5).abs() < 1e-6, "{luma}");
    }

    #[test]
    fn limits_are_numbers_of_at_least_zero() {
        let none = QualityLimits {
            sharpness_min: 0.0,
            luma_min: 0.0,
            face_px_min: 0.0,
            turn_deg_max: 0.0,
            pitch_deg_max: 0.0,
            contrast_min: 0.0,
        };
        assert!(none.is_valid());
        for wrong in [-1.0, f32::NAN, f32::INFINITY] {
            let luma_min = wrong;
            assert!(!QualityLimits { luma_min, ..none }.is_valid());
            let pitch_deg_max = wrong;
            assert!(
                !QualityLimits {
                    pitch_deg_max,
                    ..none
                }
                .is_valid()
            );
        }
    }

    /// Manifests do not hold the angles.
    #[test]
    fn angles_are_the_usual_ones_after_reading() {
        let json = r#"{"sharpness_min":1.0,"luma_min":0.5,"face_px_min":20.0}"#;
        let read: QualityLimits = serde_json::from_str(json).expect("limits");
        assert_eq!((read.turn_deg_max, read.pitch_deg_max), (25.0, 25.0));
    }
}
