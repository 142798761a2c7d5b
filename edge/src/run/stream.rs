//! What belongs to one stream: that of one camera.

use std::time::Duration;

use unmask_shared::bundle::Bundle;
use unmask_shared::event::{Event, EventKind};
use unmask_shared::verdict::{Verdict, VerdictConfig};

use crate::capture::FaultSet;
use crate::error::EdgeError;
use crate::person::Person;
use crate::pipeline::{Pipeline, PipelineConfig, PipelineError};
use crate::report::events::{EventMaker, drawn_run};
use unmask_shared::media::Frame;

use super::MakePipeline;
use super::health::Health;

/// One stream, with people of its own.
pub(super) struct StreamState {
    /// What the stream is called.
    pub(super) name: String,
    pub(super) pipeline: Pipeline,
    /// The newest frame.
    pub(super) frame: Frame,
    pub(super) health: Health,
    maker: EventMaker,
    /// What became of people.
    pub(super) found: Found,
    /// Time stamps of the first and the newest frame; `None` before the first.
    pub(super) watched_us: Option<(u64, u64)>,
}

/// What a source has.
#[derive(Clone, Copy)]
pub(super) struct Streams<'a> {
    /// Names of its streams.
    pub(super) names: &'a [String],
    /// Frames per second of their timecode.
    pub(super) rate_hz: f64,
}

/// A state for each stream.
pub(super) fn states(
    bundle: &Bundle,
    make: &MakePipeline<'_>,
    every: u32,
    rules: VerdictConfig,
    streams: &Streams<'_>,
) -> Result<Vec<StreamState>, EdgeError> {
    let run = drawn_run();
    let state = |stream: &String| {
        let mut pipeline = make(PipelineConfig::watching(every))?;
        pipeline.set_verdict(rules)?;
        Ok(StreamState {
            name: stream.clone(),
            pipeline,
            frame: Frame::default(),
            health: Health::default(),
            maker: EventMaker::new(stream, &bundle.manifest, run, streams.rate_hz),
            found: Found::default(),
            watched_us: None,
        })
    };
    streams.names.iter().map(state).collect()
}

impl StreamState {
    /// Looks at the newest frame; events go into `events`.
    pub(super) fn look(
        &mut self,
        now: Duration,
        events: &mut Vec<Event>,
    ) -> Result<(), PipelineError> {
        if let Some(kind) = self.health.frame(now) {
            events.push(self.maker.camera(kind, &self.frame));
        }
        let (maker, frame) = (&mut self.maker, &self.frame);
        let first_us = self.watched_us.map_or(frame.time_us, |(first, _)| first);
        self.watched_us = Some((first_us, frame.time_us.max(first_us)));
        let found = &mut self.found;
        let mut note = |kind, person: &Person| {
            found.note(kind, person);
            events.push(maker.event(kind, person, frame));
        };
        self.pipeline.push(frame, &mut note)
    }

    /// Takes what is wrong with the camera. When it is lost, nobody is in view any
    /// more.
    pub(super) fn notice(
        &mut self,
        faults: FaultSet,
        now: Duration,
        events: &mut Vec<Event>,
    ) -> Result<(), PipelineError> {
        for kind in self.health.update(faults, now) {
            events.push(self.maker.camera(kind, &self.frame));
            if kind == EventKind::CameraLost {
                let (maker, frame) = (&mut self.maker, &self.frame);
                let found = &mut self.found;
                let note = &mut |kind, person: &Person| {
                    found.note(kind, person);
                    events.push(maker.event(kind, person, frame));
                };
                self.pipeline.lose_sight(note)?;
            }
        }
        Ok(())
    }

    /// Ends the stream.
    pub(super) fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), PipelineError> {
        let (maker, frame) = (&mut self.maker, &self.frame);
        let found = &mut self.found;
        let mut note = |kind, person: &Person| {
            found.note(kind, person);
            events.push(maker.event(kind, person, frame));
        };
        self.pipeline.finish(&mut note)
    }

    /// The verdicts on everybody in view; who is beyond those that can be followed is not judged.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        let people = self.pipeline.people().iter();
        let judged = people.filter(|person| person.id != 0).map(Person::verdict);
        let others = self.pipeline.is_crowded().then_some(Verdict::Undecided);
        judged.chain(others)
    }
}

/// What became of the people of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// People who left, by the verdict on their whole track.
    pub(super) manipulated: u64,
    pub(super) genuine: u64,
    pub(super) undecided: u64,
    /// Times that somebody was called manipulated.
    pub(super) spans: u64,
}

impl Found {
    fn note(&mut self, kind: EventKind, person: &Person) {
        match kind {
            EventKind::VerdictChanged if person.verdict() == Verdict::Manipulated => {
                self.spans += 1;
            }
            EventKind::TrackEnded => match person.overall_verdict() {
                Verdict::Manipulated => self.manipulated += 1,
                Verdict::Genuine => self.genuine += 1,
                Verdict::Undecided => self.undecided += 1,
            },
            _ => {}
        }
    }
}
