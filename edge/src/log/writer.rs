//! Writes a log, so that a power cut at any moment costs at most the entry that
//! was not acknowledged yet.

use std::io;
use std::time::Duration;

use super::config::{LogConfig, LogError, Recovery, SyncPolicy};
use super::fault::{Fault, Problem};
use super::key::{Seal, Witness};
use super::merkle::{Frontier, Hash, leaf_hash};
use super::note::{CHECKPOINT_BYTES_MAX, LogCheckpoint};
use super::segment::{Header, SEGMENT_BYTES_MAX, first_of, record, segment_name};
use super::storage::Storage;
use super::walk::{Walk, own_checkpoint};

/// Name of the newest checkpoint's file.
pub const CHECKPOINT_FILE: &str = "checkpoint";

const FRESH_CHECKPOINT: &str = "checkpoint.new";
const FRESH_SEGMENT: &str = "entries.new";
/// Most bytes of an entry.
const ENTRY_MAX: usize = 16 << 10;

/// A log that is being written.
#[derive(Debug)]
pub struct EventLog<S, K> {
    storage: S,
    key: K,
    config: LogConfig,
    tree: Frontier,
    /// Entries that a checkpoint on the disk covers.
    sealed: u64,
    /// Name and length of the newest file.
    segment: (String, usize),
    /// When the oldest entry that is not sealed was appended.
    waiting_since: Duration,
    /// An earlier error left the files in a state that is not known.
    is_unknown: bool,
}

impl<S: Storage, K: Seal + Witness> EventLog<S, K> {
    /// Opens a log, or begins one where there is none. What a power cut left
    /// half-written is cut off.
    ///
    /// Only the newest file is read: it takes [`verify`](super::verify()) to know
    /// whether the whole log is intact.
    ///
    /// # Errors
    /// When acknowledged entries are missing or changed, and when a file cannot
    /// be read or written.
    pub fn open(storage: S, key: K, config: LogConfig) -> Result<(Self, Recovery), LogError> {
        let mut log = Self {
            storage,
            key,
            config,
            tree: Frontier::default(),
            sealed: 0,
            segment: (String::new(), 0),
            waiting_since: Duration::ZERO,
            is_unknown: false,
        };
        let names = log.storage.list().map_err(doing("list"))?;
        for fresh in [FRESH_CHECKPOINT, FRESH_SEGMENT] {
            if names.iter().any(|name| name == fresh) {
                log.storage.remove(fresh).map_err(doing("clean up"))?;
            }
        }
        let newest = names.iter().filter_map(|name| first_of(name)).max();
        let checkpoint = match names.iter().any(|name| name == CHECKPOINT_FILE) {
            true => Some(log.read_checkpoint(newest)?),
            false => None,
        };
        let dropped_bytes = match (checkpoint, newest) {
            (None, None) => {
                log.seal()?;
                log.begin_segment()?;
                0
            }
            (None, Some(first)) => return Err(damaged(first, Problem::NoCheckpoint)),
            (Some(checkpoint), None) if checkpoint.size == 0 => {
                log.begin_segment()?;
                0
            }
            (Some(checkpoint), None) => {
                return Err(damaged(0, Problem::Truncated(checkpoint.size)));
            }
            (Some(checkpoint), Some(first)) => log.resume(first, &checkpoint)?,
        };
        let recovery = Recovery {
            entries: log.tree.size(),
            dropped_bytes,
        };
        Ok((log, recovery))
    }

    /// Appends an entry and returns its number, from 0. With
    /// [`SyncPolicy::Always`] it is on the disk by then. `now` is the time since
    /// any fixed moment.
    ///
    /// # Errors
    /// When it could not be written; the entry may or may not be in the log then.
    pub fn append(&mut self, entry: &[u8], now: Duration) -> Result<u64, LogError> {
        if self.is_unknown {
            return Err(LogError::Unknown);
        }
        if entry.is_empty() || entry.len() > ENTRY_MAX {
            return Err(LogError::Entry(entry.len()));
        }
        if self.segment.1 >= self.config.segment_bytes.min(SEGMENT_BYTES_MAX / 2) {
            self.seal()?;
            self.begin_segment()?;
        }
        let mut tree = self.tree.clone();
        tree.push(leaf_hash(entry));
        let signature = self.key.sign(self.checkpoint_of(&tree).text().as_bytes());
        let bytes = record(entry, &signature).ok_or(LogError::Entry(entry.len()))?;
        let (name, length) = (&self.segment.0, self.segment.1);
        if let Err(cause) = self.storage.append(name, &bytes) {
            // Half an entry must not stay in front of the next one.
            self.is_unknown = self.storage.truncate(name, length as u64).is_err();
            return Err(doing("append")(cause));
        }
        if self.tree.size() == self.sealed {
            self.waiting_since = now;
        }
        self.segment.1 += bytes.len();
        self.tree = tree;
        match self.config.sync {
            SyncPolicy::Always => self.seal()?,
            SyncPolicy::Every { .. } => self.poll(now)?,
            SyncPolicy::OnClose => {}
        }
        Ok(self.tree.size() - 1)
    }

    /// Brings onto the disk what has waited long enough.
    pub fn poll(&mut self, now: Duration) -> Result<(), LogError> {
        let waiting = self.tree.size() - self.sealed;
        match self.config.sync {
            SyncPolicy::Every { entries, wait } if waiting > 0 => {
                let waited = now.saturating_sub(self.waiting_since);
                if waiting >= entries || waited >= wait {
                    self.seal()?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Brings everything onto the disk.
    pub fn close(mut self) -> Result<(), LogError> {
        if self.is_unknown {
            return Err(LogError::Unknown);
        }
        if self.tree.size() > self.sealed {
            self.seal()?;
        }
        Ok(())
    }

    /// Entries in the log.
    pub fn entries(&self) -> u64 {
        self.tree.size()
    }

    /// The root of their tree.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Entries that a checkpoint on the disk covers.
    pub fn sealed(&self) -> u64 {
        self.sealed
    }

    fn checkpoint_of(&self, tree: &Frontier) -> LogCheckpoint {
        LogCheckpoint::of(self.key.verifying_key().name(), tree)
    }

    /// Syncs the newest file, then lets the checkpoint cover it.
    fn seal(&mut self) -> Result<(), LogError> {
        self.is_unknown = true;
        if !self.segment.0.is_empty() {
            self.storage.sync(&self.segment.0).map_err(doing("sync"))?;
        }
        let checkpoint = self.checkpoint_of(&self.tree);
        let signature = self.key.sign(checkpoint.text().as_bytes());
        let note = checkpoint.note(self.key.verifying_key(), &signature);
        self.replace(FRESH_CHECKPOINT, CHECKPOINT_FILE, note.as_bytes())
            .map_err(doing("checkpoint"))?;
        self.sealed = self.tree.size();
        self.is_unknown = false;
        Ok(())
    }

    /// Begins a file. Everything before it must be sealed.
    fn begin_segment(&mut self) -> Result<(), LogError> {
        self.is_unknown = true;
        let text = self.checkpoint_of(&self.tree).text();
        let header = Header {
            tree: self.tree.clone(),
            signature: self.key.sign(text.as_bytes()),
        };
        let (name, bytes) = (segment_name(self.tree.size()), header.to_bytes());
        self.replace(FRESH_SEGMENT, &name, &bytes)
            .map_err(doing("new file"))?;
        self.segment = (name, bytes.len());
        self.is_unknown = false;
        Ok(())
    }

    /// Writes a file that appears complete or not at all.
    fn replace(&mut self, fresh: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.storage.create(fresh, bytes)?;
        self.storage.sync(fresh)?;
        self.storage.rename(fresh, name)?;
        self.storage.sync_folder()
    }

    fn read_checkpoint(&self, newest: Option<u64>) -> Result<LogCheckpoint, LogError> {
        let note = self.storage.read(CHECKPOINT_FILE, CHECKPOINT_BYTES_MAX);
        let note = note.map_err(doing("read the checkpoint"))?;
        own_checkpoint(&note, &self.key).map_err(|problem| damaged(newest.unwrap_or(0), problem))
    }

    /// Reads the newest file and cuts off what is no whole entry; returns how
    /// many bytes that were.
    fn resume(&mut self, first: u64, checkpoint: &LogCheckpoint) -> Result<u64, LogError> {
        let name = segment_name(first);
        let bytes = self.storage.read(&name, SEGMENT_BYTES_MAX);
        let bytes = bytes.map_err(doing("read"))?;
        let mut walk = Walk::new(&self.key);
        walk.expect(Some(checkpoint));
        let header = walk.header(&bytes);
        let header = header.filter(|(header, _)| header.tree.size() == first);
        let (header, start) = header.ok_or_else(|| damaged(first, Problem::Header))?;
        if checkpoint.size < first {
            return Err(damaged(checkpoint.size, Problem::StaleCheckpoint));
        }
        walk.tree = header.tree;
        let (end, problem) = walk.records(&bytes, start, &mut |_, _| {});
        let size = walk.tree.size();
        if let Some(problem) = problem
            && (size < checkpoint.size || problem == Problem::Forked)
        {
            return Err(damaged(size, problem));
        }
        if let Some(fault) = walk.short() {
            return Err(LogError::Damaged(fault));
        }
        self.tree = walk.tree;
        self.sealed = checkpoint.size;
        self.segment = (name, end);
        if end < bytes.len() {
            let cut = self.storage.truncate(&self.segment.0, end as u64);
            cut.map_err(doing("cut off half an entry"))?;
            self.storage.sync(&self.segment.0).map_err(doing("sync"))?;
        }
        if self.tree.size() > self.sealed {
            self.seal()?;
        }
        Ok((bytes.len() - end) as u64)
    }
}

fn damaged(entry: u64, problem: Problem) -> LogError {
    LogError::Damaged(Fault { entry, problem })
}

fn doing(doing: &'static str) -> impl Fn(io::Error) -> LogError {
    move |cause| LogError::Storage { doing, cause }
}
