//! `unmask-edge review`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::clips::ClipsArgs;
use crate::console::style::{plural, printable};
use crate::error::EdgeError;
use crate::log::{
    Decision, EventRecorder, LogConfig, LogReader, NOTE_BYTES_MAX, RecordConfig, RecordError,
};
use crate::review::{FrameRate, RateChoice, Span, Timecode, spans, start_at, write_csv, write_edl};

/// What to do with the review queue.
#[derive(Debug, Subcommand)]
pub enum ReviewCommand {
    /// List flagged spans with timecode, time, score and what was found
    List(ListArgs),
    /// Write them for an editing system, a spreadsheet or a program
    Export(ExportArgs),
    /// Cut a short video around each span out of the recording that was watched
    Clips(ClipsArgs),
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

/// What an export is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Editing systems: an edit list (CMX 3600).
    Edl,
    /// Spreadsheets.
    Csv,
    /// Programs.
    Json,
}

/// Which flagged spans.
#[derive(Debug, Args)]
pub struct SpanArgs {
    /// Folder of the event log
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Frames per second for timecodes, instead of the source's own; 29.97 and 59.94 are written
    /// in drop-frame form
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<FrameRate>,
    /// Timecode of the stream's first frame, such as 10:00:00:00
    #[arg(long, value_name = "HH:MM:SS:FF")]
    pub start_timecode: Option<Timecode>,
    /// Only what nobody has looked at yet
    #[arg(long)]
    pub open: bool,
    /// Look through so many of the newest entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub entries: u32,
}

/// Arguments of `review list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    /// Which spans.
    pub spans: SpanArgs,
    /// text for people, csv for spreadsheets, json for programs
    #[arg(long, value_enum, default_value_t)]
    pub format: ListFormat,
}

/// Arguments of `review export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    /// Which spans.
    pub spans: SpanArgs,
    /// edl for editing systems (CMX 3600), csv for spreadsheets, json for programs; else as the
    /// name of --output ends
    #[arg(long, value_enum, required_unless_present = "output")]
    pub format: Option<ExportFormat>,
    /// File to write, instead of the terminal
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
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

fn rate(text: &str) -> Result<FrameRate, String> {
    let hz = text.parse().ok().and_then(FrameRate::new);
    hz.ok_or_else(|| "frames per second are a number above 0, at most 1000, such as 25".to_owned())
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
            Self::Export(args) => args.run(out),
            Self::Clips(args) => args.run(out),
            Self::Confirm(args) => args.run(Decision::Confirmed, out),
            Self::Dismiss(args) => args.run(Decision::Dismissed, out),
        }
    }
}

/// Spans, newest first, and what is wrong with the log that they are from.
pub(super) struct Read {
    pub(super) spans: Vec<Span>,
    fault: Option<String>,
    unread: Option<RecordError>,
}

impl SpanArgs {
    pub(super) fn read(&self) -> Result<Read, EdgeError> {
        let newest = LogReader::open(&self.folder)?.newest(self.entries as usize)?;
        let rate = RateChoice {
            wanted: self.rate,
            otherwise: None,
        };
        let mut spans = spans(&newest.entries, rate);
        if let Some(start) = self.start_timecode {
            start_at(&mut spans, start)
                .map_err(|error| EdgeError::Config(format!("--start-timecode: {error}")))?;
        }
        if self.open {
            spans.retain(|span| span.review.is_none());
        }
        Ok(Read {
            spans,
            fault: newest.fault.map(|fault| fault.to_string()),
            unread: newest.unread.map(RecordError::from),
        })
    }
}

impl Read {
    pub(super) fn end(self, out: &mut dyn Write) -> Result<(), EdgeError> {
        if let Some(fault) = self.fault {
            out.flush()?;
            eprintln!("unmask-edge: the log is NOT INTACT: {fault}");
        }
        self.unread.map_or(Ok(()), |unread| Err(unread.into()))
    }
}

fn write_json(spans: &[Span], out: &mut dyn Write) -> Result<(), EdgeError> {
    serde_json::to_writer_pretty(&mut *out, spans)?;
    Ok(writeln!(out)?)
}

impl ListArgs {
    fn run(&self, out: &mut dyn Write) -> Result<(), EdgeError> {
        let read = self.spans.read()?;
        match self.format {
            ListFormat::Csv => write_csv(&read.spans, out)?,
            ListFormat::Json => write_json(&read.spans, out)?,
            ListFormat::Text if read.spans.is_empty() && read.unread.is_none() => {
                writeln!(out, "nothing was flagged")?;
            }
            ListFormat::Text => {
                for span in &read.spans {
                    writeln!(out, "{}", line(span))?;
                }
            }
        }
        read.end(out)
    }
}

impl ExportArgs {
    fn run(&self, out: &mut dyn Write) -> Result<(), EdgeError> {
        let format = self.format()?;
        let mut read = self.spans.read()?;
        // In the order of the programme.
        read.spans.reverse();
        let mut bytes = Vec::new();
        match format {
            ExportFormat::Csv => write_csv(&read.spans, &mut bytes)?,
            ExportFormat::Json => write_json(&read.spans, &mut bytes)?,
            ExportFormat::Edl => write_edl(read.spans.iter(), &mut bytes)?
                .map_err(|error| EdgeError::Config(error.to_string()))?,
        }
        match &self.output {
            None => out.write_all(&bytes)?,
            Some(path) => {
                std::fs::write(path, &bytes).map_err(|error| {
                    EdgeError::Config(format!("cannot write {}: {error}", path.display()))
                })?;
                let count = plural(read.spans.len() as u64, "span", "spans");
                writeln!(out, "{count} written to {}", path.display())?;
            }
        }
        read.end(out)
    }

    fn format(&self) -> Result<ExportFormat, EdgeError> {
        let of_name = || {
            let ending = self.output.as_ref()?.extension()?.to_str()?;
            ExportFormat::from_str(ending, true).ok()
        };
        self.format.or_else(of_name).ok_or_else(|| {
            EdgeError::Config(
                "what is the export for? give --format, or an output that ends with .edl, .csv or .json"
                    .into(),
            )
        })
    }
}

fn line(span: &Span) -> String {
    let from = match &span.timecode_in {
        Some(timecode) => timecode.clone(),
        None => format!("frame {}", span.first_frame),
    };
    let until = match (&span.timecode_out, span.last_frame) {
        (Some(timecode), _) => timecode.clone(),
        (None, Some(last)) => format!("frame {last}"),
        (None, None) => "...".to_owned(),
    };
    let score = span.score.map_or("-".into(), |score| format!("{score:.2}"));
    let utc = span.utc_in.as_deref().unwrap_or("?");
    let found = match &span.review {
        None => "open".to_owned(),
        Some(found) => {
            format!("{:?} {}", found.decision, printable(&found.note))
        }
    };
    format!(
        "{:>8}  {from} to {until}  {utc:<27}  {}  track {}  score {score}  {found}",
        span.entry,
        printable(&span.source),
        span.track
    )
}

impl DecideArgs {
    fn run(&self, decision: Decision, out: &mut dyn Write) -> Result<(), EdgeError> {
        let newest = LogReader::open(&self.folder)?.newest(usize::MAX)?;
        let spans = spans(&newest.entries, RateChoice::default());
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
