//! Finding faces, and where their eyes, nose and mouth are.

mod choice;
pub mod dense;
mod heads;
mod letterbox;
mod nms;
mod shrink;
mod yunet;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::geometry::{FaceBox, Point, face_px};
use crate::sample::{ImageError, RgbView};

pub use choice::FinderChoice;
pub use dense::DenseFinder;
pub use nms::keep_surest;
pub use yunet::{FINDER_BYTES_MAX, Yunet, YunetFinder};

/// The released finder; `models/face-finder/CARD.md` tells about it.
const MODEL: &[u8] = include_bytes!("../../models/face-finder/model.onnx");

/// Most faces that one search gives by default.
pub const FACES_MAX: usize = 64;

/// A face in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Face {
    /// Where it is, in pixels of the frame; may reach out of it.
    pub bbox: FaceBox,
    /// Left eye, right eye (as seen in the picture), nose tip, left and right mouth corner, in
    /// pixels of the frame.
    pub landmarks: [Point; 5],
    /// How sure the finder is, 0 to 1.
    pub score: f32,
}

impl Face {
    /// Width of the face; see [`face_px`].
    pub fn face_px(&self) -> f32 {
        face_px(&self.landmarks)
    }
}

/// Finds faces in pictures. Holds buffers: make one per thread.
pub trait Finder: Send {
    /// Fills `faces` with the faces in `view`, largest first, at most
    /// [`FinderConfig::faces_max`].
    ///
    /// # Errors
    /// When the network behind it fails; `faces` is empty then.
    fn find(&mut self, view: &RgbView<'_>, faces: &mut Vec<Face>) -> Result<(), FinderError>;

    /// Least [`Face::face_px`] that can be found in frames of this size.
    fn smallest_face_px(&self, width: usize, height: usize) -> f32;
}

/// How to look for faces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FinderConfig {
    /// Least [`Face::face_px`], at least 4. Smaller faces are left out.
    pub min_face_px: u32,
    /// Longest side of the shrunk copy that is searched, pixels, 32 to 4096. It bounds the time
    /// for a frame; in large frames, small faces are not seen then (see
    /// [`Finder::smallest_face_px`]).
    pub longest_side_px: u32,
    /// Least [`Face::score`], above 0, at most 1. Lower values find more faces and more things
    /// that are none.
    pub score_min: f32,
    /// Most faces of a frame, the largest of those that there are.
    pub faces_max: usize,
    /// At so many faces, the largest, the built-in finder looks a second time, in the mirror: their
    /// landmarks are off by less then, and what is not seen again has a score of at most 0.5, or
    /// `score_min`. Each look takes a fifth of a search of 320 x 240.
    pub second_looks: usize,
}

impl Default for FinderConfig {
    fn default() -> Self {
        Self {
            min_face_px: 40,
            longest_side_px: 320,
            score_min: 0.6,
            faces_max: FACES_MAX,
            second_looks: 8,
        }
    }
}

/// Why faces cannot be looked for.
#[derive(Debug, Error)]
pub enum FinderError {
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
    /// The model is not one that `unmask-trainer finder export` of this version wrote.
    #[error("the model of the face finder cannot be read: {0}")]
    Model(#[from] std::io::Error),
    /// A file is no face finder.
    #[error(
        "the face finder {path} cannot be used: {problem}; name an ONNX file with the outputs of YuNet (cls_8 to kps_32)"
    )]
    File {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The network failed on a frame; another finder may not.
    #[error("the face finder failed on a frame: {0}")]
    Failed(String),
    /// The frame is no picture.
    #[error(transparent)]
    Image(#[from] ImageError),
}

impl FinderConfig {
    /// Refuses values outside the documented ranges.
    ///
    /// # Errors
    /// [`FinderError::Config`].
    pub fn check(&self) -> Result<(), FinderError> {
        let checks = [
            (
                "min_face_px",
                f64::from(self.min_face_px),
                4.0..=8192.0,
                "4 to 8192",
            ),
            (
                "longest_side_px",
                f64::from(self.longest_side_px),
                32.0..=4096.0,
                "32 to 4096",
            ),
            (
                "score_min",
                f64::from(self.score_min),
                1e-6..=1.0,
                "above 0, at most 1",
            ),
        ];
        for (setting, value, accepted, range) in checks {
            if !accepted.contains(&value) {
                return Err(FinderError::Config {
                    setting,
                    value,
                    range,
                });
            }
        }
        Ok(())
    }
}

/// The finder that is built into the program.
///
/// # Errors
/// Settings out of range.
pub fn builtin_finder(config: FinderConfig) -> Result<Box<dyn Finder>, FinderError> {
    Ok(Box::new(DenseFinder::new(MODEL, config)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{FaceModel, Scene, SceneConfig};

    #[test]
    fn pictures_of_any_shape_give_no_face_and_no_panic() {
        let mut finder = builtin_finder(FinderConfig::default()).expect("defaults are valid");
        let mut faces = Vec::new();
        for (width, height) in [(1, 1), (3, 500), (39, 39), (40, 40), (61, 700), (640, 41)] {
            let data: Vec<u8> = (0..width * height * 3)
                .map(|i| (i * 31 % 251) as u8)
                .collect();
            let view = RgbView::new(width, height, &data).expect("sizes agree");
            finder.find(&view, &mut faces).expect("it runs");
            assert!(faces.len() <= FACES_MAX);
        }
    }

    /// Mean distance of landmarks from those that are found in the mirror image, in eye distances.
    fn error_in_the_mirror(second_looks: usize) -> f32 {
        let config = FinderConfig {
            second_looks,
            ..FinderConfig::default()
        };
        let mut finder = builtin_finder(config).expect("defaults are valid");
        let mut found = |width: usize, rgb: &[u8]| {
            let view = RgbView::new(width, rgb.len() / 3 / width, rgb).expect("sizes agree");
            let mut faces = Vec::new();
            finder.find(&view, &mut faces).expect("it runs");
            faces.first().expect("there is somebody").landmarks
        };
        let people = FaceModel::builtin().expect("built in");
        let (mut sum, seeds) = (0.0, 1..=12);
        for seed in seeds.clone() {
            let config = SceneConfig {
                seed,
                ..SceneConfig::default()
            };
            let frame = Scene::new(&people, config).expect("valid").frame(20);
            let rows = frame.rgb.chunks_exact(3 * frame.width);
            let mirrored: Vec<u8> = rows
                .flat_map(|row| row.chunks_exact(3).rev().flatten().copied())
                .collect();
            let here = found(frame.width, &frame.rgb);
            let there = found(frame.width, &mirrored);
            let eyes = here[0].distance(here[1]);
            let pairs = here.into_iter().zip([1, 0, 2, 4, 3].map(|at| there[at]));
            let apart = pairs.map(|(here, there)| {
                here.distance(Point::new(frame.width as f32 - there.x, there.y))
            });
            sum += apart.sum::<f32>() / 5.0 / eyes;
        }
        sum / seeds.count() as f32
    }

    #[test]
    fn a_second_look_brings_landmarks_nearer_to_those_of_the_mirror_image() {
        let (once, twice) = (error_in_the_mirror(0), error_in_the_mirror(8));
        assert!(twice < 0.8 * once, "{twice} after {once}");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let config = FinderConfig {
            score_min: f32::NAN,
            ..FinderConfig::default()
        };
        let error = builtin_finder(config).err().expect("not a number");
        assert!(error.to_string().contains("score_min"), "{error}");
    }
}
