//! The event log: what was seen and judged, so that nobody can change it later
//! without being found out.
//!
//! Entries are only ever appended. They are the leaves of a Merkle tree as in
//! Certificate Transparency (RFC 6962), and the device signs the root of the tree
//! after every entry. The newest signed root, the checkpoint, lies beside them as
//! a note in the form of
//! [C2SP tlog-checkpoint](https://c2sp.org/tlog-checkpoint), and a copy of it that
//! is kept elsewhere proves later that nothing before it was changed or removed.
//! `docs/event-log.md` tells the format byte by byte.
//!
//! Pictures are no part of the log: an entry only holds the checksum of its still,
//! which may be deleted without touching the log.

mod args;
mod config;
mod counter;
mod entry;
mod fault;
mod key;
mod merkle;
mod note;
mod read;
mod record;
mod segment;
mod steady;
mod stills;
mod storage;
mod verify;
mod walk;
mod writer;

pub use args::{LogArgs, SyncArg};
pub use config::{LogConfig, LogError, Recovery, SyncPolicy};
pub(crate) use counter::Counter;
pub use entry::{ENTRY_BYTES_MAX, EntryError, EventEntry, LogEntry};
pub use fault::{Fault, Problem};
pub use key::{KeyError, Seal, SigningKey, VerifyingKey, Witness};
pub use merkle::{Frontier, HASH_BYTES, Hash, leaf_hash};
pub use note::{CHECKPOINT_BYTES_MAX, LogCheckpoint, NoteError};
pub use read::{LogReader, Newest, Unread};
pub use record::{EventRecorder, RecordConfig, RecordError, Recorded};
pub(crate) use record::{KEY_FILE, PUBLIC_FILE, STILLS_FOLDER, clock, read_text};
pub use segment::{SEGMENT_BYTES_MAX, segment_name};
pub(crate) use stills::StillCheck;
pub use stills::{Stills, StillsConfig};
pub use storage::{FolderStorage, Storage};
pub use unmask_shared::review::{Decision, NOTE_BYTES_MAX, Review};
pub(crate) use verify::newest;
pub use verify::{LogCheck, VerifyOptions, verify};
pub use writer::{CHECKPOINT_FILE, EventLog};

/// Microseconds since 1970 as text.
pub(crate) fn utc(time_us: u64) -> Option<String> {
    let time = i64::try_from(time_us).ok();
    let time = time.and_then(|us| jiff::Timestamp::from_microsecond(us).ok());
    time.map(|time| time.to_string())
}
