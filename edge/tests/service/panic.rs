//! Whichever part fails, the program leaves by its one way out: a safe alarm, no children, a whole
//! log.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::Arc;

use unmask_edge::alarm::Beacon;
use unmask_edge::builtin::builtin;
use unmask_edge::clock::SystemClock;
use unmask_edge::error::EdgeError;
use unmask_edge::observe::Observers;
use unmask_edge::pipeline::Pipeline;
use unmask_edge::report::ExitStatus;
use unmask_edge::run::{RunOptions, run_pipelines};
use unmask_edge::search::FaceDetector;
use unmask_edge::service::{Notifier, Outputs, Service, ServiceConfig, Signals};
use unmask_edge::source::{Frame, LiveInput, LiveSource, SourceSpec};
use unmask_shared::engine::Engine;
use unmask_shared::face::{Face, FinderError};

use crate::common::unmask;
use crate::hang::is_dead;
use crate::running::levels;

/// Finds nobody; at its tenth look, this happens.
struct Tenth {
    looks: u32,
    beacon: Arc<Beacon>,
    happens: fn(&Arc<Beacon>),
}

impl FaceDetector for Tenth {
    fn detect(&mut self, _: &Frame, faces: &mut Vec<Face>) -> Result<(), FinderError> {
        faces.clear();
        self.looks += 1;
        if self.looks == 10 {
            (self.happens)(&self.beacon);
        }
        Ok(())
    }

    fn reset(&mut self) {}
}

/// Watches a command that never ends, with a log and a pin that is on meanwhile.
fn watch(place: &Path, happens: fn(&Arc<Beacon>)) -> Result<ExitStatus, EdgeError> {
    let bundle = builtin().unwrap();
    let engine = Engine::load(&bundle).unwrap();
    let mut config = ServiceConfig {
        every: 1,
        ..ServiceConfig::default()
    };
    config.log.folder = Some(place.join("events"));
    config.alarm.transcript = Some(place.join("pin"));
    config.alarm.patterns.idle = "on".parse().unwrap();
    let pid = place.join("pid");
    let line = format!(
        "echo $$ > {}; while :; do head -c 9216 /dev/zero; sleep 0.02; done",
        pid.display()
    );
    let mut live = LiveInput::Command(line.into()).into_spec();
    (live.wanted.width, live.wanted.height) = (64, 48);
    let mut source = LiveSource::open(&live).unwrap();
    let outputs = Outputs::open(
        &config,
        Notifier::default(),
        Arc::new(SystemClock::default()),
    );
    let outputs = outputs.unwrap();
    let beacon = outputs.beacon();
    let mut service = Service {
        outputs,
        observers: Observers::default(),
        signals: Signals::default(),
        reload: &|| Ok(ServiceConfig::default()),
    };
    let make = |config| {
        let finder = Tenth {
            looks: 0,
            beacon: Arc::clone(&beacon),
            happens,
        };
        let (network, manifest) = (Box::new(engine.clone()), bundle.manifest.clone());
        Ok(Pipeline::with_parts(
            network,
            Box::new(finder),
            manifest,
            config,
        ))
    };
    let options = RunOptions {
        source: SourceSpec::Live(live),
        finder: Default::default(),
        config,
    };
    let mut out = Vec::new();
    run_pipelines(
        &bundle,
        &make,
        &mut source,
        &options,
        &mut service,
        &mut out,
    )
}

/// Not `panic!`, whose message would be taken for a failed test.
fn bang() {
    resume_unwind(Box::new("bang"))
}

#[test]
fn a_panic_anywhere_leaves_by_one_way() {
    let in_the_pipeline: fn(&Arc<Beacon>) = |_| bang();
    let in_another_thread: fn(&Arc<Beacon>) = |beacon| {
        let needed = beacon.needs();
        let thread = std::thread::spawn(move || {
            let _needed = needed;
            bang();
        });
        thread.join().unwrap_err();
    };
    for (name, happens) in [("pipeline", in_the_pipeline), ("thread", in_another_thread)] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path();
        let ended = catch_unwind(AssertUnwindSafe(|| watch(place, happens)));
        match (name, &ended) {
            ("pipeline", Err(_)) | ("thread", Ok(Err(EdgeError::Crashed))) => {}
            _ => panic!("{name}: {ended:?}"),
        }
        let levels = levels(&place.join("pin"));
        assert!(levels.contains(&true), "{name}: {levels:?}");
        assert_eq!(levels.last(), Some(&false), "{name}: the alarm is not safe");
        let pid = fs::read_to_string(place.join("pid")).unwrap();
        assert!(is_dead(pid.trim()), "{name}: the command still runs");
        let log = place.join("events");
        let verified = unmask(&["log", "verify", log.to_str().unwrap()]);
        assert_eq!(verified.code, 0, "{name}: {}", verified.stdout);
    }
}
