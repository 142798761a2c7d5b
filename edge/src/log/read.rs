//! Reads a log that a program may be writing at the same time.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::entry::LogEntry;
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
    /// Oldest first. What another version of the program wrote is left out.
    pub entries: Vec<(u64, LogEntry)>,
    /// What is wrong with the log.
    pub fault: Option<Fault>,
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
        let known = |(number, bytes): (u64, Vec<u8>)| {
            let entry = LogEntry::from_bytes(&bytes).ok()?;
            Some((number, entry))
        };
        let entries: VecDeque<_> = found.entries;
        Ok(Newest {
            entries: entries.into_iter().filter_map(known).collect(),
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
