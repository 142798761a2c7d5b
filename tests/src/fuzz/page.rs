//! What the live page sends: what somebody found.

use serde::Serialize;
use unmask_edge::log::{LogEntry, NOTE_BYTES_MAX, Review};
use unmask_edge::observe::{Request, RequestError, desk};
use unmask_edge::web::{BODY_BYTES_MAX, Finding};
use unmask_shared::review::REVIEW_FORMAT;

use super::{Parser, Reached};

/// The body of a request that reviews an entry of the event log.
#[derive(Debug)]
pub struct PageJson;

/// The entry that is reviewed.
const ENTRY: u64 = 130;

impl Parser for PageJson {
    fn name(&self) -> &'static str {
        "page_json"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        #[derive(Serialize)]
        struct Told<'a> {
            decision: &'a str,
            note: &'a str,
        }
        let told = |decision, note| serde_json::to_vec(&Told { decision, note });
        [
            told("confirmed", ""),
            told("dismissed", "glasses, \"café\" lamp\n"),
        ]
        .map(|json| json.expect("plain data"))
        .into_iter()
        .chain([br#"{"decision":"confirmed"}"#.to_vec()])
        .collect()
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"\"confirmed\"",
            b"\"dismissed\"",
            b"\"decision\":",
            b"\"note\":",
            b"null",
            b"\\u0000",
            b"\\ud83d\\ude00",
            b"\\ud800",
            b"[[[[[[[[",
            b"{\"a\":",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        if bytes.len() > BODY_BYTES_MAX {
            return Reached::Refused;
        }
        let Ok(finding) = serde_json::from_slice::<Finding>(bytes) else {
            return Reached::Refused;
        };
        let json = serde_json::to_vec(&finding).expect("plain data");
        assert_eq!(
            serde_json::from_slice::<Finding>(&json).ok(),
            Some(finding.clone())
        );
        let request = finding.clone().about(ENTRY);
        let (requester, desk) = desk();
        match requester.ask(request.clone()) {
            Err(RequestError::Note) => {
                assert!(finding.note.len() > NOTE_BYTES_MAX);
                return Reached::Within;
            }
            asked => assert_eq!(asked, Ok(())),
        }
        assert_eq!(desk.next(), Some(request.clone()));
        assert_is_kept(request);
        Reached::Accepted
    }
}

/// What the pipeline takes stands in the event log as it was told.
fn assert_is_kept(request: Request) {
    let Request::Review {
        entry,
        decision,
        note,
    } = request
    else {
        panic!("no review");
    };
    let review = LogEntry::Review(Review {
        format: REVIEW_FORMAT,
        sequence: ENTRY + 1,
        time_us: 7,
        entry,
        decision,
        note: note.as_str().try_into().expect("a note that fits"),
    });
    let bytes = review.to_bytes().expect("a review");
    assert_eq!(LogEntry::from_bytes(&bytes), Ok(review));
}
