//! What the pipeline tells metrics, the live page and the message broker, and what
//! they may ask of it.
//!
//! The pipeline calls an [`Observer`] on its own thread and never waits for it: an
//! observer copies what it needs and hands it on through a queue with a bound. What
//! staff ask for comes back through a queue with a bound too, see [`Desk`].

mod requests;

use std::time::Duration;

use unmask_shared::event::Event;
use unmask_shared::geometry::CropSpec;
use unmask_shared::signal::Signal;

use crate::capture::{FaultCounters, FaultSet};
use crate::log::Hash;
use crate::person::Person;
use unmask_shared::media::Frame;

pub use requests::{Desk, REQUESTS_MAX, Request, RequestError, Requester, desk};

/// The state of everything is told this often.
pub const STATUS_EVERY: Duration = Duration::from_secs(1);

/// A frame that was judged.
#[derive(Debug, Clone, Copy)]
pub struct FrameSeen<'a> {
    /// Number of the stream, from 0.
    pub stream: usize,
    /// The frame.
    pub frame: &'a Frame,
    /// Everybody in view; those with `id` 0 are not yet believed to be people.
    pub people: &'a [Person],
    /// How the network's crop lies around a face.
    pub crop: &'a CropSpec,
    /// What is shown after it.
    pub shown: Signal,
    /// From the moment the device delivered it, or it was read, to its verdict.
    pub latency: Duration,
}

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub struct EventTold<'a> {
    /// Number of the stream, from 0.
    pub stream: usize,
    /// What happened. Its sequence number counts within the stream.
    pub event: &'a Event,
    /// Microseconds since 1970-01-01 UTC; 0 where the clock was never set.
    pub unix_us: u64,
    /// Number of its entry in the event log, where it was logged.
    pub entry: Option<u64>,
    /// Whether a still was kept of it.
    pub has_still: bool,
}

/// How things are with one stream.
#[derive(Debug, Clone)]
pub struct StreamStatus {
    /// What it is called.
    pub name: String,
    /// What is wrong with its camera.
    pub faults: FaultSet,
    /// How often which fault was seen.
    pub counters: FaultCounters,
    /// Frames that the device delivered.
    pub captured: u64,
    /// Frames that were left out to keep up.
    pub dropped: u64,
    /// Frames that were judged.
    pub judged: u64,
    /// Frames judged a second, since the last time this was told.
    pub rate_hz: f64,
}

/// How things are with the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogStatus {
    /// Entries in it.
    pub entries: u64,
    /// The root of its tree; `None` while it cannot be written.
    pub root: Option<Hash>,
    /// Events that were not logged.
    pub lost: u64,
}

/// How things are.
#[derive(Debug, Clone, Copy)]
pub struct Status<'a> {
    /// Every stream.
    pub streams: &'a [StreamStatus],
    /// What is shown.
    pub shown: Signal,
    /// Whether somebody noticed the newest alarm.
    pub is_acknowledged: bool,
    /// Alarms so far.
    pub alarms: u64,
    /// The event log, if there is one.
    pub log: Option<LogStatus>,
    /// Times that the pipeline hung.
    pub stalls: u64,
    /// Events that did not go over the serial line, if there is one.
    pub serial_dropped: Option<u64>,
    /// Whether the alarm's pin cannot be set.
    pub pin_failed: bool,
}

/// Is told what the pipeline does, on the pipeline's own thread: it must not wait.
pub trait Observer: Send {
    /// A frame was judged.
    fn frame(&mut self, seen: &FrameSeen<'_>) {
        let _ = seen;
    }

    /// Something happened.
    fn event(&mut self, told: &EventTold<'_>) {
        let _ = told;
    }

    /// How things are, every [`STATUS_EVERY`].
    fn status(&mut self, status: &Status<'_>) {
        let _ = status;
    }
}

/// Everybody who looks on.
#[derive(Default)]
pub struct Observers {
    all: Vec<Box<dyn Observer>>,
    desk: Option<Desk>,
    status_at: Duration,
}

impl Observers {
    /// Nobody but these, and what they may ask for.
    pub fn new(all: Vec<Box<dyn Observer>>, desk: Option<Desk>) -> Self {
        Self {
            all,
            desk,
            status_at: Duration::ZERO,
        }
    }

    /// A frame was judged.
    pub fn frame(&mut self, seen: &FrameSeen<'_>) {
        self.all.iter_mut().for_each(|one| one.frame(seen));
    }

    /// Something happened.
    pub fn event(&mut self, told: &EventTold<'_>) {
        self.all.iter_mut().for_each(|one| one.event(told));
    }

    /// How things are.
    pub fn status(&mut self, status: &Status<'_>) {
        self.all.iter_mut().for_each(|one| one.status(status));
    }

    /// The time since the last status, if it is time for the next; `now` never goes
    /// back.
    pub fn status_due(&mut self, now: Duration) -> Option<Duration> {
        let since = now.saturating_sub(self.status_at);
        if self.all.is_empty() || since < STATUS_EVERY {
            return None;
        }
        self.status_at = now;
        Some(since)
    }

    /// The next thing that somebody asked for.
    pub fn request(&self) -> Option<Request> {
        self.desk.as_ref().and_then(Desk::next)
    }

    /// Whether nobody looks on.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Microseconds since 1970-01-01 UTC; 0 where the clock was never set.
pub fn unix_us() -> u64 {
    let now = crate::log::clock();
    now.map_or(0, |now| u64::try_from(now.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;
    impl Observer for Nobody {}

    #[test]
    fn the_status_is_told_every_second_and_to_nobody_never() {
        let mut alone = Observers::default();
        assert_eq!(alone.status_due(Duration::from_secs(9)), None);
        let mut observed = Observers::new(vec![Box::new(Nobody)], None);
        let due: Vec<u64> = (0..3500)
            .filter(|ms| observed.status_due(Duration::from_millis(*ms)).is_some())
            .collect();
        assert_eq!(due, [1000, 2000, 3000]);
    }
}
