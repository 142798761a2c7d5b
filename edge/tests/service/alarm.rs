//! What a pin does, on simulated time and in threads.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use embedded_hal::digital::{ErrorKind, ErrorType, OutputPin};
use unmask_edge::alarm::{
    Alarm, AlarmConfig, Beacon, Driver, REFRESH_EVERY, RETRIES_MAX, TranscriptPin,
};
use unmask_edge::clock::{Clock, SimulatedClock, SystemClock};
use unmask_shared::signal::Signal;

const MS: Duration = Duration::from_millis(1);

/// Drives a pin for so long as each signal says, and returns when it changed, ms.
fn drive(config: AlarmConfig, script: &[(u64, Signal)]) -> Vec<(u128, bool)> {
    let clock = Arc::new(SimulatedClock::default());
    let pin = TranscriptPin::new(clock.clone());
    let mut driver = Driver::new(pin.clone(), config, clock.now());
    for (until_ms, signal) in script {
        let until = Duration::from_millis(*until_ms);
        while clock.now() < until {
            let next = driver.step(*signal, clock.now());
            assert!(next > clock.now(), "no time passes");
            let most = until.min(next).saturating_sub(clock.now());
            clock.advance(most);
        }
    }
    let changes = pin.changes();
    changes
        .iter()
        .map(|(at, on)| (at.as_millis(), *on))
        .collect()
}

#[test]
fn each_signal_has_its_pattern_on_simulated_time() {
    let script = [
        (1000, Signal::Safe),
        (2000, Signal::Genuine),
        (4500, Signal::Undecided),
        (5000, Signal::Manipulated),
        (6200, Signal::Fault),
        (8000, Signal::Idle),
    ];
    let expected = [
        (0, false),
        // Undecided: 100 ms in two seconds.
        (2000, true),
        (2100, false),
        (4000, true),
        (4100, false),
        // Manipulated: steady; the fault begins with on as well.
        (4500, true),
        (5100, false),
        (5200, true),
        (5300, false),
        (6000, true),
        (6100, false),
    ];
    assert_eq!(drive(AlarmConfig::default(), &script), expected);
    let active_low = AlarmConfig {
        active_low: true,
        ..AlarmConfig::default()
    };
    let inverted: Vec<_> = expected.iter().map(|(at, on)| (*at, !on)).collect();
    assert_eq!(drive(active_low, &script), inverted);
}

#[test]
fn the_safe_state_may_be_on() {
    let config = AlarmConfig {
        safe_on: true,
        ..AlarmConfig::default()
    };
    let script = [
        (1000, Signal::Safe),
        (2000, Signal::Idle),
        (3000, Signal::Safe),
    ];
    assert_eq!(
        drive(config, &script),
        [(0, true), (1000, false), (2000, true)]
    );
}

/// A pin that fails while it is told to, and counts.
#[derive(Clone, Default)]
struct Flaky(Arc<Mutex<FlakyState>>);

#[derive(Default)]
struct FlakyState {
    fails: bool,
    attempts: Vec<bool>,
    level: Option<bool>,
}

#[derive(Debug)]
struct Broken;

impl embedded_hal::digital::Error for Broken {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl ErrorType for Flaky {
    type Error = Broken;
}

impl Flaky {
    fn set(&self, level: bool) -> Result<(), Broken> {
        let mut state = self.0.lock().unwrap();
        state.attempts.push(level);
        if state.fails {
            return Err(Broken);
        }
        state.level = Some(level);
        Ok(())
    }
}

impl OutputPin for Flaky {
    fn set_low(&mut self) -> Result<(), Broken> {
        self.set(false)
    }

    fn set_high(&mut self) -> Result<(), Broken> {
        self.set(true)
    }
}

#[test]
fn a_pin_that_fails_is_tried_with_bound_counted_and_taken_up_again() {
    let pin = Flaky::default();
    let mut driver = Driver::new(pin.clone(), AlarmConfig::default(), Duration::ZERO);
    let stats = driver.stats();
    pin.0.lock().unwrap().fails = true;
    pin.0.lock().unwrap().attempts.clear();
    let mut now = Duration::ZERO;
    while now < 10 * REFRESH_EVERY {
        now = driver.step(Signal::Manipulated, now);
    }
    // At once, three times more, and then once a second.
    let attempts = pin.0.lock().unwrap().attempts.len();
    assert_eq!(attempts, 1 + RETRIES_MAX as usize + 9);
    assert_eq!(stats.errors(), attempts as u64);
    assert!(stats.is_failed());
    pin.0.lock().unwrap().fails = false;
    driver.step(Signal::Manipulated, now + REFRESH_EVERY);
    assert_eq!(pin.0.lock().unwrap().level, Some(true));
    assert!(!stats.is_failed());
}

#[test]
fn a_single_failure_costs_ten_milliseconds_and_is_no_fault() {
    let pin = Flaky::default();
    let mut driver = Driver::new(pin.clone(), AlarmConfig::default(), Duration::ZERO);
    pin.0.lock().unwrap().fails = true;
    let retry = driver.step(Signal::Manipulated, 5 * MS);
    assert_eq!(retry, 15 * MS);
    pin.0.lock().unwrap().fails = false;
    driver.step(Signal::Manipulated, retry);
    assert_eq!(pin.0.lock().unwrap().level, Some(true));
    assert!(!driver.stats().is_failed());
}

#[test]
fn a_pin_is_set_again_though_its_level_stays() {
    let pin = Flaky::default();
    let mut driver = Driver::new(pin.clone(), AlarmConfig::default(), Duration::ZERO);
    let mut now = Duration::ZERO;
    while now < Duration::from_secs(10) {
        now = driver.step(Signal::Idle, now);
    }
    assert_eq!(pin.0.lock().unwrap().attempts.len(), 10);
}

fn beacon(clock: Arc<dyn Clock>) -> Arc<Beacon> {
    Arc::new(Beacon::new(clock, AlarmConfig::default().stall()))
}

/// Waits until it is so; tells how long that took.
fn until(mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(5), "never");
        std::thread::sleep(MS);
    }
    start.elapsed()
}

#[test]
fn a_pipeline_that_hangs_is_found_by_the_clock_and_comes_back() {
    let clock = Arc::new(SimulatedClock::default());
    let beacon = beacon(clock.clone());
    let pin = TranscriptPin::new(clock.clone());
    let alarm = Alarm::start(pin.clone(), &AlarmConfig::default(), beacon.clone()).unwrap();
    let level = || pin.changes().last().map(|(_, level)| *level);
    until(|| level() == Some(false));
    beacon.show(Signal::Manipulated);
    until(|| level() == Some(true));
    clock.advance(399 * MS);
    std::thread::sleep(120 * MS);
    assert_eq!((level(), beacon.stalls()), (Some(true), 0));
    clock.advance(MS);
    until(|| level() == Some(false));
    assert_eq!(beacon.stalls(), 1);
    assert_eq!(beacon.look().signal, Signal::Safe);
    beacon.show(Signal::Manipulated);
    until(|| level() == Some(true));
    drop(alarm);
    assert_eq!(level(), Some(false));
}

/// When the pin became safe after this happened in a thread with an alarm that
/// was on.
fn safe_after(happens: impl FnOnce(&Beacon) + Send) -> Duration {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let pin = TranscriptPin::new(clock.clone());
    let beacon = beacon(clock.clone());
    let alarm = Alarm::start(pin.clone(), &AlarmConfig::default(), beacon.clone()).unwrap();
    beacon.show(Signal::Manipulated);
    until(|| pin.changes().last().is_some_and(|(_, level)| *level));
    let at = clock.now();
    let outcome = catch_unwind(AssertUnwindSafe(move || {
        let _alarm = alarm;
        happens(&beacon);
    }));
    drop(outcome);
    let (safe_at, level) = *pin.changes().last().unwrap();
    assert!(!level, "the alarm stays on");
    safe_at - at
}

/// The shortest of three times: a busy machine delays every thread now and then.
fn shortest(measure: impl Fn() -> Duration) -> Duration {
    let times = (0..3).map(|_| measure());
    times.min().unwrap_or_default()
}

#[test]
fn the_pin_is_safe_within_half_a_second_of_a_panic_an_end_and_a_hang() {
    let end = shortest(|| safe_after(|_| {}));
    assert!(end < 500 * MS, "{end:?}");
    // Not `panic!`, whose message would be taken for a failed test.
    let panic = shortest(|| safe_after(|_| std::panic::resume_unwind(Box::new("bang"))));
    assert!(panic < 500 * MS, "{panic:?}");
    let hang = shortest(|| safe_after(|_| std::thread::sleep(Duration::from_secs(1))));
    assert!((380 * MS..500 * MS).contains(&hang), "{hang:?}");
}

/// A pin whose driver panics when it is to be lit.
#[derive(Clone, Default)]
struct Bomb(Flaky);

impl ErrorType for Bomb {
    type Error = Broken;
}

impl OutputPin for Bomb {
    fn set_low(&mut self) -> Result<(), Broken> {
        self.0.set(false)
    }

    fn set_high(&mut self) -> Result<(), Broken> {
        self.0.set(true)?;
        // Not `panic!`, whose message would be taken for a failed test.
        std::panic::resume_unwind(Box::new("bang"))
    }
}

/// Nobody would drive the pin any more: it is made safe, and the program is told to end.
#[test]
fn a_panic_where_the_pin_is_driven_leaves_it_safe_and_is_told() {
    let beacon = beacon(Arc::new(SystemClock::default()));
    let pin = Bomb::default();
    let alarm = Alarm::start(pin.clone(), &AlarmConfig::default(), beacon.clone()).unwrap();
    assert!(!beacon.has_crashed());
    beacon.show(Signal::Manipulated);
    until(|| beacon.has_crashed());
    assert_eq!(pin.0.0.lock().unwrap().level, Some(false));
    drop(alarm);
}

/// A pin whose driver hangs.
struct Stuck(Arc<AtomicBool>);

impl ErrorType for Stuck {
    type Error = Infallible;
}

impl OutputPin for Stuck {
    fn set_low(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.0.store(true, Ordering::SeqCst);
        std::thread::sleep(Duration::from_secs(3));
        Ok(())
    }
}

#[test]
fn a_pin_that_hangs_holds_neither_the_pipeline_nor_the_end() {
    let beacon = beacon(Arc::new(SystemClock::default()));
    let is_stuck = Arc::new(AtomicBool::new(false));
    let pin = Stuck(is_stuck.clone());
    let alarm = Alarm::start(pin, &AlarmConfig::default(), beacon.clone()).unwrap();
    beacon.show(Signal::Manipulated);
    until(|| is_stuck.load(Ordering::SeqCst));
    let start = Instant::now();
    for _ in 0..1000 {
        beacon.show(Signal::Manipulated);
        beacon.show(Signal::Idle);
    }
    assert!(start.elapsed() < 100 * MS, "{:?}", start.elapsed());
    drop(alarm);
    assert!(start.elapsed() < 500 * MS, "{:?}", start.elapsed());
}
