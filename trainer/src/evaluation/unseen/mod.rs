//! What the program that ships says of videos and pictures: of people, sources and kinds that
//! training saw, beside those that it did not.

mod figures;
mod listed;
mod program;

pub use figures::{KindRow, PartRow, RealRow, Unseen, evidence_of, sum_up};
pub use listed::{FileTruth, Listed, read_videos};
pub use program::{Analysis, Program, analyze};
