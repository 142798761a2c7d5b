//! The review queue over the web.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{self, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::Site;
use super::routes::asked;
use crate::log::{Decision, LogReader, RecordError};
use crate::observe::Request;
use crate::review::{FrameRate, RateChoice, Span, Timecode, spans, start_at, write_csv};

/// So many of the newest entries of the log are looked through.
const ENTRIES_MAX: usize = 4000;
/// The log is read anew after this time at the earliest.
const FRESH_FOR: Duration = Duration::from_millis(500);

/// What was read from the log last.
#[derive(Default)]
pub(super) struct Cache(Mutex<Option<(Instant, Arc<Queue>)>>);

/// Flagged spans, newest first, and what is wrong with the log that they are from.
struct Queue {
    spans: Vec<Span>,
    problem: Option<String>,
}

/// In answers: the log is not intact, or a part of it cannot be read.
const PROBLEM: HeaderName = HeaderName::from_static("unmask-log-problem");

/// Why there is nothing to show.
enum Missing {
    NoLog,
    Error(RecordError),
    Busy,
}

impl IntoResponse for Missing {
    fn into_response(self) -> Response {
        match self {
            Self::NoLog => (
                StatusCode::NOT_FOUND,
                "there is no event log: start with --log DIR\n".to_owned(),
            ),
            Self::Error(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "try again in a moment\n".to_owned(),
            ),
        }
        .into_response()
    }
}

async fn read<T: Send + 'static>(
    site: &Site,
    work: impl FnOnce(PathBuf) -> Result<T, RecordError> + Send + 'static,
) -> Result<T, Missing> {
    let folder = site.log.clone().ok_or(Missing::NoLog)?;
    let done = tokio::task::spawn_blocking(move || work(folder)).await;
    done.map_err(|_| Missing::Busy)?.map_err(Missing::Error)
}

async fn spans_of(site: &Site) -> Result<Arc<Queue>, Missing> {
    let cached = site
        .reviews
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    if let Some((at, queue)) = cached
        && at.elapsed() < FRESH_FOR
    {
        return Ok(queue);
    }
    let rate = RateChoice {
        wanted: None,
        otherwise: FrameRate::new(site.rate_hz),
    };
    let start = site.start_timecode;
    let found = read(site, move |folder| Queue::read(&folder, rate, start));
    let found = Arc::new(found.await?);
    let cached = (Instant::now(), Arc::clone(&found));
    *site
        .reviews
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Some(cached);
    Ok(found)
}

/// Flagged spans, newest first.
pub(super) async fn list(State(site): State<Arc<Site>>) -> Response {
    match spans_of(&site).await {
        Ok(queue) => queue.answer(Json(&queue.spans)),
        Err(missing) => missing.into_response(),
    }
}

impl Queue {
    fn read(folder: &Path, rate: RateChoice, start: Option<Timecode>) -> Result<Self, RecordError> {
        // The page is served before the cameras, and with them the log, are open.
        let Some(log) = LogReader::open_begun(folder)? else {
            return Ok(Self {
                spans: Vec::new(),
                problem: Some("the event log is not open yet".to_owned()),
            });
        };
        let newest = log.newest(ENTRIES_MAX)?;
        let fault = newest
            .fault
            .map(|fault| format!("the log is NOT INTACT: {fault}"));
        let mut spans = spans(&newest.entries, rate);
        let started = start.map_or(Ok(()), |start| start_at(&mut spans, start));
        let no_start = started
            .err()
            .map(|error| format!("web.start_timecode: {error}"));
        let unread = newest.unread.map(|unread| unread.to_string());
        Ok(Self {
            spans,
            problem: fault.or(unread).or(no_start),
        })
    }

    fn answer(&self, body: impl IntoResponse) -> Response {
        let mut answer = body.into_response();
        let problem = self
            .problem
            .as_deref()
            .and_then(|text| HeaderValue::from_str(text).ok());
        answer
            .headers_mut()
            .extend(problem.map(|problem| (PROBLEM, problem)));
        answer
    }
}

/// The same for a spreadsheet.
pub(super) async fn csv(State(site): State<Arc<Site>>) -> Response {
    let queue = match spans_of(&site).await {
        Ok(queue) => queue,
        Err(missing) => return missing.into_response(),
    };
    let mut bytes = Vec::new();
    match write_csv(&queue.spans, &mut bytes) {
        Ok(()) => {
            let headers = [
                (CONTENT_TYPE, "text/csv; charset=utf-8"),
                (CONTENT_DISPOSITION, "attachment; filename=\"reviews.csv\""),
            ];
            queue.answer((headers, bytes))
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// The still of an entry.
pub(super) async fn still(
    State(site): State<Arc<Site>>,
    extract::Path(entry): extract::Path<u64>,
) -> Response {
    let found = read(&site, move |folder| {
        let log = LogReader::open_begun(&folder)?;
        log.map_or(Ok(None), |log| log.still(entry))
    })
    .await;
    match found {
        Ok(Some(bytes)) => ([(CONTENT_TYPE, "image/jpeg")], bytes).into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, "no still of this entry is kept\n").into_response(),
        Err(missing) => missing.into_response(),
    }
}

/// What somebody found, as the page tells it: the body of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What.
    pub decision: Decision,
    /// In words.
    #[serde(default)]
    pub note: String,
}

impl Finding {
    /// Asks the pipeline to write it down, for the entry that flagged somebody.
    pub fn about(self, entry: u64) -> Request {
        Request::Review {
            entry,
            decision: self.decision,
            note: self.note,
        }
    }
}

/// Writes what somebody found into the event log.
pub(super) async fn decide(
    State(site): State<Arc<Site>>,
    extract::Path(entry): extract::Path<u64>,
    Json(finding): Json<Finding>,
) -> Response {
    let queue = match spans_of(&site).await {
        Ok(queue) => queue,
        Err(missing) => return missing.into_response(),
    };
    if !queue.spans.iter().any(|span| span.entry == entry) {
        return (StatusCode::NOT_FOUND, "this entry flagged nobody\n").into_response();
    }
    asked(&site, finding.about(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_not_open_yet_has_no_spans() {
        let folder = tempfile::tempdir().unwrap();
        let rate = RateChoice {
            wanted: None,
            otherwise: FrameRate::new(30.0),
        };
        let queue = |folder: &Path| Queue::read(folder, rate, None);
        let missing = folder.path().join("events");
        let early = queue(&missing).unwrap();
        assert_eq!(early.spans, []);
        assert_eq!(early.problem.unwrap(), "the event log is not open yet");
        std::fs::write(folder.path().join("log.pub"), "no key").unwrap();
        assert!(matches!(queue(folder.path()), Err(RecordError::Key { .. })));
    }

    #[test]
    fn an_answer_tells_what_is_missing_in_it() {
        let queue = |problem: Option<&str>| Queue {
            spans: Vec::new(),
            problem: problem.map(str::to_owned),
        };
        let answer = queue(None).answer(Json(0));
        assert!(!answer.headers().contains_key(PROBLEM));
        let answer = queue(Some("2 entries cannot be read")).answer(Json(0));
        assert_eq!(answer.headers()[PROBLEM], "2 entries cannot be read");
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    }
}
