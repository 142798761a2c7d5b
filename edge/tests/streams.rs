//! Several streams at once, and cameras that are lost.

use std::sync::Arc;
use std::time::Duration;

use unmask_edge::builtin::builtin;
use unmask_edge::capture::{FaultKind, FaultSet};
use unmask_edge::clock::SystemClock;
use unmask_edge::observe::Observers;
use unmask_edge::report::terminal::EventFormat;
use unmask_edge::run::{RunOptions, run_source};
use unmask_edge::service::{Notifier, Outputs, Service, ServiceConfig, Signals};
use unmask_edge::source::{
    Frame, FrameSource, Polled, SourceError, SourceSpec, SyntheticSource, WatchedSource,
};
use unmask_shared::event::{Event, EventKind};

/// What is printed about the first frames of a source.
fn watch(source: &mut dyn WatchedSource, frames_max: u64) -> String {
    let config = ServiceConfig {
        format: EventFormat::Jsonl,
        max_frames: Some(frames_max),
        // Searches of every frame alone are the same each time.
        every: 1,
        ..ServiceConfig::default()
    };
    let clock = Arc::new(SystemClock::default());
    let mut service = Service {
        outputs: Outputs::open(&config, Notifier::default(), clock).unwrap(),
        observers: Observers::default(),
        signals: Signals::default(),
        reload: &|| Ok(ServiceConfig::default()),
    };
    let options = RunOptions {
        source: SourceSpec::Synthetic(3),
        finder: Default::default(),
        config,
    };
    let mut out = Vec::new();
    let bundle = builtin().unwrap();
    run_source(&bundle, source, &options, &mut service, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Two cameras that see the same, one of them every other time.
struct Twice {
    source: SyntheticSource,
    turn: usize,
    kept: Frame,
}

impl FrameSource for Twice {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        self.source.next_frame(frame)
    }

    fn poll_frame(&mut self, frame: &mut Frame, _: Duration) -> Result<Polled, SourceError> {
        self.turn += 1;
        match self.turn % 3 {
            0 => Ok(Polled::Nothing),
            1 => {
                self.source.next_frame(frame)?;
                self.kept = frame.clone();
                Ok(Polled::Frame(0))
            }
            _ => {
                *frame = self.kept.clone();
                Ok(Polled::Frame(1))
            }
        }
    }

    fn streams(&self) -> Vec<String> {
        vec!["left".into(), "right".into()]
    }

    fn name(&self) -> &str {
        "twice"
    }

    fn frames_expected(&self) -> Option<u64> {
        None
    }

    fn rate_hz(&self) -> f64 {
        25.0
    }
}

impl WatchedSource for Twice {}

#[test]
fn streams_do_not_mix() {
    let mut source = Twice {
        source: SyntheticSource::new(3).unwrap(),
        turn: 0,
        kept: Frame::default(),
    };
    let text = watch(&mut source, 120);
    let of = |name: &str| {
        let lines = text.lines().filter(|line| line.contains(name));
        lines.map(|l| l.replace(name, "")).collect::<Vec<_>>()
    };
    assert!(of("left").len() > 2, "{text}");
    assert_eq!(of("left"), of("right"));
    assert_eq!(text.lines().count(), 2 * of("left").len());
}

/// A camera of unknown make that is away for a while.
struct Away {
    source: SyntheticSource,
    polls: u32,
}

impl Away {
    fn is_away(&self) -> bool {
        (41..=52).contains(&self.polls)
    }
}

impl FrameSource for Away {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        self.source.next_frame(frame)
    }

    fn poll_frame(&mut self, frame: &mut Frame, _: Duration) -> Result<Polled, SourceError> {
        self.polls += 1;
        if self.is_away() {
            std::thread::sleep(Duration::from_millis(100));
            return Ok(Polled::Nothing);
        }
        self.next_frame(frame)?;
        Ok(Polled::Frame(0))
    }

    fn name(&self) -> &str {
        "door"
    }

    fn frames_expected(&self) -> Option<u64> {
        None
    }

    fn rate_hz(&self) -> f64 {
        25.0
    }
}

impl WatchedSource for Away {
    fn faults(&self, _: usize) -> FaultSet {
        let gone = self.is_away().then_some(FaultKind::Unplugged);
        gone.into_iter().chain([FaultKind::NotEnrolled]).collect()
    }
}

#[test]
fn who_was_seen_before_a_camera_was_lost_is_not_in_view_any_more() {
    let mut source = Away {
        source: SyntheticSource::new(3).unwrap(),
        polls: 0,
    };
    let text = watch(&mut source, 60);
    let events: Vec<Event> = { text.lines() }
        .map(|line| Event::from_json(line.as_bytes()).unwrap())
        .collect();
    assert!(events.iter().map(|e| e.sequence).eq(0..events.len() as u64));
    let of_camera = events.iter().filter(|event| event.track == 0);
    let told: Vec<EventKind> = of_camera.map(|event| event.kind).collect();
    let expected = [
        EventKind::CameraNotEnrolled,
        EventKind::CameraLost,
        EventKind::CameraBack,
    ];
    assert_eq!(told, expected, "{text}");
    let at = |kind| events.iter().position(|event| event.kind == kind).unwrap();
    let in_between = &events[at(EventKind::CameraLost) + 1..at(EventKind::CameraBack)];
    let ended = |event: &Event| event.kind == EventKind::TrackEnded;
    assert!(
        !in_between.is_empty() && in_between.iter().all(ended),
        "{text}"
    );
    let started = events.iter().filter(|e| e.kind == EventKind::TrackStarted);
    let numbers: Vec<u32> = started.map(|event| event.track).collect();
    let everybody: Vec<u32> = (1..=numbers.len() as u32).collect();
    assert_eq!(numbers, everybody, "a number was given twice");
}
