//! Training: the loop, its schedule, checkpoints, progress and pictures.

mod awp;
mod best;
mod checkpoint;
mod combine;
mod curves;
mod descend;
mod ema;
mod free;
mod plan;
mod progress;
mod run;
mod step;
mod teacher;
mod tensorboard;
mod together;

pub use awp::perturb;
pub use best::{Best, Trend, Weights};
pub(crate) use checkpoint::step_of;
pub use checkpoint::{Checkpoint, RunFolder, Trained};
pub use combine::{Averaged, average_runs};
pub use curves::draw_curves;
pub use ema::average;
pub use free::FreeNoise;
pub use plan::Plan;
pub use progress::{Measured, Progress};
pub use run::{Outcome, Start, train};
pub use step::{Guide, Loss, attacked, inner_attack, loss};
pub use teacher::Teacher;
