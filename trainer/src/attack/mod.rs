//! White-box attacks on one logit. Perturbations act on pixels in [0, 1].

mod objective;
mod pgd;

pub use objective::{Goal, Objective, spread};
pub use pgd::{Attacked, Begin, Pgd, Target};
