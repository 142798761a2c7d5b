//! What staff ask of the pipeline.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::log::{Decision, NOTE_BYTES_MAX};

/// Most requests that wait.
pub const REQUESTS_MAX: usize = 32;

/// What staff may ask for: nothing that changes how people are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The alarm was noticed.
    Acknowledge,
    /// Somebody looked at a flagged span of the event log.
    Review {
        /// Number of the entry that flagged it.
        entry: u64,
        /// What was found.
        decision: Decision,
        /// In words, at most [`NOTE_BYTES_MAX`] bytes.
        note: String,
    },
}

/// Why a request is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Too much was asked for at once.
    #[error("too many requests wait already: try again in a moment")]
    Busy,
    /// The pipeline has ended.
    #[error("the program is ending")]
    Gone,
    /// The note does not fit into an entry.
    #[error("a note has at most {NOTE_BYTES_MAX} bytes")]
    Note,
}

/// Where requests are handed in; copies are the same.
#[derive(Debug, Clone)]
pub struct Requester(SyncSender<Request>);

/// Where requests arrive.
#[derive(Debug)]
pub struct Desk(Receiver<Request>);

/// A desk, and where to hand in requests.
pub fn desk() -> (Requester, Desk) {
    let (send, receive) = sync_channel(REQUESTS_MAX);
    (Requester(send), Desk(receive))
}

impl Requester {
    /// Hands in a request without waiting.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn ask(&self, request: Request) -> Result<(), RequestError> {
        if matches!(&request, Request::Review { note, .. } if note.len() > NOTE_BYTES_MAX) {
            return Err(RequestError::Note);
        }
        self.0.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => RequestError::Busy,
            TrySendError::Disconnected(_) => RequestError::Gone,
        })
    }
}

impl Desk {
    /// The oldest request.
    pub fn next(&self) -> Option<Request> {
        self.0.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desk_is_bounded_and_tells_when_it_is_gone() {
        let (requester, desk) = desk();
        for _ in 0..REQUESTS_MAX {
            assert_eq!(requester.ask(Request::Acknowledge), Ok(()));
        }
        assert_eq!(requester.ask(Request::Acknowledge), Err(RequestError::Busy));
        assert_eq!(desk.next(), Some(Request::Acknowledge));
        assert_eq!(requester.ask(Request::Acknowledge), Ok(()));
        drop(desk);
        assert_eq!(requester.ask(Request::Acknowledge), Err(RequestError::Gone));
        let long = Request::Review {
            entry: 1,
            decision: Decision::Confirmed,
            note: "x".repeat(NOTE_BYTES_MAX + 1),
        };
        assert_eq!(requester.ask(long), Err(RequestError::Note));
    }
}
