//! `unmask-edge analyze`: one report per file.

mod chances;
mod media;
mod picture;
mod report;
mod text;
mod video;

use std::io::Write;
use std::path::{Path, PathBuf};

use unmask_shared::bundle::Bundle;
use unmask_shared::engine::Engine;
use unmask_shared::face::FinderChoice;
use unmask_shared::verdict::Verdict;

use crate::console::progress::tell;
use crate::console::style::printable;
use crate::error::EdgeError;
use crate::report::ExitStatus;
use crate::source::{MediaKind, SourceError, list_open_media, sniff};

pub use media::Analyzer;
pub use report::{MediaReport, PathReport, TrackReport};

/// How the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ReportFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Jsonl,
}

/// What to analyse, and how.
#[derive(Debug, Clone)]
pub struct AnalyzeOptions {
    /// Files, and folders whose pictures and videos are analysed.
    pub paths: Vec<PathBuf>,
    /// How the report is written.
    pub format: ReportFormat,
    /// Faces are looked for in every so many frames of a video, at least 1.
    pub every: u32,
    /// What finds the faces.
    pub finder: FinderChoice,
    /// Whether reports tell the raw score of every decision.
    pub logits: bool,
}

/// Analyses every path in turn and writes a report for each as soon as it is
/// known. A path that cannot be read gets an error in its place.
pub fn analyze(
    bundle: &Bundle,
    options: &AnalyzeOptions,
    out: &mut dyn Write,
) -> Result<ExitStatus, EdgeError> {
    let engine = Engine::load(bundle)?;
    let mut analyzer = Analyzer::new(
        engine,
        &options.finder,
        &bundle.manifest,
        options.every.max(1),
        options.logits,
    )?;
    let mut worst = ExitStatus::Nothing;
    let mut text = text::TextReport::default();
    for path in &options.paths {
        let files = match files_of(path) {
            Ok(files) => files,
            Err(error) => vec![Err((path.clone(), error))],
        };
        for file in files {
            let report = match file {
                Ok(file) => report_on(&mut analyzer, &file)?,
                Err((path, error)) => PathReport::failed(&path, &error),
            };
            worst = worst.and(status_of(&report));
            match options.format {
                ReportFormat::Text => text.write(&report, out)?,
                ReportFormat::Jsonl => {
                    serde_json::to_writer(&mut *out, &report)?;
                    out.write_all(b"\n")?;
                }
            }
            out.flush()?;
        }
    }
    if options.format == ReportFormat::Text {
        text.end(out)?;
    }
    Ok(worst)
}

type FileOrError = Result<PathBuf, (PathBuf, SourceError)>;

/// The path itself, or the media below it if it is a folder.
fn files_of(path: &Path) -> Result<Vec<FileOrError>, SourceError> {
    if path.is_dir() {
        let found = list_open_media(path)?;
        if found.others > 0 {
            let (path, others) = (printable(&path.to_string_lossy()), found.others);
            tell(&format!(
                "{path}: {others} files are neither pictures nor videos and are passed over\n"
            ));
        }
        let files = found.files.into_iter().map(Ok);
        return Ok(files.chain(found.closed.into_iter().map(Err)).collect());
    }
    Ok(vec![Ok(path.to_path_buf())])
}

/// A report on one file. What is wrong with the file goes into the report; what
/// is wrong with us is an error.
fn report_on(analyzer: &mut Analyzer, path: &Path) -> Result<PathReport, EdgeError> {
    let kind = match sniff(path) {
        Ok(kind) => kind,
        Err(error) => return Ok(PathReport::failed(path, &error)),
    };
    let result = match kind {
        MediaKind::Image => analyzer.picture(path),
        MediaKind::Video => analyzer.video(path),
    };
    match result {
        Ok(report) => Ok(PathReport::Done(report)),
        Err(error @ (EdgeError::Source(_) | EdgeError::Pipeline(_))) => {
            Ok(PathReport::failed(path, &error))
        }
        Err(error) => Err(error),
    }
}

fn status_of(report: &PathReport) -> ExitStatus {
    let PathReport::Done(done) = report else {
        return ExitStatus::Error;
    };
    let found = match done.verdict {
        Verdict::Manipulated => ExitStatus::Manipulated,
        _ => ExitStatus::Nothing,
    };
    match done.is_cut {
        true => found.and(ExitStatus::Error),
        false => found,
    }
}
