//! Fills the outbox from the pipeline.

use std::sync::Arc;

use serde_json::json;
use unmask_shared::signal::Signal;

use super::outbox::Outbox;
use super::topics::{Held, Topics};
use crate::metrics::{Metrics, reason_name, signal_name, verdict_name};
use crate::observe::{EventTold, FrameSeen, Observer, Status, unix_us};
use crate::person::Person;
use crate::web::kind_name;

/// Fills the outbox from the pipeline.
pub struct MqttObserver {
    outbox: Arc<Outbox>,
    topics: Topics,
    metrics: Arc<Metrics>,
    device: String,
    /// Tells the events of this run from those of another one.
    run: u64,
    /// What was told last of each camera.
    told: Vec<Option<Signal>>,
}

impl MqttObserver {
    pub(super) fn new(
        outbox: Arc<Outbox>,
        topics: Topics,
        metrics: Arc<Metrics>,
        device: String,
        streams: usize,
    ) -> Self {
        Self {
            outbox,
            topics,
            metrics,
            device,
            run: unix_us(),
            told: vec![None; streams],
        }
    }

    /// What a camera shows; told when it changes.
    fn verdict(&mut self, stream: usize, signal: Signal, people: usize, score: Option<f32>) {
        let Some(told) = self.told.get_mut(stream) else {
            return;
        };
        if told.replace(signal) == Some(signal) {
            return;
        }
        let payload = json!({
            "state": signal_name(signal),
            "people": people,
            "score": score,
            "unix_ms": unix_us() / 1000,
        });
        self.outbox.hold(Held {
            topic: self.topics.verdict(stream),
            payload: payload.to_string(),
        });
    }
}

impl Observer for MqttObserver {
    fn frame(&mut self, seen: &FrameSeen<'_>) {
        let people = || seen.people.iter().filter(|person| person.id != 0);
        let signal = Signal::of_people(people().map(Person::verdict));
        if self.told.get(seen.stream) == Some(&Some(signal)) {
            return;
        }
        // Of those whose verdict gives the state: another one would contradict it.
        let decide = |person: &&Person| Signal::of_people([person.verdict()]) == signal;
        let score = people()
            .filter(decide)
            .filter_map(Person::score)
            .max_by(f32::total_cmp);
        self.verdict(seen.stream, signal, people().count(), score);
    }

    fn event(&mut self, told: &EventTold<'_>) {
        let event = told.event;
        let id = format!(
            "{}-{:x}-{}-{}",
            self.device, self.run, told.stream, event.sequence
        );
        let payload = json!({
            "id": id,
            "entry": told.entry,
            "camera": told.stream,
            "source": event.source.as_str(),
            "kind": kind_name(event.kind),
            "track": event.track,
            "frame": event.frame,
            "verdict": verdict_name(event.verdict),
            "reason": event.reason.map(reason_name),
            "score": event.score,
            "coverage": event.coverage,
            "run": event.run,
            "unix_ms": (told.unix_us > 0).then_some(told.unix_us / 1000),
            "model": event.model.as_str(),
        });
        self.outbox.push(payload.to_string());
    }

    fn status(&mut self, status: &Status<'_>) {
        let payload = json!({
            "state": signal_name(status.shown),
            "acknowledged": status.is_acknowledged,
            "alarms": status.alarms,
        });
        self.outbox.hold(Held {
            topic: self.topics.alarm(),
            payload: payload.to_string(),
        });
        for (number, stream) in status.streams.iter().enumerate() {
            if !stream.faults.is_empty() && stream.rate_hz == 0.0 {
                self.verdict(number, Signal::Fault, 0, None);
            }
        }
        self.metrics
            .device
            .dropped_so_far("mqtt", self.outbox.dropped());
    }
}
