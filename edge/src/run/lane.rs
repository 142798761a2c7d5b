//! What belongs to one stream: that of one camera.

use std::time::Duration;

use unmask_shared::bundle::Bundle;
use unmask_shared::event::{Event, EventKind};
use unmask_shared::verdict::{Verdict, VerdictConfig};

use crate::capture::FaultSet;
use crate::error::EdgeError;
use crate::person::Person;
use crate::pipeline::{Pipeline, PipelineConfig, PipelineError, Rhythm};
use crate::report::events::{EventMaker, drawn_run};
use crate::report::terminal::Summary;
use crate::source::Frame;

use super::MakePipeline;
use super::health::Health;

/// One stream, with people of its own.
pub(super) struct Lane {
    /// What the stream is called.
    pub(super) name: String,
    pub(super) pipeline: Pipeline,
    /// The newest frame.
    pub(super) frame: Frame,
    pub(super) health: Health,
    maker: EventMaker,
    /// People in view who were called manipulated at some time.
    flagged: Vec<u32>,
}

/// A lane for each stream.
pub(super) fn lanes(
    bundle: &Bundle,
    make: &MakePipeline<'_>,
    every: u32,
    rules: VerdictConfig,
    streams: &[String],
) -> Result<Vec<Lane>, EdgeError> {
    let config = || PipelineConfig {
        detect_every: every.max(1),
        rhythm: Rhythm::unpredictable(),
        ..Default::default()
    };
    let run = drawn_run();
    let lane = |stream: &String| {
        let mut pipeline = make(config())?;
        pipeline.set_verdict(rules)?;
        Ok(Lane {
            name: stream.clone(),
            pipeline,
            frame: Frame::default(),
            health: Health::default(),
            maker: EventMaker::new(stream, &bundle.manifest, run),
            flagged: Vec::new(),
        })
    };
    streams.iter().map(lane).collect()
}

impl Lane {
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
        let mut note = |kind, person: &Person| events.push(maker.event(kind, person, frame));
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
                let note = &mut |kind, person: &Person| {
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
        let mut note = |kind, person: &Person| events.push(maker.event(kind, person, frame));
        self.pipeline.finish(&mut note)
    }

    /// The verdicts on everybody in view.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        let people = self.pipeline.people().iter();
        people.filter(|person| person.id != 0).map(Person::verdict)
    }

    /// Counts what became of a person.
    pub(super) fn count(&mut self, event: &Event, summary: &mut Summary) {
        let is_flagged = self.flagged.contains(&event.track);
        match (event.kind, event.verdict) {
            (EventKind::VerdictChanged, Verdict::Manipulated) if !is_flagged => {
                self.flagged.push(event.track);
            }
            (EventKind::TrackEnded, verdict) => {
                self.flagged.retain(|&track| track != event.track);
                match verdict {
                    _ if is_flagged => summary.manipulated += 1,
                    Verdict::Manipulated => summary.manipulated += 1,
                    Verdict::Genuine => summary.genuine += 1,
                    Verdict::Undecided => summary.undecided += 1,
                }
            }
            _ => {}
        }
    }
}
