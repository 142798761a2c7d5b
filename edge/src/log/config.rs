//! How a log is written, and why it cannot be.

use std::io;
use std::time::Duration;

use super::fault::Fault;

/// When entries are brought onto the disk. An entry is acknowledged once a
/// checkpoint on the disk covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SyncPolicy {
    /// Every entry, before [`super::EventLog::append`] returns.
    #[default]
    Always,
    /// After so many entries, or when the oldest has waited so long.
    Every {
        /// Entries that may wait, at least 1.
        entries: u64,
        /// How long one may wait.
        wait: Duration,
    },
    /// Only when a file is full and when the log is closed.
    OnClose,
}

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// When entries are brought onto the disk.
    pub sync: SyncPolicy,
    /// A new file is begun when the newest has this many bytes.
    pub segment_bytes: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            sync: SyncPolicy::Always,
            segment_bytes: 4 << 20,
        }
    }
}

/// What was found when a log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Entries in the log.
    pub entries: u64,
    /// Bytes at the end that were no whole entry and no checkpoint covers, and
    /// that were cut off.
    pub dropped_bytes: u64,
}

/// Why a log cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system does not let a file be read or written.
    #[error("cannot write the event log ({doing}): {cause}")]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// What the system says.
        cause: io::Error,
    },
    /// Something that was acknowledged is changed or gone.
    #[error(
        "the event log is damaged, {0}; look at it with `unmask-edge log verify`, then move its folder away so that a new log can begin"
    )]
    Damaged(Fault),
    /// No entry is empty or that long.
    #[error("an entry of {0} bytes does not fit into the event log")]
    Entry(usize),
    /// What is on the disk is not known since an earlier error.
    #[error("the event log could not be written before: open it again")]
    Unknown,
}
