//! Several streams at once.

use std::sync::Arc;

use super::*;
use crate::alarm::SystemClock;
use crate::builtin::builtin;
use crate::report::terminal::EventFormat;
use crate::service::{Notifier, Outputs, Signals};
use crate::source::{FrameSource, SourceError, SyntheticSource};

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
    let config = ServiceConfig {
        format: EventFormat::Jsonl,
        max_frames: Some(120),
        ..ServiceConfig::default()
    };
    let clock = Arc::new(SystemClock::default());
    let mut service = Service {
        outputs: Outputs::open(&config, Notifier::default(), clock).unwrap(),
        signals: Signals::default(),
        reload: &|| Ok(ServiceConfig::default()),
    };
    let options = RunOptions {
        source: SourceSpec::Synthetic(3),
        config,
    };
    let mut source = Twice {
        source: SyntheticSource::new(3).unwrap(),
        turn: 0,
        kept: Frame::default(),
    };
    let mut out = Vec::new();
    let bundle = builtin().unwrap();
    run_source(&bundle, &mut source, &options, &mut service, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let of = |name: &str| {
        let lines = text.lines().filter(|line| line.contains(name));
        lines.map(|l| l.replace(name, "")).collect::<Vec<_>>()
    };
    assert!(of("left").len() > 2, "{text}");
    assert_eq!(of("left"), of("right"));
    assert_eq!(text.lines().count(), 2 * of("left").len());
}
