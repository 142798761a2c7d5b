//! One camera: opens it, takes its frames, notices what is wrong with it and
//! opens it again.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use unmask_pixels::{Converter, Format, JpegFault, PictureFault};

use unmask_shared::media::Frame;

use super::config::CameraConfig;
use super::device::{Buffer, Bus, Device};
use super::fault::{CameraEvent, FaultCounters, FaultKind, KINDS};
use super::identity::Attached;
use super::watch::PictureWatch;
use crate::clock::Clock;

/// Who gets the frames, and learns of faults.
pub trait CameraSink {
    /// A good frame. The sink may swap it for another one.
    fn frame(&mut self, frame: &mut Frame);

    /// Something went wrong, or is well again.
    fn event(&mut self, event: &CameraEvent, faults: &FaultCounters);
}

/// Whether there is more to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameraStep {
    /// Call again.
    Continue,
    /// The stream ended as it should.
    Finished,
    /// It failed too often in a row; the text is the last reason.
    GivenUp(String),
}

struct Open {
    device: Box<dyn Device>,
    format: Format,
    last_buffer: Duration,
    last_good: Duration,
    last_stamp: Option<Duration>,
    format_checked: Duration,
    has_delivered: bool,
}

/// What became of one buffer.
enum Look {
    Good,
    Bad(FaultKind, String),
}

/// One camera.
pub struct Camera {
    config: CameraConfig,
    bus: Box<dyn Bus>,
    clock: Arc<dyn Clock>,
    open: Option<Open>,
    /// The device as it was when it was first opened.
    known: Option<Attached>,
    last_path: Option<PathBuf>,
    start: Duration,
    retry_at: Duration,
    failures: u32,
    /// Times that it was refused since the last frame.
    refusals: u32,
    converter: Converter,
    watch: Option<PictureWatch>,
    frame: Frame,
    frames: u64,
    faults: FaultCounters,
    active: [Option<Duration>; KINDS],
}

impl Camera {
    /// A camera that is opened with the first step.
    pub fn new(config: CameraConfig, bus: Box<dyn Bus>, clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        Self {
            watch: config.limits.picture.map(PictureWatch::new),
            config,
            bus,
            clock,
            open: None,
            known: None,
            last_path: None,
            start: now,
            retry_at: now,
            failures: 0,
            refusals: 0,
            converter: Converter::default(),
            frame: Frame::default(),
            frames: 0,
            faults: FaultCounters::default(),
            active: [None; KINDS],
        }
    }

    /// How often which fault was seen.
    pub fn faults(&self) -> &FaultCounters {
        &self.faults
    }

    /// Does the next bit of work: opens the camera, waits for a frame, or lets
    /// time pass. Takes no longer than the driver and [`poll`](super::config::CaptureLimits::poll).
    pub fn step(&mut self, sink: &mut dyn CameraSink) -> CameraStep {
        let Some(mut open) = self.open.take() else {
            return self.step_closed(sink);
        };
        let before = self.clock.now();
        match open.device.dequeue(self.config.limits.poll) {
            Ok(buffer) => {
                let now = self.clock.now();
                let format = own_format(&buffer, open.format);
                let looked = self.look(&buffer, &format, &mut open.last_stamp, now);
                open.last_buffer = now;
                open.has_delivered = true;
                match looked {
                    Look::Good => {
                        open.last_good = now;
                        self.deliver(&format, now, sink);
                    }
                    Look::Bad(kind, detail) => self.raise(kind, detail, sink),
                }
                self.check(open, now, sink)
            }
            Err(error) if is_nothing_yet(&error) => {
                let now = self.clock.now();
                if now.saturating_sub(before) < Duration::from_millis(1) {
                    self.clock.sleep(Duration::from_millis(5));
                }
                self.check(open, now, sink)
            }
            Err(error) => {
                if open.device.is_finished() {
                    return CameraStep::Finished;
                }
                if open.device.is_hopeless() {
                    self.raise(FaultKind::of(&error), error.to_string(), sink);
                    return CameraStep::GivenUp(error.to_string());
                }
                self.fail(FaultKind::of(&error), error.to_string(), sink)
            }
        }
    }

    /// Closes the camera after something unexpected; it is opened again later.
    pub fn reset(&mut self, detail: &str, sink: &mut dyn CameraSink) -> CameraStep {
        self.open = None;
        self.fail(FaultKind::Io, detail.to_owned(), sink)
    }

    /// Decides whether the camera may stay open.
    fn check(&mut self, mut open: Open, now: Duration, sink: &mut dyn CameraSink) -> CameraStep {
        let limits = self.config.limits;
        let silent = now.saturating_sub(open.last_buffer);
        let patience = if open.has_delivered {
            limits.silence
        } else {
            limits.first_frame
        };
        if silent >= patience {
            let detail = format!("no frame for {:.1} s", silent.as_secs_f32());
            return self.fail(FaultKind::Timeout, detail, sink);
        }
        if now.saturating_sub(open.format_checked) >= limits.format_check {
            open.format_checked = now;
            match open.device.format() {
                Ok(format) if format != open.format => {
                    let detail = format!("{} became {format}", open.format);
                    return self.fail(FaultKind::FormatChanged, detail, sink);
                }
                Ok(_) => {}
                Err(error) => return self.fail(FaultKind::of(&error), error.to_string(), sink),
            }
        }
        if now.saturating_sub(open.last_good) >= limits.bad && silent.is_zero() {
            tracing::debug!(camera = %self.config.name, "no good frame for long: opening again");
            self.back_off();
            return CameraStep::Continue;
        }
        self.open = Some(open);
        CameraStep::Continue
    }

    fn step_closed(&mut self, sink: &mut dyn CameraSink) -> CameraStep {
        let now = self.clock.now();
        if let Some(early) = self.retry_at.checked_sub(now).filter(|t| !t.is_zero()) {
            self.clock.sleep(early.min(Duration::from_millis(100)));
            return CameraStep::Continue;
        }
        match self.try_open(sink) {
            Ok(Some(open)) => {
                self.open = Some(open);
                CameraStep::Continue
            }
            Ok(None) => {
                self.back_off();
                CameraStep::Continue
            }
            Err(error) => self.fail(FaultKind::of(&error), error.to_string(), sink),
        }
    }

    /// `None` where the device is refused.
    fn try_open(&mut self, sink: &mut dyn CameraSink) -> io::Result<Option<Open>> {
        let found = self.find()?;
        let mut device = self.bus.open(&found, &self.config.wanted)?;
        let format = device.format()?;
        let is_odd = self.recognise(&found, sink);
        if is_odd && self.config.enrolment.as_ref().is_some_and(|e| e.refuse) {
            return Ok(None);
        }
        tracing::info!(camera = %self.config.name, device = %found, %format, "camera opened");
        self.last_path = Some(found.path.clone());
        self.known.get_or_insert(found);
        let now = self.clock.now();
        Ok(Some(Open {
            device,
            format,
            last_buffer: now,
            last_good: now,
            last_stamp: None,
            format_checked: now,
            has_delivered: false,
        }))
    }

    /// Looks for the camera by what stays, once that is known.
    fn find(&mut self) -> io::Result<Attached> {
        let connected = self.bus.list()?;
        let (name, known) = (&self.config.name, &self.known);
        let answers = |camera: &&Attached| match known {
            // A serial number that was asked for goes to any socket.
            Some(known) if known.serial.as_deref() == Some(name) => camera.answers_to(name),
            Some(known) => camera.bus == known.bus,
            None => camera.answers_to(name),
        };
        let mut matching = connected.iter().filter(answers);
        match (matching.next(), matching.next()) {
            (Some(one), None) => Ok(one.clone()),
            (None, _) => Err(io::Error::new(io::ErrorKind::NotFound, "not connected")),
            (Some(_), Some(_)) => Err(io::Error::other(
                "two cameras answer to this name; name it by its bus",
            )),
        }
    }

    /// Tells what is odd about the device; returns whether anything hints at an
    /// injection.
    fn recognise(&mut self, found: &Attached, sink: &mut dyn CameraSink) -> bool {
        let moved = |path: &PathBuf| *path != found.path;
        if self.last_path.as_ref().is_some_and(moved) {
            let detail = format!("now {}", found.path.display());
            self.raise(FaultKind::Moved, detail, sink);
        }
        let Some(enrolment) = &self.config.enrolment else {
            return false;
        };
        let known = self.known.as_ref().unwrap_or(found);
        let odd = [
            (
                FaultKind::NotEnrolled,
                enrolment.misses(found),
                format!("{found} is not enrolled"),
            ),
            (
                FaultKind::Virtual,
                enrolment.doubts(found),
                format!("{found} is, or may be, made by software"),
            ),
            (
                FaultKind::Replaced,
                found.is_other_than(known),
                format!("{found} is where {known} was"),
            ),
        ];
        let is_odd = odd.iter().any(|(_, is_so, _)| *is_so);
        for (kind, is_so, detail) in odd {
            if is_so {
                self.raise(kind, detail, sink);
            } else {
                self.clear(kind, sink);
            }
        }
        is_odd
    }

    fn look(
        &mut self,
        buffer: &Buffer<'_>,
        format: &Format,
        last_stamp: &mut Option<Duration>,
        now: Duration,
    ) -> Look {
        if buffer.has_error {
            return Look::Bad(FaultKind::ErrorFlag, "the driver calls it damaged".into());
        }
        let last = last_stamp.replace(buffer.time);
        if let Some(back) = last.and_then(|last| last.checked_sub(buffer.time))
            && !back.is_zero()
        {
            let detail = format!("by {:.3} s", back.as_secs_f64());
            return Look::Bad(FaultKind::TimeBackward, detail);
        }
        let payload = buffer.payload();
        // Before decoding: a frozen picture that is damaged is still frozen.
        let frozen = self
            .watch
            .as_mut()
            .is_some_and(|w| w.is_frozen(payload, now));
        if let Err(fault) = self.converter.to_rgb(format, payload, &mut self.frame.rgb) {
            return Look::Bad(kind_of(&fault), fault.to_string());
        }
        if frozen {
            return Look::Bad(FaultKind::Frozen, "the picture does not change".into());
        }
        Look::Good
    }

    fn deliver(&mut self, format: &Format, now: Duration, sink: &mut dyn CameraSink) {
        (self.failures, self.refusals) = (0, 0);
        let black = (self.watch.as_mut()).is_some_and(|w| w.is_black(&self.frame.rgb, now));
        if black {
            self.raise(FaultKind::Black, "the picture is black".into(), sink);
        } else {
            self.clear(FaultKind::Black, sink);
        }
        for kind in FaultKind::ALL.into_iter().filter(|k| !k.is_lasting()) {
            self.clear(kind, sink);
        }
        self.frame.width = format.width();
        self.frame.height = format.height();
        self.frame.index = self.frames;
        self.frame.time_us = now.saturating_sub(self.start).as_micros() as u64;
        self.frames += 1;
        sink.frame(&mut self.frame);
    }

    /// The camera is closed by now; it is opened again after a while.
    fn fail(&mut self, kind: FaultKind, detail: String, sink: &mut dyn CameraSink) -> CameraStep {
        let last_words = format!("{kind}: {detail}");
        self.raise(kind, detail, sink);
        self.back_off();
        // Only a frame shows that it is let in again.
        self.refusals += u32::from(kind == FaultKind::PermissionLost);
        if let Some((most, wait)) = self.config.limits.refused
            && self.refusals >= most
        {
            tracing::error!(reason = %last_words, minutes = wait.as_secs() / 60, "refused: not tried again before that time or the next start, so that no account is locked");
            self.retry_at = self.clock.now() + wait;
        }
        match self.config.limits.failures_max {
            Some(most) if self.failures >= most => CameraStep::GivenUp(last_words),
            _ => CameraStep::Continue,
        }
    }

    fn back_off(&mut self) {
        let limits = self.config.limits;
        let doubled = limits
            .retry_first
            .saturating_mul(1 << self.failures.min(16));
        self.retry_at = self.clock.now() + doubled.min(limits.retry_max);
        self.failures = self.failures.saturating_add(1);
    }

    fn raise(&mut self, kind: FaultKind, detail: String, sink: &mut dyn CameraSink) {
        self.faults.count(kind);
        let now = self.clock.now();
        let active = &mut self.active[kind as usize];
        if active.is_none() {
            *active = Some(now);
            sink.event(&CameraEvent::Fault { kind, detail }, &self.faults);
        }
    }

    fn clear(&mut self, kind: FaultKind, sink: &mut dyn CameraSink) {
        if let Some(since) = self.active[kind as usize].take() {
            let after = self.clock.now().saturating_sub(since);
            sink.event(&CameraEvent::Recovered { kind, after }, &self.faults);
        }
    }
}

/// That of a frame which tells its own size, else that of the device.
fn own_format(buffer: &Buffer<'_>, format: Format) -> Format {
    let own = buffer.size.and_then(|(width, height)| {
        // A size that is none does not fit to the bytes, which is told.
        Format::packed(format.pixels(), width, height).ok()
    });
    own.unwrap_or(format)
}

fn is_nothing_yet(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), TimedOut | WouldBlock | Interrupted)
}

fn kind_of(fault: &PictureFault) -> FaultKind {
    match fault {
        PictureFault::Short { .. } | PictureFault::Jpeg(JpegFault::Truncated { .. }) => {
            FaultKind::Truncated
        }
        PictureFault::Jpeg(JpegFault::Corrupt(_)) => FaultKind::Corrupt,
        PictureFault::Jpeg(JpegFault::Size { .. }) => FaultKind::WrongSize,
    }
}
