//! The report of an evaluation: one value that holds everything that is shown, written as
//! `report.json` and drawn as one page of HTML.

mod assemble;
mod attacks;
mod chart;
mod checks;
mod figures;
mod measure;
mod page;
mod samples;
mod schema;
mod tested;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

pub(crate) use chart::{Bar, BarGroup, bars};
pub(crate) use page::{Chapter, Column, escape, sheet, table};

pub use assemble::{Context, assemble};
pub use attacks::read_attacks;
pub use chart::{FrontierPoint, frontier};
pub use checks::checks_of_radii;
pub use figures::{
    LevelAsked, compared, distortion_figures, filter_figures, level_figures, manipulations,
    operating_point, radius_figures, roc_points,
};
pub(crate) use measure::scored;
pub use measure::{Asked, Measurement, measure};
pub use page::write_html;
pub use samples::sample_faces;
pub use schema::*;
pub use tested::{WeightsTested, data_tested, detector_tested};

use crate::files::write_atomic;

/// Name of the report for programs.
pub const JSON_FILE: &str = "report.json";
/// Name of the report for people.
pub const HTML_FILE: &str = "report.html";

impl EvaluationReport {
    /// Writes [`JSON_FILE`] and [`HTML_FILE`] into a folder, which is made where it is
    /// missing. Each file appears whole or not at all.
    ///
    /// # Errors
    /// When the disk refuses; earlier reports stay.
    pub fn write(&self, folder: &Path) -> Result<()> {
        create_folder(folder)?;
        let mut json = serde_json::to_vec_pretty(self).context("the report has no JSON form")?;
        json.push(b'\n');
        write_atomic(&folder.join(JSON_FILE), &json)?;
        write_atomic(&folder.join(HTML_FILE), write_html(self).as_bytes())
    }

    /// Reads a `report.json`.
    ///
    /// # Errors
    /// When it cannot be read, is no report, or is of another schema.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| {
            let path = path.display();
            format!("cannot read {path}: make it with `unmask-trainer evaluate`")
        })?;
        #[derive(serde::Deserialize)]
        struct Versioned {
            schema: u32,
        }
        let no_report = || format!("{} is no report", path.display());
        let found: Versioned = serde_json::from_slice(&bytes).with_context(no_report)?;
        ensure!(
            found.schema == SCHEMA,
            "{} has schema {}, this program reads {SCHEMA}: evaluate the run again",
            path.display(),
            found.schema
        );
        serde_json::from_slice(&bytes).with_context(no_report)
    }
}

/// Makes the folder of a report, so that a long evaluation does not fail at its end.
///
/// # Errors
/// When it cannot be made.
pub fn create_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| {
        let folder = folder.display();
        format!("cannot create {folder} for the report: name another with --output")
    })
}

#[cfg(test)]
mod tests;
