//! The clock of a stream that is played at its own speed.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::service::Service;
use unmask_shared::media::Frame;

/// Longest wait for a frame that is not due yet.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Of frames that are too late, so many are left out in a row at most.
const LATE_FRAMES_MAX: u32 = 10;

/// When frames are due.
pub(super) struct PlaybackClock {
    clock: Arc<dyn Clock>,
    start: Duration,
    /// How far the source is behind its own clock.
    lag: Duration,
    /// Frames in a row that were left out.
    late_frames: u32,
}

impl PlaybackClock {
    /// The stream begins now.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            start: clock.now(),
            clock,
            lag: Duration::ZERO,
            late_frames: 0,
        }
    }

    /// Time since the stream began.
    pub(super) fn now(&self) -> Duration {
        self.clock.now().saturating_sub(self.start)
    }

    /// Waits until it is time for the frame; `false` if that was long ago. A source
    /// that is slower than its own clock is given the time it lacks.
    pub(super) fn in_time(
        &mut self,
        frame: &Frame,
        rate_hz: f64,
        service: &mut Service<'_>,
    ) -> bool {
        let now = self.now();
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
        while let Some(early) = due.checked_sub(self.now()) {
            if early.is_zero() || service.signals.is_stopping() {
                break;
            }
            std::thread::sleep(early.min(Duration::from_millis(50)));
            service.outputs.idle();
        }
        true
    }
}
