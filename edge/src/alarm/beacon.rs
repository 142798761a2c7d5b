//! What the pipeline wants to be shown, and whether it is still alive.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use unmask_shared::signal::Signal;

use crate::clock::Clock;

/// Without a sign of life for so long, the pipeline hangs: on a slow machine a single frame may take
/// longer than the alarm waits, and nobody needs to be told of that.
const HUNG: Duration = Duration::from_millis(1200);
/// A lamp is tried for so long.
const REHEARSAL: Duration = Duration::from_secs(3);

/// Where the pipeline says what to show, and the outputs look it up. The
/// pipeline cannot hold it: without a sign of life it says [`Signal::Safe`].
pub struct Beacon {
    clock: Arc<dyn Clock>,
    stall: Duration,
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default)]
struct Said {
    signal: Signal,
    at: Duration,
    /// Counts the changes of the signal.
    change: u64,
    is_over: bool,
    stalls: u64,
    is_stalled: bool,
    has_crashed: bool,
    /// The lamp is tried until then.
    rehearsed_until: Duration,
}

/// Held by a thread that the program cannot do without: where it panics, the program must end.
pub struct Needed(Arc<Beacon>);

impl Drop for Needed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().has_crashed = true;
        }
    }
}

/// What to show now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The signal.
    pub signal: Signal,
    /// When the pipeline will be believed to hang, if it says nothing; `None`
    /// while there is no pipeline.
    pub stalls_at: Option<Duration>,
    /// No other signal will come.
    pub is_over: bool,
}

impl Beacon {
    /// Says [`Signal::Safe`] until the first word, and when none came for `stall`.
    pub fn new(clock: Arc<dyn Clock>, stall: Duration) -> Self {
        Self {
            clock,
            stall,
            said: Mutex::new(Said::default()),
            changed: Condvar::new(),
        }
    }

    /// Says what to show, which is a sign of life too. Never waits for an output.
    pub fn show(&self, signal: Signal) {
        let now = self.now();
        let mut said = self.lock();
        said.at = now;
        let changed = said.signal != signal || said.is_stalled;
        said.signal = signal;
        said.is_stalled = false;
        if changed {
            said.change += 1;
            drop(said);
            self.changed.notify_all();
        }
    }

    /// Says that the program ends: the outputs go to their safe state and stay there.
    pub fn end(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    /// For a thread that the program needs.
    pub fn needs(self: &Arc<Self>) -> Needed {
        Needed(Arc::clone(self))
    }

    /// Whether a thread that the program needs has panicked.
    pub fn has_crashed(&self) -> bool {
        self.lock().has_crashed
    }

    /// What to show now.
    pub fn look(&self) -> Sight {
        let now = self.now();
        self.look_at(&mut self.lock(), now)
    }

    /// Somebody wants to see whether the lamp works: the pin shows [`Signal::Manipulated`] for three
    /// seconds, and no other output does.
    pub fn rehearse(&self) {
        let until = self.now().saturating_add(REHEARSAL);
        self.lock().rehearsed_until = until;
    }

    /// What the pin shows where this is to be shown: the alarm during a rehearsal. The safe state
    /// stays what it is.
    pub fn on_pin(&self, sight: Sight) -> Signal {
        let is_tried = self.now() < self.lock().rehearsed_until;
        match is_tried && sight.signal != Signal::Safe {
            true => Signal::Manipulated,
            false => sight.signal,
        }
    }

    /// Waits for at most so long for a change since `before` was seen.
    pub fn wait(&self, before: Signal, most: Duration) {
        let now = self.now();
        let mut said = self.lock();
        let sight = self.look_at(&mut said, now);
        if sight.signal == before && !sight.is_over {
            let change = said.change;
            let waited = self
                .changed
                .wait_timeout_while(said, most, |said| said.change == change && !said.is_over);
            drop(waited);
        }
    }

    /// Whether the pipeline gives no sign of life, also before its first word: no output may say
    /// what it last said.
    pub fn is_hung(&self) -> bool {
        let now = self.now();
        let mut said = self.lock();
        self.look_at(&mut said, now);
        !said.is_over && now >= said.at.saturating_add(self.stall.max(HUNG))
    }

    /// How often the pipeline was believed to hang.
    pub fn stalls(&self) -> u64 {
        self.lock().stalls
    }

    /// The clock's time.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    fn look_at(&self, said: &mut Said, now: Duration) -> Sight {
        let safe = said.signal == Signal::Safe;
        let stalls_at = said.at.saturating_add(self.stall);
        if !safe && !said.is_stalled && now >= stalls_at {
            said.is_stalled = true;
            said.stalls += 1;
        }
        let is_silent = safe || said.is_stalled || said.is_over;
        Sight {
            signal: if is_silent { Signal::Safe } else { said.signal },
            stalls_at: (!is_silent).then_some(stalls_at),
            is_over: said.is_over,
        }
    }

    /// A panic elsewhere leaves nothing half-written here.
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SimulatedClock;

    #[test]
    fn a_rehearsal_shows_the_alarm_on_the_pin_alone_and_never_in_place_of_the_safe_state() {
        let clock = Arc::new(SimulatedClock::default());
        let beacon = Beacon::new(Arc::clone(&clock) as _, Duration::from_secs(10));
        beacon.rehearse();
        assert_eq!(beacon.on_pin(beacon.look()), Signal::Safe);
        beacon.show(Signal::Idle);
        assert_eq!(beacon.on_pin(beacon.look()), Signal::Manipulated);
        assert_eq!(beacon.look().signal, Signal::Idle);
        clock.advance(REHEARSAL);
        assert_eq!(beacon.on_pin(beacon.look()), Signal::Idle);
        beacon.rehearse();
        beacon.end();
        assert_eq!(beacon.on_pin(beacon.look()), Signal::Safe);
    }
}
