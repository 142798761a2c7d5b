//! Reads entries one after another and checks each against its signature.

use super::fault::{Fault, Problem};
use super::key::Witness;
use super::merkle::{Frontier, Hash, leaf_hash};
use super::note::{LogCheckpoint, NoteError};
use super::segment::{Header, Record};

/// The log's own checkpoint, in the one spelling that it is written in.
pub(super) fn own_checkpoint(note: &[u8], witness: &dyn Witness) -> Result<LogCheckpoint, Problem> {
    let checkpoint = LogCheckpoint::open(note, witness).map_err(Problem::Checkpoint)?;
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
    pub(super) fn expect(&mut self, checkpoint: Option<&LogCheckpoint>) {
        let known = checkpoint.map(|checkpoint| (checkpoint.size, checkpoint.root));
        self.expected.extend(known);
    }

    /// The beginning of a file, if it is signed.
    pub(super) fn header(&self, bytes: &[u8]) -> Option<(Header, usize)> {
        let (header, start) = Header::parse(bytes)?;
        let text = LogCheckpoint::of(self.witness.key().name(), &header.tree).text();
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
            let text = LogCheckpoint::of(self.witness.key().name(), &self.tree).text();
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
