//! When a camera counts as lost, and what the event log is told of it.

use std::time::Duration;

use unmask_shared::event::EventKind;

use crate::capture::{FaultKind, FaultSet};

/// A camera with a fault that delivers nothing for so long is lost: what was seen
/// before says nothing about who is there now.
const LOST_AFTER: Duration = Duration::from_secs(1);

/// What is known about one camera.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// What is wrong with it.
    faults: FaultSet,
    /// When its newest frame came.
    frame_at: Duration,
    /// Frames that it had delivered then, where that is known.
    delivered: u64,
    is_lost: bool,
}

impl Health {
    /// What is wrong with it.
    pub(super) fn faults(&self) -> FaultSet {
        self.faults
    }

    /// A frame came; tells whether the camera was lost before.
    pub(super) fn frame(&mut self, now: Duration) -> Option<EventKind> {
        self.frame_at = now;
        std::mem::take(&mut self.is_lost).then_some(EventKind::CameraBack)
    }

    /// Takes how many frames it has delivered so far. One that waits, while others
    /// are judged, is no silence: slow machines would take their cameras for lost.
    pub(super) fn delivered(&mut self, frames: u64, now: Duration) {
        if frames != self.delivered {
            (self.delivered, self.frame_at) = (frames, now);
        }
    }

    /// Takes what is wrong now. Tells what is new about that: first what hints at
    /// an injection, then whether the camera is lost.
    pub(super) fn update(
        &mut self,
        faults: FaultSet,
        now: Duration,
    ) -> impl Iterator<Item = EventKind> + use<> {
        let fresh = faults.without(self.faults);
        self.faults = faults;
        let silent = now.saturating_sub(self.frame_at);
        let is_lost_now = !self.is_lost && !faults.is_empty() && silent >= LOST_AFTER;
        self.is_lost |= is_lost_now;
        let lost = is_lost_now.then_some(EventKind::CameraLost);
        fresh.iter().filter_map(hint).chain(lost)
    }
}

/// The event of a fault that hints at an injection.
fn hint(fault: FaultKind) -> Option<EventKind> {
    match fault {
        FaultKind::NotEnrolled => Some(EventKind::CameraNotEnrolled),
        FaultKind::Virtual => Some(EventKind::CameraVirtual),
        FaultKind::Replaced => Some(EventKind::CameraReplaced),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_lost_once_until_a_frame_comes() {
        let mut health = Health::default();
        let unplugged = FaultSet::from_iter([FaultKind::Unplugged]);
        let mut told = Vec::new();
        for ms in (0..5000).step_by(100) {
            let now = Duration::from_millis(ms);
            let has_frame = !(1000..4000).contains(&ms);
            let faults = if has_frame {
                FaultSet::default()
            } else {
                unplugged
            };
            told.extend(health.update(faults, now).map(|kind| (ms, kind)));
            if has_frame {
                told.extend(health.frame(now).map(|kind| (ms, kind)));
            }
        }
        let expected = [(1900, EventKind::CameraLost), (4000, EventKind::CameraBack)];
        assert_eq!(told, expected);
    }

    #[test]
    fn frames_that_wait_while_others_are_judged_are_no_silence() {
        let mut health = Health::default();
        let odd = FaultSet::from_iter([FaultKind::Virtual]);
        let mut told = Vec::new();
        // No frame is looked at; five are delivered, a second apart, and then none.
        for second in 0..10 {
            let now = Duration::from_secs(second);
            health.delivered(second.min(5), now);
            told.extend(health.update(odd, now).map(|kind| (second, kind)));
        }
        let expected = [(0, EventKind::CameraVirtual), (6, EventKind::CameraLost)];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_hint_is_told_once_while_it_lasts() {
        let mut health = Health::default();
        let odd = FaultSet::from_iter([FaultKind::Virtual, FaultKind::NotEnrolled]);
        let mut update = |faults| -> Vec<EventKind> {
            health.frame(Duration::ZERO);
            health.update(faults, Duration::ZERO).collect()
        };
        let hints = [EventKind::CameraNotEnrolled, EventKind::CameraVirtual];
        assert_eq!(update(odd), hints);
        assert_eq!(update(odd), []);
        assert_eq!(update(FaultSet::default()), []);
        assert_eq!(update(odd), hints);
    }
}
