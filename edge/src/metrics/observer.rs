//! Feeds the metrics from the pipeline.

use std::sync::Arc;

use unmask_shared::event::EventKind;
use unmask_shared::signal::Signal;
use unmask_shared::verdict::{Reason, Verdict};

use super::Metrics;
use super::labels::{CameraKind, CameraLabel, CameraVerdict, Why};
use super::registrar::{Count, GaugeF64, raise};
use crate::observe::{EventTold, FrameSeen, Observer, Status, StreamStatus};

/// Feeds the metrics from the pipeline. For a frame it allocates nothing and takes no
/// lock of a family.
pub struct MetricsObserver {
    metrics: Arc<Metrics>,
    streams: Vec<Stream>,
}

/// The metrics of one stream.
struct Stream {
    name: String,
    tracks: GaugeF64,
    judged: Count,
}

impl MetricsObserver {
    /// For these streams.
    pub fn new(metrics: &Arc<Metrics>, streams: &[String]) -> Self {
        let stream = |name: &String| {
            let camera = camera(name);
            Stream {
                name: name.clone(),
                tracks: metrics.stream.tracks.get_or_create_owned(&camera),
                judged: metrics.stream.judged.get_or_create_owned(&camera),
            }
        };
        Self {
            streams: streams.iter().map(stream).collect(),
            metrics: Arc::clone(metrics),
        }
    }
}

fn camera(name: &str) -> CameraLabel {
    CameraLabel {
        camera: name.to_owned(),
    }
}

impl Observer for MetricsObserver {
    fn frame(&mut self, seen: &FrameSeen<'_>) {
        let set = &self.metrics.stream;
        set.latency.observe(seen.latency.as_secs_f64());
        if let Some(stream) = self.streams.get(seen.stream) {
            stream.judged.inc();
            let people = seen.people.iter().filter(|person| person.id != 0).count();
            stream.tracks.set(people as f64);
        }
    }

    fn event(&mut self, told: &EventTold<'_>) {
        let set = &self.metrics.stream;
        let Some(stream) = self.streams.get(told.stream) else {
            return;
        };
        let event = told.event;
        match event.kind {
            EventKind::TrackStarted => {
                set.tracks_started
                    .get_or_create(&camera(&stream.name))
                    .inc();
            }
            EventKind::VerdictChanged => {
                let labels = CameraVerdict {
                    camera: stream.name.clone(),
                    verdict: verdict_name(event.verdict),
                };
                set.verdicts.get_or_create(&labels).inc();
            }
            EventKind::TrackEnded => {
                if let Some(reason) = event.reason {
                    let reason = reason_name(reason);
                    set.undecided.get_or_create(&Why { reason }).inc();
                }
            }
            EventKind::CameraBack => {
                set.reconnects.get_or_create(&camera(&stream.name)).inc();
            }
            EventKind::CameraLost => {
                stream.tracks.set(0.0);
            }
            EventKind::CameraNotEnrolled
            | EventKind::CameraVirtual
            | EventKind::CameraReplaced
            | EventKind::Other(_) => {}
        }
    }

    fn status(&mut self, status: &Status<'_>) {
        let set = &self.metrics.device;
        status.streams.iter().for_each(|stream| self.stream(stream));
        set.show(status.shown);
        set.hung.set(0.0);
        raise(&set.alarms, status.alarms);
        raise(&set.stalls, status.stalls);
        set.acknowledged.set(flag(status.is_acknowledged));
        set.pin_failed.set(flag(status.pin_failed));
        if let Some(log) = status.log {
            set.log_up.set(flag(log.root.is_some()));
            raise(&set.log_failures, log.lost);
            if log.root.is_some() {
                set.log_entries.set(log.entries as f64);
            }
        }
        if let Some(dropped) = status.serial_dropped {
            set.dropped_so_far("serial", dropped);
        }
    }
}

impl MetricsObserver {
    fn stream(&self, stream: &StreamStatus) {
        let set = &self.metrics.stream;
        let camera = camera(&stream.name);
        raise(&set.captured.get_or_create(&camera), stream.captured);
        raise(&set.dropped.get_or_create(&camera), stream.dropped);
        set.rate.get_or_create(&camera).set(stream.rate_hz);
        let is_up = flag(stream.faults.is_empty());
        set.camera_up.get_or_create(&camera).set(is_up);
        for (kind, count) in stream.counters.iter().filter(|(_, count)| *count > 0) {
            let labels = CameraKind {
                camera: stream.name.clone(),
                kind: kind.name(),
            };
            raise(&set.faults.get_or_create(&labels), count);
        }
    }
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// The word for a verdict in labels, topics and the page.
pub fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Genuine => "genuine",
        Verdict::Manipulated => "manipulated",
        Verdict::Undecided => "undecided",
    }
}

/// The word for a reason in labels, topics and the page.
pub fn reason_name(reason: Reason) -> &'static str {
    reason.name().unwrap_or("other")
}

/// The word for a signal in labels, topics and the page.
pub fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Safe => "safe",
        Signal::Idle => "idle",
        Signal::Genuine => "genuine",
        Signal::Undecided => "undecided",
        Signal::Manipulated => "manipulated",
        Signal::Fault => "fault",
    }
}
