//! Faces for training: prepared once into WebDataset shards, made into pairs on the fly.

mod align;
mod crops;
mod cut;
mod identity;
mod items;
mod jobs;
mod journal;
mod layout;
mod loader;
mod mask;
mod media;
mod options;
mod ordered;
mod pairs;
mod partition;
mod prepare;
mod read;
mod record;
mod shard;
mod skip;
mod synthetic;
mod table;
mod view;

pub use layout::{Compression, Layout};
pub use loader::{Batch, BatchPlan, Loader};
pub use media::{each_frame, length, window_starts};
pub use options::PrepareOptions;
pub use ordered::in_order;
pub use pairs::{
    Epoch, LeaveOut, MakePlan, PairConfig, PairKind, Pairs, PreparedPair, SamplingConfig,
    choosing_part, reported_part,
};
pub use pairs::{STACKED, left_out};
pub use partition::Partition;
pub use prepare::{Preparation, PrepareReport, prepare};
pub use read::{read_records, read_shards};
pub use record::fnv1a as text_hash;
pub use record::{FaceChoice, Label, Meta, Record, Shares, Split, common_align};
pub use skip::{Skip, SkipReason};
pub use table::Table;
pub use view::{plain_clip, random_frame, stacked_clip};

use unmask_shared::geometry::CropSpec;

/// Side of a stored crop in pixels.
pub const STORED_SIDE: u16 = 144;
/// How much wider than the network's crop a stored one is, to leave room for jitter.
pub const STORED_MARGIN: f32 = 1.25;

/// Geometry of stored crops.
pub fn stored_crop() -> CropSpec {
    CropSpec::default().with_margin(STORED_MARGIN, STORED_SIDE)
}
