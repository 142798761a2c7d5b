//! Suites: several attacks on the same clips, of which every clip keeps the worst.

mod assemble;
mod duration;
mod member;
mod report;
mod run;
mod state;
#[cfg(test)]
mod tests;

pub use super::Limits;
pub use duration::DurationEstimate;
pub use member::{Attacker, Cost, Member, aa_binary};
pub use report::{SCHEMA, SuiteReport, worst_case};
pub(in crate::attack) use report::{is_target, margin};
pub use run::{Batches, Done, Suite};
pub use state::{Cell, SuiteIdentity, SuiteState};
