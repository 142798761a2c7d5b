//! What `run` does with a frame of a camera: pipeline, and events as bytes.

use std::time::Instant;

use unmask_shared::engine::Engine;
use unmask_shared::event::EventKind;
use unmask_shared::face::FinderChoice;
use unmask_shared::manifest::Manifest;

use crate::capture::{CameraEvent, CameraSink, FaultCounters};
use crate::error::EdgeError;
use crate::person::Person;
use crate::pipeline::{Pipeline, PipelineConfig};
use crate::report::events::EventMaker;
use unmask_shared::media::Frame;

/// Judges frames and writes events.
pub(super) struct Watcher {
    pub(super) pipeline: Pipeline,
    maker: EventMaker,
    frame: Frame,
    /// The events of the latest frame, one JSON record per line.
    lines: Vec<u8>,
    pub(super) events: u64,
    pub(super) frames: u64,
    /// Seconds since the eye was cleared.
    pub(super) seconds: f64,
    /// Faults of the camera; there should be none.
    pub(super) faults: u64,
    pub(super) error: Option<EdgeError>,
}

impl Watcher {
    pub(super) fn new(
        (engine, finder, manifest): &(Engine, &FinderChoice, &Manifest),
        config: PipelineConfig,
    ) -> Result<Self, EdgeError> {
        Ok(Self {
            pipeline: Pipeline::new(engine.clone(), finder, Manifest::clone(manifest), config)?,
            maker: EventMaker::new("bench", manifest, 1, 30.0),
            frame: Frame::default(),
            lines: Vec::new(),
            events: 0,
            frames: 0,
            seconds: 0.0,
            faults: 0,
            error: None,
        })
    }

    /// Looks at a frame, which is swapped for an older one.
    pub(super) fn look(&mut self, frame: &mut Frame) -> Result<(), EdgeError> {
        std::mem::swap(&mut self.frame, frame);
        self.lines.clear();
        let (maker, frame, lines) = (&mut self.maker, &self.frame, &mut self.lines);
        let mut written = Ok(());
        let events = &mut self.events;
        let mut note = |kind: EventKind, person: &Person| {
            *events += 1;
            if let Err(error) =
                serde_json::to_writer(&mut *lines, &maker.event(kind, person, frame))
            {
                written = Err(error);
            }
        };
        self.pipeline.push(frame, &mut note)?;
        self.frames += 1;
        Ok(written?)
    }

    /// Begins to count anew.
    pub(super) fn clear(&mut self) {
        self.pipeline.stopwatch.clear();
        (self.frames, self.events, self.seconds) = (0, 0, 0.0);
    }
}

impl CameraSink for Watcher {
    fn frame(&mut self, frame: &mut Frame) {
        let start = Instant::now();
        if let Err(error) = self.look(frame) {
            self.error = Some(error);
        }
        self.seconds += start.elapsed().as_secs_f64();
    }

    fn event(&mut self, _: &CameraEvent, _: &FaultCounters) {
        self.faults += 1;
    }
}
