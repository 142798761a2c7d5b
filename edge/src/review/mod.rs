//! The review queue: what was flagged, for people to confirm or dismiss.
//!
//! A flagged span begins with the entry of the event log that called a face
//! manipulated, and ends when the verdict changed or the face left. What somebody
//! finds is an entry of its own; the newest one counts. Nothing is ever changed.

mod command;
mod csv;
mod span;
mod timecode;

pub use command::ReviewCommand;
pub use csv::write_csv;
pub use span::{Found, Span, spans};
pub use timecode::timecode;
