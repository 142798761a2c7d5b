//! The newest frame of each camera, and what its camera is doing.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use unmask_shared::media::Frame;

use super::fault::{CameraEvent, FaultCounters, FaultKind, FaultSet};

/// What a camera is doing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CameraStatus {
    /// What it is called in logs and events.
    pub name: String,
    /// Frames that it delivered.
    pub frames: u64,
    /// Frames that a newer one replaced before anybody looked.
    pub dropped: u64,
    /// How often which fault was seen.
    pub faults: FaultCounters,
    /// What is wrong now.
    pub active: Vec<FaultKind>,
    /// How it ended, once it has: well, or why not.
    pub ended: Option<Result<(), String>>,
}

#[derive(Default)]
struct Slot {
    frame: Frame,
    is_fresh: bool,
    status: CameraStatus,
}

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    /// The camera to look at first, so that none starves.
    next: usize,
    closed: bool,
}

/// One place per camera. A camera never waits for another one, nor for the
/// reader, unless it is told to lose no frame.
#[derive(Clone)]
pub struct Mailbox(Arc<(Mutex<Slots>, Condvar)>);

/// What a reader finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A frame of the camera with this number.
    Frame(usize),
    /// Nothing new.
    Nothing,
    /// Nothing new, ever: all cameras have ended.
    Ended,
}

impl Mailbox {
    /// Places for the cameras with these names.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let slots = names.into_iter().map(|name| Slot {
            status: CameraStatus {
                name,
                ..CameraStatus::default()
            },
            ..Slot::default()
        });
        let slots = Slots {
            slots: slots.collect(),
            ..Slots::default()
        };
        Self(Arc::new((Mutex::new(slots), Condvar::new())))
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        // Whoever panicked only ever swaps whole values in.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in a frame, and gets an old one to be filled again. With
    /// `lose_none` it waits until the one before was taken.
    pub fn put(&self, camera: usize, frame: &mut Frame, lose_none: bool) {
        let mut slots = self.lock();
        if lose_none {
            let is_full =
                |s: &mut Slots| !s.closed && s.slots.get(camera).is_some_and(|s| s.is_fresh);
            slots = (self.0.1.wait_while(slots, is_full)).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(slot) = slots.slots.get_mut(camera) {
            std::mem::swap(&mut slot.frame, frame);
            slot.status.frames += 1;
            slot.status.dropped += u64::from(slot.is_fresh);
            slot.is_fresh = true;
        }
        drop(slots);
        self.0.1.notify_all();
    }

    /// Takes the newest frame of the camera whose turn it is, among those that
    /// have one; waits for it up to `wait`.
    pub fn take(&self, frame: &mut Frame, wait: Duration) -> Taken {
        let end = Instant::now() + wait;
        let mut slots = self.lock();
        loop {
            if let Some(camera) = slots.take(frame) {
                drop(slots);
                self.0.1.notify_all();
                return Taken::Frame(camera);
            }
            if slots.slots.iter().all(|slot| slot.status.ended.is_some()) {
                return Taken::Ended;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Nothing;
            }
            slots = (self.0.1.wait_timeout(slots, left))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// What all cameras are doing.
    pub fn status(&self) -> Vec<CameraStatus> {
        self.lock().slots.iter().map(|s| s.status.clone()).collect()
    }

    /// What is wrong with a camera now.
    pub fn faults(&self, camera: usize) -> FaultSet {
        let slots = self.lock();
        let active = slots.slots.get(camera).map(|slot| &slot.status.active);
        active.into_iter().flatten().copied().collect()
    }

    /// Frames that a camera has delivered so far.
    pub fn frames_delivered(&self, camera: usize) -> u64 {
        let slots = self.lock();
        slots.slots.get(camera).map_or(0, |slot| slot.status.frames)
    }

    /// Lets no camera wait for the reader any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.0.1.notify_all();
    }

    pub(super) fn update(&self, camera: usize, change: impl FnOnce(&mut CameraStatus)) {
        if let Some(slot) = self.lock().slots.get_mut(camera) {
            change(&mut slot.status);
        }
        self.0.1.notify_all();
    }

    pub(super) fn note(&self, camera: usize, event: &CameraEvent, faults: &FaultCounters) {
        self.update(camera, |status| {
            status.faults = *faults;
            match event {
                CameraEvent::Fault { kind, .. } => status.active.push(*kind),
                CameraEvent::Recovered { kind, .. } => status.active.retain(|k| k != kind),
            }
        });
    }
}

impl Slots {
    fn take(&mut self, frame: &mut Frame) -> Option<usize> {
        let count = self.slots.len();
        let turn = (0..count).map(|n| (self.next + n) % count);
        let camera = { turn }.find(|&at| self.slots.get(at).is_some_and(|s| s.is_fresh))?;
        let slot = self.slots.get_mut(camera)?;
        std::mem::swap(&mut slot.frame, frame);
        slot.is_fresh = false;
        self.next = camera + 1;
        Some(camera)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(index: u64) -> Frame {
        Frame {
            index,
            ..Frame::default()
        }
    }

    fn names(count: usize) -> impl Iterator<Item = String> {
        (0..count).map(|n| n.to_string())
    }

    #[test]
    fn the_newest_frame_is_there_and_the_others_are_counted() {
        let mailbox = Mailbox::new(names(1));
        for index in 0..10 {
            mailbox.put(0, &mut frame(index), false);
        }
        let mut seen = Frame::default();
        assert_eq!(mailbox.take(&mut seen, Duration::ZERO), Taken::Frame(0));
        assert_eq!(seen.index, 9);
        assert_eq!(mailbox.take(&mut seen, Duration::ZERO), Taken::Nothing);
        let status = &mailbox.status()[0];
        assert_eq!((status.frames, status.dropped), (10, 9));
    }

    #[test]
    fn cameras_take_turns() {
        let mailbox = Mailbox::new(names(3));
        let mut seen = Frame::default();
        let mut order = Vec::new();
        for _ in 0..3 {
            for camera in [0, 2] {
                mailbox.put(camera, &mut frame(0), false);
            }
            order.push(mailbox.take(&mut seen, Duration::ZERO));
        }
        let expected = [0, 2, 0].map(Taken::Frame);
        assert_eq!(order, expected);
    }

    #[test]
    fn who_must_lose_none_waits_for_the_reader() {
        let mailbox = Mailbox::new(names(1));
        let writer = mailbox.clone();
        let thread = std::thread::spawn(move || {
            for index in 0..200 {
                writer.put(0, &mut frame(index), true);
            }
            writer.update(0, |status| status.ended = Some(Ok(())));
        });
        let mut seen = Frame::default();
        for index in 0..200 {
            let taken = mailbox.take(&mut seen, Duration::from_secs(10));
            assert_eq!((taken, seen.index), (Taken::Frame(0), index));
        }
        let taken = mailbox.take(&mut seen, Duration::from_secs(10));
        assert_eq!(taken, Taken::Ended);
        thread.join().unwrap();
    }

    #[test]
    fn closing_frees_a_writer() {
        let mailbox = Mailbox::new(names(1));
        let writer = mailbox.clone();
        mailbox.put(0, &mut frame(0), true);
        let thread = std::thread::spawn(move || writer.put(0, &mut frame(1), true));
        mailbox.close();
        thread.join().unwrap();
    }
}
