//! Files of entries. Each begins with the state of the tree before its first
//! entry, so that a log is opened by reading the newest file alone.

use super::key::SIGNATURE_BYTES;
use super::merkle::{Frontier, HASH_BYTES};

/// Most bytes of a file of entries.
pub const SEGMENT_BYTES_MAX: usize = 64 << 20;

const MAGIC: &[u8] = b"unmask-log/1\n";
const PREFIX: &str = "entries-";

/// Name of the file whose first entry has this number.
pub fn segment_name(first: u64) -> String {
    format!("{PREFIX}{first:020}")
}

/// The number of a file's first entry, from its name.
pub(super) fn first_of(name: &str) -> Option<u64> {
    let first = name.strip_prefix(PREFIX)?.parse().ok()?;
    (segment_name(first) == name).then_some(first)
}

/// The beginning of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The tree before the first entry.
    pub(super) tree: Frontier,
    /// Signature of its checkpoint.
    pub(super) signature: [u8; SIGNATURE_BYTES],
}

impl Header {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.tree.size().to_be_bytes());
        bytes.extend(self.tree.peaks().iter().flatten());
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// Reads a header, and how many bytes it has.
    pub(super) fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (size, mut rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
        let size = u64::from_be_bytes(*size);
        let mut peaks = Vec::new();
        for _ in 0..size.count_ones() {
            let (peak, after) = rest.split_first_chunk::<HASH_BYTES>()?;
            peaks.push(*peak);
            rest = after;
        }
        let (signature, rest) = rest.split_first_chunk()?;
        let header = Self {
            tree: Frontier::from_peaks(size, peaks)?,
            signature: *signature,
        };
        Some((header, bytes.len() - rest.len()))
    }
}

/// One entry in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) entry: &'a [u8],
    /// Signature of the checkpoint that this entry completes.
    pub(super) signature: &'a [u8; SIGNATURE_BYTES],
    /// Where the next record begins.
    pub(super) end: usize,
}

impl<'a> Record<'a> {
    /// The record at `at`; `None` where no whole one is.
    pub(super) fn parse(bytes: &'a [u8], at: usize) -> Option<Self> {
        let rest = bytes.get(at..)?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 {
            return None;
        }
        let (entry, rest) = rest.split_at_checked(length)?;
        let (signature, rest) = rest.split_first_chunk()?;
        Some(Self {
            entry,
            signature,
            end: bytes.len() - rest.len(),
        })
    }
}

/// The bytes of a record; `None` when the entry is empty or too long for one.
pub(super) fn record(entry: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Option<Vec<u8>> {
    let length = u16::try_from(entry.len())
        .ok()
        .filter(|&length| length > 0)?;
    Some([&length.to_be_bytes()[..], entry, signature].concat())
}
