//! Events, in bytes and as JSON.

use unmask_shared::event::{EVENT_FORMAT, EventError, EventKind};
use unmask_shared::{Event, Reason, Verdict};

use super::{Parser, Reached};

/// Events as the program writes them.
pub(super) fn examples() -> Vec<Event> {
    let changed = Event {
        format: EVENT_FORMAT,
        sequence: 300,
        time_us: 1_767_225_600_000_000,
        source: "usb-0000:00:14.0-1".try_into().expect("fits"),
        track: 5,
        first_frame: 70,
        frame: 82,
        kind: EventKind::VerdictChanged,
        verdict: Verdict::Manipulated,
        reason: None,
        score: Some(0.75),
        llr: 3.5,
        model: "afsl-stream-m release 2".try_into().expect("fits"),
        run: 7,
        coverage: Some(0.75),
        stream_us: 3_280_000,
        rate_hz: 25.0,
    };
    let undecided = Event {
        verdict: Verdict::Undecided,
        reason: Some(Reason::Blurred),
        score: None,
        llr: -0.25,
        kind: EventKind::TrackEnded,
        ..changed.clone()
    };
    vec![changed, undecided]
}

/// An event in postcard form.
#[derive(Debug)]
pub struct EventBytes;

impl Parser for EventBytes {
    fn name(&self) -> &'static str {
        "event_bytes"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let bytes = |event: Event| event.to_bytes().expect("sound").to_vec();
        examples().into_iter().map(bytes).collect()
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        match Event::from_bytes(bytes) {
            Ok(event) => {
                let again = event.to_bytes().expect("what was read can be written");
                assert_eq!(again.as_slice(), bytes);
                Reached::Accepted
            }
            Err(EventError::Malformed) => Reached::Refused,
            Err(EventError::Format(_) | EventError::Field(_)) => Reached::Within,
        }
    }
}

/// An event as JSON.
#[derive(Debug)]
pub struct EventJson;

impl Parser for EventJson {
    fn name(&self) -> &'static str {
        "event_json"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let json = |event: Event| serde_json::to_vec(&event).expect("plain data");
        examples().into_iter().map(json).collect()
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"null",
            b"true",
            b"1e39",
            b"-1e-60",
            b"\"\"",
            b"\\u0000",
            b"\\ud800",
            b"[[[[[[[[",
            b"{\"a\":",
            b"18446744073709551616",
            b"\"camera_lost\"",
            b"\"format\":2,",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        match Event::from_json(bytes) {
            Ok(event) => {
                let json = serde_json::to_vec(&event).expect("plain data");
                assert_eq!(Event::from_json(&json), Ok(event.clone()));
                let bytes = event.to_bytes().expect("what was read can be written");
                assert_eq!(Event::from_bytes(&bytes), Ok(event));
                Reached::Accepted
            }
            Err(EventError::Malformed) => Reached::Refused,
            Err(EventError::Format(_) | EventError::Field(_)) => Reached::Within,
        }
    }
}
