//! `unmask-edge doctor`: whether everything that `run` needs is there.
//!
//! It changes nothing, takes no camera and no pin, and may be run beside the service.

mod camera;
mod links;
mod machine;
mod reach;
mod report;
mod storage;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

pub use report::{DoctorFormat, write_report};

use crate::error::EdgeError;
use crate::report::ExitStatus;
use crate::service::{RunArgs, ServiceConfig};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but something should be looked at.
    Warning,
    /// It does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: String,
    /// How it is.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do about it; empty where nothing is to be done.
    pub remedy: String,
}

impl Check {
    fn ok(name: &str, found: impl Into<String>) -> Self {
        Self::new(Level::Ok, name, found, "")
    }

    fn warning(name: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Level::Warning, name, found, remedy)
    }

    fn problem(name: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Level::Problem, name, found, remedy)
    }

    fn new(level: Level, name: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            level,
            found: found.into(),
            remedy: remedy.into(),
        }
    }
}

/// Arguments of `doctor`.
#[derive(Debug, Default, Args)]
pub struct DoctorArgs {
    /// Configuration of the service, as for run; may be repeated
    #[arg(long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// One key of the configuration, such as log.folder=events; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// text for people, json for one array of objects
    #[arg(long, value_enum, default_value_t)]
    pub format: DoctorFormat,
}

impl DoctorArgs {
    /// Looks at everything and reports it.
    ///
    /// # Errors
    /// When the report cannot be written.
    pub fn run(&self, out: &mut dyn Write) -> Result<ExitStatus, EdgeError> {
        let args = RunArgs {
            config: self.config.clone(),
            set: self.set.clone(),
            ..RunArgs::default()
        };
        let (config, check) = match args.settings() {
            Ok(settings) => (
                settings.value,
                Check::ok("configuration", "every key is known and in its range"),
            ),
            Err(error) => (
                ServiceConfig::default(),
                Check::problem(
                    "configuration",
                    error.to_string(),
                    "put it right; the defaults are looked at instead",
                ),
            ),
        };
        let mut checks = vec![check];
        checks.extend(examine(&config));
        write_report(&checks, self.format, out)?;
        let worst = checks.iter().map(|check| check.level).max();
        Ok(match worst {
            Some(Level::Problem) => ExitStatus::Manipulated,
            _ => ExitStatus::Nothing,
        })
    }
}

/// Looks at everything that this configuration needs.
pub fn examine(config: &ServiceConfig) -> Vec<Check> {
    let mut checks = camera::checks(config);
    checks.extend(machine::checks());
    checks.extend(storage::checks(config));
    checks.extend(links::checks(config));
    checks
}
