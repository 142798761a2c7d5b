//! `unmask-edge log`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use unmask_shared::event::Event;
use unmask_shared::hex;
use unmask_shared::review::Review;

use crate::console::style::{judged_text, printable};
use crate::error::EdgeError;
use crate::log::{
    CHECKPOINT_BYTES_MAX, Counter, FolderStorage, KEY_FILE, LogCheck, LogEntry, PUBLIC_FILE,
    RecordError, STILLS_FOLDER, StillCheck, Storage, Unread, VerifyOptions, VerifyingKey, newest,
    read_text, utc, verify,
};
use crate::report::ExitStatus;

/// What to do with a log.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Check that a log is intact; exit code 1 if it is not
    Verify(VerifyArgs),
    /// Print the newest entries
    Tail(TailArgs),
    /// Write all entries as JSON, one object per line
    Export(ExportArgs),
}

/// Which log.
#[derive(Debug, Args)]
pub struct WhichArgs {
    /// Folder of the log
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Public key of the log, or its file. Without it, log.pub in the folder is believed
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// Arguments of `log verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    /// The log.
    pub which: WhichArgs,
    /// A checkpoint of the log that was kept elsewhere: what it covers must still be there
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
}

/// Arguments of `log tail`.
#[derive(Debug, Args)]
pub struct TailArgs {
    #[command(flatten)]
    /// The log.
    pub which: WhichArgs,
    /// How many entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub entries: u32,
}

/// Arguments of `log export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    /// The log.
    pub which: WhichArgs,
}

impl LogCommand {
    /// Does what the command line asks for.
    pub fn run(&self, out: &mut dyn Write) -> Result<ExitStatus, EdgeError> {
        match self {
            Self::Verify(args) => args.run(out),
            Self::Tail(args) => args.run(out),
            Self::Export(args) => args.run(out),
        }
    }
}

impl WhichArgs {
    fn storage(&self) -> Result<FolderStorage, RecordError> {
        if self.folder.is_dir() {
            Ok(FolderStorage::read_only(&self.folder))
        } else {
            Err(file(&self.folder, io::ErrorKind::NotFound.into()))
        }
    }

    fn key(&self) -> Result<VerifyingKey, RecordError> {
        let beside = self.folder.join(PUBLIC_FILE);
        let path = match &self.key {
            Some(text) => match VerifyingKey::parse(text) {
                Ok(key) => return Ok(key),
                Err(_) => Path::new(text),
            },
            None => &beside,
        };
        let text = read_text(path).map_err(|cause| file(path, cause))?;
        VerifyingKey::parse(&text).map_err(|error| RecordError::Key {
            path: path.into(),
            error,
        })
    }
}

impl WhichArgs {
    /// Name of the key in the log's own folder, where that is not the given one.
    fn other_key(&self, given: &VerifyingKey) -> Option<String> {
        let text = read_text(&self.folder.join(PUBLIC_FILE)).ok()?;
        let own = VerifyingKey::parse(&text).ok()?;
        (own != *given).then(|| printable(own.name()).to_string())
    }
}

impl VerifyArgs {
    fn run(&self, out: &mut dyn Write) -> Result<ExitStatus, EdgeError> {
        let (storage, key) = (self.which.storage()?, self.which.key()?);
        let held = self.checkpoint.as_ref().map(|path| {
            let folder = FolderStorage::read_only(Path::new(""));
            let note = folder.read(&path.to_string_lossy(), CHECKPOINT_BYTES_MAX);
            note.map_err(|cause| file(path, cause))
        });
        let held = held.transpose()?;
        let options = VerifyOptions {
            live: storage.is_live(),
            held: held.as_deref(),
        };
        let place = self.which.folder.join(STILLS_FOLDER);
        let mut stills = StillCheck::new(&place).map_err(|cause| file(&place, cause))?;
        let report = verify(&storage, &key, &options, &mut |number, bytes| {
            stills.check(number, bytes);
        });
        let report = report.map_err(|cause| file(&self.which.folder, cause))?;
        // Entries that are written meanwhile are not gone.
        let gone = match report.fault {
            None => Counter::of(&self.which.folder.join(KEY_FILE)).missing(report.entries),
            Some(_) => 0,
        };
        self.tell(&key, &report, &stills, gone, out)?;
        let is_intact = report.fault.is_none() && stills.changed.is_empty() && gone == 0;
        Ok(if is_intact {
            ExitStatus::Nothing
        } else {
            ExitStatus::Manipulated
        })
    }

    fn tell(
        &self,
        key: &VerifyingKey,
        report: &LogCheck,
        stills: &StillCheck,
        gone: u64,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match report.fault {
            Some(fault) => writeln!(out, "NOT INTACT: {fault}")?,
            None if gone > 0 => writeln!(
                out,
                "NOT INTACT: {} entries are as they were written, but the key beside them has signed {gone} more, which are gone",
                report.entries
            )?,
            None => writeln!(out, "intact: {} entries", report.entries)?,
        }
        for entry in &stills.changed {
            writeln!(out, "NOT INTACT: the still of entry {entry} was changed")?;
        }
        if let Some(own) = self.which.other_key(key) {
            writeln!(
                out,
                "The log is signed with another key than the one that was given: {own}, as log.pub in its folder says."
            )?;
        }
        writeln!(out, "log          {}", key.name())?;
        writeln!(out, "checkpoint   covers {} entries", report.sealed)?;
        if stills.genuine + stills.gone > 0 {
            let StillCheck { genuine, gone, .. } = stills;
            writeln!(out, "stills       {genuine} genuine, {gone} no longer kept")?;
        }
        if self.which.key.is_none() {
            writeln!(
                out,
                "The key was taken from the log's own folder: pass --key to be sure that nobody replaced the whole log."
            )?;
        }
        if self.checkpoint.is_none() {
            writeln!(
                out,
                "No checkpoint from elsewhere was given: pass --checkpoint to be sure that nobody cut off its end."
            )?;
        }
        Ok(())
    }
}

impl TailArgs {
    fn run(&self, out: &mut dyn Write) -> Result<ExitStatus, EdgeError> {
        let (storage, key) = (self.which.storage()?, self.which.key()?);
        let newest = newest(&storage, &key, self.entries as usize, storage.is_live());
        let newest = newest.map_err(|cause| file(&self.which.folder, cause))?;
        for (number, bytes) in newest.entries {
            match LogEntry::from_bytes(&bytes) {
                Ok(LogEntry::Event(entry)) => writeln!(out, "{}", line(number, &entry.event))?,
                Ok(LogEntry::Review(review)) => writeln!(out, "{}", review_line(&review))?,
                Err(error) => writeln!(out, "{number:>8}  {error}")?,
            }
        }
        match newest.fault {
            None => Ok(ExitStatus::Nothing),
            Some(fault) => {
                writeln!(out, "NOT INTACT: {fault}")?;
                Ok(ExitStatus::Manipulated)
            }
        }
    }
}

/// A review for people.
fn review_line(review: &Review) -> String {
    let time = utc(review.time_us).unwrap_or("?".into());
    let (number, decision) = (review.sequence, review.decision);
    let quote = if review.note.is_empty() { "" } else { ": " };
    let about = review.entry;
    let note = printable(&review.note);
    format!("{number:>8}  {time:<27}  entry {about} {decision:?}{quote}{note}")
}

/// An entry for people.
fn line(number: u64, event: &Event) -> String {
    let time = utc(event.time_us).unwrap_or("?".into());
    let (kind, verdict) = (event.kind, event.verdict);
    let score = event
        .score
        .map_or("-".into(), |score| format!("{score:.2}"));
    let judged = event.coverage.map(judged_text).unwrap_or_default();
    format!(
        "{number:>8}  {time:<27}  {}  track {}  frame {}  {kind:?}: {verdict} {score}{judged}",
        printable(&event.source),
        event.track,
        event.frame
    )
}

/// One line of an export.
#[derive(Serialize)]
struct Exported<'a> {
    entry: u64,
    /// SHA-256 of the still in hex.
    still: Option<String>,
    event: &'a Event,
}

/// The same of a review.
#[derive(Serialize)]
struct ExportedReview<'a> {
    entry: u64,
    review: &'a Review,
}

impl ExportArgs {
    fn run(&self, out: &mut dyn Write) -> Result<ExitStatus, EdgeError> {
        let (storage, key) = (self.which.storage()?, self.which.key()?);
        let options = VerifyOptions {
            live: storage.is_live(),
            held: None,
        };
        let (mut written, mut unread) = (Ok(()), None);
        let report = verify(&storage, &key, &options, &mut |number, bytes| {
            if written.is_ok() {
                written = export(number, bytes, &mut unread, out);
            }
        });
        let report = report.map_err(|cause| file(&self.which.folder, cause))?;
        written?;
        out.flush()?;
        match (report.fault, unread) {
            (Some(fault), _) => {
                eprintln!("unmask-edge: the log is NOT INTACT: {fault}");
                Ok(ExitStatus::Manipulated)
            }
            (None, Some(unread)) => Err(RecordError::from(unread).into()),
            (None, None) => Ok(ExitStatus::Nothing),
        }
    }
}

/// An entry that cannot be read, as it is.
#[derive(Serialize)]
struct ExportedBytes {
    entry: u64,
    /// Why it cannot be read.
    unread: String,
    /// In hex.
    bytes: String,
}

fn export(
    number: u64,
    bytes: &[u8],
    unread: &mut Option<Unread>,
    out: &mut dyn Write,
) -> Result<(), EdgeError> {
    match LogEntry::from_bytes(bytes) {
        Ok(LogEntry::Event(entry)) => {
            let exported = Exported {
                entry: number,
                still: entry.still.as_ref().map(|hash| hex(hash)),
                event: &entry.event,
            };
            serde_json::to_writer(&mut *out, &exported)?;
        }
        Ok(LogEntry::Review(review)) => {
            let exported = ExportedReview {
                entry: number,
                review: &review,
            };
            serde_json::to_writer(&mut *out, &exported)?;
        }
        Err(error) => {
            Unread::count(unread, number, error);
            let exported = ExportedBytes {
                entry: number,
                unread: error.to_string(),
                bytes: hex(bytes),
            };
            serde_json::to_writer(&mut *out, &exported)?;
        }
    }
    writeln!(out)?;
    Ok(())
}

fn file(path: &Path, cause: io::Error) -> RecordError {
    RecordError::File {
        path: path.into(),
        cause,
    }
}
