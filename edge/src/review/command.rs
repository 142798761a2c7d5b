//! `unmask-edge review`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::csv::write_csv;
use super::span::{Span, spans};
use crate::error::EdgeError;
use crate::log::{
    Decision, EventRecorder, LogConfig, LogReader, NOTE_BYTES_MAX, RecordConfig, RecordError,
};
use crate::report::style::printable;

/// What to do with the review queue.
#[derive(Debug, Subcommand)]
pub enum ReviewCommand {
    /// List flagged spans with timecode, time, score and what was found
    List(ListArgs),
    /// Write into the log that a flagged face was manipulated
    Confirm(DecideArgs),
    /// Write into the log that it was a false alarm
    Dismiss(DecideArgs),
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ListFormat {
    /// For people.
    #[default]
    Text,
    /// For spreadsheets.
    Csv,
    /// One array of objects.
    Json,
}

/// Arguments of `review list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Folder of the event log
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// text for people, csv for spreadsheets, json for programs
    #[arg(long, value_enum, default_value_t)]
    pub format: ListFormat,
    /// Frames per second, for timecodes; 29.97 and 59.94 are written in drop-frame form
    #[arg(long, value_name = "N", default_value_t = 30.0)]
    pub rate: f64,
    /// Only what nobody has looked at yet
    #[arg(long)]
    pub open: bool,
    /// Look through so many of the newest entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub entries: u32,
}

/// Arguments of `review confirm` and `review dismiss`.
#[derive(Debug, Args)]
pub struct DecideArgs {
    /// Folder of the event log; while `run` writes it, use the live page instead
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Number of the entry that flagged the face
    #[arg(value_name = "ENTRY")]
    pub entry: u64,
    /// Why, in words
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = note)]
    pub note: String,
    /// File of the log's secret key, instead of log.key in its folder
    #[arg(long, value_name = "FILE")]
    pub log_key: Option<PathBuf>,
}

fn note(text: &str) -> Result<String, String> {
    match text.len() <= NOTE_BYTES_MAX {
        true => Ok(text.to_owned()),
        false => Err(format!("a note has at most {NOTE_BYTES_MAX} bytes")),
    }
}

impl ReviewCommand {
    /// Does what the command line asks for.
    ///
    /// # Errors
    /// See [`EdgeError`].
    pub fn run(&self, out: &mut dyn Write) -> Result<(), EdgeError> {
        match self {
            Self::List(args) => args.run(out),
            Self::Confirm(args) => args.run(Decision::Confirmed, out),
            Self::Dismiss(args) => args.run(Decision::Dismissed, out),
        }
    }
}

impl ListArgs {
    fn run(&self, out: &mut dyn Write) -> Result<(), EdgeError> {
        let newest = LogReader::open(&self.folder)?.newest(self.entries as usize)?;
        let mut spans = spans(&newest.entries, self.rate);
        if self.open {
            spans.retain(|span| span.review.is_none());
        }
        match self.format {
            ListFormat::Csv => write_csv(&spans, out)?,
            ListFormat::Json => {
                serde_json::to_writer_pretty(&mut *out, &spans)?;
                writeln!(out)?;
            }
            ListFormat::Text if spans.is_empty() && newest.unread.is_none() => {
                writeln!(out, "nothing was flagged")?;
            }
            ListFormat::Text => {
                for span in &spans {
                    writeln!(out, "{}", line(span))?;
                }
            }
        }
        if let Some(fault) = newest.fault {
            out.flush()?;
            eprintln!("unmask-edge: the log is NOT INTACT: {fault}");
        }
        match newest.unread {
            Some(unread) => Err(RecordError::from(unread).into()),
            None => Ok(()),
        }
    }
}

fn line(span: &Span) -> String {
    let until = span.timecode_out.as_deref().unwrap_or("...");
    let score = span.score.map_or("-".into(), |score| format!("{score:.2}"));
    let utc = span.utc_in.as_deref().unwrap_or("?");
    let found = match &span.review {
        None => "open".to_owned(),
        Some(found) => {
            format!("{:?} {}", found.decision, printable(&found.note))
        }
    };
    format!(
        "{:>8}  {} to {until}  {utc:<27}  {}  track {}  score {score}  {found}",
        span.entry,
        span.timecode_in,
        printable(&span.source),
        span.track
    )
}

impl DecideArgs {
    fn run(&self, decision: Decision, out: &mut dyn Write) -> Result<(), EdgeError> {
        let newest = LogReader::open(&self.folder)?.newest(usize::MAX)?;
        let spans = spans(&newest.entries, 30.0);
        if !spans.iter().any(|span| span.entry == self.entry) {
            let entry = self.entry;
            return Err(EdgeError::Config(format!(
                "entry {entry} flagged nobody: unmask-edge review list tells the entries that did"
            )));
        }
        let config = RecordConfig {
            folder: self.folder.clone(),
            key: self.log_key.clone(),
            log: LogConfig::default(),
            stills: None,
        };
        let (mut log, _) = EventRecorder::open(&config)?;
        let number = log.review(self.entry, decision, &self.note, Duration::ZERO)?;
        log.close()?;
        writeln!(out, "entry {number}: {decision:?} entry {}", self.entry)?;
        Ok(())
    }
}
