//! Training losses on one logit, fake = 1.

mod classification;
mod similarity;

pub use classification::{logit_adjusted_bce, logit_adjustment};
pub use similarity::{Pairs, adversarial_similarity, similarity_regularisation};
