//! One person's crops on their way through the network.

use std::collections::VecDeque;
use std::sync::Arc;

use tract_onnx::prelude::*;

use super::layout::{Input, Layout};
use super::{EngineError, Step, guarded, values};

/// One person's crops: the network and what it remembers of earlier ones.
///
/// Streams and networks for single frames decide on every crop. A clip network decides on
/// every full clip; clips do not overlap, so that each crop counts once.
#[derive(Debug)]
pub struct Session {
    state: TypedSimpleState,
    past: TVec<TValue>,
    clip: Option<Clip>,
    layout: Arc<Layout>,
}

impl Session {
    pub(super) fn new(
        plan: &Arc<TypedRunnableModel>,
        layout: &Arc<Layout>,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            state: guarded(|| plan.spawn())?,
            past: layout.no_past()?,
            clip: layout.clip_frames.map(Clip::new),
            layout: Arc::clone(layout),
        })
    }

    /// Shows the next crop to the network, as planar RGB in [0, 1]. `None` where a clip
    /// needs more of them.
    ///
    /// # Shapes
    /// - `image`: `[3, side, side]`
    ///
    /// # Errors
    /// When the crop has another size, or tract fails.
    pub fn step(&mut self, image: &[f32]) -> Result<Option<Step>, EngineError> {
        self.check(image)?;
        let Some(clip) = &mut self.clip else {
            return self.run(image).map(Some);
        };
        clip.push(image);
        if clip.fresh < clip.frames {
            return Ok(None);
        }
        let planes = clip.take();
        self.run(&planes).map(Some)
    }

    /// The decision on crops that no clip was filled with yet, for the end of a track:
    /// on the latest crops, which may have been in the clip before; the oldest one is repeated
    /// where there are not enough. `None` without such crops.
    ///
    /// # Errors
    /// When tract fails.
    pub fn finish(&mut self) -> Result<Option<Step>, EngineError> {
        match &mut self.clip {
            Some(clip) if clip.fresh > 0 => {
                let planes = clip.take();
                self.run(&planes).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Judges a single picture, which has neither a past nor a future: a clip network sees
    /// it standing still. Forgets everything else.
    ///
    /// # Shapes
    /// - `image`: `[3, side, side]`
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn picture(&mut self, image: &[f32]) -> Result<Step, EngineError> {
        self.check(image)?;
        self.reset()?;
        let step = match &mut self.clip {
            None => self.run(image),
            Some(clip) => {
                clip.push(image);
                let planes = clip.take();
                self.run(&planes)
            }
        };
        self.reset()?;
        step
    }

    /// Forgets the past, as for another person.
    ///
    /// # Errors
    /// When there is no memory for an empty past.
    pub fn reset(&mut self) -> Result<(), EngineError> {
        self.past = self.layout.no_past()?;
        if let Some(clip) = &mut self.clip {
            clip.clear();
        }
        Ok(())
    }

    fn check(&self, image: &[f32]) -> Result<(), EngineError> {
        let wanted = 3 * self.layout.crop_side * self.layout.crop_side;
        if image.len() == wanted {
            return Ok(());
        }
        Err(EngineError::CropSize {
            found: image.len(),
            wanted,
        })
    }

    fn run(&mut self, image: &[f32]) -> Result<Step, EngineError> {
        let layout = Arc::clone(&self.layout);
        let (state, past) = (&mut self.state, &self.past);
        let outputs = guarded(|| {
            let image = Tensor::from_shape(&layout.image_shape(), image)?.into_tvalue();
            let inputs = layout.inputs.iter().map(|input| match *input {
                Input::Image => image.clone(),
                Input::State(index) => past[index].clone(),
            });
            state.run(inputs.collect())
        })?;
        let step = Step {
            logit: values(&outputs, layout.logit)?
                .first()
                .copied()
                .unwrap_or(f32::NAN),
            embedding: values(&outputs, layout.embedding)?.to_vec(),
            evidence: values(&outputs, layout.evidence)?.to_vec(),
        };
        self.past = layout
            .next_states
            .iter()
            .map(|&index| outputs[index].clone())
            .collect();
        Ok(step)
    }
}

/// The latest crops of a person.
#[derive(Debug)]
struct Clip {
    frames: usize,
    /// Oldest first, at most `frames`.
    crops: VecDeque<Vec<f32>>,
    /// Crops since the last decision.
    fresh: usize,
}

impl Clip {
    fn new(frames: usize) -> Self {
        Self {
            frames,
            crops: VecDeque::with_capacity(frames),
            fresh: 0,
        }
    }

    fn push(&mut self, crop: &[f32]) {
        let mut room = if self.crops.len() == self.frames {
            self.crops.pop_front().unwrap_or_default()
        } else {
            Vec::new()
        };
        room.clear();
        room.extend_from_slice(crop);
        self.crops.push_back(room);
        self.fresh += 1;
    }

    /// All crops as `[3, frames, side, side]`, the oldest repeated in front where there are
    /// too few.
    fn take(&mut self) -> Vec<f32> {
        self.fresh = 0;
        let missing = self.frames - self.crops.len();
        let plane = self.crops.front().map_or(0, |crop| crop.len() / 3);
        let mut planes = Vec::with_capacity(3 * self.frames * plane);
        for colour in 0..3 {
            let pixels = colour * plane..(colour + 1) * plane;
            for crop in self.crops.iter().take(1).cycle().take(missing) {
                planes.extend_from_slice(&crop[pixels.clone()]);
            }
            for crop in &self.crops {
                planes.extend_from_slice(&crop[pixels.clone()]);
            }
        }
        planes
    }

    fn clear(&mut self) {
        self.crops.clear();
        self.fresh = 0;
    }
}
