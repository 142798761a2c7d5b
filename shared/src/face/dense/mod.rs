//! A face finder of our own: a small network of dense convolutions that the trainer makes.

pub mod graph;
mod run;

use std::sync::Arc;

use super::shrink::{Shrink, shrunk};
use super::{FACES_MAX, Face, Finder, FinderConfig, FinderError, settle};
use crate::engine;
use crate::geometry::{FaceBox, Point};
use crate::sample::RgbView;
use graph::{OUTPUTS, Weights};
use run::Run;

/// Two boxes of one face overlap by more than this, as intersection over union.
const SAME_FACE: f32 = 0.3;
/// Most candidates that are looked at, the surest.
const CANDIDATES_MAX: usize = 1024;
/// Side of the smallest face that the network finds well in the shrunk copy, pixels.
const FACE_PX: f32 = 10.0;
/// Largest size of a face, as powers of e of its cell.
const GROWTH_MAX: f32 = 6.0;

/// Runs the network on kernels of our own. Asks for memory when frames begin to have another
/// size, and else not.
pub struct DenseFinder {
    config: FinderConfig,
    weights: Arc<Vec<Weights>>,
    shrink: Shrink,
    run: Option<Run>,
    /// Pixels across and down of the last shrunk copy.
    drawn: (usize, usize),
    candidates: Vec<Face>,
}

impl DenseFinder {
    /// Reads a file that the trainer wrote; see [`graph`].
    ///
    /// # Errors
    /// Settings out of range, or a file that holds another network.
    pub fn new(model: &[u8], config: FinderConfig) -> Result<Self, FinderError> {
        config.check()?;
        let damaged = |what: String| FinderError::Model(std::io::Error::other(what));
        let proto = engine::decode(model).map_err(|error| damaged(error.to_string()))?;
        let weights = graph::read(&proto)
            .ok_or_else(|| damaged("it is not the network of this version".into()))?;
        Ok(Self {
            config,
            weights: Arc::new(weights),
            shrink: Shrink::default(),
            run: None,
            drawn: (0, 0),
            candidates: Vec::new(),
        })
    }

    /// Size of the shrunk copy relative to the frame, at most 1.
    fn scale(&self, width: usize, height: usize) -> f32 {
        (self.config.longest_side_px as f32 / width.max(height).max(1) as f32).min(1.0)
    }

    /// What the network says about a frame: for each level the stride, the cells in a row, and
    /// `[cells, 16]`, class and objectness as logits. Also gives the size of the shrunk copy.
    pub fn say(
        &mut self,
        view: &RgbView<'_>,
    ) -> (impl Iterator<Item = (usize, usize, &[f32])>, (usize, usize)) {
        let (width, height) = (view.width(), view.height());
        let size = shrunk((width, height), self.scale(width, height));
        let padded = (size.0.next_multiple_of(32), size.1.next_multiple_of(32));
        let run = match self.run.take() {
            Some(run) if run.size() == padded => run,
            _ => Run::new(&self.weights, padded.0, padded.1),
        };
        let run = self.run.insert(run);
        if self.drawn != size {
            run.clear();
            self.drawn = size;
        }
        self.shrink.draw(view, size, |y, row| run.set_row(y, row));
        run.run();
        (run.said(), size)
    }
}

impl Finder for DenseFinder {
    fn find(&mut self, view: &RgbView<'_>, faces: &mut Vec<Face>) -> Result<(), FinderError> {
        faces.clear();
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        let score_min = self.config.score_min;
        let (levels, size) = self.say(view);
        for (stride, columns, said) in levels {
            collect(stride, columns, said, score_min, &mut candidates);
        }
        let scale = [
            view.width() as f32 / size.0 as f32,
            view.height() as f32 / size.1 as f32,
        ];
        let least = self.config.min_face_px as f32;
        suppress(&mut candidates, faces);
        faces.iter_mut().for_each(|face| enlarge(face, scale));
        faces
            .retain(|face| face.bbox.is_finite() && face.bbox.width.max(face.bbox.height) >= least);
        settle(faces);
        self.candidates = candidates;
        Ok(())
    }

    fn smallest_face_px(&self, width: usize, height: usize) -> f32 {
        let seen = FACE_PX / self.scale(width, height);
        seen.max(self.config.min_face_px as f32)
    }
}

/// Adds the faces of a level whose score is large enough; keeps the number bounded.
fn collect(stride: usize, columns: usize, said: &[f32], score_min: f32, faces: &mut Vec<Face>) {
    // sqrt(cls * obj) is at most the root of the smaller one.
    let odds_min = logit(score_min * score_min);
    let stride = stride as f32;
    for (cell, numbers) in said.chunks_exact(OUTPUTS).enumerate() {
        if numbers[0].min(numbers[1]) < odds_min {
            continue;
        }
        let score = (sigmoid(numbers[0]) * sigmoid(numbers[1])).sqrt();
        if score < score_min || faces.len() == CANDIDATES_MAX {
            continue;
        }
        let (row, column) = ((cell / columns) as f32, (cell % columns) as f32);
        let width = numbers[4].min(GROWTH_MAX).exp() * stride;
        let height = numbers[5].min(GROWTH_MAX).exp() * stride;
        faces.push(Face {
            bbox: FaceBox {
                x: (column + numbers[2]) * stride - 0.5 * width,
                y: (row + numbers[3]) * stride - 0.5 * height,
                width,
                height,
            },
            landmarks: std::array::from_fn(|n| {
                let (x, y) = (numbers[6 + 2 * n], numbers[7 + 2 * n]);
                Point::new((column + x) * stride, (row + y) * stride)
            }),
            score,
        });
    }
}

/// Takes the surest of faces that overlap.
fn suppress(candidates: &mut [Face], faces: &mut Vec<Face>) {
    candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    for face in candidates {
        let same = |other: &Face| other.bbox.iou(&face.bbox) > SAME_FACE;
        if faces.len() < FACES_MAX && !faces.iter().any(same) {
            faces.push(*face);
        }
    }
}

/// From the shrunk copy to the frame.
fn enlarge(face: &mut Face, [across, down]: [f32; 2]) {
    face.bbox.x *= across;
    face.bbox.width *= across;
    face.bbox.y *= down;
    face.bbox.height *= down;
    for point in &mut face.landmarks {
        *point = Point::new(point.x * across, point.y * down);
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn logit(p: f32) -> f32 {
    (p / (1.0 - p)).ln()
}
