//! What judges the crops of a face: the seam at which something else takes the
//! place of the network, as in a simulation of a day.

use std::fmt::Debug;

use unmask_shared::engine::{Engine, EngineError, Session, Step};

/// A network that several people share.
pub trait Network {
    /// Side of a crop in pixels.
    fn crop_side(&self) -> usize;

    /// Begins with somebody new, without a past.
    ///
    /// # Errors
    /// When there is no memory for it.
    fn begin(&self) -> Result<Box<dyn Judge>, EngineError>;
}

/// The network's view of one person. See [`Session`].
pub trait Judge: Debug {
    /// Takes the next crop; `None` where a decision needs more of them.
    ///
    /// # Shapes
    /// - `crop`: `[3, side, side]`, RGB in [0, 1]
    ///
    /// # Errors
    /// When the network fails.
    fn step(&mut self, crop: &[f32]) -> Result<Option<Step>, EngineError>;

    /// Decides on crops that nothing was decided on yet, at the end.
    ///
    /// # Errors
    /// When the network fails.
    fn finish(&mut self) -> Result<Option<Step>, EngineError>;
}

impl Network for Engine {
    fn crop_side(&self) -> usize {
        Self::crop_side(self)
    }

    fn begin(&self) -> Result<Box<dyn Judge>, EngineError> {
        Ok(Box::new(self.session()?))
    }
}

impl Judge for Session {
    fn step(&mut self, crop: &[f32]) -> Result<Option<Step>, EngineError> {
        Self::step(self, crop)
    }

    fn finish(&mut self) -> Result<Option<Step>, EngineError> {
        Self::finish(self)
    }
}
