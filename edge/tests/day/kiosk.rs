//! A camera that fails, as the source of `run`, on simulated time.

use std::sync::Arc;
use std::time::Duration;

use unmask_edge::alarm::Beacon;
use unmask_edge::capture::scripted::{Pictures, Script, ScriptedBus, ScriptedFault};
use unmask_edge::capture::{
    Camera, CameraConfig, CameraEvent, CameraSink, CameraStep, Enrolment, FaultCounters, FaultKind,
    FaultSet, PixelFormat,
};
use unmask_edge::clock::{Clock, SimulatedClock};
use unmask_edge::source::{Frame, FrameSource, Polled, SourceError, WatchedSource};
use unmask_shared::signal::Signal;

use crate::chance::Chance;
use crate::{descriptors, status};

const RATE_HZ: u64 = 30;
/// What can happen to any camera, and to one that delivers JPEG.
const KINDS: [FaultKind; 11] = [
    FaultKind::Unplugged,
    FaultKind::Io,
    FaultKind::Timeout,
    FaultKind::ErrorFlag,
    FaultKind::Truncated,
    FaultKind::FormatChanged,
    FaultKind::Frozen,
    FaultKind::Black,
    FaultKind::TimeBackward,
    FaultKind::PermissionLost,
    FaultKind::Busy,
];
const JPEG_KINDS: [FaultKind; 2] = [FaultKind::Corrupt, FaultKind::WrongSize];

/// What this process holds.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    pub memory_kb: u64,
    pub threads: u64,
    pub descriptors: usize,
}

impl Held {
    fn now() -> Self {
        Self {
            memory_kb: status("VmRSS:"),
            threads: status("Threads:"),
            descriptors: descriptors(),
        }
    }
}

/// What the camera told.
#[derive(Default)]
pub struct Inbox {
    frame: Frame,
    is_fresh: bool,
    active: Vec<FaultKind>,
    pub told: [u64; FaultKind::ALL.len()],
    pub over: u64,
}

impl CameraSink for Inbox {
    fn frame(&mut self, frame: &mut Frame) {
        std::mem::swap(&mut self.frame, frame);
        self.is_fresh = true;
    }

    fn event(&mut self, event: &CameraEvent, _: &FaultCounters) {
        match event {
            CameraEvent::Fault { kind, .. } => {
                self.told[*kind as usize] += 1;
                self.active.push(*kind);
            }
            CameraEvent::Recovered { kind, .. } => {
                self.over += 1;
                self.active.retain(|active| active != kind);
            }
        }
    }
}

/// The source: one camera.
pub struct Kiosk {
    camera: Camera,
    pub inbox: Inbox,
    pub scripted: [u64; FaultKind::ALL.len()],
    time: SimulatedClock,
    warm: Duration,
    end: Duration,
    beacon: Arc<Beacon>,
    shown: Signal,
    pub alarms: u64,
    pub frames: u64,
    /// After the warm-up, and at the end.
    pub held: [Option<Held>; 2],
}

/// Faults of 2 to 8 seconds, 5 to 45 seconds apart.
fn script(seed: u64, pixels: PixelFormat, end: Duration) -> Script {
    let mut kinds = KINDS.to_vec();
    if pixels == PixelFormat::Mjpg {
        kinds.extend(JPEG_KINDS);
    }
    let mut chance = Chance(seed);
    let mut faults = Vec::new();
    let mut at = 5000;
    while Duration::from_millis(at) < end {
        let length = chance.between(2000, 8000);
        faults.push(ScriptedFault {
            kind: kinds[chance.next() as usize % kinds.len()],
            from: Duration::from_millis(at),
            until: Duration::from_millis(at + length),
        });
        at += length + chance.between(5000, 45_000);
    }
    Script::new(faults, RATE_HZ as f64)
}

impl Kiosk {
    pub fn new(
        seed: u64,
        pixels: PixelFormat,
        time: &SimulatedClock,
        beacon: Arc<Beacon>,
        [warm, end]: [Duration; 2],
    ) -> Self {
        let script = script(seed, pixels, end);
        let mut scripted = [0; FaultKind::ALL.len()];
        for fault in script.faults() {
            scripted[fault.kind as usize] += 1;
        }
        let bus = ScriptedBus {
            script: Arc::new(script),
            pictures: Arc::new(Pictures::new(pixels).expect("small pictures")),
            clock: time.clone(),
        };
        let config = CameraConfig {
            name: "/dev/video0".into(),
            enrolment: Some(Enrolment {
                refuse: false,
                cameras: vec![ScriptedBus::BUS.into()],
            }),
            ..CameraConfig::default()
        };
        Self {
            camera: Camera::new(config, Box::new(bus), Arc::new(time.clone())),
            inbox: Inbox::default(),
            scripted,
            time: time.clone(),
            warm,
            end,
            beacon,
            shown: Signal::Safe,
            alarms: 0,
            frames: 0,
            held: [None; 2],
        }
    }

    /// What the alarm would show now.
    fn look(&mut self) {
        let shown = self.beacon.look().signal;
        if shown == Signal::Manipulated && self.shown != Signal::Manipulated {
            self.alarms += 1;
        }
        self.shown = shown;
    }
}

impl FrameSource for Kiosk {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        while self.poll_frame(frame, Duration::from_secs(1))? == Polled::Nothing {}
        Ok(self.time.now() < self.end)
    }

    fn poll_frame(&mut self, frame: &mut Frame, wait: Duration) -> Result<Polled, SourceError> {
        self.look();
        let now = self.time.now();
        if self.held[0].is_none() && now >= self.warm {
            self.held[0] = Some(Held::now());
        }
        if now >= self.end {
            self.held[1] = Some(Held::now());
            return Ok(Polled::End);
        }
        while self.time.now() < now + wait {
            assert_eq!(self.camera.step(&mut self.inbox), CameraStep::Continue);
            if std::mem::take(&mut self.inbox.is_fresh) {
                std::mem::swap(&mut self.inbox.frame, frame);
                self.frames += 1;
                return Ok(Polled::Frame(0));
            }
        }
        Ok(Polled::Nothing)
    }

    fn name(&self) -> &str {
        ScriptedBus::BUS
    }

    fn frames_expected(&self) -> Option<u64> {
        None
    }

    fn rate_hz(&self) -> f64 {
        RATE_HZ as f64
    }
}

impl WatchedSource for Kiosk {
    fn faults(&self, _: usize) -> FaultSet {
        self.inbox.active.iter().copied().collect()
    }
}
