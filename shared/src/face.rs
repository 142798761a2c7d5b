//! Finding faces with `rustface` on a small grey copy of the frame.

use std::io::Cursor;

use rustface::{Detector, ImageData};
use thiserror::Error;

use crate::geometry::FaceBox;
use crate::sample::RgbView;

const MODEL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/seeta_fd_frontal_v1.0.bin"));

/// Most faces that one call returns.
pub const FACES_MAX: usize = 64;
/// Side of the smallest face that the detector sees in the small copy, pixels.
/// Fixed inside `rustface`: its setting for the least size has no effect.
const WINDOW_PX: f32 = 40.0;

/// How to look for faces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaceFinderConfig {
    /// Side of the smallest face to find, in pixels of the frame, at least 40.
    /// Larger values are faster.
    pub min_face_px: u32,
    /// Longest side of the small copy in pixels, at least 40. It bounds the
    /// time per frame; in frames so large that it shrinks faces of
    /// `min_face_px` below what the detector sees, only larger faces are found
    /// (see [`FaceFinder::smallest_face_px`]).
    pub longest_side_px: u32,
    /// Least detector score, above 0. Lower values find more faces and more
    /// things that are none.
    pub score_min: f64,
    /// Size of each level of the search pyramid relative to the one before,
    /// 0.5 to 0.95.
    pub pyramid_step: f32,
    /// Pixels between search windows in the small copy, at least 1.
    pub window_step: u32,
}

impl Default for FaceFinderConfig {
    fn default() -> Self {
        Self {
            min_face_px: 60,
            longest_side_px: 480,
            score_min: 2.0,
            pyramid_step: 0.8,
            window_step: 4,
        }
    }
}

/// Why a face finder could not be made.
#[derive(Debug, Error)]
pub enum FaceFinderError {
    /// A setting is out of its range.
    #[error("face finder: {setting} is {value}, must be {range}")]
    Config {
        /// Name of the setting.
        setting: &'static str,
        /// What it was set to.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// The detector's built-in model cannot be read; the build took the wrong
    /// file (see `UNMASK_FACE_MODEL` in `build.rs`).
    #[error("the built-in face model is damaged, rebuild the program: {0}")]
    Model(#[from] std::io::Error),
}

/// A face in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    /// Where it is, in pixels of the frame; may reach out of it.
    pub bbox: FaceBox,
    /// How sure the detector is; unbounded, larger is surer.
    pub score: f32,
}

/// Finds upright faces. Holds the detector's buffers: make one per thread.
pub struct FaceFinder {
    config: FaceFinderConfig,
    detector: Box<dyn Detector>,
    small: SmallGrey,
}

impl FaceFinder {
    /// Reads the built-in model and takes the settings.
    pub fn new(config: FaceFinderConfig) -> Result<Self, FaceFinderError> {
        config.check()?;
        let model = rustface::read_model(Cursor::new(MODEL))?;
        let mut detector = rustface::create_detector_with_model(model);
        detector.set_score_thresh(config.score_min);
        detector.set_pyramid_scale_factor(config.pyramid_step);
        detector.set_slide_window_step(config.window_step, config.window_step);
        Ok(Self {
            config,
            detector,
            small: SmallGrey::default(),
        })
    }

    /// The faces in `view`, largest first, at most [`FACES_MAX`].
    pub fn find(&mut self, view: &RgbView<'_>) -> Vec<Face> {
        let scale = self.scale(view.width(), view.height());
        self.small.draw(view, scale);
        let (width, height) = (self.small.width, self.small.height);
        if width.min(height) < WINDOW_PX as usize {
            return Vec::new();
        }
        let image = ImageData::new(&self.small.data, width as u32, height as u32);
        let x_scale = view.width() as f32 / width as f32;
        let y_scale = view.height() as f32 / height as f32;
        let found = self.detector.detect(&image);
        let mut faces: Vec<Face> = found
            .iter()
            .map(|face| Face {
                bbox: FaceBox {
                    x: face.bbox().x() as f32 * x_scale,
                    y: face.bbox().y() as f32 * y_scale,
                    width: face.bbox().width() as f32 * x_scale,
                    height: face.bbox().height() as f32 * y_scale,
                },
                score: face.score() as f32,
            })
            .filter(|face| face.bbox.area() > 0.0)
            .collect();
        faces.sort_by(|a, b| b.bbox.area().total_cmp(&a.bbox.area()));
        faces.truncate(FACES_MAX);
        faces
    }

    /// Side of the smallest face that can be found in frames of this size, in
    /// their pixels.
    pub fn smallest_face_px(&self, width: usize, height: usize) -> f32 {
        WINDOW_PX / self.scale(width, height)
    }

    /// Size of the small copy relative to the frame, at most 1.
    fn scale(&self, width: usize, height: usize) -> f32 {
        let by_face = WINDOW_PX / self.config.min_face_px as f32;
        let by_side = self.config.longest_side_px as f32 / width.max(height).max(1) as f32;
        by_face.min(by_side).min(1.0)
    }
}

impl FaceFinderConfig {
    fn check(&self) -> Result<(), FaceFinderError> {
        let checks = [
            (
                "min_face_px",
                f64::from(self.min_face_px),
                40.0..=8192.0,
                "40 to 8192",
            ),
            (
                "longest_side_px",
                f64::from(self.longest_side_px),
                40.0..=4096.0,
                "40 to 4096",
            ),
            (
                "score_min",
                self.score_min,
                1e-6..=100.0,
                "above 0, at most 100",
            ),
            (
                "pyramid_step",
                f64::from(self.pyramid_step),
                0.5..=0.951,
                "0.5 to 0.95",
            ),
            (
                "window_step",
                f64::from(self.window_step),
                1.0..=40.0,
                "1 to 40",
            ),
        ];
        for (setting, value, accepted, range) in checks {
            if !accepted.contains(&value) {
                return Err(FaceFinderError::Config {
                    setting,
                    value,
                    range,
                });
            }
        }
        Ok(())
    }
}

/// The grey, shrunk copy of a frame; keeps its buffers between frames.
#[derive(Default)]
struct SmallGrey {
    width: usize,
    height: usize,
    data: Vec<u8>,
    row: Vec<f32>,
    sum: Vec<f32>,
    columns: Vec<Share>,
}

/// How a source line spreads over two neighbouring target lines.
#[derive(Clone, Copy)]
struct Share {
    first: usize,
    weight: f32,
    next_weight: f32,
}

impl SmallGrey {
    /// Averages the luma of the source pixels under each target pixel, with
    /// the pixels on a border shared by area.
    fn draw(&mut self, view: &RgbView<'_>, scale: f32) {
        self.width = shrunk(view.width(), scale);
        self.height = shrunk(view.height(), scale);
        self.data.clear();
        self.row.resize(self.width + 1, 0.0);
        self.sum.clear();
        self.sum.resize(2 * (self.width + 1), 0.0);
        self.columns.clear();
        let (width, height) = (self.width, self.height);
        self.columns
            .extend((0..view.width()).map(|x| share(x, view.width(), width)));
        let area = (view.width() * view.height()) as f32 / (width * height) as f32;
        for (y, line) in view.data().chunks_exact(view.width() * 3).enumerate() {
            self.shrink_line(line);
            let rows = share(y, view.height(), height);
            let (current, next) = self.sum.split_at_mut(width + 1);
            for (x, value) in self.row.iter().enumerate() {
                current[x] += value * rows.weight;
                next[x] += value * rows.next_weight;
            }
            let done =
                y + 1 == view.height() || share(y + 1, view.height(), height).first > rows.first;
            if done {
                let finished = current[..width]
                    .iter()
                    .map(|total| (total / area + 0.5) as u8);
                self.data.extend(finished);
                current.copy_from_slice(next);
                next.fill(0.0);
            }
        }
    }

    fn shrink_line(&mut self, line: &[u8]) {
        self.row.fill(0.0);
        for (rgb, column) in line.chunks_exact(3).zip(&self.columns) {
            let luma = 77 * u32::from(rgb[0]) + 150 * u32::from(rgb[1]) + 29 * u32::from(rgb[2]);
            let luma = luma as f32 / 256.0;
            self.row[column.first] += luma * column.weight;
            self.row[column.first + 1] += luma * column.next_weight;
        }
    }
}

fn shrunk(side: usize, scale: f32) -> usize {
    ((side as f32 * scale + 0.5) as usize).clamp(1, side)
}

/// Where source line `index` of `from` falls among `to` target lines.
fn share(index: usize, from: usize, to: usize) -> Share {
    // Exact: line `index` covers [index * to, (index + 1) * to) in units of
    // 1 / from target lines, and target line `first` ends at (first + 1) * from.
    let first = index * to / from;
    let end = (index + 1) * to;
    let over = end.saturating_sub((first + 1) * from);
    Share {
        first,
        weight: (to - over) as f32 / to as f32,
        next_weight: over as f32 / to as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_copy_keeps_the_mean_of_each_area() {
        // 5 columns onto 2: the middle column is shared half and half.
        let grey = [10, 20, 60, 30, 40_u8];
        let line: Vec<u8> = grey.iter().flat_map(|v| [*v; 3]).collect();
        let data: Vec<u8> = line.iter().copied().cycle().take(line.len() * 5).collect();
        let view = RgbView::new(5, 5, &data).expect("sizes agree");
        let mut small = SmallGrey::default();
        small.draw(&view, 0.4);
        assert_eq!((small.width, small.height), (2, 2));
        assert_eq!(small.data, [24, 40, 24, 40]);
        small.draw(&view, 1.0);
        assert_eq!(small.data[..5], grey);
        assert_eq!(small.data.len(), 25);
    }

    #[test]
    fn pictures_of_any_shape_give_no_face_and_no_panic() {
        let mut finder = FaceFinder::new(FaceFinderConfig::default()).expect("defaults are valid");
        for (width, height) in [(1, 1), (3, 500), (39, 39), (40, 40), (61, 700), (640, 41)] {
            let data: Vec<u8> = (0..width * height * 3)
                .map(|i| (i * 31 % 251) as u8)
                .collect();
            let view = RgbView::new(width, height, &data).expect("sizes agree");
            assert!(finder.find(&view).len() <= FACES_MAX);
        }
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let config = FaceFinderConfig {
            score_min: f64::NAN,
            ..FaceFinderConfig::default()
        };
        let error = FaceFinder::new(config).err().expect("not a number");
        assert!(error.to_string().contains("score_min"), "{error}");
    }

    #[test]
    fn small_faces_are_found_unless_the_frame_is_huge() {
        let finder = FaceFinder::new(FaceFinderConfig::default()).expect("defaults are valid");
        assert_eq!(finder.smallest_face_px(640, 480), 60.0);
        assert_eq!(finder.smallest_face_px(1920, 1080), 160.0);
        assert_eq!(finder.smallest_face_px(20, 20), 60.0);
    }
}
