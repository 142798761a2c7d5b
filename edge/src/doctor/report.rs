//! What was found, for people or programs.

use std::io::Write;

use clap::ValueEnum;

use super::{Examination, Severity};
use crate::console::style::{Style, plural, printable};
use crate::error::EdgeError;

/// How checks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DoctorFormat {
    /// One line each.
    #[default]
    Text,
    /// One array of objects.
    Json,
}

/// Writes every check, and for people a last line that counts them.
///
/// # Errors
/// When it cannot be written.
pub fn write_report(
    checks: &[Examination],
    format: DoctorFormat,
    out: &mut dyn Write,
) -> Result<(), EdgeError> {
    if format == DoctorFormat::Json {
        serde_json::to_writer_pretty(&mut *out, checks)?;
        writeln!(out)?;
        return Ok(());
    }
    let style = Style::default();
    for check in checks {
        let level = match check.level {
            Severity::Ok => style.green("ok     "),
            Severity::Warning => style.yellow("warning"),
            Severity::Problem => style.red("problem"),
        };
        let found = check.found.lines().map(printable).collect::<Vec<_>>();
        write!(out, "{level}  {:<14}{}", check.name, found.join("\n"))?;
        if !check.remedy.is_empty() {
            write!(
                out,
                "\n                         -> {}",
                printable(&check.remedy)
            )?;
        }
        writeln!(out)?;
    }
    let count = |level| checks.iter().filter(|check| check.level == level).count() as u64;
    let problems = plural(count(Severity::Problem), "problem", "problems");
    let warnings = plural(count(Severity::Warning), "warning", "warnings");
    writeln!(out, "\n{problems}, {warnings}")?;
    Ok(())
}
