//! What observers are told about each stream, second by second.

use std::time::Duration;

use crate::capture::{CameraStatus, FaultCounters, FaultSet};
use crate::observe::StreamStatus;

/// Keeps count of each stream's frames.
pub(super) struct StreamCounters {
    streams: Vec<StreamStatus>,
    /// Frames left out here, by stream; cameras leave out more.
    left_out: Vec<u64>,
    /// Frames judged when the rate was told last.
    told: Vec<u64>,
}

impl StreamCounters {
    pub(super) fn new(names: &[String]) -> Self {
        let stream = |name: &String| StreamStatus {
            name: name.clone(),
            faults: FaultSet::default(),
            counters: FaultCounters::default(),
            captured: 0,
            dropped: 0,
            judged: 0,
            rate_hz: 0.0,
        };
        Self {
            streams: names.iter().map(stream).collect(),
            left_out: vec![0; names.len()],
            told: vec![0; names.len()],
        }
    }

    pub(super) fn judged(&mut self, stream: usize) {
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.judged += 1;
        }
    }

    pub(super) fn left_out(&mut self, stream: usize) {
        if let Some(count) = self.left_out.get_mut(stream) {
            *count += 1;
        }
    }

    /// Brings everything up to date; `since` is the time since that was done last.
    pub(super) fn update(
        &mut self,
        faults: impl Iterator<Item = FaultSet>,
        cameras: &[CameraStatus],
        since: Duration,
    ) {
        let counts = self.left_out.iter().zip(&mut self.told);
        for (at, ((stream, faults), (left_out, told))) in
            self.streams.iter_mut().zip(faults).zip(counts).enumerate()
        {
            stream.faults = faults;
            stream.dropped = *left_out;
            stream.captured = stream.judged + left_out;
            if let Some(camera) = cameras.get(at) {
                stream.counters = camera.faults;
                stream.dropped += camera.dropped;
                stream.captured = stream.captured.max(camera.frames);
            }
            stream.rate_hz = (stream.judged - *told) as f64 / since.as_secs_f64().max(1e-3);
            *told = stream.judged;
        }
    }

    pub(super) fn streams(&self) -> &[StreamStatus] {
        &self.streams
    }
}
