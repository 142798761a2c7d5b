//! How well a network does on scenes of pictures that it does not learn from.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::FACE_PX_MIN;
use super::compose::{Composer, TrainingScene};
use super::network::{FinderNet, onnx_bytes};
use super::picture::overlap;
use super::pool::Pool;
use unmask_shared::face::{DenseFinder, Face, Finder, FinderConfig};
use unmask_shared::sample::RgbView;

const SCENES: usize = 160;
const SIZE: [usize; 2] = [320, 256];
const SEED: u64 = 0x5eed;
/// Smallest face that counts.
const SIDE_MIN: f32 = 20.0;
/// From this score on something counts as found.
const SCORE_MIN: f32 = 0.5;

/// The same scenes every time.
#[derive(Debug)]
pub struct FinderValidation {
    scenes: Vec<TrainingScene>,
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FinderMeasures {
    /// Share of the faces of at least 20 pixels that were found, with an overlap of a half.
    pub recall: f32,
    /// The same for faces of at least 32 pixels.
    pub recall_32: f32,
    /// Things found that are no face, per scene.
    pub false_faces: f32,
    /// Mean distance of the landmarks of found faces, relative to the distance of the eyes.
    pub landmarks: f32,
}

impl FinderValidation {
    /// Composes the scenes.
    ///
    /// # Errors
    /// When a stored picture is damaged.
    pub fn new(pool: Pool<'_>) -> Result<Self> {
        let mut composer = Composer::new(pool, SEED);
        let scenes: Result<_> = (0..SCENES)
            .map(|_| composer.scene(SIZE[0], SIZE[1]))
            .collect();
        Ok(Self { scenes: scenes? })
    }

    /// Runs a network as it would be shipped.
    ///
    /// # Errors
    /// When a weight is not finite, or tract fails.
    pub fn measure(&self, net: &FinderNet) -> Result<FinderMeasures> {
        let config = FinderConfig {
            min_face_px: FACE_PX_MIN,
            longest_side_px: 4096,
            score_min: SCORE_MIN,
            ..FinderConfig::default()
        };
        let mut finder = DenseFinder::new(&onnx_bytes(net, "validation")?, config)?;
        let mut seen = Vec::new();
        let (mut faces, mut found, mut large, mut found_large) = (0, 0, 0, 0);
        let (mut wrong, mut distance) = (0, 0.0);
        for scene in &self.scenes {
            let plane = scene.planes.len() / 3;
            let rgb: Vec<u8> = (0..3 * plane)
                .map(|at| (scene.planes[at % 3 * plane + at / 3] * 255.0 + 0.5) as u8)
                .collect();
            finder.find(&RgbView::new(SIZE[0], SIZE[1], &rgb)?, &mut seen)?;
            let large_enough = |face: &&Face| face.bbox.area() >= SIDE_MIN * SIDE_MIN;
            for face in scene.faces.iter().filter(large_enough) {
                let is_large = face.bbox.area() >= 32.0 * 32.0;
                let best = seen.iter().find(|seen| seen.bbox.iou(&face.bbox) >= 0.5);
                faces += 1;
                large += usize::from(is_large);
                let Some(best) = best else {
                    continue;
                };
                found += 1;
                found_large += usize::from(is_large);
                let eyes = face.landmarks[0].distance(face.landmarks[1]).max(1e-3);
                let pairs = best.landmarks.iter().zip(face.landmarks);
                distance += pairs.map(|(a, b)| a.distance(b)).sum::<f32>() / 5.0 / eyes;
            }
            let is_wrong = |seen: &&Face| {
                let on = |bbox| overlap(&seen.bbox, bbox) > 0.3 * seen.bbox.area();
                let known = scene
                    .faces
                    .iter()
                    .any(|face| seen.bbox.iou(&face.bbox) > 0.3);
                !known && !scene.unsure.iter().any(on)
            };
            wrong += seen.iter().filter(is_wrong).count();
        }
        let share = |part: usize, of: usize| part as f32 / of.max(1) as f32;
        Ok(FinderMeasures {
            recall: share(found, faces),
            recall_32: share(found_large, large),
            false_faces: share(wrong, self.scenes.len()),
            landmarks: distance / found.max(1) as f32,
        })
    }
}
