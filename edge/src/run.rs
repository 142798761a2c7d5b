//! `unmask-edge run`: watches a stream and tells each change of a verdict.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use unmask_shared::bundle::Bundle;
use unmask_shared::engine::Engine;
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
use crate::source::{Frame, FrameSource, Polled, SourceSpec, open};

/// Longest wait for a frame before other things get their turn.
const POLL: Duration = Duration::from_millis(200);

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
    run_source(bundle, source.as_mut(), options, stop, out)
}

/// The same with a source that is open, whatever `options` say of it.
pub fn run_source(
    bundle: &Bundle,
    source: &mut dyn FrameSource,
    options: &RunOptions,
    stop: &AtomicBool,
    out: &mut dyn Write,
) -> Result<ExitStatus, EdgeError> {
    let mut watch = Watch {
        lanes: lanes(bundle, options, &source.streams())?,
        log: options.log.as_ref().map(open_log).transpose()?,
        printer: EventPrinter::new(options.format),
        status: StatusLine::default(),
        pending: Vec::new(),
        summary: Summary::default(),
        start: Instant::now(),
    };
    let result = watch.frames(source, options, stop, out);
    watch.summary.frames_dropped += source.frames_dropped();
    watch.end(out)?;
    result?;
    let found = watch.summary.manipulated > 0;
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
    let engine = Engine::load(bundle)?;
    let config = PipelineConfig {
        detect_every: options.every.max(1),
        ..Default::default()
    };
    let lane = |stream: &String| {
        Ok(Lane {
            pipeline: Pipeline::new(engine.clone(), bundle.manifest.clone(), config)?,
            maker: EventMaker::new(stream, &bundle.manifest),
            flagged: Vec::new(),
            frame: Frame::default(),
        })
    };
    streams.iter().map(lane).collect()
}

struct Watch {
    lanes: Vec<Lane>,
    printer: EventPrinter,
    log: Option<EventRecorder>,
    status: StatusLine,
    /// Events of the current frame.
    pending: Vec<Event>,
    summary: Summary,
    start: Instant,
}

impl Watch {
    fn frames(
        &mut self,
        source: &mut dyn FrameSource,
        options: &RunOptions,
        stop: &AtomicBool,
        out: &mut dyn Write,
    ) -> Result<(), EdgeError> {
        let frames_max = options.frames_max.unwrap_or(u64::MAX);
        let paced = options.realtime && !matches!(options.source, SourceSpec::Live(_));
        let mut frame = Frame::default();
        let mut read = 0;
        while read < frames_max && !stop.load(Ordering::Relaxed) {
            let stream = match source.poll_frame(&mut frame, POLL)? {
                Polled::Frame(stream) => stream,
                Polled::Nothing => {
                    self.idle()?;
                    continue;
                }
                Polled::End => break,
            };
            read += 1;
            if paced && !self.in_time(&frame, source.rate_hz()) {
                self.summary.frames_dropped += 1;
                continue;
            }
            if let Some(lane) = self.lanes.get_mut(stream) {
                std::mem::swap(&mut lane.frame, &mut frame);
                self.one(stream, out)?;
            }
        }
        Ok(())
    }

    /// No camera has anything to look at.
    fn idle(&mut self) -> Result<(), EdgeError> {
        if let Some(log) = &mut self.log {
            log.poll(self.start.elapsed())?;
        }
        Ok(())
    }

    /// Looks at the newest frame of a stream.
    fn one(&mut self, stream: usize, out: &mut dyn Write) -> Result<(), EdgeError> {
        let Some(lane) = self.lanes.get_mut(stream) else {
            return Ok(());
        };
        let (maker, pending, frame) = (&mut lane.maker, &mut self.pending, &lane.frame);
        let mut note = |kind, person: &Person| pending.push(maker.event(kind, person, frame));
        lane.pipeline.push(frame, &mut note)?;
        self.summary.frames += 1;
        self.tell(stream, out)?;
        self.idle()?;
        let (frames, start) = (self.summary.frames, self.start);
        if let Some(lane) = self.lanes.get(stream) {
            let people = lane.pipeline.people();
            self.status
                .update(|| status_text(&lane.frame, frames, people, start));
        }
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

    fn end(&mut self, out: &mut dyn Write) -> Result<(), EdgeError> {
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
            self.tell(stream, out)?;
        }
        if let Some(log) = self.log.take() {
            log.close()?;
        }
        self.printer.end(&self.summary, out)?;
        out.flush()?;
        Ok(ended?)
    }

    /// Logs and prints the events of a stream's newest frame.
    fn tell(&mut self, stream: usize, out: &mut dyn Write) -> Result<(), EdgeError> {
        let Some(lane) = self.lanes.get_mut(stream) else {
            return Ok(());
        };
        if !self.pending.is_empty() {
            self.status.clear();
        }
        for event in self.pending.drain(..) {
            count(&mut self.summary, &mut lane.flagged, &event);
            if let Some(log) = &mut self.log {
                log.record(&event, &lane.frame, self.start.elapsed())?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::builtin;
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
            format: EventFormat::Jsonl,
            frames_max: Some(120),
            realtime: false,
            every: 5,
            log: None,
        };
        let mut source = Twice {
            source: SyntheticSource::new(3).unwrap(),
            turn: 0,
            kept: Frame::default(),
        };
        let mut out = Vec::new();
        let stop = AtomicBool::new(false);
        run_source(&builtin().unwrap(), &mut source, &options, &stop, &mut out).unwrap();
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
