//! `unmask-edge log`, and the log's options of `unmask-edge run`.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
use unmask_shared::event::Event;

use super::entry::Entry;
use super::key::VerifyingKey;
use super::note::CHECKPOINT_BYTES_MAX;
use super::record::{PUBLIC_FILE, RecordConfig, RecordError, STILLS_FOLDER, read_text};
use super::stills::{StillsConfig, is_genuine, still_names};
use super::storage::{FolderStorage, Storage};
use super::verify::{Report, VerifyOptions, newest, verify};
use super::writer::{LogConfig, SyncPolicy};
use crate::error::EdgeError;
use crate::report::ExitStatus;

/// Whether and how `run` logs its events.
#[derive(Clone, Debug, Default, Args)]
pub struct LogArgs {
    /// Write every event into the log in this folder, where it cannot be changed unnoticed
    #[arg(long, value_name = "DIR")]
    pub log: Option<PathBuf>,
    /// File of the log's secret key, instead of log.key in its folder; made where it is missing
    #[arg(long, value_name = "FILE", requires = "log")]
    pub log_key: Option<PathBuf>,
    /// When the log is brought onto the disk: always (after every event), Ns (at most N seconds
    /// later), or close (at the end)
    #[arg(long, value_name = "WHEN", default_value = "always", requires = "log")]
    pub log_sync: Sync,
    /// Keep the newest N pictures of what was called manipulated; 0 keeps none
    #[arg(long, value_name = "N", default_value_t = 0, requires = "log")]
    pub stills: u32,
    /// Delete pictures after so many days
    #[arg(long, value_name = "N", requires = "stills")]
    pub stills_days: Option<u32>,
}

impl LogArgs {
    /// Where and how to log, if at all.
    pub fn config(&self) -> Option<RecordConfig> {
        let stills = (self.stills > 0).then(|| StillsConfig {
            count_max: self.stills as usize,
            age_max_s: self.stills_days.map(|days| u64::from(days) * 86_400),
        });
        self.log.as_ref().map(|folder| RecordConfig {
            folder: folder.clone(),
            key: self.log_key.clone(),
            log: LogConfig {
                sync: self.log_sync.0,
                ..LogConfig::default()
            },
            stills,
        })
    }
}

/// [`SyncPolicy`] on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sync(pub SyncPolicy);

/// Most entries that wait for the disk together.
const WAITING_MAX: u64 = 1000;

impl FromStr for Sync {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = || text.strip_suffix('s')?.parse::<u64>().ok();
        Ok(Self(match text {
            "always" => SyncPolicy::Always,
            "close" => SyncPolicy::OnClose,
            _ => match seconds() {
                Some(seconds @ 1..=3600) => SyncPolicy::Every {
                    entries: WAITING_MAX,
                    wait: Duration::from_secs(seconds),
                },
                _ => return Err("write always, close, or seconds such as 5s, up to 3600s".into()),
            },
        }))
    }
}

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
        let mut stills = StillCheck::new(&self.which.folder)?;
        let report = verify(&storage, &key, &options, &mut |number, bytes| {
            stills.check(number, bytes);
        });
        let report = report.map_err(|cause| file(&self.which.folder, cause))?;
        self.tell(&key, &report, &stills, out)?;
        let is_intact = report.fault.is_none() && stills.changed.is_empty();
        Ok(if is_intact {
            ExitStatus::Nothing
        } else {
            ExitStatus::Manipulated
        })
    }

    fn tell(
        &self,
        key: &VerifyingKey,
        report: &Report,
        stills: &StillCheck,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match report.fault {
            Some(fault) => writeln!(out, "NOT INTACT: {fault}")?,
            None => writeln!(out, "intact: {} entries", report.entries)?,
        }
        for entry in &stills.changed {
            writeln!(out, "NOT INTACT: the still of entry {entry} was changed")?;
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

/// Compares stills with the checksums in the log.
struct StillCheck {
    storage: FolderStorage,
    names: Vec<String>,
    genuine: u64,
    gone: u64,
    /// Entries whose still was changed or cannot be read.
    changed: Vec<u64>,
}

impl StillCheck {
    fn new(folder: &Path) -> Result<Self, RecordError> {
        let place = folder.join(STILLS_FOLDER);
        let storage = FolderStorage::read_only(&place);
        let names = match place.is_dir() {
            true => still_names(&storage).map_err(|cause| file(&place, cause))?,
            false => Vec::new(),
        };
        Ok(Self {
            storage,
            names,
            genuine: 0,
            gone: 0,
            changed: Vec::new(),
        })
    }

    fn check(&mut self, number: u64, bytes: &[u8]) {
        let Some(still) = Entry::from_bytes(bytes).ok().and_then(|entry| entry.still) else {
            return;
        };
        match is_genuine(&self.storage, &self.names, number, &still) {
            Ok(None) => self.gone += 1,
            Ok(Some(true)) => self.genuine += 1,
            Ok(Some(false)) | Err(_) => self.changed.push(number),
        }
    }
}

impl TailArgs {
    fn run(&self, out: &mut dyn Write) -> Result<ExitStatus, EdgeError> {
        let (storage, key) = (self.which.storage()?, self.which.key()?);
        let mut kept = VecDeque::new();
        let wanted = self.entries as usize;
        let fault = newest(&storage, &key, wanted, &mut |number, bytes| {
            if kept.len() == wanted {
                kept.pop_front();
            }
            kept.push_back((number, bytes.to_vec()));
        });
        let fault = fault.map_err(|cause| file(&self.which.folder, cause))?;
        for (number, bytes) in kept {
            match Entry::from_bytes(&bytes) {
                Ok(entry) => writeln!(out, "{}", line(number, &entry.event))?,
                Err(error) => writeln!(out, "{number:>8}  {error}")?,
            }
        }
        match fault {
            None => Ok(ExitStatus::Nothing),
            Some(fault) => {
                writeln!(out, "NOT INTACT: {fault}")?;
                Ok(ExitStatus::Manipulated)
            }
        }
    }
}

/// An entry for people.
fn line(number: u64, event: &Event) -> String {
    let time = i64::try_from(event.time_us).ok();
    let time = time.and_then(|us| jiff::Timestamp::from_microsecond(us).ok());
    let time = time.map_or("?".into(), |time| time.to_string());
    let (kind, verdict) = (event.kind, event.verdict);
    let score = event
        .score
        .map_or("-".into(), |score| format!("{score:.2}"));
    format!(
        "{number:>8}  {time:<27}  {}  track {}  frame {}  {kind:?}: {verdict} {score}",
        event.source, event.track, event.frame
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

impl ExportArgs {
    fn run(&self, out: &mut dyn Write) -> Result<ExitStatus, EdgeError> {
        let (storage, key) = (self.which.storage()?, self.which.key()?);
        let options = VerifyOptions {
            live: storage.is_live(),
            held: None,
        };
        let mut written = Ok(());
        let report = verify(&storage, &key, &options, &mut |number, bytes| {
            if written.is_ok() {
                written = export(number, bytes, out);
            }
        });
        let report = report.map_err(|cause| file(&self.which.folder, cause))?;
        written?;
        match report.fault {
            None => Ok(ExitStatus::Nothing),
            Some(fault) => {
                out.flush()?;
                eprintln!("unmask-edge: the log is NOT INTACT: {fault}");
                Ok(ExitStatus::Manipulated)
            }
        }
    }
}

fn export(number: u64, bytes: &[u8], out: &mut dyn Write) -> Result<(), EdgeError> {
    let entry = Entry::from_bytes(bytes).map_err(RecordError::from)?;
    let hex = |hash: &[u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let exported = Exported {
        entry: number,
        still: entry.still.as_ref().map(hex),
        event: &entry.event,
    };
    serde_json::to_writer(&mut *out, &exported)?;
    writeln!(out)?;
    Ok(())
}

fn file(path: &Path, cause: io::Error) -> RecordError {
    RecordError::File {
        path: path.into(),
        cause,
    }
}
