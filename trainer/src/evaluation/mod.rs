//! Scores of held-out faces: on pairs of a real and a fake face, clean and attacked, and
//! on the stored videos at the levels of frame, clip and video.

mod distorted;
mod filtered;
mod held_out;
pub(crate) mod scored;
mod scores;
mod stored;
mod tensors;
mod unseen;
mod validate;
mod verdicts;

pub use distorted::{Distorted, score_distorted};
pub use filtered::{FilteredScores, score_filtered};
pub use held_out::{HeldOut, VALIDATION_SEED};
pub use scored::write_scores;
pub use scores::{Origin, ScoreSet, Scores};
pub use stored::{Stored, StoredRequest, score_stored};
pub use tensors::to_tensors;
pub use unseen::{
    Analysis, FileTruth, KindRow, Listed, PartRow, Program, RealRow, Unseen, analyze, evidence_of,
    read_videos, sum_up,
};
pub use validate::{Validation, validate, validate_on, validate_told};
pub use verdicts::VerdictRates;
