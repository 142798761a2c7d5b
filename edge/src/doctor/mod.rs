//! `unmask-edge doctor`: whether everything that `run` needs is there.
//!
//! It changes nothing, takes no camera and no pin, and may be run beside the service.

mod camera;
mod links;
mod machine;
mod reach;
mod report;
mod storage;

use serde::Serialize;

pub use report::{DoctorFormat, write_report};

use crate::service::ServiceConfig;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// It works, but something should be looked at.
    Warning,
    /// It does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examination {
    /// What.
    pub name: String,
    /// How it is.
    pub level: Severity,
    /// What was found.
    pub found: String,
    /// What to do about it; empty where nothing is to be done.
    pub remedy: String,
}

impl Examination {
    pub(crate) fn ok(name: &str, found: impl Into<String>) -> Self {
        Self::new(Severity::Ok, name, found, "")
    }

    fn warning(name: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Warning, name, found, remedy)
    }

    pub(crate) fn problem(name: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Problem, name, found, remedy)
    }

    fn new(
        level: Severity,
        name: &str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            level,
            found: found.into(),
            remedy: remedy.into(),
        }
    }
}

/// Looks at everything that this configuration needs.
pub fn examine(config: &ServiceConfig) -> Vec<Examination> {
    let mut checks = camera::checks(config);
    checks.extend(machine::checks());
    checks.extend(storage::checks(config));
    checks.extend(links::checks(config));
    checks
}
