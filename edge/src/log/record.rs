//! Writes events into a log in a folder, with the key and the stills that belong
//! to it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use unmask_shared::event::{Event, EventKind};
use unmask_shared::geometry::FaceBox;
use unmask_shared::review::{Decision, REVIEW_FORMAT, Review};
use unmask_shared::verdict::Verdict;
use unmask_shared::without_temporary_name;

use super::config::{LogConfig, LogError, Recovery};
use super::entry::{Entry, EntryError, LogEntry};
use super::key::{KeyError, Seal, SigningKey};
use super::merkle::Hash;
use super::read::Unread;
use super::stills::{Stills, StillsConfig};
use super::storage::FolderStorage;
use super::writer::{CHECKPOINT_FILE, EventLog};
use crate::source::Frame;

/// The secret key, unless it is kept elsewhere.
pub(super) const KEY_FILE: &str = "log.key";
/// The public key.
pub(super) const PUBLIC_FILE: &str = "log.pub";
/// The folder of stills.
pub(super) const STILLS_FOLDER: &str = "stills";
/// Most bytes of a key file.
const KEY_BYTES_MAX: u64 = 4096;
/// 2020-01-01: a clock that shows less was never set.
const CLOCK_SET_S: u64 = 1_577_836_800;
/// Stills are looked through for old ones this often.
const EXPIRE_EVERY: Duration = Duration::from_secs(3600);

/// Where events are logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordConfig {
    /// The log's folder.
    pub folder: PathBuf,
    /// The file of the secret key; `None` for the log's folder.
    pub key: Option<PathBuf>,
    /// How the log is written.
    pub log: LogConfig,
    /// Whether and how long stills are kept.
    pub stills: Option<StillsConfig>,
}

/// Why events cannot be logged.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The log cannot be written.
    #[error("{folder}: {error}")]
    Log {
        /// The log's folder.
        folder: PathBuf,
        /// Why not.
        error: LogError,
    },
    /// The event is none.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Some entries were left out.
    #[error(transparent)]
    Unread(#[from] Unread),
    /// The key cannot be used.
    #[error("{path}: {error}")]
    Key {
        /// The key's file.
        path: PathBuf,
        /// Why not.
        error: KeyError,
    },
    /// There is a log, but not the key that it was signed with.
    #[error(
        "{path} is missing, the key of the log beside it: bring it back, or move the log's folder away so that a new log can begin"
    )]
    KeyMissing {
        /// The key's file.
        path: PathBuf,
    },
    /// The system does not let a file be read or written.
    #[error("{path}: {cause}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Number of the entry.
    pub entry: u64,
    /// Whether a still was kept.
    pub has_still: bool,
}

/// Writes events into a log.
#[derive(Debug)]
pub struct EventRecorder {
    log: EventLog<FolderStorage, SigningKey>,
    stills: Option<Stills<FolderStorage>>,
    folder: PathBuf,
    expired_at: Duration,
}

impl EventRecorder {
    /// Opens the log in a folder; where there is none, begins one with a new key.
    pub fn open(config: &RecordConfig) -> Result<(Self, Recovery), RecordError> {
        let folder = &config.folder;
        let storage = FolderStorage::lock(folder).map_err(at(folder))?;
        let key = key(config)?;
        let (log, recovery) =
            EventLog::open(storage, key, config.log).map_err(|error| RecordError::Log {
                folder: folder.clone(),
                error,
            })?;
        let stills = match config.stills {
            None => None,
            Some(stills) => {
                let place = folder.join(STILLS_FOLDER);
                fs::create_dir_all(&place).map_err(at(&place))?;
                Some(Stills::new(FolderStorage::read_only(&place), stills))
            }
        };
        let mut recorder = Self {
            log,
            stills,
            folder: folder.clone(),
            expired_at: Duration::ZERO,
        };
        recorder.expire()?;
        Ok((recorder, recovery))
    }

    /// Logs an event and tells where. Its sequence number
    /// becomes that of the entry, and its time that of the clock, where it is set.
    /// Of a verdict of "manipulated", a still of `frame` with a box around `face` is kept if so
    /// configured.
    /// `now` is the time since the program started.
    pub fn record(
        &mut self,
        event: &Event,
        frame: &Frame,
        face: Option<&FaceBox>,
        now: Duration,
    ) -> Result<Recorded, RecordError> {
        let clock = clock();
        let mut entry = Entry {
            event: Event {
                sequence: self.log.entries(),
                ..event.clone()
            },
            still: None,
        };
        if let Some(time) = clock {
            entry.event.time_us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        }
        let is_evidence =
            event.kind == EventKind::VerdictChanged && event.verdict == Verdict::Manipulated;
        if let Some(stills) = self.stills.as_mut().filter(|_| is_evidence) {
            let unix_s = clock.unwrap_or_default().as_secs();
            let kept = stills.keep(entry.event.sequence, frame, face, unix_s);
            entry.still = Some(kept.map_err(at(&self.folder.join(STILLS_FOLDER)))?);
        }
        let bytes = entry.to_bytes()?;
        let number = self.log.append(&bytes, now).map_err(in_log(&self.folder))?;
        Ok(Recorded {
            entry: number,
            has_still: entry.still.is_some(),
        })
    }

    /// Logs what somebody found who looked at an earlier entry, and returns the
    /// number of the new one. Of a note that is too long, the start is kept.
    ///
    /// # Errors
    /// When the entry is not there yet, or the log cannot be written.
    pub fn review(
        &mut self,
        entry: u64,
        decision: Decision,
        note: &str,
        now: Duration,
    ) -> Result<u64, RecordError> {
        let time = clock().unwrap_or_default();
        let review = Review {
            format: REVIEW_FORMAT,
            sequence: self.log.entries(),
            time_us: u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
            entry,
            decision,
            note: crate::report::events::fitted(note),
        };
        let bytes = LogEntry::Review(review).to_bytes()?;
        self.log.append(&bytes, now).map_err(in_log(&self.folder))
    }

    /// Entries in the log, and the root of their tree.
    pub fn root(&self) -> (u64, Hash) {
        (self.log.entries(), self.log.root())
    }

    /// Brings onto the disk what has waited long enough, and deletes old stills.
    pub fn poll(&mut self, now: Duration) -> Result<(), RecordError> {
        if now.saturating_sub(self.expired_at) >= EXPIRE_EVERY {
            self.expired_at = now;
            self.expire()?;
        }
        self.log.poll(now).map_err(in_log(&self.folder))
    }

    /// Brings everything onto the disk.
    pub fn close(self) -> Result<(), RecordError> {
        self.log.close().map_err(in_log(&self.folder))
    }

    fn expire(&mut self) -> Result<(), RecordError> {
        match (&mut self.stills, clock()) {
            (Some(stills), Some(now)) => stills
                .expire(now.as_secs())
                .map_err(at(&self.folder.join(STILLS_FOLDER))),
            _ => Ok(()),
        }
    }
}

/// Time since 1970, if the clock is set.
pub(crate) fn clock() -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    (now.as_secs() >= CLOCK_SET_S).then_some(now)
}

/// The key of a log; a new one for a new log.
fn key(config: &RecordConfig) -> Result<SigningKey, RecordError> {
    let beside = config.folder.join(KEY_FILE);
    let path = config.key.as_ref().unwrap_or(&beside);
    let key = if path.exists() {
        let text = read_text(path).map_err(at(path))?;
        SigningKey::parse(&text).map_err(|error| RecordError::Key {
            path: path.clone(),
            error,
        })?
    } else if config.folder.join(CHECKPOINT_FILE).exists() {
        return Err(RecordError::KeyMissing { path: path.clone() });
    } else {
        let key = SigningKey::generate(None).map_err(|error| RecordError::Key {
            path: path.clone(),
            error,
        })?;
        write_text(path, &key.to_secret_text(), 0o600).map_err(at(path))?;
        key
    };
    let public = config.folder.join(PUBLIC_FILE);
    let text = format!("{}\n", key.verifying_key());
    if read_text(&public).ok().as_deref() != Some(&text) {
        write_text(&public, &text, 0o644).map_err(at(&public))?;
    }
    Ok(key)
}

pub(super) fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(KEY_BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file that appears complete or not at all.
fn write_text(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(without_temporary_name)?;
    file.write_all(text.as_bytes())?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> RecordError {
    let path = path.to_path_buf();
    move |cause| RecordError::File {
        path: path.clone(),
        cause,
    }
}

fn in_log(folder: &Path) -> impl Fn(LogError) -> RecordError {
    let folder = folder.to_path_buf();
    move |error| RecordError::Log {
        folder: folder.clone(),
        error,
    }
}
