//! The thread that drives the pin.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use embedded_hal::digital::OutputPin;

use super::beacon::Beacon;
use super::config::AlarmConfig;
use super::driver::{Driver, PinStats, RETRIES_MAX, RETRY_AFTER};

/// The thread looks at least so often whether the pipeline still lives.
pub const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Longest wait for a pin that hangs, at the end.
const END_WITHIN: Duration = Duration::from_millis(400);

/// A pin that shows what its beacon says. Dropping it, also in a panic, brings
/// the pin into its safe state.
pub struct Alarm {
    beacon: Arc<Beacon>,
    stats: Arc<PinStats>,
    thread: Option<JoinHandle<()>>,
    ended: Receiver<()>,
}

impl Alarm {
    /// Brings the pin into its safe state, then shows what the beacon says.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start<P>(pin: P, config: &AlarmConfig, beacon: Arc<Beacon>) -> io::Result<Self>
    where
        P: OutputPin + Send + 'static,
    {
        let mut driver = Driver::new(pin, config.clone(), beacon.now());
        let stats = driver.stats();
        let (tell, ended) = sync_channel(1);
        let watched = Arc::clone(&beacon);
        let thread = Builder::new().name("alarm".into()).spawn(move || {
            let _needed = watched.needs();
            let shown = catch_unwind(AssertUnwindSafe(|| drive(&mut driver, &watched)));
            make_safe(&mut driver, &watched);
            if let Err(panic) = shown {
                resume_unwind(panic);
            }
            // Nobody may be waiting any more.
            let _ = tell.try_send(());
        })?;
        Ok(Self {
            beacon,
            stats,
            thread: Some(thread),
            ended,
        })
    }

    /// What became of the pin.
    pub fn stats(&self) -> &PinStats {
        &self.stats
    }
}

/// Ends only with the beacon.
fn drive<P: OutputPin>(driver: &mut Driver<P>, beacon: &Beacon) {
    let mut stalls = 0;
    loop {
        let (sight, now) = (beacon.look(), beacon.now());
        let next = driver.step(beacon.on_pin(sight), now);
        if sight.is_over {
            break;
        }
        if beacon.stalls() > stalls {
            stalls = beacon.stalls();
            tracing::error!("no frame was judged for too long: the alarm is in its safe state");
        }
        let next = sight.stalls_at.map_or(next, |stall| next.min(stall));
        let wait = next.saturating_sub(now);
        let wait = wait.clamp(Duration::from_millis(1), LOOK_EVERY);
        beacon.wait(sight.signal, wait);
    }
}

/// The pin is let go only after it is safe.
fn make_safe<P: OutputPin>(driver: &mut Driver<P>, beacon: &Beacon) {
    for _ in 0..RETRIES_MAX {
        if driver.make_safe(beacon.now()) {
            break;
        }
        std::thread::sleep(RETRY_AFTER);
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.beacon.end();
        // A pin that hangs must not keep the program from ending.
        if self.ended.recv_timeout(END_WITHIN).is_ok() {
            if let Some(thread) = self.thread.take() {
                let _ = thread.join();
            }
        } else {
            tracing::error!("the alarm's pin hangs: its level is not known");
        }
    }
}
