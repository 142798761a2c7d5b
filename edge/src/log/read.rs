//! Reads a log that a program may be writing at the same time.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::entry::{EntryError, LogEntry};
use super::fault::Fault;
use super::key::VerifyingKey;
use super::record::{PUBLIC_FILE, RecordError, STILLS_FOLDER, at, read_text};
use super::stills::still_of;
use super::storage::FolderStorage;
use super::verify::newest;

/// Reads a log in a folder. It writes nothing and locks nothing.
#[derive(Debug)]
pub struct LogReader {
    folder: PathBuf,
    storage: FolderStorage,
    key: VerifyingKey,
}

/// Entries of a log with their numbers, and what is wrong behind them.
#[derive(Debug, Clone, PartialEq)]
pub struct Newest {
    /// Oldest first.
    pub entries: Vec<(u64, LogEntry)>,
    /// Entries that are intact but cannot be read, as those of a later release: what they say is
    /// missing in whatever is made of the others.
    pub unread: Option<Unread>,
    /// What is wrong with the log.
    pub fault: Option<Fault>,
}

/// Entries that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{count} entries of the log cannot be read, the first is {first}: {error}; what they say is missing here"
)]
pub struct Unread {
    /// How many.
    pub count: u64,
    /// Number of the first.
    pub first: u64,
    /// What is wrong with it.
    pub error: EntryError,
}

impl Unread {
    pub(crate) fn count(unread: &mut Option<Self>, number: u64, error: EntryError) {
        let first = Self {
            count: 0,
            first: number,
            error,
        };
        unread.get_or_insert(first).count += 1;
    }
}

impl LogReader {
    /// The log in a folder, with the key beside it.
    ///
    /// # Errors
    /// When there is no log.
    pub fn open(folder: &Path) -> Result<Self, RecordError> {
        let path = folder.join(PUBLIC_FILE);
        let text = read_text(&path).map_err(at(&path))?;
        let key = VerifyingKey::parse(&text).map_err(|error| RecordError::Key { path, error })?;
        Ok(Self::with_key(folder, key))
    }

    /// The same; `None` where no log was begun yet.
    ///
    /// # Errors
    /// When there is one that cannot be read.
    pub fn open_begun(folder: &Path) -> Result<Option<Self>, RecordError> {
        match Self::open(folder) {
            Err(RecordError::File { cause, .. }) if cause.kind() == ErrorKind::NotFound => Ok(None),
            log => log.map(Some),
        }
    }

    /// The log in a folder, with a key that was kept elsewhere.
    pub fn with_key(folder: &Path, key: VerifyingKey) -> Self {
        Self {
            folder: folder.into(),
            storage: FolderStorage::read_only(folder),
            key,
        }
    }

    /// The newest entries whose signatures hold.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn newest(&self, wanted: usize) -> Result<Newest, RecordError> {
        let found = newest(&self.storage, &self.key, wanted, self.storage.is_live());
        let found = found.map_err(at(&self.folder))?;
        let mut entries = Vec::with_capacity(found.entries.len());
        let mut unread = None;
        for (number, bytes) in found.entries {
            match LogEntry::from_bytes(&bytes) {
                Ok(entry) => entries.push((number, entry)),
                Err(error) => Unread::count(&mut unread, number, error),
            }
        }
        Ok(Newest {
            entries,
            unread,
            fault: found.fault,
        })
    }

    /// The still of an entry as JPEG; `None` where none is kept.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn still(&self, entry: u64) -> Result<Option<Vec<u8>>, RecordError> {
        let place = self.folder.join(STILLS_FOLDER);
        if !place.is_dir() {
            return Ok(None);
        }
        still_of(&FolderStorage::read_only(&place), entry).map_err(at(&place))
    }
}
