//! Several cameras at once, each on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use unmask_shared::media::Frame;

use super::camera::{Camera, CameraSink, CameraStep};
use super::config::CameraConfig;
use super::device::Bus;
use super::fault::{CameraEvent, FaultCounters, FaultKind, FaultSet};
use super::mailbox::{CameraStatus, Mailbox, Taken};
use crate::clock::{Clock, SystemClock};

/// A capture thread that has not been heard of for so long hangs in a driver.
const STALL: Duration = Duration::from_secs(2);
/// Longest wait for capture threads to end.
const END: Duration = Duration::from_secs(2);

/// A camera to be started.
pub struct CameraSetup {
    /// What it is called in logs and events.
    pub label: String,
    /// Which one it is, and how to treat it.
    pub config: CameraConfig,
    /// Where to find it.
    pub bus: Box<dyn Bus>,
    /// Whether every frame must be looked at, so that the camera waits for the
    /// reader; for files that are played.
    pub lose_none: bool,
}

struct Worker {
    label: String,
    thread: Option<JoinHandle<()>>,
    /// When it was last heard of, in milliseconds of the clock.
    heard_ms: Arc<AtomicU64>,
    /// When its frames' time began, in microseconds of the clock.
    began_us: Arc<AtomicU64>,
    is_stalled: bool,
    stalls: u64,
}

/// Cameras that are capturing.
pub struct Cameras {
    mailbox: Mailbox,
    workers: Vec<Worker>,
    stop: Arc<AtomicBool>,
    clock: SystemClock,
}

impl Cameras {
    /// Starts a thread for each camera.
    ///
    /// # Errors
    /// When the system has no thread to spare.
    pub fn start(setups: Vec<CameraSetup>) -> std::io::Result<Self> {
        let mut cameras = Self {
            mailbox: Mailbox::new(setups.iter().map(|setup| setup.label.clone())),
            workers: Vec::with_capacity(setups.len()),
            stop: Arc::new(AtomicBool::new(false)),
            clock: SystemClock::default(),
        };
        for (number, setup) in setups.into_iter().enumerate() {
            let worker = cameras.spawn(number, setup)?;
            cameras.workers.push(worker);
        }
        Ok(cameras)
    }

    fn spawn(&self, number: usize, setup: CameraSetup) -> std::io::Result<Worker> {
        let heard_ms = Arc::new(AtomicU64::new(0));
        let (stop, clock) = (Arc::clone(&self.stop), self.clock);
        let mut inbox = Inbox {
            mailbox: self.mailbox.clone(),
            number,
            label: setup.label.clone(),
            lose_none: setup.lose_none,
            waiting: Arc::clone(&heard_ms),
            told: FaultCounters::default(),
        };
        let heard = Arc::clone(&heard_ms);
        let began_us = Arc::new(AtomicU64::new(0));
        let began = Arc::clone(&began_us);
        let thread = std::thread::Builder::new()
            .name(format!("camera-{number}"))
            .spawn(move || {
                began.store(clock.now().as_micros() as u64, Ordering::Relaxed);
                let mut camera = Camera::new(setup.config, setup.bus, Arc::new(clock));
                while !stop.load(Ordering::Relaxed) {
                    heard.store(clock.now().as_millis() as u64, Ordering::Relaxed);
                    if !one_step(&mut camera, &mut inbox) {
                        break;
                    }
                }
                heard.store(NEVER, Ordering::Relaxed);
            })?;
        Ok(Worker {
            label: setup.label,
            thread: Some(thread),
            heard_ms,
            began_us,
            is_stalled: false,
            stalls: 0,
        })
    }

    /// Takes the newest frame of one of the cameras; waits for it up to `wait`.
    pub fn take(&mut self, frame: &mut Frame, wait: Duration) -> Taken {
        self.watch_threads();
        self.mailbox.take(frame, wait)
    }

    /// What all cameras are doing.
    pub fn status(&self) -> Vec<CameraStatus> {
        let mut all = self.mailbox.status();
        for (status, worker) in all.iter_mut().zip(&self.workers) {
            (0..worker.stalls).for_each(|_| status.faults.count(FaultKind::Stalled));
            if worker.is_stalled {
                status.active.push(FaultKind::Stalled);
            }
        }
        all
    }

    /// How long ago a camera's driver delivered a frame that was taken.
    pub fn age(&self, camera: usize, frame: &Frame) -> Duration {
        let Some(worker) = self.workers.get(camera) else {
            return Duration::ZERO;
        };
        let began = Duration::from_micros(worker.began_us.load(Ordering::Relaxed));
        let came = began + Duration::from_micros(frame.time_us);
        self.clock.now().saturating_sub(came)
    }

    /// What is wrong with a camera now.
    pub fn faults(&self, camera: usize) -> FaultSet {
        let is_stalled = self.workers.get(camera).is_some_and(|w| w.is_stalled);
        let stalled = is_stalled.then_some(FaultKind::Stalled);
        self.mailbox.faults(camera).iter().chain(stalled).collect()
    }

    /// Frames that a camera has delivered so far.
    pub fn frames_delivered(&self, camera: usize) -> u64 {
        self.mailbox.frames_delivered(camera)
    }

    /// Notices threads that hang.
    fn watch_threads(&mut self) {
        let now = self.clock.now().as_millis() as u64;
        for worker in &mut self.workers {
            let heard = worker.heard_ms.load(Ordering::Relaxed);
            let stalled = heard != NEVER && now.saturating_sub(heard) > STALL.as_millis() as u64;
            if stalled && !worker.is_stalled {
                worker.stalls += 1;
                let fault = FaultKind::Stalled.name();
                tracing::error!(camera = %worker.label, fault, "the driver does not answer");
            } else if !stalled && worker.is_stalled {
                let fault = FaultKind::Stalled.name();
                tracing::info!(camera = %worker.label, fault, "recovered");
            }
            worker.is_stalled = stalled;
        }
    }
}

/// The thread has ended, or waits for the reader.
const NEVER: u64 = u64::MAX;

/// `false` when there is nothing more to do. A panic is a fault of the camera.
fn one_step(camera: &mut Camera, inbox: &mut Inbox) -> bool {
    let step = catch_unwind(AssertUnwindSafe(|| camera.step(inbox)))
        .unwrap_or_else(|_| camera.reset("the capture code failed; please report it", inbox));
    let faults = *camera.faults();
    if faults != inbox.told {
        inbox.told = faults;
        (inbox.mailbox).update(inbox.number, |status| status.faults = faults);
    }
    let ended = match step {
        CameraStep::Continue => return true,
        CameraStep::Finished => Ok(()),
        CameraStep::GivenUp(reason) => Err(reason),
    };
    (inbox.mailbox).update(inbox.number, |status| status.ended = Some(ended));
    false
}

/// Where a camera's frames and events go.
struct Inbox {
    mailbox: Mailbox,
    number: usize,
    label: String,
    lose_none: bool,
    waiting: Arc<AtomicU64>,
    /// The counters that the mailbox has.
    told: FaultCounters,
}

impl CameraSink for Inbox {
    fn frame(&mut self, frame: &mut Frame) {
        if self.lose_none {
            self.waiting.store(NEVER, Ordering::Relaxed);
        }
        self.mailbox.put(self.number, frame, self.lose_none);
    }

    fn event(&mut self, event: &CameraEvent, faults: &FaultCounters) {
        let camera = &self.label;
        match event {
            CameraEvent::Fault { kind, detail } if kind.is_possible_injection() => {
                tracing::error!(%camera, fault = %kind, "possible injection: {detail}");
            }
            CameraEvent::Fault { kind, detail } => {
                tracing::error!(%camera, fault = %kind, "{detail}");
            }
            CameraEvent::Recovered { kind, after } => {
                let seconds = after.as_secs_f32();
                tracing::info!(%camera, fault = %kind, seconds, "recovered");
            }
        }
        self.mailbox.note(self.number, event, faults);
    }
}

/// What became of a camera, for the log.
fn tell(status: &CameraStatus) {
    let counts = status.faults.iter().filter(|(_, count)| *count > 0);
    let faults: Vec<String> = counts
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    let (camera, frames, dropped) = (&status.name, status.frames, status.dropped);
    tracing::info!(%camera, frames, dropped, faults = faults.join(", "), "camera closed");
}

impl Drop for Cameras {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.mailbox.close();
        self.status().iter().for_each(tell);
        let end = Instant::now() + END;
        for worker in &mut self.workers {
            let Some(thread) = worker.thread.take() else {
                continue;
            };
            while !thread.is_finished() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(2));
            }
            if thread.is_finished() {
                // Panics were caught inside.
                let _ = thread.join();
            } else {
                tracing::error!(camera = %worker.label, "left behind: its driver does not answer");
            }
        }
    }
}
