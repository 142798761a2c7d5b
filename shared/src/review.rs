//! What somebody who looked at a flagged face found: an entry of the event log of
//! its own, checked when it comes back.

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Version of the record; others are refused.
pub const REVIEW_FORMAT: u8 = 1;
/// Most bytes of a note.
pub const NOTE_BYTES_MAX: usize = 240;
/// Most bytes of a review in postcard form.
pub const REVIEW_BYTES_MAX: usize = 280;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The face was manipulated.
    Confirmed,
    /// It was a false alarm.
    Dismissed,
}

/// What somebody who looked at a flagged face found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// [`REVIEW_FORMAT`].
    pub format: u8,
    /// Number of this entry in the log.
    pub sequence: u64,
    /// Microseconds since 1970-01-01 UTC where the clock is set, else 0.
    pub time_us: u64,
    /// Number of the entry that flagged the face; before `sequence`.
    pub entry: u64,
    /// What was found.
    pub decision: Decision,
    /// In words; may be empty.
    pub note: String<NOTE_BYTES_MAX>,
}

/// Why bytes are not a review, or a review cannot become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReviewError {
    /// Truncated, too long, or not a review at all.
    #[error("not a review: truncated, longer than {REVIEW_BYTES_MAX} bytes, or damaged")]
    Malformed,
    /// Written by another version of the program; read it with that one.
    #[error("review of format {0}, this program reads format {REVIEW_FORMAT}")]
    Format(u8),
    /// It is about an entry that was not there yet.
    #[error("a review must be about an earlier entry")]
    Early,
}

impl Review {
    fn check(&self) -> Result<(), ReviewError> {
        if self.format != REVIEW_FORMAT {
            return Err(ReviewError::Format(self.format));
        }
        if self.entry >= self.sequence {
            return Err(ReviewError::Early);
        }
        Ok(())
    }

    /// The review in postcard form.
    ///
    /// # Errors
    /// Contradicting fields.
    pub fn to_bytes(&self) -> Result<Vec<u8, REVIEW_BYTES_MAX>, ReviewError> {
        self.check()?;
        let mut buffer = [0; REVIEW_BYTES_MAX];
        let used = postcard::to_slice(self, &mut buffer).map_err(|_| ReviewError::Malformed)?;
        Vec::from_slice(used).map_err(|_| ReviewError::Malformed)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, and nothing else: one review
    /// has one spelling.
    ///
    /// # Errors
    /// Anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReviewError> {
        if bytes.len() > REVIEW_BYTES_MAX {
            return Err(ReviewError::Malformed);
        }
        let review: Self = postcard::from_bytes(bytes).map_err(|_| ReviewError::Malformed)?;
        if review.to_bytes()? == bytes {
            Ok(review)
        } else {
            Err(ReviewError::Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest() -> Review {
        Review {
            format: REVIEW_FORMAT,
            sequence: u64::MAX,
            time_us: u64::MAX,
            entry: u64::MAX - 1,
            decision: Decision::Dismissed,
            note: core::iter::repeat_n('n', NOTE_BYTES_MAX).collect(),
        }
    }

    #[test]
    fn the_largest_review_fits_and_comes_back() {
        let bytes = largest().to_bytes().expect("fits");
        assert_eq!(Review::from_bytes(&bytes), Ok(largest()));
    }

    /// What stands in signed logs stays readable.
    #[test]
    fn golden_bytes_of_both_decisions() {
        for (number, decision) in [(0, Decision::Confirmed), (1, Decision::Dismissed)] {
            let review = Review {
                format: 1,
                sequence: 300,
                time_us: 7,
                entry: 130,
                decision,
                note: String::try_from("by me").expect("fits"),
            };
            let bytes = [
                1, 0xAC, 2, 7, 0x82, 1, number, 5, b'b', b'y', b' ', b'm', b'e',
            ];
            assert_eq!(review.to_bytes().as_deref(), Ok(&bytes[..]));
            assert_eq!(Review::from_bytes(&bytes), Ok(review));
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        let bytes = largest().to_bytes().expect("fits");
        for end in 0..bytes.len() {
            assert!(Review::from_bytes(&bytes[..end]).is_err(), "{end} bytes");
        }
        let mut longer = bytes.clone();
        longer.push(0).expect("room");
        assert_eq!(Review::from_bytes(&longer), Err(ReviewError::Malformed));
        let early = Review {
            entry: 7,
            sequence: 7,
            ..largest()
        };
        assert_eq!(early.to_bytes(), Err(ReviewError::Early));
        let other = Review {
            format: 2,
            ..largest()
        };
        assert_eq!(other.to_bytes(), Err(ReviewError::Format(2)));
    }
}
