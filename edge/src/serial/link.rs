//! The thread that writes to the port.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use unmask_shared::event::Event;
use unmask_shared::wire::Message;

use super::config::SerialConfig;
use super::port::PortOpener;
use super::writer::Writer;
use crate::alarm::{Beacon, LOOK_EVERY};

/// Longest wait for the last messages, at the end.
const END_WITHIN: Duration = Duration::from_secs(1);

/// What became of the line, for reports.
#[derive(Debug, Default)]
pub struct SerialStats {
    dropped: AtomicU64,
    errors: AtomicU64,
    is_open: AtomicBool,
}

impl SerialStats {
    /// Events that were not sent.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Times that the port was lost or could not be opened.
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Whether the port is open.
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }
}

/// A serial line that tells what its beacon says, and every event. Dropping it
/// sends what waits, and that the device is in its safe state.
pub struct SerialLink {
    beacon: Arc<Beacon>,
    stats: Arc<SerialStats>,
    events: Option<SyncSender<Event>>,
    thread: Option<JoinHandle<()>>,
    ended: Receiver<()>,
}

impl SerialLink {
    /// Starts the thread; it bears with a port that is not there yet.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start<O>(opener: O, config: &SerialConfig, beacon: Arc<Beacon>) -> io::Result<Self>
    where
        O: PortOpener + 'static,
    {
        let queue_max = config.queue_events_max as usize;
        let (events, queue) = sync_channel(queue_max);
        let (tell, ended) = sync_channel(1);
        let stats = Arc::new(SerialStats::default());
        let mut line = Line {
            writer: Writer::new(opener, config.beat()),
            beacon: Arc::clone(&beacon),
            stats: Arc::clone(&stats),
            queue,
            waiting: None,
        };
        let thread = Builder::new().name("serial".into()).spawn(move || {
            let _needed = line.beacon.needs();
            line.run();
            let _ = tell.try_send(());
        })?;
        Ok(Self {
            beacon,
            stats,
            events: Some(events),
            thread: Some(thread),
            ended,
        })
    }

    /// Queues an event; one that does not fit is dropped and counted. Never waits.
    pub fn send(&self, event: &Event) {
        let queued = match &self.events {
            Some(events) => events.try_send(event.clone()).is_ok(),
            None => false,
        };
        if !queued {
            self.stats.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What became of the line.
    pub fn stats(&self) -> &SerialStats {
        &self.stats
    }
}

impl Drop for SerialLink {
    fn drop(&mut self) {
        self.beacon.end();
        self.events = None;
        // A port that hangs must not keep the program from ending.
        if self.ended.recv_timeout(END_WITHIN).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

struct Line<O> {
    writer: Writer<O>,
    beacon: Arc<Beacon>,
    stats: Arc<SerialStats>,
    queue: Receiver<Event>,
    /// The event that was being sent when the port was lost.
    waiting: Option<Event>,
}

impl<O: PortOpener> Line<O> {
    fn run(&mut self) {
        loop {
            let (sight, now) = (self.beacon.look(), self.beacon.now());
            let is_open = self.writer.poll(sight.signal, self.stats.dropped(), now);
            self.stats.is_open.store(is_open, Ordering::Relaxed);
            self.stats
                .errors
                .store(self.writer.errors(), Ordering::Relaxed);
            if !is_open {
                if sight.is_over {
                    return;
                }
                // Events wait in the queue meanwhile, which drops what does not fit.
                let wait = self.writer.next(now).saturating_sub(now);
                self.beacon.wait(sight.signal, wait.clamp(MS, LOOK_EVERY));
                continue;
            }
            let next = self.writer.next(now);
            let next = sight.stalls_at.map_or(next, |stall| next.min(stall));
            let wait = next.saturating_sub(now).clamp(MS, LOOK_EVERY);
            match self.event(wait) {
                Ok(Some(event)) => self.send(event),
                Ok(None) => {}
                Err(()) if sight.is_over => return,
                Err(()) => self.beacon.wait(sight.signal, wait),
            }
        }
    }

    /// The next event, if one comes in time; an error if none will.
    fn event(&mut self, wait: Duration) -> Result<Option<Event>, ()> {
        if let Some(event) = self.waiting.take() {
            return Ok(Some(event));
        }
        match self.queue.recv_timeout(wait) {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(()),
        }
    }

    fn send(&mut self, event: Event) {
        let message = Message::Event(event);
        if !self.writer.send(&message, self.beacon.now())
            && let Message::Event(event) = message
        {
            self.waiting = Some(event);
        }
    }
}

const MS: Duration = Duration::from_millis(1);
