//! What one entry of the log holds.

use unmask_shared::event::{EVENT_BYTES_MAX, Event, EventError};
use unmask_shared::review::{Review, ReviewError};

use super::merkle::{HASH_BYTES, Hash};

/// Most bytes of an entry.
pub const ENTRY_BYTES_MAX: usize = 1 + HASH_BYTES + EVENT_BYTES_MAX;

const WITHOUT_STILL: u8 = 0;
const WITH_STILL: u8 = 1;
const REVIEW: u8 = 2;

/// What an entry can be.
#[derive(Clone, Debug, PartialEq)]
pub enum LogEntry {
    /// Something happened.
    Event(EventEntry),
    /// Somebody looked at what was flagged.
    Review(Review),
}

impl LogEntry {
    /// Reads an entry of either kind.
    ///
    /// # Errors
    /// Anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        match bytes.split_first() {
            Some((&REVIEW, review)) => Ok(Self::Review(Review::from_bytes(review)?)),
            _ => EventEntry::from_bytes(bytes).map(Self::Event),
        }
    }

    /// An event as [`EventEntry::to_bytes`] writes it, a review as a byte 2 and its
    /// postcard form.
    ///
    /// # Errors
    /// What contradicts itself.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        match self {
            Self::Event(entry) => entry.to_bytes(),
            Self::Review(review) => {
                let review = review.to_bytes()?;
                let mut bytes = Vec::with_capacity(1 + review.len());
                bytes.push(REVIEW);
                bytes.extend_from_slice(&review);
                Ok(bytes)
            }
        }
    }
}

/// An event, and the checksum of the picture that was kept of it.
#[derive(Clone, Debug, PartialEq)]
pub struct EventEntry {
    /// What happened; its sequence number is that of the entry.
    pub event: Event,
    /// SHA-256 of the still, where one was kept.
    pub still: Option<Hash>,
}

/// Why bytes are not an entry, or an entry cannot become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not the form of an entry.
    #[error("not an entry: written by another version of the program, or damaged")]
    Malformed,
    /// The event in it is none.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The review in it is none.
    #[error(transparent)]
    Review(#[from] ReviewError),
}

impl EventEntry {
    /// A byte that tells whether there is a still, its checksum, and the event in
    /// postcard form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let event = self.event.to_bytes()?;
        let mut bytes = Vec::with_capacity(ENTRY_BYTES_MAX);
        match &self.still {
            None => bytes.push(WITHOUT_STILL),
            Some(still) => {
                bytes.push(WITH_STILL);
                bytes.extend_from_slice(still);
            }
        }
        bytes.extend_from_slice(&event);
        Ok(bytes)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        let (still, event) = match bytes.split_first() {
            Some((&WITHOUT_STILL, event)) => (None, event),
            Some((&WITH_STILL, rest)) => {
                let (still, event) = rest.split_first_chunk().ok_or(EntryError::Malformed)?;
                (Some(*still), event)
            }
            _ => return Err(EntryError::Malformed),
        };
        Ok(Self {
            event: Event::from_bytes(event)?,
            still,
        })
    }
}
