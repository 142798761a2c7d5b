//! `unmask-edge run`: watches a stream and tells each change of a verdict to people,
//! the event log, the alarm and the service manager.

use std::io::Write;
use std::time::{Duration, Instant};

use unmask_shared::bundle::Bundle;
use unmask_shared::event::{Event, EventKind};
use unmask_shared::verdict::Verdict;

use crate::error::EdgeError;
use crate::person::Person;
use crate::pipeline::{Pipeline, PipelineConfig};
use crate::report::ExitStatus;
use crate::report::events::EventMaker;
use crate::report::progress::StatusLine;
use crate::report::style::time_text;
use crate::report::terminal::{EventPrinter, Summary};
use crate::service::{LogKeeper, Service, ServiceConfig};
use crate::source::{Frame, FrameSource, SourceSpec, open};

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
    let config = PipelineConfig {
        detect_every: options.config.every.max(1),
        ..Default::default()
    };
    let mut pipeline = Pipeline::open(bundle, config)?;
    pipeline.set_verdict(options.config.verdict.over(&bundle.manifest.verdict)?)?;
    let start = Instant::now();
    let mut watch = Watch {
        pipeline,
        log: options.config.log.open(start.elapsed())?,
        maker: EventMaker::new(source.name(), &bundle.manifest),
        printer: EventPrinter::new(options.config.format),
        status: StatusLine::default(),
        pending: Vec::new(),
        flagged: Vec::new(),
        summary: Summary::default(),
        start,
        lag: Duration::ZERO,
        late_frames: 0,
    };
    let mut frame = Frame::default();
    let mut run = Run {
        bundle,
        options,
        service,
    };
    let result = run.frames(&mut watch, source.as_mut(), &mut frame, out);
    let ended = watch.end(&frame, service, out);
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

/// What a stream is watched with.
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
        frame: &mut Frame,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        let config = &self.options.config;
        let frames_max = config.max_frames.unwrap_or(u64::MAX);
        let mut read = 0;
        while read < frames_max
            && !self.service.signals.is_stopping()
            && source.next_frame(frame)?
        {
            read += 1;
            if self.service.signals.take_reload() {
                self.reload(watch);
            }
            if config.realtime && !watch.in_time(frame, source.rate_hz(), self.service) {
                watch.summary.frames_dropped += 1;
                continue;
            }
            watch.one(frame, self.service, out)?;
        }
        Ok(())
    }

    /// Takes the thresholds of the configuration as it is now; those of a
    /// configuration that cannot be used are refused.
    fn reload(&mut self, watch: &mut Watch) {
        let read = (self.service.reload)().and_then(|config| {
            let rules = config.verdict.over(&self.bundle.manifest.verdict)?;
            watch.pipeline.set_verdict(rules)?;
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
    pipeline: Pipeline,
    maker: EventMaker,
    printer: EventPrinter,
    log: Option<LogKeeper>,
    status: StatusLine,
    /// Events of the current frame.
    pending: Vec<Event>,
    /// People in view who were called manipulated at some time.
    flagged: Vec<u32>,
    summary: Summary,
    start: Instant,
    /// How far the source is behind its own clock (`--realtime`).
    lag: Duration,
    /// Frames in a row that were left out.
    late_frames: u32,
}

impl Watch {
    fn one(
        &mut self,
        frame: &Frame,
        service: &mut Service<'_>,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        let (maker, pending) = (&mut self.maker, &mut self.pending);
        let mut note = |kind, person: &Person| pending.push(maker.event(kind, person, frame));
        self.pipeline.push(frame, &mut note)?;
        self.summary.frames += 1;
        let people = self.pipeline.people().iter().filter(|p| p.id != 0);
        let fault = self.log.as_ref().is_some_and(LogKeeper::is_faulty);
        service.outputs.frame(people.map(Person::verdict), fault);
        self.tell(frame, service, out)?;
        if let Some(log) = &mut self.log {
            log.poll(self.start.elapsed())?;
        }
        let (summary, people, start) = (&self.summary, self.pipeline.people(), self.start);
        self.status
            .update(|| status_text(frame, summary.frames, people, start));
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

    fn end(
        &mut self,
        frame: &Frame,
        service: &mut Service<'_>,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        let (maker, pending) = (&mut self.maker, &mut self.pending);
        let ended = self
            .pipeline
            .finish(&mut |kind, person| pending.push(maker.event(kind, person, frame)));
        self.summary.seconds = self.start.elapsed().as_secs_f64();
        self.tell(frame, service, out)?;
        if let Some(log) = self.log.take() {
            log.close()?;
        }
        self.printer.end(&self.summary, out)?;
        out.flush()?;
        Ok(ended?)
    }

    /// Logs and prints the events of the frame.
    fn tell(
        &mut self,
        frame: &Frame,
        service: &mut Service<'_>,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        if !self.pending.is_empty() {
            self.status.clear();
        }
        for event in self.pending.drain(..) {
            count(&mut self.summary, &mut self.flagged, &event);
            service.outputs.event(&event);
            if let Some(log) = &mut self.log {
                log.record(&event, frame, self.start.elapsed())?;
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
