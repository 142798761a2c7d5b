//! Flagged spans, from the entries of a log.

use serde::Serialize;
use unmask_shared::event::{Event, EventKind};
use unmask_shared::verdict::Verdict;

use super::timecode::{FrameRate, Timecode, TimecodeError};
use crate::log::{Decision, LogEntry, utc};
use unmask_shared::hex;

/// Most faces that are followed at once; the oldest one is given up.
const FOLLOWED_MAX: usize = 256;
/// First format of records that tell the time in the stream, and the last frame of who left.
const TIMED_FORMAT: u8 = 3;

/// Frames on which the verdict is manipulated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// Number of the entry that flagged it.
    pub entry: u64,
    /// Name of the camera or file.
    pub source: String,
    /// Number of the track.
    pub track: u32,
    /// First frame of the span: that in which the face appeared where this is the first verdict on
    /// it, else [`Self::flagged_frame`].
    pub first_frame: u64,
    /// The frame at which it was called manipulated.
    pub flagged_frame: u64,
    /// Last frame of the span: the one before the verdict changed, or the last one with the face.
    /// `None` while it lasts, and where the program ended before.
    pub last_frame: Option<u64>,
    /// Frames per second at which timecodes count; `None` where nobody knows.
    pub rate_hz: Option<f64>,
    /// The first frame as timecode.
    pub timecode_in: Option<String>,
    /// The frame after the last one as timecode, as in edit lists.
    pub timecode_out: Option<String>,
    /// When it was called manipulated, RFC 3339.
    pub utc_in: Option<String>,
    /// When that ended.
    pub utc_out: Option<String>,
    /// Highest score beside the verdict, 0.5 to 1.
    pub score: Option<f32>,
    /// SHA-256 of the still in hex, where one was kept.
    pub still: Option<String>,
    /// What somebody found; the newest review counts.
    pub review: Option<Found>,
    /// First frame and the one after the last, counted at `rate` since the start of the stream.
    #[serde(skip)]
    pub(super) counted: Option<Counted>,
}

/// Edges of a span in frames of timecode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Counted {
    pub(super) rate: FrameRate,
    pub(super) first: u64,
    /// `None` while the span lasts.
    pub(super) after: Option<u64>,
    /// What the first frame of the stream counts as.
    pub(super) start: u64,
}

impl Span {
    /// Counts timecodes from `start`, which the first frame of the stream has, instead of zero.
    ///
    /// # Errors
    /// When at the rate of the span no frame has that timecode.
    pub fn start_at(&mut self, start: Timecode) -> Result<(), TimecodeError> {
        if let Some(edges) = &mut self.counted {
            let before = edges.rate.frame_of(start)?;
            edges.first += before;
            edges.after = edges.after.map(|after| after + before);
            edges.start += before;
            self.timecode_in = Some(edges.rate.timecode(edges.first));
            self.timecode_out = edges.after.map(|after| edges.rate.timecode(after));
        }
        Ok(())
    }

    /// Begin and end in seconds since the start of the stream; `None` while it lasts, and where
    /// nobody knows the rate.
    pub fn seconds(&self) -> Option<(f64, f64)> {
        let edges = self.counted?;
        let since = |frame: u64| frame.saturating_sub(edges.start) as f64 / edges.rate.hz();
        Some((since(edges.first), since(edges.after?)))
    }
}

/// [`Span::start_at`] of all.
///
/// # Errors
/// The first one; spans before it are counted from `start` then.
pub fn start_at(spans: &mut [Span], start: Timecode) -> Result<(), TimecodeError> {
    spans.iter_mut().try_for_each(|span| span.start_at(start))
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

/// At which rate timecodes count.
#[derive(Debug, Clone, Copy, Default)]
pub struct RateChoice {
    /// At this one, whatever the records say.
    pub wanted: Option<FrameRate>,
    /// At this one where records say nothing.
    pub otherwise: Option<FrameRate>,
}

/// A face that is in view.
struct Followed {
    run: u32,
    source: String,
    track: u32,
    /// First frame, and its time stamp where that is known.
    first: (u64, Option<u64>),
    /// The frame of the last event.
    latest: u64,
    /// Whether there was another verdict on it.
    was_judged: bool,
    /// Where in the list the span is that goes on.
    span: Option<usize>,
}

impl Followed {
    /// Whether an event of the same number is about somebody of a later run. Of records with the
    /// number of the run that is known before.
    fn is_past(&self, event: &Event) -> bool {
        event.run == 0 && event.frame < self.latest
    }
}

/// The flagged spans of some entries, oldest first among those given; returned newest
/// first.
pub fn spans(entries: &[(u64, LogEntry)], rate: RateChoice) -> Vec<Span> {
    let mut list = SpanList {
        rate,
        ..SpanList::default()
    };
    for (number, entry) in entries {
        match entry {
            LogEntry::Review(review) => {
                let at = list
                    .spans
                    .binary_search_by_key(&review.entry, |span| span.entry);
                if let Some(span) = at.ok().and_then(|at| list.spans.get_mut(at)) {
                    span.review = Some(Found {
                        entry: *number,
                        decision: review.decision,
                        note: review.note.as_str().to_owned(),
                        utc: utc(review.time_us),
                    });
                }
            }
            LogEntry::Event(entry) => {
                let still = entry.still.as_ref().map(|hash| hex(hash));
                list.take(*number, &entry.event, still);
            }
        }
    }
    list.spans.reverse();
    list.spans
}

#[derive(Default)]
struct SpanList {
    rate: RateChoice,
    spans: Vec<Span>,
    followed: Vec<Followed>,
}

impl SpanList {
    fn take(&mut self, number: u64, event: &Event, still: Option<String>) {
        // The tracks of a later run are numbered anew: what was open has ended, nobody knows when.
        self.followed.retain(|face| face.run == event.run);
        let place = (event.track, event.source.as_str());
        let mut at = self
            .followed
            .iter()
            .position(|face| (face.track, face.source.as_str()) == place);
        // In records without the number of the run, a track that begins again is another one.
        if let Some(old) = at
            && (event.kind == EventKind::TrackStarted
                || self
                    .followed
                    .get(old)
                    .is_some_and(|face| face.is_past(event)))
        {
            self.followed.remove(old);
            at = None;
        }
        match (event.kind, event.verdict) {
            (EventKind::TrackStarted, _) => {
                self.follow(event, false);
            }
            (EventKind::VerdictChanged, Verdict::Manipulated) => {
                // Of a face whose start is not among the entries, nobody knows what was said before.
                let at = at.unwrap_or_else(|| self.follow(event, true));
                self.begin(at, number, event, still);
            }
            (EventKind::VerdictChanged, _) => {
                if let Some(face) = at.and_then(|at| self.followed.get_mut(at)) {
                    (face.was_judged, face.latest) = (true, event.frame);
                    if let Some(span) = face.span.take().and_then(|at| self.spans.get_mut(at)) {
                        // The face was seen in the frame before, too.
                        end(span, event, event.frame.saturating_sub(1), 0);
                    }
                }
            }
            (EventKind::TrackEnded, _) => {
                if let Some(face) = at.map(|at| self.followed.remove(at))
                    && let Some(span) = face.span.and_then(|at| self.spans.get_mut(at))
                {
                    end(span, event, event.frame, 1);
                }
            }
            _ => {}
        }
    }

    fn follow(&mut self, event: &Event, was_judged: bool) -> usize {
        if self.followed.len() >= FOLLOWED_MAX {
            self.followed.remove(0);
        }
        let is_first = event.frame == event.first_frame && event.format >= TIMED_FORMAT;
        self.followed.push(Followed {
            run: event.run,
            source: event.source.as_str().to_owned(),
            track: event.track,
            latest: event.frame,
            first: (event.first_frame, is_first.then_some(event.stream_us)),
            was_judged,
            span: None,
        });
        self.followed.len() - 1
    }

    fn begin(&mut self, at: usize, entry: u64, event: &Event, still: Option<String>) {
        let Some(face) = self.followed.get_mut(at).filter(|face| face.span.is_none()) else {
            return;
        };
        face.latest = event.frame;
        let flagged = (event.frame, time_of(event));
        let first = if face.was_judged { flagged } else { face.first };
        face.was_judged = true;
        face.span = Some(self.spans.len());
        let told = FrameRate::new(event.rate_hz.into());
        let rate = self.rate.wanted.or(told).or(self.rate.otherwise);
        let counted = rate.map(|rate| Counted {
            rate,
            first: first.1.map_or(first.0, |time_us| rate.frame_at(time_us)),
            after: None,
            start: 0,
        });
        self.spans.push(Span {
            entry,
            source: event.source.as_str().to_owned(),
            track: event.track,
            first_frame: first.0,
            flagged_frame: event.frame,
            last_frame: None,
            rate_hz: rate.map(FrameRate::hz),
            timecode_in: counted.map(|edges| edges.rate.timecode(edges.first)),
            timecode_out: None,
            utc_in: utc(event.time_us),
            utc_out: None,
            score: event.score,
            still,
            review: None,
            counted,
        });
    }
}

/// Ends a span with `last`, which lies `frames` frames before the end of what `event` tells of.
fn end(span: &mut Span, event: &Event, last: u64, frames: u64) {
    let last = last.max(span.first_frame);
    span.last_frame = Some(last);
    if let Some(edges) = &mut span.counted {
        let after = match time_of(event) {
            Some(time_us) => edges.rate.frame_at(time_us) + frames,
            None => last + 1,
        };
        let after = after.max(edges.first + 1);
        edges.after = Some(after);
        span.timecode_out = Some(edges.rate.timecode(after));
    }
    span.utc_out = utc(event.time_us);
    if event.verdict == Verdict::Manipulated {
        let scores = span.score.into_iter().chain(event.score);
        span.score = scores.max_by(f32::total_cmp);
    }
}

/// Where in the stream the event's frame is, microseconds.
fn time_of(event: &Event) -> Option<u64> {
    (event.format >= TIMED_FORMAT).then_some(event.stream_us)
}

#[cfg(test)]
mod tests {
    use unmask_shared::event::EVENT_FORMAT;

    use super::*;
    use crate::log::EventEntry;

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
                score: (verdict == Manipulated).then_some(0.9),
                llr: 5.0,
                model: "m 1".try_into().expect("fits"),
                run,
                coverage: None,
                stream_us: if run == 0 { 0 } else { frame * 40_000 },
                rate_hz: if run == 0 { 0.0 } else { 25.0 },
            };
            (
                number as u64,
                LogEntry::Event(EventEntry { event, still: None }),
            )
        };
        let entries: Vec<_> = told.iter().enumerate().map(entry).collect();
        let otherwise = FrameRate::new(25.0);
        spans(
            &entries,
            RateChoice {
                otherwise,
                ..RateChoice::default()
            },
        )
    }

    use EventKind::{TrackEnded, TrackStarted, VerdictChanged};
    use Verdict::{Genuine, Manipulated, Undecided};

    fn edges(span: &Span) -> (u64, u64, Option<u64>, &str, Option<&str>) {
        let (first, flagged, last) = (span.first_frame, span.flagged_frame, span.last_frame);
        let timecode = span.timecode_in.as_deref().unwrap_or_default();
        (first, flagged, last, timecode, span.timecode_out.as_deref())
    }

    #[test]
    fn a_first_verdict_is_on_the_face_since_it_came_and_lasts_until_it_changes() {
        for run in [7, 0] {
            let spans = spans_of(&[
                (run, 1, 0, TrackStarted, Undecided),
                (run, 1, 500, VerdictChanged, Manipulated),
                (run, 2, 510, TrackStarted, Undecided),
                (run, 2, 520, TrackEnded, Undecided),
                (run, 1, 600, VerdictChanged, Genuine),
                (run, 1, 700, TrackEnded, Genuine),
            ]);
            assert_eq!(spans.len(), 1);
            let wanted = (0, 500, Some(599), "00:00:00:00", Some("00:00:24:00"));
            assert_eq!(edges(&spans[0]), wanted, "{run}");
        }
    }

    #[test]
    fn a_later_verdict_begins_where_it_was_said_and_ends_with_the_face() {
        let spans = spans_of(&[
            (7, 1, 0, TrackStarted, Undecided),
            (7, 1, 20, VerdictChanged, Genuine),
            (7, 1, 500, VerdictChanged, Manipulated),
            (7, 1, 599, TrackEnded, Manipulated),
        ]);
        let wanted = (500, 500, Some(599), "00:00:20:00", Some("00:00:24:00"));
        assert_eq!(edges(&spans[0]), wanted);
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
