//! Faces for training: prepared once into WebDataset shards, made into pairs on the fly.

mod align;
mod jobs;
mod loader;
mod media;
mod pairs;
mod prepare;
mod record;
mod shard;
mod synthetic;
mod view;

pub use loader::{Batch, BatchPlan, Loader};
pub(crate) use pairs::mix;
pub use pairs::{Epoch, MakePlan, PairConfig, PairKind, Pairs, PreparedPair};
pub use prepare::{PrepareOptions, PrepareReport, prepare};
pub use record::{Label, Meta, Record};
pub use shard::{ShardWriter, read_shards};

use unmask_shared::geometry::CropSpec;

/// Side of a stored crop in pixels.
pub const STORED_SIDE: u16 = 144;
/// How much wider than the network's crop a stored one is, to leave room for jitter.
pub const STORED_MARGIN: f32 = 1.25;

/// Geometry of stored crops.
pub fn stored_crop() -> CropSpec {
    CropSpec::default().with_margin(STORED_MARGIN, STORED_SIDE)
}
