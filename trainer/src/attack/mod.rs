//! White-box attacks on one logit. Perturbations act on pixels in [0, 1].

mod pgd;

pub use pgd::{Attacked, Objective, Pgd, Target};
