//! The review queue: what was flagged, for people to confirm or dismiss.
//!
//! A flagged span begins with the entry of the event log that called a face
//! manipulated, and ends when the verdict changed or the face left. What somebody
//! finds is an entry of its own; the newest one counts. Nothing is ever changed.

mod csv;
mod edl;
mod span;
mod timecode;

pub use csv::write_csv;
pub use edl::{EVENTS_MAX, EdlError, write_edl};
pub use span::{Found, RateChoice, Span, spans, start_at};
pub use timecode::{FrameRate, Timecode, TimecodeError};
