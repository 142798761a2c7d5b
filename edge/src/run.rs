//! `unmask-edge run`: watches a stream and tells each change of a verdict.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use unmask_shared::bundle::Bundle;
use unmask_shared::event::{Event, EventKind};
use unmask_shared::verdict::Verdict;

use crate::error::EdgeError;
use crate::log::{EventRecorder, RecordConfig};
use crate::person::Person;
use crate::pipeline::{Pipeline, PipelineConfig};
use crate::report::ExitStatus;
use crate::report::events::EventMaker;
use crate::report::progress::StatusLine;
use crate::report::style::time_text;
use crate::report::terminal::{EventFormat, EventPrinter, Summary};
use crate::source::{Frame, FrameSource, SourceSpec, open};

/// What to watch, and how.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Where the frames come from.
    pub source: SourceSpec,
    /// How events are written.
    pub format: EventFormat,
    /// Ends after so many frames.
    pub frames_max: Option<u64>,
    /// Plays at the speed of the source; frames that come too late are left out.
    pub realtime: bool,
    /// Faces are looked for in every so many frames, at least 1.
    pub every: u32,
    /// Where events are logged, if anywhere.
    pub log: Option<RecordConfig>,
}

/// Watches the stream to its end, or until `stop` is set.
pub fn run(
    bundle: &Bundle,
    options: &RunOptions,
    stop: &AtomicBool,
    out: &mut dyn Write,
) -> Result<ExitStatus, EdgeError> {
    let mut source = open(&options.source)?;
    let config = PipelineConfig {
        detect_every: options.every.max(1),
        ..Default::default()
    };
    let mut watch = Watch {
        pipeline: Pipeline::open(bundle, config)?,
        log: options.log.as_ref().map(open_log).transpose()?,
        maker: EventMaker::new(source.name(), &bundle.manifest),
        printer: EventPrinter::new(options.format),
        status: StatusLine::default(),
        pending: Vec::new(),
        flagged: Vec::new(),
        summary: Summary::default(),
        start: Instant::now(),
    };
    let mut frame = Frame::default();
    let result = watch.frames(source.as_mut(), options, stop, &mut frame, out);
    watch.end(&frame, out)?;
    result?;
    let found = watch.summary.manipulated > 0;
    Ok(if found {
        ExitStatus::Manipulated
    } else {
        ExitStatus::Nothing
    })
}

struct Watch {
    pipeline: Pipeline,
    maker: EventMaker,
    printer: EventPrinter,
    log: Option<EventRecorder>,
    status: StatusLine,
    /// Events of the current frame.
    pending: Vec<Event>,
    /// People in view who were called manipulated at some time.
    flagged: Vec<u32>,
    summary: Summary,
    start: Instant,
}

impl Watch {
    fn frames(
        &mut self,
        source: &mut dyn FrameSource,
        options: &RunOptions,
        stop: &AtomicBool,
        frame: &mut Frame,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        let frames_max = options.frames_max.unwrap_or(u64::MAX);
        let mut read = 0;
        while read < frames_max && !stop.load(Ordering::Relaxed) && source.next_frame(frame)? {
            read += 1;
            if options.realtime && !self.in_time(frame, source.rate_hz()) {
                self.summary.frames_dropped += 1;
                continue;
            }
            self.one(frame, out)?;
        }
        Ok(())
    }

    fn one(&mut self, frame: &Frame, out: &mut dyn Write) -> Result<(), EdgeError> {
        let (maker, pending) = (&mut self.maker, &mut self.pending);
        let mut note = |kind, person: &Person| pending.push(maker.event(kind, person, frame));
        self.pipeline.push(frame, &mut note)?;
        self.summary.frames += 1;
        self.tell(frame, out)?;
        if let Some(log) = &mut self.log {
            log.poll(self.start.elapsed())?;
        }
        let (summary, people, start) = (&self.summary, self.pipeline.people(), self.start);
        self.status
            .update(|| status_text(frame, summary.frames, people, start));
        Ok(())
    }

    /// Waits until it is time for the frame; `false` if that was long ago.
    fn in_time(&self, frame: &Frame, rate_hz: f64) -> bool {
        let due = Duration::from_micros(frame.time_us);
        let now = self.start.elapsed();
        if let Some(early) = due.checked_sub(now) {
            std::thread::sleep(early.min(Duration::from_secs(5)));
            return true;
        }
        (now - due).as_secs_f64() < 2.0 / rate_hz
    }

    fn end(&mut self, frame: &Frame, out: &mut dyn Write) -> Result<(), EdgeError> {
        let (maker, pending) = (&mut self.maker, &mut self.pending);
        let ended = self
            .pipeline
            .finish(&mut |kind, person| pending.push(maker.event(kind, person, frame)));
        self.summary.seconds = self.start.elapsed().as_secs_f64();
        self.tell(frame, out)?;
        if let Some(log) = self.log.take() {
            log.close()?;
        }
        self.printer.end(&self.summary, out)?;
        out.flush()?;
        Ok(ended?)
    }

    /// Logs and prints the events of the frame.
    fn tell(&mut self, frame: &Frame, out: &mut dyn Write) -> Result<(), EdgeError> {
        if !self.pending.is_empty() {
            self.status.clear();
        }
        for event in self.pending.drain(..) {
            count(&mut self.summary, &mut self.flagged, &event);
            if let Some(log) = &mut self.log {
                log.record(&event, frame, self.start.elapsed())?;
            }
            self.printer.event(&event, out)?;
        }
        Ok(())
    }
}

fn open_log(config: &RecordConfig) -> Result<EventRecorder, EdgeError> {
    let (recorder, recovery) = EventRecorder::open(config)?;
    if recovery.dropped_bytes > 0 {
        tracing::warn!(
            folder = %config.folder.display(),
            entry = recovery.entries,
            bytes = recovery.dropped_bytes,
            "the event log ended in half an entry, which was cut off"
        );
    }
    Ok(recorder)
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
