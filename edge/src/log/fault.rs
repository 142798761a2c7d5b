//! What can be wrong with a log.

use std::fmt;

use super::note::NoteError;

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {entry}: {problem}")]
pub struct Fault {
    /// The first entry that is not as it was written, from 0.
    pub entry: u64,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The file that it should be in is not there.
    FileMissing,
    /// A file begins with it that does not belong there.
    FileExtra,
    /// The beginning of its file was changed.
    Header,
    /// It or its signature was changed, or it is another entry.
    Changed,
    /// It was not written to its end, or its length was changed.
    Incomplete,
    /// It and all that follow are gone; a checkpoint covers entries up to this
    /// number.
    Truncated(u64),
    /// The log has no checkpoint.
    NoCheckpoint,
    /// The log's checkpoint does not count.
    Checkpoint(NoteError),
    /// The checkpoint is older than the log's newest file.
    StaleCheckpoint,
    /// The checkpoint that was kept elsewhere does not count.
    Held(NoteError),
    /// The log is whole, but it is not the one that the checkpoint was made for.
    Forked,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileMissing => f.write_str("the file that it should be in is missing"),
            Self::FileExtra => f.write_str("a file begins with it that does not belong there"),
            Self::Header => f.write_str("the beginning of its file was changed"),
            Self::Changed => f.write_str("it was changed, replaced or removed"),
            Self::Incomplete => f.write_str("it is incomplete"),
            Self::Truncated(until) => {
                write!(
                    f,
                    "it is missing, and so are all up to entry {}",
                    until.saturating_sub(1)
                )
            }
            Self::NoCheckpoint => f.write_str("the log's checkpoint is missing"),
            Self::Checkpoint(error) => write!(f, "{error}"),
            Self::StaleCheckpoint => {
                f.write_str("the log's checkpoint is older than its newest file")
            }
            Self::Held(error) => write!(f, "the checkpoint to compare with: {error}"),
            Self::Forked => f.write_str("up to here the log is not the one of the checkpoint"),
        }
    }
}
