//! Flagged spans, from the entries of a log.

use serde::Serialize;
use unmask_shared::event::{Event, EventKind};
use unmask_shared::verdict::Verdict;

use super::timecode::timecode;
use crate::log::{Decision, LogEntry, utc};

/// Most flagged faces that are followed at once; the oldest one is given up.
const OPEN_MAX: usize = 256;

/// Frames in which a face was called manipulated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// Number of the entry that flagged it.
    pub entry: u64,
    /// Name of the camera or file.
    pub source: String,
    /// Number of the track.
    pub track: u32,
    /// First frame that was called manipulated.
    pub first_frame: u64,
    /// The frame at which that ended; `None` while it lasts.
    pub last_frame: Option<u64>,
    /// The first frame as timecode.
    pub timecode_in: String,
    /// The last frame as timecode.
    pub timecode_out: Option<String>,
    /// When it began, RFC 3339.
    pub utc_in: Option<String>,
    /// When it ended.
    pub utc_out: Option<String>,
    /// Highest calibrated score that was told, 0 to 1.
    pub score: Option<f32>,
    /// SHA-256 of the still in hex, where one was kept.
    pub still: Option<String>,
    /// What somebody found; the newest review counts.
    pub review: Option<Found>,
}

/// What somebody found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Number of the review's own entry.
    pub entry: u64,
    /// What.
    pub decision: Decision,
    /// In words.
    pub note: String,
    /// When, RFC 3339.
    pub utc: Option<String>,
}

/// The flagged spans of some entries, oldest first among those given; returned newest
/// first. `rate_hz` is that of the frames.
pub fn spans(entries: &[(u64, LogEntry)], rate_hz: f64) -> Vec<Span> {
    let mut all: Vec<Span> = Vec::new();
    // Where in `all` the faces are that are flagged now.
    let mut open: Vec<usize> = Vec::new();
    for (number, entry) in entries {
        match entry {
            LogEntry::Review(review) => {
                let at = all.binary_search_by_key(&review.entry, |span| span.entry);
                if let Some(span) = at.ok().and_then(|at| all.get_mut(at)) {
                    span.review = Some(Found {
                        entry: *number,
                        decision: review.decision,
                        note: review.note.as_str().to_owned(),
                        utc: utc(review.time_us),
                    });
                }
            }
            LogEntry::Event(entry) => {
                let event = &entry.event;
                let is_flag = event.kind == EventKind::VerdictChanged
                    && event.verdict == Verdict::Manipulated;
                let is_end = matches!(
                    event.kind,
                    EventKind::VerdictChanged | EventKind::TrackEnded
                );
                open.retain(|&at| {
                    let same = all.get_mut(at).filter(|span| is_of(span, event));
                    let Some(span) = same else {
                        return true;
                    };
                    if is_end && !is_flag {
                        end(span, event, rate_hz);
                    }
                    !is_end
                });
                if is_flag {
                    if open.len() >= OPEN_MAX {
                        open.remove(0);
                    }
                    open.push(all.len());
                    let still = entry.still.as_ref().map(crate::web::hex);
                    all.push(begin(*number, event, still, rate_hz));
                }
            }
        }
    }
    all.reverse();
    all
}

fn is_of(span: &Span, event: &Event) -> bool {
    span.track == event.track && span.source == event.source.as_str()
}

fn begin(entry: u64, event: &Event, still: Option<String>, rate_hz: f64) -> Span {
    Span {
        entry,
        source: event.source.as_str().to_owned(),
        track: event.track,
        first_frame: event.frame,
        last_frame: None,
        timecode_in: timecode(event.frame, rate_hz),
        timecode_out: None,
        utc_in: utc(event.time_us),
        utc_out: None,
        score: event.score,
        still,
        review: None,
    }
}

fn end(span: &mut Span, event: &Event, rate_hz: f64) {
    span.last_frame = Some(event.frame);
    span.timecode_out = Some(timecode(event.frame, rate_hz));
    span.utc_out = utc(event.time_us);
    let scores = span.score.into_iter().chain(event.score);
    span.score = scores.max_by(f32::total_cmp);
}
