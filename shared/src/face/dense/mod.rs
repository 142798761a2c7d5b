//! A face finder of our own: a small network of dense convolutions that the trainer makes.

pub mod graph;
mod look;
mod run;

use std::sync::Arc;

use super::heads::face_of_cell;
use super::letterbox::{Place, enlarged};
use super::nms::{CANDIDATES_MAX, keep_surest};
use super::shrink::Shrink;
use super::{Face, Finder, FinderConfig, FinderError};
use crate::engine;
use crate::sample::RgbView;
use graph::{LayerWeights, OUTPUTS};
use look::Look;
use run::Run;

/// Most [`Face::score`] of what a second look does not see.
const UNSURE: f32 = 0.5;
/// Side of the smallest face that the network finds well in the shrunk copy, pixels.
const FACE_PX: f32 = 10.0;

/// Runs the network on kernels of our own. Asks for memory when frames begin to have another
/// size, and else not.
pub struct DenseFinder {
    config: FinderConfig,
    weights: Arc<Vec<LayerWeights>>,
    shrink: Shrink,
    run: Option<Run>,
    /// Where the last shrunk copy lies.
    drawn: Option<Place>,
    look: Look,
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
            look: Look::new(&weights),
            weights: Arc::new(weights),
            shrink: Shrink::default(),
            run: None,
            drawn: None,
        })
    }

    /// What the network says about a frame: for each level the stride, the cells in a row, and
    /// `[cells, 16]`, class and objectness as logits. Also gives the pixels of the frame for each
    /// pixel of the shrunk copy, across and down.
    pub fn say(
        &mut self,
        view: &RgbView<'_>,
    ) -> (
        impl DoubleEndedIterator<Item = (usize, usize, &[f32])>,
        (f32, f32),
    ) {
        let place = Place::fitted((view.width(), view.height()), self.config.longest_side_px);
        let run = match self.run.take() {
            Some(run) if run.size() == place.canvas => run,
            _ => Run::new(&self.weights, place.canvas.0, place.canvas.1),
        };
        let run = self.run.insert(run);
        if self.drawn != Some(place) {
            run.clear();
            self.drawn = Some(place);
        }
        self.shrink
            .draw(view, place.inner, |y, row| run.set_row(y, row));
        run.run();
        (run.said(), place.step)
    }
}

impl Finder for DenseFinder {
    fn find(&mut self, view: &RgbView<'_>, faces: &mut Vec<Face>) -> Result<(), FinderError> {
        faces.clear();
        let score_min = self.config.score_min;
        let least = self.config.min_face_px as f32;
        let (levels, step) = self.say(view);
        // Large faces first: the number of candidates is bounded.
        for (stride, columns, said) in levels.rev() {
            collect(stride, columns, said, score_min, faces);
        }
        faces.retain_mut(|face| {
            *face = enlarged(face, step);
            face.face_px() >= least
        });
        keep_surest(faces, self.config.faces_max);
        for face in faces.iter_mut().take(self.config.second_looks) {
            self.look.refine(view, face, score_min.max(UNSURE));
        }
        Ok(())
    }

    fn smallest_face_px(&self, width: usize, height: usize) -> f32 {
        let place = Place::fitted((width, height), self.config.longest_side_px);
        let seen = FACE_PX * place.step.0.max(place.step.1);
        seen.max(self.config.min_face_px as f32)
    }
}

/// Adds the faces of a level whose score is large enough; keeps the number bounded.
fn collect(stride: usize, columns: usize, said: &[f32], score_min: f32, faces: &mut Vec<Face>) {
    // sqrt(cls * obj) is at most the root of the smaller one.
    let odds_min = logit(score_min * score_min);
    for (cell, numbers) in said.chunks_exact(OUTPUTS).enumerate() {
        if numbers[0].min(numbers[1]) < odds_min {
            continue;
        }
        let score = (sigmoid(numbers[0]) * sigmoid(numbers[1])).sqrt();
        if score < score_min || faces.len() == CANDIDATES_MAX {
            continue;
        }
        let place = (cell / columns, cell % columns);
        faces.extend(face_of_cell(
            stride,
            place,
            score,
            &numbers[2..6],
            &numbers[6..16],
        ));
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn logit(p: f32) -> f32 {
    (p / (1.0 - p)).ln()
}
