//! What the pipeline hands over to the page, without ever waiting for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::picture::PictureSlot;
use super::view::{EventView, FrameView, StatusView};
use crate::observe::{EventTold, FrameSeen, Observer, Status};
use crate::percentile::percentile;

/// Most messages that wait for the page's thread.
const MESSAGES_MAX: usize = 64;
/// The newest latencies, of which the percentiles are told.
const LATENCIES: usize = 512;

/// What the pipeline tells the page.
#[derive(Debug)]
pub(super) enum Message {
    /// A frame was judged.
    Frame(FrameView),
    /// Something happened.
    Event(EventView),
    /// How things are.
    Status(Box<StatusView>),
}

/// What the pipeline and the page share.
pub(super) struct Live {
    start: Instant,
    /// Browsers that listen now.
    pub(super) watchers: AtomicUsize,
    /// The newest picture of each stream.
    pub(super) pictures: Vec<PictureSlot>,
    /// Messages that did not fit.
    pub(super) dropped: AtomicU64,
}

impl Live {
    pub(super) fn new(streams: usize) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            watchers: AtomicUsize::new(0),
            pictures: (0..streams).map(|_| PictureSlot::default()).collect(),
            dropped: AtomicU64::new(0),
        })
    }

    /// Time since the page was started.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Hands frames, events and states over to the page.
pub struct LiveObserver {
    live: Arc<Live>,
    messages: Sender<Message>,
    /// Least time between two frames of a stream that are told.
    every: Duration,
    /// Largest width of a picture.
    px_max: usize,
    /// When a frame of each stream was told last.
    told: Vec<Option<Duration>>,
    latencies_ms: Vec<f32>,
    latency_at: usize,
    events: u64,
}

impl LiveObserver {
    pub(super) fn new(
        live: Arc<Live>,
        every: Duration,
        px_max: usize,
    ) -> (Self, Receiver<Message>) {
        let (messages, receiver) = channel(MESSAGES_MAX);
        let observer = Self {
            told: vec![None; live.pictures.len()],
            live,
            messages,
            every,
            px_max,
            latencies_ms: Vec::with_capacity(LATENCIES),
            latency_at: 0,
            events: 0,
        };
        (observer, receiver)
    }

    fn send(&self, message: Message) {
        if self.messages.try_send(message).is_err() {
            self.live.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn note(&mut self, latency: Duration) {
        let latency = latency.as_secs_f32() * 1e3;
        if self.latencies_ms.len() < LATENCIES {
            self.latencies_ms.push(latency);
        } else if let Some(oldest) = self.latencies_ms.get_mut(self.latency_at) {
            *oldest = latency;
        }
        self.latency_at = (self.latency_at + 1) % LATENCIES;
    }
}

/// The median and the 99th percentile (nearest rank); `None` of nothing.
fn percentiles(values: &[f32]) -> Option<[f32; 2]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let rounded = |share: f64| Some((percentile(&sorted, share)? * 100.0).round() / 100.0);
    Some([rounded(0.5)?, rounded(0.99)?])
}

impl Observer for LiveObserver {
    fn frame(&mut self, seen: &FrameSeen<'_>) {
        self.note(seen.latency);
        let now = self.live.now();
        let (Some(told), Some(slot)) = (
            self.told.get_mut(seen.stream),
            self.live.pictures.get(seen.stream),
        ) else {
            return;
        };
        if told.is_some_and(|told| now.saturating_sub(told) < self.every) {
            return;
        }
        let is_watched = self.live.watchers.load(Ordering::Relaxed) > 0;
        let is_wanted = slot.is_wanted(now);
        if !is_watched && !is_wanted {
            return;
        }
        *told = Some(now);
        if is_wanted {
            slot.put(seen.frame, self.px_max);
        }
        if is_watched {
            self.send(Message::Frame(FrameView::new(seen)));
        }
    }

    fn event(&mut self, told: &EventTold<'_>) {
        self.events += 1;
        self.send(Message::Event(EventView::new(told, self.events)));
    }

    fn status(&mut self, status: &Status<'_>) {
        let mut view = StatusView::new(status);
        view.latency_ms = percentiles(&self.latencies_ms);
        view.web_dropped = self.live.dropped.load(Ordering::Relaxed);
        self.send(Message::Status(Box::new(view)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        assert_eq!(percentiles(&[]), None);
        assert_eq!(percentiles(&[3.0]), Some([3.0, 3.0]));
        // python: numpy.percentile(range(1, 201), [50, 99], method="inverted_cdf")
        let values: Vec<f32> = (1..=200).rev().map(|v| v as f32).collect();
        assert_eq!(percentiles(&values), Some([100.0, 198.0]));
    }
}
