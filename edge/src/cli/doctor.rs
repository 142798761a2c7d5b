//! `unmask-edge doctor`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::run::RunArgs;
use crate::doctor::{DoctorFormat, Examination, Severity, examine, write_report};
use crate::error::EdgeError;
use crate::report::ExitStatus;
use crate::service::ServiceConfig;

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
                Examination::ok("configuration", "every key is known and in its range"),
            ),
            Err(error) => (
                ServiceConfig::default(),
                Examination::problem(
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
            Some(Severity::Problem) => ExitStatus::Manipulated,
            _ => ExitStatus::Nothing,
        })
    }
}
