//! Training: the loop, its schedule, checkpoints, progress and pictures.

mod checkpoint;
mod curves;
mod ema;
mod plan;
mod progress;
mod run;
mod step;

pub use checkpoint::{Checkpoint, RunFolder};
pub use curves::draw_curves;
pub use ema::average;
pub use plan::Plan;
pub use progress::{Measured, Progress};
pub use run::{Outcome, Start, train};
pub use step::{LossParts, StepOptions, loss};
