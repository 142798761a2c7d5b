//! Sends messages, and opens the port again when it was lost.

use std::time::Duration;

use unmask_shared::signal::Signal;
use unmask_shared::wire::{Message, State, encode};

use super::port::{Port, PortOpener};

/// A port that was lost is opened again after this time ...
pub const RETRY_MIN: Duration = Duration::from_millis(250);
/// ... which doubles up to this.
pub const RETRY_MAX: Duration = Duration::from_secs(4);

/// Sends messages over a port. Waits for nothing but the port itself.
pub struct Writer<O> {
    opener: O,
    port: Option<Box<dyn Port>>,
    retry_at: Duration,
    retry_after: Duration,
    beat: Duration,
    told: Option<(Signal, Duration)>,
    count: u32,
    /// Whether the loss was reported.
    is_lost: bool,
    /// Times that the port was lost or could not be opened.
    errors: u64,
}

impl<O: PortOpener> Writer<O> {
    /// Opens the port at the first [`poll`](Self::poll); the signal is sent at
    /// least each `beat`.
    pub fn new(opener: O, beat: Duration) -> Self {
        Self {
            opener,
            port: None,
            retry_at: Duration::ZERO,
            retry_after: RETRY_MIN,
            beat,
            told: None,
            count: 0,
            is_lost: false,
            errors: 0,
        }
    }

    /// Opens the port if need be, and sends the signal if it is new or the last
    /// one was long ago. `dropped` is told with it. Returns whether the port is open.
    pub fn poll(&mut self, signal: Signal, dropped: u64, now: Duration) -> bool {
        if self.port.is_none() && now >= self.retry_at {
            self.open(now);
        }
        let is_told =
            |(told, at): (Signal, Duration)| told == signal && now.saturating_sub(at) < self.beat;
        if self.port.is_some() && !self.told.is_some_and(is_told) {
            self.count = self.count.wrapping_add(1);
            let state = State {
                signal,
                count: self.count,
                dropped: u32::try_from(dropped).unwrap_or(u32::MAX),
            };
            if self.send(&Message::State(state), now) {
                self.told = Some((signal, now));
            }
        }
        self.port.is_some()
    }

    /// Sends a message; `false` if it was lost together with the port.
    pub fn send(&mut self, message: &Message, now: Duration) -> bool {
        let Some(port) = &mut self.port else {
            return false;
        };
        let frame = match encode(message) {
            Ok(frame) => frame,
            Err(error) => {
                tracing::error!(%error, "an event was not sent to the serial port");
                return true;
            }
        };
        match port.write_all(&frame) {
            Ok(()) => true,
            Err(error) => {
                self.lose(&error, now);
                false
            }
        }
    }

    /// When the port is worth looking at again, whatever happens.
    pub fn next(&self, now: Duration) -> Duration {
        match (&self.port, self.told) {
            (None, _) => self.retry_at.max(now),
            (Some(_), Some((_, at))) => at + self.beat,
            (Some(_), None) => now,
        }
    }

    /// Times that the port was lost or could not be opened.
    pub fn errors(&self) -> u64 {
        self.errors
    }

    fn open(&mut self, now: Duration) {
        match self.opener.open() {
            Ok(port) => {
                if self.is_lost {
                    tracing::warn!(port = self.opener.name(), "the serial port is back");
                }
                self.port = Some(port);
                self.is_lost = false;
                self.told = None;
            }
            Err(error) => self.lose(&error, now),
        }
    }

    fn lose(&mut self, error: &std::io::Error, now: Duration) {
        if !self.is_lost {
            let port = self.opener.name();
            tracing::error!(port, %error, "the serial port is lost and is tried again: check the cable, serial.port, and that this user is in its group, mostly dialout");
        }
        // What was told before the loss proves nothing: the time between attempts
        // starts anew only after a message went through.
        self.retry_after = match self.told {
            Some(_) => RETRY_MIN,
            None => (2 * self.retry_after).min(RETRY_MAX),
        };
        self.retry_at = now + self.retry_after;
        self.is_lost = true;
        self.port = None;
        self.told = None;
        self.errors += 1;
    }
}
