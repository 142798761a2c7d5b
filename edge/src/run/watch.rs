//! The streams together, and everybody who is told about them.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use unmask_shared::bundle::Bundle;
use unmask_shared::event::Event;
use unmask_shared::verdict::{VerdictConfig, VerdictError};

use crate::capture::{FaultKind, FaultSet};
use crate::clock::Clock;
use crate::console::progress::StatusLine;
use crate::console::style::time_text;
use crate::error::EdgeError;
use crate::observe::{EventTold, FrameSeen, REQUESTS_MAX, Request, unix_us};
use crate::person::Person;
use crate::report::terminal::{EventPrinter, StreamSummary};
use crate::service::{LogKeeper, Service, ServiceConfig};
use crate::source::{Frame, WatchedSource};

use super::MakePipeline;
use super::playback::PlaybackClock;
use super::stream::{StreamState, Streams, states};
use super::stream_counters::StreamCounters;

/// The streams and what is written about them.
pub(super) struct Watch {
    states: Vec<StreamState>,
    printer: EventPrinter,
    log: Option<LogKeeper>,
    counters: StreamCounters,
    line: StatusLine,
    /// Events of the current frame.
    pending: Vec<Event>,
    pub(super) summary: StreamSummary,
    pub(super) playback: PlaybackClock,
}

impl Watch {
    pub(super) fn open(
        bundle: &Bundle,
        make: &MakePipeline<'_>,
        config: &ServiceConfig,
        streams: Streams<'_>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, EdgeError> {
        let rules = config.verdict.over(&bundle.manifest.verdict)?;
        let states = states(bundle, make, config.every, rules, &streams)?;
        let playback = PlaybackClock::new(clock);
        Ok(Self {
            states,
            printer: EventPrinter::new(config.format),
            log: config.log.open(playback.now())?,
            counters: StreamCounters::new(streams.names),
            line: StatusLine::default(),
            pending: Vec::new(),
            summary: StreamSummary::default(),
            playback,
        })
    }

    /// Takes other rules for a verdict.
    pub(super) fn set_verdict(&mut self, rules: VerdictConfig) -> Result<(), VerdictError> {
        self.states
            .iter_mut()
            .try_for_each(|state| state.pipeline.set_verdict(rules))
    }

    /// Takes what is wrong with the cameras.
    pub(super) fn notice(
        &mut self,
        source: &dyn WatchedSource,
        service: &mut Service<'_>,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        let now = self.playback.now();
        let mut has_changed = false;
        for stream in 0..self.states.len() {
            let Some(state) = self.states.get_mut(stream) else {
                continue;
            };
            let faults = source.faults(stream);
            has_changed |= faults != state.health.faults();
            state.health.delivered(source.frames_delivered(stream), now);
            let noticed = state.notice(faults, now, &mut self.pending);
            self.tell(stream, service, out)?;
            noticed?;
        }
        if has_changed {
            service.outputs.trouble(&self.trouble());
        }
        self.observe(source, service);
        Ok(())
    }

    /// Tells observers how things are, and does what they ask for.
    fn observe(&mut self, source: &dyn WatchedSource, service: &mut Service<'_>) {
        let now = self.playback.now();
        for _ in 0..REQUESTS_MAX {
            let Some(request) = service.observers.request() else {
                break;
            };
            match (request, &mut self.log) {
                (Request::Acknowledge, _) => service.outputs.acknowledge(),
                (
                    Request::Review {
                        entry,
                        decision,
                        note,
                    },
                    Some(log),
                ) => {
                    log.review(entry, decision, &note, now);
                }
                (Request::Review { entry, .. }, None) => {
                    tracing::error!(entry, "a review was not logged: there is no event log");
                }
            }
        }
        if let Some(since) = service.observers.status_due(now) {
            let faults = self.states.iter().map(|state| state.health.faults());
            let log = self.log.as_ref().map(LogKeeper::status);
            self.counters.update(faults, &source.cameras(), since);
            let status = service.outputs.status_of(self.counters.streams(), log);
            service.observers.status(&status);
        }
    }

    /// A frame of a stream was left out.
    pub(super) fn left_out(&mut self, stream: usize) {
        self.summary.frames_dropped += 1;
        self.counters.left_out(stream);
    }

    /// What is wrong with which camera, in words.
    fn trouble(&self) -> String {
        let names = |faults: FaultSet| {
            let names: Vec<&str> = faults.iter().map(FaultKind::name).collect();
            names.join(", ")
        };
        let ill = self.states.iter().filter(|l| !l.health.faults().is_empty());
        let ill =
            ill.map(|state| format!("camera {}: {}", names(state.health.faults()), state.name));
        ill.collect::<Vec<_>>().join("; ")
    }

    /// Whether some camera, or the log, does not work.
    fn is_faulty(&self) -> bool {
        self.log.as_ref().is_some_and(LogKeeper::is_faulty)
            || self.states.iter().any(|l| !l.health.faults().is_empty())
    }

    /// No camera has anything to look at.
    pub(super) fn nothing(&mut self, service: &mut Service<'_>) -> Result<(), EdgeError> {
        let is_faulty = |state: &StreamState| !state.health.faults().is_empty();
        if self.states.iter().any(is_faulty) {
            let verdicts = self.states.iter().flat_map(StreamState::verdicts);
            service.outputs.blind(verdicts);
        } else {
            service.outputs.idle();
        }
        if let Some(log) = &mut self.log {
            log.poll(self.playback.now())?;
        }
        Ok(())
    }

    /// Looks at a frame of a stream that came at `came`; it is swapped for an older
    /// one.
    pub(super) fn one(
        &mut self,
        stream: usize,
        frame: &mut Frame,
        came: Instant,
        service: &mut Service<'_>,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        let Some(state) = self.states.get_mut(stream) else {
            return Ok(());
        };
        std::mem::swap(&mut state.frame, frame);
        if let Err(error) = state.look(self.playback.now(), &mut self.pending) {
            self.tell(stream, service, out)?;
            return Err(error.into());
        }
        self.summary.frames += 1;
        let fault = self.is_faulty();
        let verdicts = self.states.iter().flat_map(StreamState::verdicts);
        service.outputs.frame(verdicts, fault);
        let latency = came.elapsed();
        self.counters.judged(stream);
        self.tell(stream, service, out)?;
        if let Some(state) = self.states.get(stream) {
            service.observers.frame(&FrameSeen {
                stream,
                frame: &state.frame,
                people: state.pipeline.people(),
                crop: state.pipeline.crop_spec(),
                shown: service.outputs.shown(),
                latency,
            });
        }
        if let Some(log) = &mut self.log {
            log.poll(self.playback.now())?;
        }
        if let Some(state) = self.states.get(stream) {
            let rate = self.summary.frames as f64 / self.playback.now().as_secs_f64().max(1e-3);
            self.line
                .update(|| status_text(&state.frame, rate, state.pipeline.people()));
        }
        Ok(())
    }

    /// Ends every stream and closes the log.
    pub(super) fn end(
        &mut self,
        service: &mut Service<'_>,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        let mut ended = Ok(());
        for stream in 0..self.states.len() {
            if let Some(state) = self.states.get_mut(stream) {
                ended = ended.and(state.finish(&mut self.pending));
            }
            self.tell(stream, service, out)?;
        }
        self.sum_up();
        if let Some(log) = self.log.take() {
            log.close()?;
        }
        self.printer.end(&self.summary, out)?;
        out.flush()?;
        Ok(ended?)
    }

    /// Whether there was a cut, or a change of size, after most of the frames.
    pub(super) fn is_of_unrelated_pictures(&self) -> bool {
        let shots: u64 = self.states.iter().map(|state| state.pipeline.shots()).sum();
        2 * shots > self.summary.frames
    }

    /// Takes together what became of everybody.
    fn sum_up(&mut self) {
        let summary = &mut self.summary;
        summary.seconds = self.playback.now().as_secs_f64();
        for state in &self.states {
            let found = state.found;
            summary.manipulated += found.manipulated;
            summary.genuine += found.genuine;
            summary.undecided += found.undecided;
            summary.spans += found.spans;
            summary.shots += state.pipeline.shots();
            summary.watched_us += state.watched_us.map_or(0, |(first, last)| last - first);
        }
    }

    /// Logs and prints the events of a stream.
    fn tell(
        &mut self,
        stream: usize,
        service: &mut Service<'_>,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        let Some(state) = self.states.get_mut(stream) else {
            return Ok(());
        };
        if !self.pending.is_empty() {
            self.line.clear();
        }
        for event in self.pending.drain(..) {
            service.outputs.event(&event);
            let mut people = state.pipeline.people().iter();
            let whose = people.find(|person| person.id == event.track);
            let face = whose.map(|person| &person.bbox);
            let recorded = match &mut self.log {
                Some(log) => log.record(&event, &state.frame, face, self.playback.now())?,
                None => None,
            };
            if !service.observers.is_empty() {
                service.observers.event(&EventTold {
                    stream,
                    event: &event,
                    unix_us: unix_us(),
                    entry: recorded.map(|recorded| recorded.entry),
                    has_still: recorded.is_some_and(|recorded| recorded.has_still),
                });
            }
            self.printer.event(&event, out)?;
        }
        Ok(())
    }
}

fn status_text(frame: &Frame, rate: f64, people: &[Person]) -> String {
    let mut text = format!("{}  {rate:.0} frames a second", time_text(frame.time_us));
    for person in people.iter().filter(|person| person.id != 0) {
        let score = person.score().map_or("-".into(), |s| format!("{s:.2}"));
        text += &format!("  {}: {} {score}", person.id, person.verdict());
    }
    text
}
