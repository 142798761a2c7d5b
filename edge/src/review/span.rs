//! Flagged spans, from the entries of a log.

use serde::Serialize;
use unmask_shared::event::{Event, EventKind};
use unmask_shared::verdict::Verdict;

use super::timecode::timecode;
use crate::log::{Decision, LogEntry, hex, utc};

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
    /// Run of the program; 0 in records of version 1.
    #[serde(skip)]
    run: u32,
    /// First frame that was called manipulated.
    pub first_frame: u64,
    /// The frame at which that ended; `None` while it lasts, and where the program ended before.
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
                    let Some(span) = all.get_mut(at) else {
                        return false;
                    };
                    match relation(span, event) {
                        Relation::Other => true,
                        Relation::LaterRun => false,
                        Relation::Same => {
                            if is_end && !is_flag {
                                end(span, event, rate_hz);
                            }
                            !is_end
                        }
                    }
                });
                if is_flag {
                    if open.len() >= OPEN_MAX {
                        open.remove(0);
                    }
                    open.push(all.len());
                    let still = entry.still.as_ref().map(|hash| hex(hash));
                    all.push(begin(*number, event, still, rate_hz));
                }
            }
        }
    }
    all.reverse();
    all
}

/// What an event that came after a span's last has to do with it.
enum Relation {
    /// It is about the same track.
    Same,
    /// It is about somebody else.
    Other,
    /// It is of a later run of the program, whose tracks are numbered anew: the span has ended,
    /// nobody knows when.
    LaterRun,
}

fn relation(span: &Span, event: &Event) -> Relation {
    if span.run != event.run {
        return Relation::LaterRun;
    }
    if span.track != event.track || span.source != event.source.as_str() {
        return Relation::Other;
    }
    // In records without the number of the run, a track that begins again is another one.
    match event.kind == EventKind::TrackStarted || event.frame < span.first_frame {
        true => Relation::LaterRun,
        false => Relation::Same,
    }
}

fn begin(entry: u64, event: &Event, still: Option<String>, rate_hz: f64) -> Span {
    Span {
        entry,
        source: event.source.as_str().to_owned(),
        track: event.track,
        run: event.run,
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

#[cfg(test)]
mod tests {
    use unmask_shared::event::EVENT_FORMAT;

    use super::*;
    use crate::log::Entry;

    /// Run, track, frame, kind and verdict.
    type Told = (u32, u32, u64, EventKind, Verdict);

    fn spans_of(told: &[Told]) -> Vec<Span> {
        let entry = |(number, &(run, track, frame, kind, verdict)): (usize, &Told)| {
            let event = Event {
                format: if run == 0 { 1 } else { EVENT_FORMAT },
                sequence: number as u64,
                time_us: 0,
                source: "door".try_into().expect("fits"),
                track,
                first_frame: 0,
                frame,
                kind,
                verdict,
                reason: None,
                score: Some(0.9),
                llr: 5.0,
                model: "m 1".try_into().expect("fits"),
                run,
                coverage: None,
            };
            (number as u64, LogEntry::Event(Entry { event, still: None }))
        };
        let entries: Vec<_> = told.iter().enumerate().map(entry).collect();
        spans(&entries, 25.0)
    }

    use EventKind::{TrackEnded, TrackStarted, VerdictChanged};
    use Verdict::{Genuine, Manipulated, Undecided};

    #[test]
    fn a_span_lasts_until_the_verdict_changes() {
        let spans = spans_of(&[
            (7, 1, 0, TrackStarted, Undecided),
            (7, 1, 500, VerdictChanged, Manipulated),
            (7, 2, 510, TrackStarted, Undecided),
            (7, 2, 520, TrackEnded, Undecided),
            (7, 1, 600, VerdictChanged, Genuine),
            (7, 1, 700, TrackEnded, Genuine),
        ]);
        assert_eq!(spans.len(), 1);
        assert_eq!(
            (spans[0].first_frame, spans[0].last_frame),
            (500, Some(600))
        );
        assert_eq!(spans[0].timecode_out.as_deref(), Some("00:00:24:00"));
    }

    /// The power was cut; track 1 of the next run is somebody else, at earlier frames.
    #[test]
    fn somebody_of_a_later_run_ends_no_span() {
        let next = [
            (1, 5, TrackStarted, Undecided),
            (1, 70, VerdictChanged, Genuine),
            (1, 90, TrackEnded, Genuine),
        ];
        for (before, after) in [(7, 8), (0, 0), (0, 8)] {
            let mut told = vec![(before, 1, 500, VerdictChanged, Manipulated)];
            told.extend(
                next.map(|(track, frame, kind, verdict)| (after, track, frame, kind, verdict)),
            );
            let spans = spans_of(&told);
            assert_eq!(spans.len(), 1);
            assert_eq!(
                (spans[0].first_frame, spans[0].last_frame),
                (500, None),
                "{before}, {after}"
            );
        }
    }
}
