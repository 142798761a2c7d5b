//! Writes events into a log in a folder, with the key and the stills that belong
//! to it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use unmask_shared::event::{Event, EventKind};
use unmask_shared::geometry::FaceBox;
use unmask_shared::review::{Decision, REVIEW_FORMAT, Review};
use unmask_shared::verdict::Verdict;

use super::config::{LogConfig, LogError, Recovery};
use super::counter::Counter;
use super::entry::{EntryError, EventEntry, LogEntry};
use super::key::{KeyError, Seal, SigningKey};
use super::merkle::Hash;
use super::read::Unread;
use super::steady::Steady;
use super::stills::{Stills, StillsConfig};
use super::storage::FolderStorage;
use super::writer::{CHECKPOINT_FILE, EventLog};
use crate::secret::{Secret, read_small};
use unmask_shared::media::Frame;

/// The secret key, unless it is kept elsewhere.
pub(crate) const KEY_FILE: &str = "log.key";
/// The public key.
pub(crate) const PUBLIC_FILE: &str = "log.pub";
/// The folder of stills.
pub(crate) const STILLS_FOLDER: &str = "stills";
/// Most bytes of a key file.
const KEY_BYTES_MAX: u64 = 4096;
/// 2020-01-01: a clock that shows less was never set.
const CLOCK_SET_S: u64 = 1_577_836_800;
/// Stills are looked through for old ones, and entries are counted beside the key, this often.
const HOUR: Duration = Duration::from_secs(3600);
/// What files are called that were never finished, by this release and by earlier ones.
const UNFINISHED: [&str; 2] = [".new-", ".tmp"];

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
    counter: Counter,
    steady: Steady,
    /// When old stills were looked for last; never, before the clock is believed.
    expired_at: Option<Duration>,
    counted_at: Duration,
}

impl EventRecorder {
    /// Opens the log in a folder; where there is none, begins one with a new key.
    pub fn open(config: &RecordConfig) -> Result<(Self, Recovery), RecordError> {
        let folder = &config.folder;
        let storage = FolderStorage::lock(folder).map_err(at(folder))?;
        clean_up(folder).map_err(at(folder))?;
        let (key, key_path) = key(config)?;
        let public = format!("{}\n", key.verifying_key());
        let (log, recovery) =
            EventLog::open(storage, key, config.log).map_err(|error| RecordError::Log {
                folder: folder.clone(),
                error,
            })?;
        // Only now: a log of another key is left as it was, and its public key with it.
        let path = folder.join(PUBLIC_FILE);
        if read_text(&path).ok().as_deref() != Some(&public) {
            write_text(&path, &public, 0o644).map_err(at(&path))?;
        }
        let mut counter = Counter::of(&key_path);
        if let Some(lost) = counter.begin(log.sealed()) {
            tracing::error!(folder = %folder.display(), lost, "entries of this key's log are gone: it was deleted, or begun anew");
        }
        let stills = match config.stills {
            None => None,
            Some(stills) => {
                let place = folder.join(STILLS_FOLDER);
                fs::create_dir_all(&place).map_err(at(&place))?;
                Some(Stills::new(FolderStorage::read_only(&place), stills))
            }
        };
        let recorder = Self {
            log,
            stills,
            folder: folder.clone(),
            counter,
            steady: Steady::default(),
            expired_at: None,
            counted_at: Duration::ZERO,
        };
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
        let mut entry = EventEntry {
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
        self.expire(now)?;
        if now.saturating_sub(self.counted_at) >= HOUR {
            self.counted_at = now;
            self.counter.count(self.log.sealed());
        }
        self.log.poll(now).map_err(in_log(&self.folder))
    }

    /// Brings everything onto the disk.
    pub fn close(mut self) -> Result<(), RecordError> {
        let entries = self.log.entries();
        self.log.close().map_err(in_log(&self.folder))?;
        self.counter.count(entries);
        Ok(())
    }

    /// Deletes old stills, if it is time for that and the clock is believed.
    fn expire(&mut self, now: Duration) -> Result<(), RecordError> {
        let Some(stills) = &mut self.stills else {
            return Ok(());
        };
        let is_early = |at: Duration| now.saturating_sub(at) < HOUR;
        match self.steady.trusted(clock(), now) {
            Some(time) if !self.expired_at.is_some_and(is_early) => {
                self.expired_at = Some(now);
                let expired = stills.expire(time.as_secs());
                expired.map_err(at(&self.folder.join(STILLS_FOLDER)))
            }
            _ => Ok(()),
        }
    }
}

/// Time since 1970, if the clock is set.
pub(crate) fn clock() -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    (now.as_secs() >= CLOCK_SET_S).then_some(now)
}

/// Removes what was being written when the program was killed.
fn clean_up(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_unfinished = UNFINISHED
            .iter()
            .any(|start| name.as_encoded_bytes().starts_with(start.as_bytes()));
        if is_unfinished && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The key of a log, and where it is kept; a new one for a new log.
fn key(config: &RecordConfig) -> Result<(SigningKey, PathBuf), RecordError> {
    let beside = config.folder.join(KEY_FILE);
    let path = config.key.as_ref().unwrap_or(&beside);
    let refused = |error| RecordError::Key {
        path: path.clone(),
        error,
    };
    let key = if path.exists() {
        let text = read_text(path).map_err(at(path))?;
        SigningKey::parse(&text).map_err(refused)?
    } else if config.folder.join(CHECKPOINT_FILE).exists() {
        return Err(RecordError::KeyMissing { path: path.clone() });
    } else {
        let key = SigningKey::generate(None).map_err(refused)?;
        write_secret(path, &key.to_secret_text()).map_err(at(path))?;
        key
    };
    Ok((key, path.clone()))
}

pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    read_small(path, KEY_BYTES_MAX)
}

/// Writes a file that appears complete or not at all.
pub(super) fn write_text(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let (folder, fresh) = fresh_beside(path);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(folder)?.sync_all()
}

/// The same for a new file that its owner alone may read. It has no name before it is whole, so
/// that nothing of it stays behind whenever the program is killed.
fn write_secret(path: &Path, text: &Secret) -> io::Result<()> {
    let (folder, _) = fresh_beside(path);
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::open(folder, flags, Mode::from_raw_mode(0o600)) else {
        // Some file systems have no files without a name.
        return write_text(path, text.expose(), 0o600);
    };
    let mut file = File::from(file);
    file.write_all(text.expose().as_bytes())?;
    file.sync_all()?;
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
    File::open(folder)?.sync_all()
}

/// The folder of a file, and where it is written before it is whole.
fn fresh_beside(path: &Path) -> (&Path, PathBuf) {
    let folder = path.parent().filter(|path| !path.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    (folder, folder.join(format!(".new-{name}")))
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
