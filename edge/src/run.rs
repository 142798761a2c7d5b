//! `unmask-edge run`: watches a stream and tells each change of a verdict to people,
//! the event log, the alarm and the service manager.

use std::io::Write;
use std::time::{Duration, Instant};

use unmask_shared::bundle::Bundle;
use unmask_shared::engine::Engine;
use unmask_shared::event::{Event, EventKind};
use unmask_shared::verdict::Verdict;

use crate::error::EdgeError;
use crate::person::Person;
use crate::pipeline::{Pipeline, PipelineConfig, PipelineError};
use crate::report::ExitStatus;
use crate::report::events::EventMaker;
use crate::report::progress::StatusLine;
use crate::report::style::time_text;
use crate::report::terminal::{EventPrinter, Summary};
use crate::service::{LogKeeper, Service, ServiceConfig};
use crate::source::{Frame, FrameSource, Polled, SourceSpec, open};

/// Longest wait for a frame of a camera before other things get their turn.
const POLL: Duration = Duration::from_millis(200);

/// Longest wait for a frame that is not due yet.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Of frames that are too late, so many are left out in a row at most.
const LATE_FRAMES_MAX: u32 = 10;

/// What to watch, and how.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Where the frames come from.
    pub source: SourceSpec,
    /// Everything else.
    pub config: ServiceConfig,
}

/// Watches the stream to its end, or until the system asks to end.
pub fn run(
    bundle: &Bundle,
    options: &RunOptions,
    service: &mut Service<'_>,
    out: &mut dyn Write,
) -> Result<ExitStatus, EdgeError> {
    let mut source = open(&options.source)?;
    run_source(bundle, source.as_mut(), options, service, out)
}

/// The same with a source that is open, whatever `options` say of it.
pub fn run_source(
    bundle: &Bundle,
    source: &mut dyn FrameSource,
    options: &RunOptions,
    service: &mut Service<'_>,
    out: &mut dyn Write,
) -> Result<ExitStatus, EdgeError> {
    let lanes = lanes(bundle, options, &source.streams())?;
    let start = Instant::now();
    let mut watch = Watch {
        lanes,
        log: options.config.log.open(start.elapsed())?,
        printer: EventPrinter::new(options.config.format),
        status: StatusLine::default(),
        pending: Vec::new(),
        summary: Summary::default(),
        start,
        lag: Duration::ZERO,
        late_frames: 0,
    };
    let mut run = Run {
        bundle,
        options,
        service,
    };
    let result = run.frames(&mut watch, source, out);
    watch.summary.frames_dropped += source.frames_dropped();
    let ended = watch.end(service, out);
    service.outputs.end();
    ended?;
    result?;
    let found = watch.summary.manipulated > 0 && !service.signals.is_terminated();
    Ok(if found {
        ExitStatus::Manipulated
    } else {
        ExitStatus::Nothing
    })
}

/// What belongs to one stream: that of one camera.
struct Lane {
    pipeline: Pipeline,
    maker: EventMaker,
    /// People in view who were called manipulated at some time.
    flagged: Vec<u32>,
    /// The newest frame.
    frame: Frame,
}

/// All streams share one network.
fn lanes(
    bundle: &Bundle,
    options: &RunOptions,
    streams: &[String],
) -> Result<Vec<Lane>, EdgeError> {
    let engine = Engine::load(bundle).map_err(PipelineError::from)?;
    let config = PipelineConfig {
        detect_every: options.config.every.max(1),
        ..Default::default()
    };
    let rules = options.config.verdict.over(&bundle.manifest.verdict)?;
    let lane = |stream: &String| {
        let mut pipeline = Pipeline::new(engine.clone(), bundle.manifest.clone(), config)?;
        pipeline.set_verdict(rules)?;
        Ok(Lane {
            pipeline,
            maker: EventMaker::new(stream, &bundle.manifest),
            flagged: Vec::new(),
            frame: Frame::default(),
        })
    };
    streams.iter().map(lane).collect()
}

/// What the streams are watched with.
struct Run<'a, 'b> {
    bundle: &'a Bundle,
    options: &'a RunOptions,
    service: &'a mut Service<'b>,
}

impl Run<'_, '_> {
    fn frames(
        &mut self,
        watch: &mut Watch,
        source: &mut dyn FrameSource,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        let config = &self.options.config;
        let frames_max = config.max_frames.unwrap_or(u64::MAX);
        let paced = config.realtime && !matches!(self.options.source, SourceSpec::Live(_));
        let mut frame = Frame::default();
        let mut read = 0;
        while read < frames_max && !self.service.signals.is_stopping() {
            let polled = source.poll_frame(&mut frame, POLL)?;
            if self.service.signals.take_reload() {
                self.reload(watch);
            }
            let faulty = source.is_faulty();
            let stream = match polled {
                Polled::Frame(stream) => stream,
                Polled::Nothing => {
                    watch.nothing(faulty, self.service)?;
                    continue;
                }
                Polled::End => break,
            };
            read += 1;
            if paced && !watch.in_time(&frame, source.rate_hz(), self.service) {
                watch.summary.frames_dropped += 1;
                continue;
            }
            if let Some(lane) = watch.lanes.get_mut(stream) {
                std::mem::swap(&mut lane.frame, &mut frame);
                watch.one(stream, faulty, self.service, out)?;
            }
        }
        Ok(())
    }

    /// Takes the thresholds of the configuration as it is now; those of a
    /// configuration that cannot be used are refused.
    fn reload(&mut self, watch: &mut Watch) {
        let read = (self.service.reload)().and_then(|config| {
            let rules = config.verdict.over(&self.bundle.manifest.verdict)?;
            for lane in &mut watch.lanes {
                lane.pipeline.set_verdict(rules)?;
            }
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

struct Watch {
    lanes: Vec<Lane>,
    printer: EventPrinter,
    log: Option<LogKeeper>,
    status: StatusLine,
    /// Events of the current frame.
    pending: Vec<Event>,
    summary: Summary,
    start: Instant,
    /// How far the source is behind its own clock (`--realtime`).
    lag: Duration,
    /// Frames in a row that were left out.
    late_frames: u32,
}

impl Watch {
    /// No camera has anything to look at.
    fn nothing(&mut self, faulty: bool, service: &mut Service<'_>) -> Result<(), EdgeError> {
        if faulty {
            service.outputs.fault();
        } else {
            service.outputs.idle();
        }
        if let Some(log) = &mut self.log {
            log.poll(self.start.elapsed())?;
        }
        Ok(())
    }

    /// Looks at the newest frame of a stream.
    fn one(
        &mut self,
        stream: usize,
        faulty: bool,
        service: &mut Service<'_>,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        let Some(lane) = self.lanes.get_mut(stream) else {
            return Ok(());
        };
        let (maker, pending, frame) = (&mut lane.maker, &mut self.pending, &lane.frame);
        let mut note = |kind, person: &Person| pending.push(maker.event(kind, person, frame));
        lane.pipeline.push(frame, &mut note)?;
        self.summary.frames += 1;
        let fault = faulty || self.log.as_ref().is_some_and(LogKeeper::is_faulty);
        let everybody = self.lanes.iter().flat_map(|lane| lane.pipeline.people());
        let people = everybody.filter(|p| p.id != 0);
        service.outputs.frame(people.map(Person::verdict), fault);
        self.tell(stream, service, out)?;
        if let Some(log) = &mut self.log {
            log.poll(self.start.elapsed())?;
        }
        let (frames, start) = (self.summary.frames, self.start);
        if let Some(lane) = self.lanes.get(stream) {
            let people = lane.pipeline.people();
            self.status
                .update(|| status_text(&lane.frame, frames, people, start));
        }
        Ok(())
    }

    /// Waits until it is time for the frame; `false` if that was long ago. A source
    /// that is slower than its own clock is given the time it lacks.
    fn in_time(&mut self, frame: &Frame, rate_hz: f64, service: &Service<'_>) -> bool {
        let now = self.start.elapsed();
        let due = self.lag + Duration::from_micros(frame.time_us);
        let late = now.saturating_sub(due);
        if late.as_secs_f64() >= 2.0 / rate_hz {
            self.late_frames += 1;
            if self.late_frames < LATE_FRAMES_MAX {
                return false;
            }
            self.lag += late;
        }
        self.late_frames = 0;
        let due = due.min(now + WAIT_MAX);
        while let Some(early) = due.checked_sub(self.start.elapsed()) {
            if early.is_zero() || service.signals.is_stopping() {
                break;
            }
            std::thread::sleep(early.min(Duration::from_millis(50)));
            service.outputs.idle();
        }
        true
    }

    fn end(&mut self, service: &mut Service<'_>, out: &mut dyn Write) -> Result<(), EdgeError> {
        let mut ended = Ok(());
        for stream in 0..self.lanes.len() {
            if let Some(lane) = self.lanes.get_mut(stream) {
                let (maker, pending, frame) = (&mut lane.maker, &mut self.pending, &lane.frame);
                let mut note = |kind, person: &Person| {
                    pending.push(maker.event(kind, person, frame));
                };
                ended = ended.and(lane.pipeline.finish(&mut note));
            }
            self.summary.seconds = self.start.elapsed().as_secs_f64();
            self.tell(stream, service, out)?;
        }
        if let Some(log) = self.log.take() {
            log.close()?;
        }
        self.printer.end(&self.summary, out)?;
        out.flush()?;
        Ok(ended?)
    }

    /// Logs and prints the events of a stream's newest frame.
    fn tell(
        &mut self,
        stream: usize,
        service: &mut Service<'_>,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        let Some(lane) = self.lanes.get_mut(stream) else {
            return Ok(());
        };
        if !self.pending.is_empty() {
            self.status.clear();
        }
        for event in self.pending.drain(..) {
            count(&mut self.summary, &mut lane.flagged, &event);
            service.outputs.event(&event);
            if let Some(log) = &mut self.log {
                log.record(&event, &lane.frame, self.start.elapsed())?;
            }
            self.printer.event(&event, out)?;
        }
        Ok(())
    }
}

fn count(summary: &mut Summary, flagged: &mut Vec<u32>, event: &Event) {
    match event.kind {
        EventKind::TrackStarted => {}
        EventKind::VerdictChanged => {
            if event.verdict == Verdict::Manipulated && !flagged.contains(&event.track) {
                flagged.push(event.track);
            }
        }
        EventKind::TrackEnded => {
            let was_flagged = flagged.contains(&event.track);
            flagged.retain(|&track| track != event.track);
            match event.verdict {
                _ if was_flagged => summary.manipulated += 1,
                Verdict::Manipulated => summary.manipulated += 1,
                Verdict::Genuine => summary.genuine += 1,
                Verdict::Undecided => summary.undecided += 1,
            }
        }
    }
}

fn status_text(frame: &Frame, frames: u64, people: &[Person], start: Instant) -> String {
    let rate = frames as f64 / start.elapsed().as_secs_f64().max(1e-3);
    let mut text = format!("{}  {rate:.0} frames a second", time_text(frame.time_us));
    for person in people.iter().filter(|person| person.id != 0) {
        let score = person.score().unwrap_or(0.5);
        text += &format!("  {}: {} {score:.2}", person.id, person.verdict());
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::alarm::SystemClock;
    use crate::builtin::builtin;
    use crate::report::terminal::EventFormat;
    use crate::service::{Notifier, Outputs, Signals};
    use crate::source::{SourceError, SyntheticSource};

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

    #[test]
    fn streams_do_not_mix() {
        let options = RunOptions {
            source: SourceSpec::Synthetic(3),
            config: ServiceConfig {
                format: EventFormat::Jsonl,
                max_frames: Some(120),
                ..ServiceConfig::default()
            },
        };
        let clock = Arc::new(SystemClock::default());
        let outputs = Outputs::open(&options.config, Notifier::default(), clock).unwrap();
        let mut service = Service {
            outputs,
            signals: Signals::default(),
            reload: &|| Ok(ServiceConfig::default()),
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
}
