//! Drives a pin by patterns, and bears with a pin that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use embedded_hal::digital::{Error, OutputPin, PinState};
use unmask_shared::signal::Signal;

use super::config::AlarmConfig;

/// A pin that fails is tried again at once, so often ...
pub const RETRIES_MAX: u32 = 3;
/// ... with this much time in between ...
pub const RETRY_AFTER: Duration = Duration::from_millis(10);
/// ... and then only so often. A pin that works is set as often, whether its
/// level changes or not: a pin that was set is not known to have stayed so.
pub const REFRESH_EVERY: Duration = Duration::from_secs(1);

/// What became of the pin, for reports.
#[derive(Debug, Default)]
pub struct PinStats {
    errors: AtomicU64,
    is_failed: AtomicBool,
}

impl PinStats {
    /// Failed attempts to set the pin.
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Whether the pin could not be set, and its level is not known now.
    pub fn is_failed(&self) -> bool {
        self.is_failed.load(Ordering::Relaxed)
    }
}

/// Sets a pin as the signal wants it. Never waits.
#[derive(Debug)]
pub struct Driver<P> {
    pin: P,
    config: AlarmConfig,
    stats: Arc<PinStats>,
    shown: Signal,
    shown_since: Duration,
    /// The level that was set last; `None` if that failed.
    level: Option<PinState>,
    set_at: Duration,
    /// Attempts in a row that failed.
    failures: u32,
    retry_at: Duration,
}

impl<P: OutputPin> Driver<P> {
    /// Brings the pin into its safe state.
    pub fn new(pin: P, config: AlarmConfig, now: Duration) -> Self {
        let mut driver = Self {
            pin,
            config,
            stats: Arc::default(),
            shown: Signal::Safe,
            shown_since: now,
            level: None,
            set_at: now,
            failures: 0,
            retry_at: now,
        };
        driver.step(Signal::Safe, now);
        driver
    }

    /// What became of the pin, also while another thread drives it.
    pub fn stats(&self) -> Arc<PinStats> {
        Arc::clone(&self.stats)
    }

    /// Sets the pin as `signal` wants it `now`, and returns when to be called next.
    pub fn step(&mut self, signal: Signal, now: Duration) -> Duration {
        if signal != self.shown {
            self.shown = signal;
            self.shown_since = now;
        }
        let since = now.saturating_sub(self.shown_since);
        let (is_on, lasts) = match self.config.patterns.of(signal) {
            None => (self.config.safe_on, None),
            Some(pattern) => (pattern.is_on(since), pattern.lasts(since)),
        };
        let level = PinState::from(is_on != self.config.active_low);
        let is_due = match self.level {
            None => now >= self.retry_at,
            Some(set) => set != level || now.saturating_sub(self.set_at) >= REFRESH_EVERY,
        };
        if is_due {
            self.set(level, now);
        }
        let again = match self.level {
            None => self.retry_at,
            Some(_) => self.set_at + REFRESH_EVERY,
        };
        lasts.map_or(again, |lasts| again.min(now + lasts))
    }

    /// Brings the pin into its safe state now, whenever it failed before; tells
    /// whether that worked.
    pub fn make_safe(&mut self, now: Duration) -> bool {
        self.shown = Signal::Safe;
        self.set(
            PinState::from(self.config.safe_on != self.config.active_low),
            now,
        );
        self.level.is_some()
    }

    fn set(&mut self, level: PinState, now: Duration) {
        match self.pin.set_state(level) {
            Ok(()) => {
                if self.stats.is_failed.swap(false, Ordering::Relaxed) {
                    tracing::warn!("the alarm's pin works again");
                }
                self.level = Some(level);
                self.set_at = now;
                self.failures = 0;
            }
            Err(error) => {
                self.level = None;
                self.failures = self.failures.saturating_add(1);
                self.stats.errors.fetch_add(1, Ordering::Relaxed);
                let is_hopeless = self.failures > RETRIES_MAX;
                self.retry_at = now
                    + if is_hopeless {
                        REFRESH_EVERY
                    } else {
                        RETRY_AFTER
                    };
                if is_hopeless && !self.stats.is_failed.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        kind = ?error.kind(),
                        ?error,
                        "the alarm's pin cannot be set: its level is not known; check the wiring and the driver of the chip"
                    );
                }
            }
        }
    }
}
