//! Event records from what the pipeline tells.

use std::fmt::Write;

use unmask_shared::event::{EVENT_FORMAT, Event, EventKind};
use unmask_shared::manifest::Manifest;
use unmask_shared::verdict::Verdict;

use crate::person::Person;
use unmask_shared::media::Frame;

/// Most bytes of a source name in an event.
const SOURCE_BYTES_MAX: usize = 128;

/// Numbers the events of one stream.
#[derive(Debug)]
pub struct EventMaker {
    source: String,
    model: String,
    sequence: u64,
    run: u32,
    rate_hz: f32,
}

/// A number for a run of the program, not 0.
pub fn drawn_run() -> u32 {
    // Without the system's generator, runs of different microseconds differ.
    let run = getrandom::u32().unwrap_or_else(|_| {
        let time = std::time::UNIX_EPOCH.elapsed();
        time.map_or(0, |time| time.as_micros() as u32)
    });
    run.max(1)
}

impl EventMaker {
    /// Of a source name that is too long for the record, the end is kept. `run` tells the runs of
    /// the program apart; `rate_hz` is that of the source's timecode.
    pub fn new(source: &str, manifest: &Manifest, run: u32, rate_hz: f64) -> Self {
        let mut start = source.len().saturating_sub(SOURCE_BYTES_MAX);
        while !source.is_char_boundary(start) {
            start += 1;
        }
        Self {
            source: source[start..].to_owned(),
            model: format!("{} {}", manifest.name, manifest.release),
            sequence: 0,
            run,
            rate_hz: if (0.0..=1000.0).contains(&rate_hz) {
                rate_hz as f32
            } else {
                0.0
            },
        }
    }

    /// The next record of the stream, which tells of `frame`; of somebody who came or left, of the
    /// first or last frame with the face. Its time is that of the stream.
    pub fn event(&mut self, kind: EventKind, person: &Person, frame: &Frame) -> Event {
        let sequence = self.sequence;
        self.sequence += 1;
        let verdict = person.verdict();
        let (index, stream_us) = match kind {
            EventKind::TrackStarted => (person.first_frame, person.first_seen_us),
            EventKind::TrackEnded => (person.last_frame, person.last_seen_us),
            _ => (frame.index, frame.time_us),
        };
        Event {
            format: EVENT_FORMAT,
            sequence,
            time_us: frame.time_us,
            source: fitted(&self.source),
            track: person.id,
            first_frame: person.first_frame,
            frame: index.max(person.first_frame),
            kind,
            verdict,
            reason: if verdict == Verdict::Undecided {
                person.reason()
            } else {
                None
            },
            score: person.score().filter(|score| score.is_finite()),
            llr: person.llr(),
            model: fitted(&self.model),
            run: self.run,
            coverage: Some(person.coverage()),
            stream_us,
            rate_hz: self.rate_hz,
        }
    }
}

impl EventMaker {
    /// The next record, of what happened to the camera when `frame` was its newest
    /// frame.
    pub fn camera(&mut self, kind: EventKind, frame: &Frame) -> Event {
        let sequence = self.sequence;
        self.sequence += 1;
        Event {
            format: EVENT_FORMAT,
            sequence,
            time_us: frame.time_us,
            source: fitted(&self.source),
            track: 0,
            first_frame: 0,
            frame: frame.index,
            kind,
            verdict: Verdict::Undecided,
            reason: None,
            score: None,
            llr: 0.0,
            model: fitted(&self.model),
            run: self.run,
            coverage: None,
            stream_us: frame.time_us,
            rate_hz: self.rate_hz,
        }
    }
}

/// As much of a text as a bounded string holds.
pub(crate) fn fitted<T: Default + Write>(text: &str) -> T {
    let mut bounded = T::default();
    for c in text.chars() {
        if bounded.write_char(c).is_err() {
            break;
        }
    }
    bounded
}
