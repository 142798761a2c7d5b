//! The device and everything around it, frame by frame.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use unmask_edge::alarm::{AlarmConfig, Beacon, Driver};
use unmask_edge::clock::{Clock, SimulatedClock};
use unmask_edge::log::{
    EventEntry, EventLog, FolderStorage, LogConfig, SigningKey, SyncPolicy, VerifyOptions, verify,
};
use unmask_edge::serial::Writer;
use unmask_edge::service::{Notifier, Outputs, ServiceConfig};
use unmask_shared::signal::Signal;
use unmask_shared::wire::Message;
use unmask_shared::{Event, Verdict};

use crate::chance::Chance;
use crate::hardware::{Line, Pin};
use crate::people::People;
use crate::report::Report;
use crate::storage::{Failures, FaultyStorage};

const FRAME: Duration = Duration::from_micros(33_333);
const SYNC: SyncPolicy = SyncPolicy::Every {
    entries: 200,
    wait: Duration::from_secs(30),
};
/// Small: the newest file is read each time that the log is opened again.
const SEGMENT_BYTES: usize = 64 << 10;
const KEY_SEED: [u8; 32] = [7; 32];

/// What fails, and until which frame.
#[derive(Default)]
struct Faults {
    camera: u64,
    hang: u64,
}

type Log = EventLog<FaultyStorage, SigningKey>;

pub struct World {
    clock: Arc<SimulatedClock>,
    chance: Chance,
    frame: u64,
    people: People,
    outputs: Outputs,
    beacon: Arc<Beacon>,
    driver: Driver<Pin>,
    pin: Pin,
    pin_fails_until: u64,
    writer: Writer<Line>,
    line: Line,
    line_cut_until: u64,
    log: Option<Log>,
    folder: PathBuf,
    disk: Failures,
    faults: Faults,
    shown_before: Signal,
    report: Report,
}

fn key() -> SigningKey {
    SigningKey::from_seed("day", KEY_SEED).expect("a sound name")
}

impl World {
    pub fn new(seed: u64, folder: &Path) -> Self {
        let clock = Arc::new(SimulatedClock::default());
        let config = ServiceConfig::default();
        let outputs = Outputs::open(&config, Notifier::default(), clock.clone());
        let outputs = outputs.expect("defaults are valid");
        let (pin, line) = (Pin::default(), Line::default());
        let mut world = Self {
            beacon: outputs.beacon(),
            driver: Driver::new(pin.clone(), AlarmConfig::default(), clock.now()),
            writer: Writer::new(line.clone(), config.serial.beat()),
            clock,
            chance: Chance(seed),
            frame: 0,
            people: People::default(),
            outputs,
            pin,
            pin_fails_until: 0,
            line,
            line_cut_until: 0,
            log: None,
            folder: folder.into(),
            disk: Failures::default(),
            faults: Faults::default(),
            shown_before: Signal::Safe,
            report: Report::default(),
        };
        world.open_log();
        world
    }

    /// Time goes on by one frame.
    pub fn frame(&mut self) {
        self.break_something();
        if self.frame >= self.faults.hang {
            self.pipeline();
        }
        self.clock.advance(FRAME);
        self.frame += 1;
        self.show();
    }

    /// Faults begin at random and last a while.
    fn break_something(&mut self) {
        let (frame, chance) = (self.frame, &mut self.chance);
        let is_well = frame >= self.faults.hang && frame >= self.faults.camera;
        if is_well && chance.once_in(5000) {
            self.faults.camera = frame + chance.between(1, 300);
            self.report.camera_faults += 1;
        } else if is_well && chance.once_in(20_000) {
            // Half a second to five seconds; a stall is 0.4 seconds.
            self.faults.hang = frame + chance.between(15, 150);
            self.report.hangs += 1;
        }
        if chance.once_in(3000) {
            self.pin_fails_until = frame + chance.between(1, 100);
        }
        if chance.once_in(5000) {
            self.line_cut_until = frame + chance.between(1, 600);
            self.report.line_faults += 1;
        }
        if chance.once_in(5000) {
            self.disk.set(chance.between(1, 6) as u32);
        }
        let pin_fails = frame < self.pin_fails_until;
        self.pin.fails.store(pin_fails, Ordering::Relaxed);
        let is_cut = frame < self.line_cut_until;
        self.line.is_cut.store(is_cut, Ordering::Relaxed);
    }

    /// What the pipeline does with a frame.
    fn pipeline(&mut self) {
        if self.frame < self.faults.camera {
            self.outputs.fault();
            return;
        }
        let now = self.clock.now();
        let (log, writer, report) = (&mut self.log, &mut self.writer, &mut self.report);
        self.people.frame(self.frame, &mut self.chance, |event| {
            report.events += 1;
            report.fakes_seen += u64::from(event.verdict == Verdict::Manipulated);
            match record(log, event.clone(), now) {
                true => report.events_logged += 1,
                false => {
                    report.events_lost += 1;
                    report.log_faults += 1;
                }
            }
            writer.send(&Message::Event(event), now);
        });
        if self.log.is_none() {
            self.open_log();
        } else if let Some(Err(_)) = self.log.as_mut().map(|log| log.poll(now)) {
            self.report.log_faults += 1;
            self.log = None;
        }
        self.outputs
            .frame(self.people.verdicts(), self.log.is_none());
        let is_fake = self.people.verdicts().any(|v| v == Verdict::Manipulated);
        if is_fake {
            assert_eq!(self.outputs.shown(), Signal::Manipulated);
        }
    }

    fn open_log(&mut self) {
        let folder = FolderStorage::lock(&self.folder).expect("nobody else writes");
        let storage = FaultyStorage {
            folder,
            failures: self.disk.clone(),
        };
        let config = LogConfig {
            sync: SYNC,
            segment_bytes: SEGMENT_BYTES,
        };
        match EventLog::open(storage, key(), config) {
            Ok((log, _)) => self.log = Some(log),
            Err(_) => self.report.log_faults += 1,
        }
    }

    /// What the outputs show, and whether that is right.
    fn show(&mut self) {
        let (sight, now) = (self.beacon.look(), self.clock.now());
        self.driver.step(sight.signal, now);
        self.writer.poll(sight.signal, 0, now);
        let hangs_for = self.faults.hang.checked_sub(self.frame);
        let silent = AlarmConfig::default().stall() + 2 * FRAME;
        if hangs_for.is_some() && self.silent_for() > silent {
            assert_eq!(sight.signal, Signal::Safe, "frame {}", self.frame);
        }
        if sight.signal == Signal::Manipulated && self.shown_before != Signal::Manipulated {
            self.report.alarms += 1;
        }
        // Steady signals are on the pin after one failure of it at most.
        if !self.driver.stats().is_failed() && self.frame >= self.pin_fails_until + 31 {
            let is_high = self.pin.is_high.load(Ordering::Relaxed);
            match sight.signal {
                Signal::Manipulated => assert!(is_high, "frame {}", self.frame),
                Signal::Safe | Signal::Idle | Signal::Genuine => {
                    assert!(!is_high, "frame {}", self.frame);
                }
                Signal::Undecided | Signal::Fault => {}
            }
        }
        self.shown_before = sight.signal;
    }

    /// How long the pipeline has said nothing.
    fn silent_for(&self) -> Duration {
        let stalls_at = self.beacon.look().stalls_at;
        let stall = AlarmConfig::default().stall();
        stalls_at.map_or(Duration::ZERO, |at| {
            (self.clock.now() + stall).saturating_sub(at)
        })
    }

    /// Ends the day: what became of everything.
    pub fn end(mut self) -> Report {
        self.disk.set(0);
        while self.log.is_none() {
            self.open_log();
        }
        let log = self.log.take().expect("open");
        log.close().expect("the disk works");
        self.report.pin_errors = self.driver.stats().errors();
        self.report.stalls = self.beacon.stalls();
        self.report.events_heard = self.line.heard.lock().expect("one thread").events;
        let folder = FolderStorage::read_only(&self.folder);
        let report = verify(&folder, &key(), &VerifyOptions::default(), &mut |_, _| {});
        let report = report.expect("readable");
        self.report.log_entries = report.entries;
        self.report.log_fault = report.fault.map(|fault| fault.to_string());
        self.report
    }
}

/// Logs an event; `false` if that failed, and the log is to be opened again.
fn record(log: &mut Option<Log>, event: Event, now: Duration) -> bool {
    let Some(open) = log else {
        return false;
    };
    let entry = EventEntry {
        event: Event {
            sequence: open.entries(),
            ..event
        },
        still: None,
    };
    let bytes = entry.to_bytes().expect("a sound event");
    let is_written = open.append(&bytes, now).is_ok();
    if !is_written {
        *log = None;
    }
    is_written
}
