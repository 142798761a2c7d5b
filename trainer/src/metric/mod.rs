//! Figures of merit, exact and without a threshold unless one is named.

mod auc;
mod platt;

pub use auc::{roc_auc, roc_curve};
pub use platt::{Platt, fit_platt};
