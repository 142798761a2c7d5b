//! Checks a whole log, and names the first entry that is not what was written.

use std::collections::VecDeque;
use std::io;

use super::fault::{Fault, Problem};
use super::key::Witness;
use super::note::{CHECKPOINT_BYTES_MAX, LogCheckpoint};
use super::segment::{SEGMENT_BYTES_MAX, first_of, segment_name};
use super::storage::Storage;
use super::walk::{Walk, own_checkpoint};
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
pub struct LogCheck {
    /// Entries before the fault, or all of them.
    pub entries: u64,
    /// Entries that the log's own checkpoint covers.
    pub sealed: u64,
    /// What is wrong; `None` when the log is intact.
    pub fault: Option<Fault>,
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
) -> io::Result<LogCheck> {
    // The checkpoint first: of a live log, the entries then reach at least as far.
    let names = storage.list()?;
    let own = match names.iter().any(|name| name == CHECKPOINT_FILE) {
        true => own_checkpoint(
            &storage.read(CHECKPOINT_FILE, CHECKPOINT_BYTES_MAX)?,
            witness,
        ),
        false => Err(Problem::NoCheckpoint),
    };
    let held = options.held.map(|note| LogCheckpoint::open(note, witness));
    let held = held.transpose().map_err(Problem::Held);
    let names = storage.list()?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| first_of(name)).collect();
    firsts.sort_unstable();

    let mut walk = Walk::new(witness);
    walk.expect(own.as_ref().ok());
    walk.expect(held.as_ref().ok().and_then(Option::as_ref));
    let sealed = own.as_ref().map_or(0, |own| own.size);
    let mut fault = files(
        &mut walk,
        storage,
        &firsts,
        options.live.then_some(sealed),
        on_entry,
    )?;
    let size = walk.tree.size();
    if fault.is_none() {
        let newest = firsts.last().copied().unwrap_or(0);
        let problem = match (own, held) {
            (Err(problem), _) | (_, Err(problem)) => Some(problem),
            (Ok(own), _) if !options.live && own.size < newest => Some(Problem::StaleCheckpoint),
            _ => None,
        };
        let at = size.saturating_sub(1);
        fault = problem.map(|problem| Fault { entry: at, problem });
    }
    Ok(LogCheck {
        entries: size,
        sealed,
        fault,
    })
}

/// Walks along all files. Of a live log, the newest may end in half an entry once
/// it has `live_after` whole ones.
fn files(
    walk: &mut Walk<'_>,
    storage: &dyn Storage,
    firsts: &[u64],
    live_after: Option<u64>,
    on_entry: &mut dyn FnMut(u64, &[u8]),
) -> io::Result<Option<Fault>> {
    for (index, &first) in firsts.iter().enumerate() {
        let size = walk.tree.size();
        if first != size {
            let (entry, problem) = match first < size {
                true => (first, Problem::FileExtra),
                false => (size, Problem::FileMissing),
            };
            return Ok(Some(Fault { entry, problem }));
        }
        let bytes = storage.read(&segment_name(first), SEGMENT_BYTES_MAX)?;
        let Some((header, start)) = walk.header(&bytes) else {
            return Ok(walk.fault(Problem::Header));
        };
        if header.tree != walk.tree {
            return Ok(walk.fault(Problem::Header));
        }
        let (_, problem) = walk.records(&bytes, start, on_entry);
        if let Some(problem) = problem {
            let is_last = index + 1 == firsts.len();
            let is_growing = live_after.is_some_and(|sealed| walk.tree.size() >= sealed);
            if !(is_last && is_growing && problem == Problem::Incomplete) {
                return Ok(walk.fault(problem));
            }
        }
    }
    Ok(walk.short())
}

/// The newest entries of a log, and what is wrong behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Newest {
    /// Number and bytes, oldest first.
    pub(crate) entries: VecDeque<(u64, Vec<u8>)>,
    pub(crate) fault: Option<Fault>,
}

/// Reads files from the newest back until there are `wanted` entries. Older files
/// are taken at the word of the signed beginnings of these.
pub(crate) fn newest(
    storage: &dyn Storage,
    witness: &dyn Witness,
    wanted: usize,
    is_live: bool,
) -> io::Result<Newest> {
    let names = storage.list()?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| first_of(name)).collect();
    firsts.sort_unstable();
    let mut newest = Newest::default();
    let last = firsts.last().copied();
    for first in firsts.into_iter().rev() {
        if newest.entries.len() >= wanted {
            break;
        }
        let bytes = storage.read(&segment_name(first), SEGMENT_BYTES_MAX)?;
        let mut walk = Walk::new(witness);
        let header = walk.header(&bytes);
        let Some((header, start)) = header.filter(|(header, _)| header.tree.size() == first) else {
            let problem = Problem::Header;
            newest.fault = Some(Fault {
                entry: first,
                problem,
            });
            break;
        };
        walk.tree = header.tree;
        let mut entries = VecDeque::new();
        let (_, problem) = walk.records(&bytes, start, &mut |number, bytes| {
            entries.push_back((number, bytes.to_vec()));
        });
        let may_end = is_live && last == Some(first);
        let problem = problem.filter(|problem| !(may_end && *problem == Problem::Incomplete));
        if let Some(problem) = problem {
            // What follows a fault proves nothing.
            newest.entries.clear();
            newest.fault = walk.fault(problem);
        }
        entries.append(&mut newest.entries);
        newest.entries = entries;
    }
    let surplus = newest.entries.len().saturating_sub(wanted);
    newest.entries.drain(..surplus);
    Ok(newest)
}
