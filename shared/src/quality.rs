//! Whether a crop shows enough of a face to judge it.

use serde::{Deserialize, Serialize};

use crate::turn::turn_degrees;
use crate::verdict::Reason;

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
    /// Width of the face finder's box in pixels of the frame.
    pub face_px: f32,
    /// How far the head is turned to a side, degrees; see [`turn_degrees`].
    pub turn_deg: f32,
}

impl Quality {
    /// Measures the middle of a crop (a quarter of the side is left out at
    /// each edge, where hair and background are). A crop that is not
    /// `[3, size, size]` or smaller than 8 x 8 measures as black.
    ///
    /// # Shapes
    /// - `planar`: `[3, size, size]`, RGB in [0, 1]
    pub fn of_crop(planar: &[f32], size: usize, face_px: f32) -> Self {
        let plane = size.saturating_mul(size);
        if size < 8 || planar.len() != plane.saturating_mul(3) {
            return Self {
                sharpness: 0.0,
                luma: 0.0,
                face_px,
                turn_deg: 0.0,
            };
        }
        let luma = |index: usize| {
            0.299 * planar[index]
                + 0.587 * planar[plane + index]
                + 0.114 * planar[2 * plane + index]
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
        Self {
            sharpness: (255.0 * libm::sqrt(detail / count)) as f32,
            luma: (light / count) as f32,
            face_px,
            turn_deg: turn_degrees(planar, size),
        }
    }
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
}

fn turn_deg_max() -> f32 {
    QualityLimits::default().turn_deg_max
}

impl Default for QualityLimits {
    fn default() -> Self {
        Self {
            sharpness_min: 2.5,
            luma_min: 0.06,
            face_px_min: 48.0,
            turn_deg_max: 25.0,
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
        } else if quality.turn_deg.abs() <= self.turn_deg_max {
            None
        } else {
            Some(Reason::Turned)
        }
    }

    /// Whether each limit is a number and at least 0.
    pub fn is_valid(&self) -> bool {
        let limits = [
            self.sharpness_min,
            self.luma_min,
            self.face_px_min,
            self.turn_deg_max,
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

    fn crop(pixel: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        (0..3 * 32 * 32)
            .map(|i| pixel(i % 32, i / 32 % 32))
            .collect()
    }

    #[test]
    fn a_checkerboard_has_the_sharpness_of_its_contrast() {
        // Each pixel differs from its four neighbours by 0.1: |4 * 0.1| * 255.
        let board = crop(|x, y| if (x + y) % 2 == 0 { 0.5 } else { 0.6 });
        let quality = Quality::of_crop(&board, 32, 100.0);
        assert!((quality.sharpness - 102.0).abs() < 0.1, "{quality:?}");
        assert!((quality.luma - 0.55).abs() < 1e-3, "{quality:?}");
        assert_eq!(QualityLimits::default().check(&quality), None);
    }

    #[test]
    fn the_turn_is_that_of_the_crop() {
        let size = 112;
        let slanted: Vec<f32> = (0..3 * size * size)
            .map(|i| {
                let (x, y) = ((i % size) as f32, (i / size % size) as f32);
                0.5 + 0.4 * libm::sinf(0.004 * x * x + 0.1 * y)
            })
            .collect();
        let turn = Quality::of_crop(&slanted, size, 100.0).turn_deg;
        assert_eq!(turn, turn_degrees(&slanted, size));
        assert_ne!(turn, 0.0);
    }

    #[test]
    fn each_lack_has_its_reason() {
        let limits = QualityLimits::default();
        let board = crop(|x, y| if (x + y) % 2 == 0 { 0.5 } else { 0.6 });
        let small = Quality::of_crop(&board, 32, 20.0);
        assert_eq!(limits.check(&small), Some(Reason::TooSmall));
        let flat = Quality::of_crop(&crop(|_, _| 0.5), 32, 100.0);
        assert_eq!(limits.check(&flat), Some(Reason::Blurred));
        let dark = Quality::of_crop(&vec![0.01; 3 * 32 * 32], 32, 100.0);
        assert_eq!(limits.check(&dark), Some(Reason::Dark));
        let broken = Quality::of_crop(&vec![f32::NAN; 3 * 32 * 32], 32, 100.0);
        assert_eq!(limits.check(&broken), Some(Reason::Dark));
        let away = Quality {
            turn_deg: -30.0,
            ..Quality::of_crop(&board, 32, 100.0)
        };
        assert_eq!(limits.check(&away), Some(Reason::Turned));
        let short = Quality::of_crop(&[0.5; 10], 32, 100.0);
        assert_eq!(limits.check(&short), Some(Reason::Dark));
    }
}
