//! Checks a whole log, and names the first entry that is not what was written.

use std::fmt;
use std::io;

use super::key::Witness;
use super::merkle::{Frontier, Hash, leaf_hash};
use super::note::{CHECKPOINT_BYTES_MAX, Checkpoint, NoteError};
use super::segment::{Header, Record, SEGMENT_BYTES_MAX, first_of, segment_name};
use super::storage::Storage;
use super::writer::CHECKPOINT_FILE;

/// How a log is checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerifyOptions<'a> {
    /// A program is writing to the log meanwhile: half an entry at the end is
    /// nothing bad.
    pub live: bool,
    /// A checkpoint of the log that was kept elsewhere.
    pub held: Option<&'a [u8]>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Entries before the fault, or all of them.
    pub entries: u64,
    /// Entries that the log's own checkpoint covers.
    pub sealed: u64,
    /// What is wrong; `None` when the log is intact.
    pub fault: Option<Fault>,
}

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

/// Checks every entry and every signature, and hands each good entry on.
///
/// # Errors
/// Only when a file cannot be read; whatever is wrong with the log is a fault of
/// the report.
pub fn verify(
    storage: &dyn Storage,
    witness: &dyn Witness,
    options: &VerifyOptions<'_>,
    on_entry: &mut dyn FnMut(u64, &[u8]),
) -> io::Result<Report> {
    // The checkpoint first: of a live log, the entries then reach at least as far.
    let names = storage.list()?;
    let own = match names.iter().any(|name| name == CHECKPOINT_FILE) {
        true => own_checkpoint(
            &storage.read(CHECKPOINT_FILE, CHECKPOINT_BYTES_MAX)?,
            witness,
        ),
        false => Err(Problem::NoCheckpoint),
    };
    let held = options.held.map(|note| Checkpoint::open(note, witness));
    let held = held.transpose().map_err(Problem::Held);
    let names = storage.list()?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| first_of(name)).collect();
    firsts.sort_unstable();

    let mut walk = Walk::new(witness);
    walk.expect(own.as_ref().ok());
    walk.expect(held.as_ref().ok().and_then(Option::as_ref));
    let sealed = own.as_ref().map_or(0, |own| own.size);
    let mut fault = walk.files(storage, &firsts, options.live.then_some(sealed), on_entry)?;
    let size = walk.tree.size();
    if fault.is_none() {
        let newest = firsts.last().copied().unwrap_or(0);
        let problem = match (own, held) {
            (Err(problem), _) | (_, Err(problem)) => Some(problem),
            (Ok(own), _) if own.size < newest => Some(Problem::StaleCheckpoint),
            _ => None,
        };
        let at = size.saturating_sub(1);
        fault = problem.map(|problem| Fault { entry: at, problem });
    }
    Ok(Report {
        entries: size,
        sealed,
        fault,
    })
}

/// The log's own checkpoint, in the one spelling that it is written in.
pub(super) fn own_checkpoint(note: &[u8], witness: &dyn Witness) -> Result<Checkpoint, Problem> {
    let checkpoint = Checkpoint::open(note, witness).map_err(Problem::Checkpoint)?;
    // One line of signature: no more, and it is the one that was checked.
    if note.iter().filter(|&&byte| byte == b'\n').count() == 5 {
        Ok(checkpoint)
    } else {
        Err(Problem::Checkpoint(NoteError::Malformed))
    }
}

/// Walks along a log, from any state of its tree on.
pub(super) struct Walk<'a> {
    witness: &'a dyn Witness,
    pub(super) tree: Frontier,
    /// Sizes at which the root is known.
    expected: Vec<(u64, Hash)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(witness: &'a dyn Witness) -> Self {
        Self {
            witness,
            tree: Frontier::default(),
            expected: Vec::new(),
        }
    }

    /// Compares with a checkpoint on the way.
    pub(super) fn expect(&mut self, checkpoint: Option<&Checkpoint>) {
        let known = checkpoint.map(|checkpoint| (checkpoint.size, checkpoint.root));
        self.expected.extend(known);
    }

    fn files(
        &mut self,
        storage: &dyn Storage,
        firsts: &[u64],
        live_after: Option<u64>,
        on_entry: &mut dyn FnMut(u64, &[u8]),
    ) -> io::Result<Option<Fault>> {
        for (index, &first) in firsts.iter().enumerate() {
            let size = self.tree.size();
            if first != size {
                let (entry, problem) = match first < size {
                    true => (first, Problem::FileExtra),
                    false => (size, Problem::FileMissing),
                };
                return Ok(Some(Fault { entry, problem }));
            }
            let bytes = storage.read(&segment_name(first), SEGMENT_BYTES_MAX)?;
            let Some((header, start)) = self.header(&bytes) else {
                return Ok(self.fault(Problem::Header));
            };
            if header.tree != self.tree {
                return Ok(self.fault(Problem::Header));
            }
            let (_, problem) = self.records(&bytes, start, on_entry);
            if let Some(problem) = problem {
                let is_last = index + 1 == firsts.len();
                let is_growing = live_after.is_some_and(|sealed| self.tree.size() >= sealed);
                if !(is_last && is_growing && problem == Problem::Incomplete) {
                    return Ok(self.fault(problem));
                }
            }
        }
        Ok(self.short())
    }

    /// The beginning of a file, if it is signed.
    pub(super) fn header(&self, bytes: &[u8]) -> Option<(Header, usize)> {
        let (header, start) = Header::parse(bytes)?;
        let text = Checkpoint::of(self.witness.key().name(), &header.tree).text();
        self.witness
            .is_signed(text.as_bytes(), &header.signature)
            .then_some((header, start))
    }

    /// Takes in entries from `at` on, up to the first that is wrong. Returns
    /// where the good ones end.
    pub(super) fn records(
        &mut self,
        bytes: &[u8],
        mut at: usize,
        on_entry: &mut dyn FnMut(u64, &[u8]),
    ) -> (usize, Option<Problem>) {
        if self.is_forked() {
            return (at, Some(Problem::Forked));
        }
        while at < bytes.len() {
            let Some(record) = Record::parse(bytes, at) else {
                return (at, Some(Problem::Incomplete));
            };
            let before = self.tree.clone();
            self.tree.push(leaf_hash(record.entry));
            let text = Checkpoint::of(self.witness.key().name(), &self.tree).text();
            let problem = if !self.witness.is_signed(text.as_bytes(), record.signature) {
                Some(Problem::Changed)
            } else if self.is_forked() {
                Some(Problem::Forked)
            } else {
                None
            };
            if problem.is_some() {
                self.tree = before;
                return (at, problem);
            }
            on_entry(before.size(), record.entry);
            at = record.end;
        }
        (at, None)
    }

    fn is_forked(&self) -> bool {
        let mut here = self
            .expected
            .iter()
            .filter(|(size, _)| *size == self.tree.size())
            .peekable();
        here.peek().is_some() && {
            let root = self.tree.root();
            here.any(|(_, expected)| *expected != root)
        }
    }

    /// Whether a checkpoint covers more than there is.
    pub(super) fn short(&self) -> Option<Fault> {
        let until = self.expected.iter().map(|(size, _)| *size).max()?;
        if until <= self.tree.size() {
            return None;
        }
        self.fault(Problem::Truncated(until))
    }

    pub(super) fn fault(&self, problem: Problem) -> Option<Fault> {
        Some(Fault {
            entry: self.tree.size(),
            problem,
        })
    }
}

/// Hands on the entries of the newest files, at least `wanted` if there are as
/// many. Older files are taken at the word of the signed beginnings of newer ones.
pub(super) fn newest(
    storage: &dyn Storage,
    witness: &dyn Witness,
    wanted: usize,
    on_entry: &mut dyn FnMut(u64, &[u8]),
) -> io::Result<Option<Fault>> {
    let names = storage.list()?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| first_of(name)).collect();
    firsts.sort_unstable();
    // Every file but the newest is full, and the newest may be empty.
    let files = wanted.div_ceil(FULL_SEGMENT_ENTRIES_MIN).saturating_add(1);
    let skipped = firsts.len().saturating_sub(files);
    let mut walk = Walk::new(witness);
    for &first in firsts.iter().skip(skipped) {
        let bytes = storage.read(&segment_name(first), SEGMENT_BYTES_MAX)?;
        let header = walk.header(&bytes);
        let Some((header, start)) = header.filter(|(header, _)| header.tree.size() == first) else {
            return Ok(Some(Fault {
                entry: first,
                problem: Problem::Header,
            }));
        };
        walk.tree = header.tree;
        if let (_, Some(problem)) = walk.records(&bytes, start, on_entry) {
            return Ok(walk.fault(problem));
        }
    }
    Ok(None)
}

/// A full file of the default size holds more entries than this.
const FULL_SEGMENT_ENTRIES_MIN: usize = 1000;
