//! Everything that shows what was found: the alarm's pin, the serial line, the
//! service manager.

use std::sync::Arc;
use std::time::Duration;

use unmask_shared::event::Event;
use unmask_shared::signal::{HoldConfig, Signal, SignalHold};
use unmask_shared::verdict::Verdict;

use super::config::ServiceConfig;
use super::notify::Notifier;
use crate::alarm::{self, Alarm, AlarmError, Beacon};
use crate::clock::Clock;
use crate::observe::{LogStatus, Status, StreamStatus};
use crate::serial::{SerialLink, TtyOpener};

/// The service manager is told how things are this often.
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// The same where something new is wrong with a camera, or well again.
const NEWS_EVERY: Duration = Duration::from_secs(1);

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The alarm or the serial line cannot be set up.
    #[error(transparent)]
    Alarm(#[from] AlarmError),
    /// The configuration contradicts itself.
    #[error("{0}")]
    Config(String),
}

/// Everything that shows what was found. Dropping it, also in a panic, brings the
/// alarm into its safe state.
pub struct Outputs {
    clock: Arc<dyn Clock>,
    beacon: Arc<Beacon>,
    hold: SignalHold,
    notifier: Notifier,
    alarm: Option<Alarm>,
    serial: Option<SerialLink>,
    shown: Signal,
    /// What is wrong with the cameras, in words.
    trouble: String,
    has_news: bool,
    frames: u64,
    faults: u64,
    is_faulty: bool,
    alarms: u64,
    is_acknowledged: bool,
    status_at: Duration,
}

impl Outputs {
    /// Opens what is configured; everything is in its safe state until the first
    /// frame.
    ///
    /// # Errors
    /// When the pin cannot be had, and for values out of range. A serial port that
    /// is not there yet is waited for.
    pub fn open(
        config: &ServiceConfig,
        notifier: Notifier,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OutputError> {
        config.check().map_err(OutputError::Config)?;
        let beacon = Arc::new(Beacon::new(Arc::clone(&clock), config.alarm.stall()));
        let alarm = alarm::open(&config.alarm, &beacon, &clock)?;
        let serial = config.serial.port.as_ref().map(|port| {
            let opener = TtyOpener {
                path: port.clone(),
                baud: config.serial.baud,
            };
            let link = SerialLink::start(opener, &config.serial, Arc::clone(&beacon));
            link.map_err(|cause| AlarmError::Thread {
                name: "serial line",
                cause,
            })
        });
        Ok(Self {
            clock,
            beacon,
            hold: SignalHold::new(config.verdict.hold()),
            notifier,
            alarm,
            serial: serial.transpose()?,
            shown: Signal::Safe,
            trouble: String::new(),
            has_news: false,
            frames: 0,
            faults: 0,
            is_faulty: false,
            alarms: 0,
            is_acknowledged: false,
            status_at: Duration::ZERO,
        })
    }

    /// A frame was judged: these are the verdicts on everybody in view. With
    /// `fault`, something else that is needed does not work.
    pub fn frame(&mut self, verdicts: impl IntoIterator<Item = Verdict>, fault: bool) {
        self.frames += 1;
        self.notifier.ready();
        self.see(verdicts, fault);
    }

    /// No frame could be had, but the program works on that: it is alive.
    pub fn fault(&mut self) {
        self.blind([]);
    }

    /// The same, while these are the verdicts on everybody whom other cameras see.
    pub fn blind(&mut self, verdicts: impl IntoIterator<Item = Verdict>) {
        self.see(verdicts, true);
    }

    /// Nothing is to be done before the next frame is due: the program is alive.
    pub fn idle(&mut self) {
        self.beacon.show(self.shown);
        self.notifier.progress(self.clock.now());
    }

    /// What is wrong with the cameras from now on, in words for the service manager;
    /// nothing when all is well.
    pub fn trouble(&mut self, trouble: &str) {
        self.trouble.clear();
        self.trouble.push_str(trouble);
        self.has_news = true;
    }

    /// Something happened.
    pub fn event(&self, event: &Event) {
        if let Some(serial) = &self.serial {
            serial.send(event);
        }
    }

    /// Takes other hold and clear times.
    pub fn set_hold(&mut self, hold: HoldConfig) {
        self.hold.configure(hold);
    }

    /// Where other outputs look up what to show.
    pub fn beacon(&self) -> Arc<Beacon> {
        Arc::clone(&self.beacon)
    }

    /// The clock by which everything is shown.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// What is shown now.
    pub fn shown(&self) -> Signal {
        self.shown
    }

    /// One line for the service manager.
    pub fn status(&mut self, status: std::fmt::Arguments<'_>) {
        self.notifier.status(status);
    }

    /// Somebody noticed the alarm: it counts as acknowledged until the next one. What is
    /// shown stays as it is.
    pub fn acknowledge(&mut self) {
        if !std::mem::replace(&mut self.is_acknowledged, true) {
            tracing::warn!(shown = %self.shown, "the alarm was acknowledged");
        }
    }

    /// How things are, for observers.
    pub fn status_of<'a>(&self, streams: &'a [StreamStatus], log: Option<LogStatus>) -> Status<'a> {
        let is_failed = |alarm: &Alarm| alarm.stats().is_failed();
        Status {
            streams,
            shown: self.shown,
            is_acknowledged: self.is_acknowledged,
            alarms: self.alarms,
            log,
            stalls: self.beacon.stalls(),
            serial_dropped: self.serial.as_ref().map(|serial| serial.stats().dropped()),
            pin_failed: self.alarm.as_ref().is_some_and(is_failed),
        }
    }

    /// The program ends: everything goes into its safe state.
    pub fn end(&mut self) {
        self.notifier.stopping();
        self.beacon.end();
        self.alarm = None;
        self.serial = None;
    }

    fn see(&mut self, verdicts: impl IntoIterator<Item = Verdict>, fault: bool) {
        self.faults += u64::from(fault && !self.is_faulty);
        self.is_faulty = fault;
        self.show(match Signal::of_people(verdicts) {
            Signal::Manipulated => Signal::Manipulated,
            _ if fault => Signal::Fault,
            signal => signal,
        });
    }

    fn show(&mut self, seen: Signal) {
        let now = self.clock.now();
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let shown = self.hold.update(seen, micros);
        self.beacon.show(shown);
        self.notifier.progress(now);
        let is_new = shown != self.shown;
        if is_new && shown == Signal::Manipulated {
            self.alarms += 1;
            self.is_acknowledged = false;
        }
        self.shown = shown;
        let every = if self.has_news {
            NEWS_EVERY
        } else {
            STATUS_EVERY
        };
        if self.notifier.is_heard() && (is_new || now.saturating_sub(self.status_at) >= every) {
            self.status_at = now;
            self.has_news = false;
            self.tell();
        }
    }

    fn tell(&mut self) {
        let pin = match self.alarm.as_ref().map(|alarm| alarm.stats().is_failed()) {
            Some(true) => ", the alarm's pin fails",
            _ => "",
        };
        let line = match self.serial.as_ref().map(|serial| serial.stats().is_open()) {
            Some(false) => ", the serial port is lost",
            _ => "",
        };
        let (shown, frames, alarms, faults) = (self.shown, self.frames, self.alarms, self.faults);
        let (stalls, trouble) = (self.beacon.stalls(), self.trouble.as_str());
        let comma = if trouble.is_empty() { "" } else { ", " };
        self.notifier.status(format_args!(
            "{shown}: {frames} frames, {alarms} alarms, {faults} faults, {stalls} stalls{pin}{line}{comma}{trouble}"
        ));
    }
}
