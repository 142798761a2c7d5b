//! `unmask-edge run`: watches streams and tells each change of a verdict to people,
//! the event log, the alarm and the service manager.

mod health;
mod playback;
mod stream;
mod stream_counters;
mod watch;

use std::io::Write;
use std::time::{Duration, Instant};

use unmask_shared::bundle::Bundle;
use unmask_shared::engine::Engine;
use unmask_shared::face::FinderChoice;

use crate::console::style::printable;
use crate::error::EdgeError;
use crate::observe::Observers;
use crate::pipeline::{Pipeline, PipelineConfig, PipelineError};
use crate::report::ExitStatus;
use crate::service::{ObserverThreads, Service, ServiceConfig};
use crate::source::{Frame, MediaKind, Polled, SourceSpec, WatchedSource, open, sniff};

use stream::Streams;
use watch::Watch;

/// Longest wait for a frame before other things get their turn.
const POLL: Duration = Duration::from_millis(200);

/// What to watch, and how.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Where the frames come from.
    pub source: SourceSpec,
    /// What finds the faces.
    pub finder: FinderChoice,
    /// Everything else.
    pub config: ServiceConfig,
}

/// Watches the stream to its end, or until the system asks to end.
///
/// # Errors
/// See [`EdgeError`].
pub fn run(
    bundle: &Bundle,
    options: &RunOptions,
    service: &mut Service<'_>,
    out: &mut dyn Write,
) -> Result<ExitStatus, EdgeError> {
    let mut source = open(&options.source)?;
    let beacon = service.outputs.beacon();
    let (observer_threads, observers) =
        ObserverThreads::start(&options.config, bundle, source.as_ref(), &beacon)?;
    if let Some(web) = observer_threads.web() {
        let told = format!("live page: http://{}\n", web.address());
        crate::console::progress::tell(&told);
    }
    service.observers = observers;
    let status = run_source(bundle, source.as_mut(), options, service, out);
    service.observers = Observers::default();
    drop(observer_threads);
    status
}

/// The same with a source that is open, whatever `options` say of it.
///
/// # Errors
/// See [`EdgeError`].
pub fn run_source(
    bundle: &Bundle,
    source: &mut dyn WatchedSource,
    options: &RunOptions,
    service: &mut Service<'_>,
    out: &mut dyn Write,
) -> Result<ExitStatus, EdgeError> {
    let engine = Engine::load(bundle)?;
    let make = |config| {
        let manifest = bundle.manifest.clone();
        Pipeline::new(engine.clone(), &options.finder, manifest, config)
    };
    run_pipelines(bundle, &make, source, options, service, out)
}

/// Makes the pipeline of a stream.
pub type MakePipeline<'a> = dyn Fn(PipelineConfig) -> Result<Pipeline, PipelineError> + 'a;

/// The same with pipelines that something else than the network of `bundle` may judge
/// in. Time is that of the outputs' clock.
///
/// # Errors
/// See [`EdgeError`].
pub fn run_pipelines(
    bundle: &Bundle,
    make: &MakePipeline<'_>,
    source: &mut dyn WatchedSource,
    options: &RunOptions,
    service: &mut Service<'_>,
    out: &mut dyn Write,
) -> Result<ExitStatus, EdgeError> {
    let clock = service.outputs.clock();
    let streams = Streams {
        names: &source.streams(),
        rate_hz: source.timecode_hz(),
    };
    let mut watch = Watch::open(bundle, make, &options.config, streams, clock)?;
    let mut run = Run {
        bundle,
        options,
        service,
    };
    let result = run.frames(&mut watch, source, out);
    hint_at_analyze(&options.source, &watch);
    watch.summary.frames_dropped += source.frames_dropped();
    let ended = watch.end(service, out);
    service.outputs.end();
    let found = watch.summary.manipulated > 0 && !service.signals.is_terminated();
    match result.and(ended) {
        // What was found counts, though not everything could be read.
        Err(error @ EdgeError::Source(_)) if found => {
            crate::console::progress::tell(&format!(
                "unmask-edge: {}\n",
                printable(&error.to_string())
            ));
            Ok(ExitStatus::ManipulatedAndError)
        }
        Err(error) => Err(error),
        Ok(()) if found => Ok(ExitStatus::Manipulated),
        Ok(()) => Ok(ExitStatus::Nothing),
    }
}

/// Pictures of a folder are taken for a video, which unrelated photographs are not: where each is a
/// shot of its own, says so.
fn hint_at_analyze(source: &SourceSpec, watch: &Watch) {
    let SourceSpec::Path(path) = source else {
        return;
    };
    let is_picture = path.is_file() && sniff(path).is_ok_and(|kind| kind == MediaKind::Image);
    if is_picture || (path.is_dir() && watch.is_of_unrelated_pictures()) {
        let told = format!(
            "note: run takes pictures for frames of one video; to judge each by itself: unmask-edge analyze {}\n",
            printable(&path.display().to_string())
        );
        crate::console::progress::tell(&told);
    }
}

/// What streams are watched with.
struct Run<'a, 'b> {
    bundle: &'a Bundle,
    options: &'a RunOptions,
    service: &'a mut Service<'b>,
}

impl Run<'_, '_> {
    fn frames(
        &mut self,
        watch: &mut Watch,
        source: &mut dyn WatchedSource,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        let config = &self.options.config;
        let frames_max = config.max_frames.unwrap_or(u64::MAX);
        // Live sources keep their own time.
        let is_paced = config.realtime && !matches!(self.options.source, SourceSpec::Live(_));
        let wait = POLL.min(config.alarm.stall() / 2);
        let mut frame = Frame::default();
        let mut read = 0;
        while read < frames_max && !self.service.signals.is_stopping() {
            if self.service.outputs.beacon().has_crashed() {
                return Err(EdgeError::Crashed);
            }
            if self.service.signals.take_reload() {
                self.reload(watch);
            }
            let polled = source.poll_frame(&mut frame, wait)?;
            watch.notice(source, self.service, out)?;
            let stream = match polled {
                Polled::Frame(stream) => stream,
                Polled::Nothing => {
                    watch.nothing(self.service)?;
                    continue;
                }
                Polled::End => break,
            };
            read += 1;
            if is_paced
                && !watch
                    .playback
                    .in_time(&frame, source.rate_hz(), self.service)
            {
                watch.left_out(stream);
                continue;
            }
            let now = Instant::now();
            let came = now.checked_sub(source.age(stream, &frame)).unwrap_or(now);
            watch.one(stream, &mut frame, came, self.service, out)?;
        }
        Ok(())
    }

    /// Takes the thresholds of the configuration as it is now; those of a
    /// configuration that cannot be used are refused.
    fn reload(&mut self, watch: &mut Watch) {
        let read = (self.service.reload)().and_then(|config| {
            let rules = config.verdict.over(&self.bundle.manifest.verdict)?;
            watch.set_verdict(rules)?;
            Ok((config, rules))
        });
        let outputs = &mut self.service.outputs;
        match read {
            Ok((config, rules)) => {
                outputs.set_hold(config.verdict.hold());
                let (false_alarm, miss) = (rules.false_alarm, rules.miss);
                tracing::warn!(false_alarm, miss, "thresholds reloaded");
                outputs.status(format_args!(
                    "thresholds reloaded: false alarm {false_alarm}, miss {miss}"
                ));
                if self.options.config.needs_restart(&config) {
                    tracing::warn!("other settings changed too: they need a restart");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the configuration was not reloaded: the old thresholds stay");
                outputs.status(format_args!("configuration refused: {error}"));
            }
        }
    }
}
