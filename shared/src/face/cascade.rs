//! The cascade of the `rustface` package, on a small grey copy of the frame. It knows no
//! landmarks: those of the mean face are fitted to its boxes.

use std::cell::RefCell;
use std::io::Cursor;

use rustface::{Detector, ImageData};

use super::nms::largest_first;
use super::shrink::{Shrink, shrunk};
use super::{FACES_MAX, Face, Finder, FinderConfig, FinderError};
use crate::geometry::FaceBox;
use crate::sample::RgbView;

const MODEL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/seeta_fd_frontal_v1.0.bin"));

/// Side of the smallest face that the cascade sees in the small copy, pixels.
/// Fixed inside `rustface`: its setting for the least size has no effect.
const WINDOW_PX: f32 = 40.0;
/// The copy is this much larger than asked for: networks see smaller faces.
const ENLARGED: f32 = 1.5;
/// Least score of the cascade, unbounded above.
const RAW_SCORE_MIN: f64 = 2.0;
/// Size of each level of the search pyramid relative to the one before.
const PYRAMID_STEP: f32 = 0.8;
/// Pixels between search windows.
const WINDOW_STEP: u32 = 4;

thread_local! {
    /// It can not be sent to another thread.
    static DETECTOR: RefCell<Option<Box<dyn Detector>>> = const { RefCell::new(None) };
}

/// Finds upright faces.
pub struct Cascade {
    config: FinderConfig,
    shrink: Shrink,
    grey: Vec<u8>,
}

impl Cascade {
    /// Takes the settings.
    ///
    /// # Errors
    /// Settings out of range.
    pub fn new(config: FinderConfig) -> Result<Self, FinderError> {
        config.check()?;
        Ok(Self {
            config,
            shrink: Shrink::default(),
            grey: Vec::new(),
        })
    }

    /// Size of the small copy relative to the frame, at most 1.
    fn scale(&self, width: usize, height: usize) -> f32 {
        let by_face = WINDOW_PX / self.config.min_face_px as f32;
        let longest = ENLARGED * self.config.longest_side_px as f32;
        let by_side = longest / width.max(height).max(1) as f32;
        by_face.min(by_side).min(1.0)
    }
}

impl Finder for Cascade {
    fn find(&mut self, view: &RgbView<'_>, faces: &mut Vec<Face>) -> Result<(), FinderError> {
        faces.clear();
        let scale = self.scale(view.width(), view.height());
        let (width, height) = shrunk((view.width(), view.height()), scale);
        if width.min(height) < WINDOW_PX as usize {
            return Ok(());
        }
        let grey = &mut self.grey;
        grey.clear();
        self.shrink.draw(view, (width, height), |_, row| {
            grey.extend(row.chunks_exact(3).map(|rgb| {
                let luma = 77.0 * rgb[0] + 150.0 * rgb[1] + 29.0 * rgb[2];
                (luma / 256.0 + 0.5) as u8
            }));
        });
        let image = ImageData::new(grey, width as u32, height as u32);
        let found = DETECTOR.with_borrow_mut(|detector| match detector {
            Some(detector) => Ok(detector.detect(&image)),
            None => load().map(|new| detector.insert(new).detect(&image)),
        })?;
        let x_scale = view.width() as f32 / width as f32;
        let y_scale = view.height() as f32 / height as f32;
        let found = found.iter().map(|face| {
            let bbox = FaceBox {
                x: face.bbox().x() as f32 * x_scale,
                y: face.bbox().y() as f32 * y_scale,
                width: face.bbox().width() as f32 * x_scale,
                height: face.bbox().height() as f32 * y_scale,
            };
            Face {
                bbox,
                landmarks: bbox.mean_landmarks(),
                score: (1.0 - (-0.5 * face.score()).exp()) as f32,
            }
        });
        faces.extend(
            found.filter(|face| face.bbox.area() > 0.0 && face.score >= self.config.score_min),
        );
        largest_first(faces);
        faces.truncate(FACES_MAX);
        Ok(())
    }

    fn smallest_face_px(&self, width: usize, height: usize) -> f32 {
        WINDOW_PX / self.scale(width, height)
    }
}

fn load() -> Result<Box<dyn Detector>, FinderError> {
    let model = rustface::read_model(Cursor::new(MODEL))?;
    let mut detector = rustface::create_detector_with_model(model);
    detector.set_score_thresh(RAW_SCORE_MIN);
    detector.set_pyramid_scale_factor(PYRAMID_STEP);
    detector.set_slide_window_step(WINDOW_STEP, WINDOW_STEP);
    Ok(detector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_faces_are_found_unless_the_frame_is_huge() {
        let finder = Cascade::new(FinderConfig::default()).expect("defaults are valid");
        assert_eq!(finder.smallest_face_px(640, 480), 60.0);
        assert_eq!(finder.smallest_face_px(1920, 1080), 160.0);
        assert_eq!(finder.smallest_face_px(20, 20), 60.0);
    }
}
