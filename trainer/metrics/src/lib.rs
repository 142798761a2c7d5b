//! Figures of merit, exact and without a threshold unless one is named. Scores grow with
//! manipulation; labels are true for fakes.

mod accuracy;
mod auc;
mod bootstrap;
mod calibration;
mod eer;
mod interval;
mod platt;
mod precision;
mod rates;
mod stream;
mod sweep;
mod tpr;
mod tracks;

pub use accuracy::accuracy;
pub use auc::{Ranking, roc_auc, roc_curve};
pub use bootstrap::Bootstrap;
pub use calibration::calibration_error;
pub use eer::{EqualError, equal_error};
pub use interval::{Interval, clopper_pearson, poisson};
pub use platt::{Platt, fit_platt};
pub use precision::average_precision;
pub use rates::{Rate, apcer, apcer_by, bpcer, threshold_at_bpcer};
pub use stream::{AlarmRate, count_alarms};
pub use sweep::{Cut, Sweep};
pub use tpr::tpr_at_fpr;
pub use tracks::{VideoEvidence, fit_tracks};
