//! A camera that plays pictures from memory.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::pictures::{HEIGHT, Pictures, WIDTH};
use crate::capture::device::{Buffer, Bus, Device, WantedFormat};
use crate::capture::{Attached, Format, PixelFormat};

/// When the pictures of a tape are taken.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    interval: Duration,
    start: OnceLock<Instant>,
}

impl Schedule {
    /// One picture after each interval; zero: as fast as they are asked for.
    pub(super) fn every(interval: Duration) -> Self {
        Self {
            interval,
            start: OnceLock::new(),
        }
    }

    /// When picture `number` is taken.
    pub(super) fn due(&self, number: u64) -> Instant {
        *self.start.get_or_init(Instant::now) + self.time(number)
    }

    /// The same since the first picture.
    fn time(&self, number: u64) -> Duration {
        let count = u32::try_from(number).unwrap_or(u32::MAX);
        self.interval.saturating_mul(count)
    }
}

/// A bus with one camera that plays a tape without end.
pub(super) struct ReplayBus {
    pub(super) pictures: Arc<Pictures>,
    pub(super) schedule: Arc<Schedule>,
}

impl ReplayBus {
    /// The name that its camera answers to.
    pub(super) const NAME: &'static str = "tape";
}

impl Bus for ReplayBus {
    fn list(&mut self) -> io::Result<Vec<Attached>> {
        Ok(vec![Attached {
            path: Self::NAME.into(),
            bus: Self::NAME.into(),
            serial: None,
            card: Self::NAME.into(),
            driver: String::new(),
            is_virtual: false,
        }])
    }

    fn open(&mut self, _: &Attached, _: &WantedFormat) -> io::Result<Box<dyn Device>> {
        let format = Format::packed(PixelFormat::Mjpg, WIDTH, HEIGHT);
        Ok(Box::new(ReplayCamera {
            pictures: Arc::clone(&self.pictures),
            schedule: Arc::clone(&self.schedule),
            format: format.map_err(io::Error::other)?,
            number: 0,
        }))
    }
}

struct ReplayCamera {
    pictures: Arc<Pictures>,
    schedule: Arc<Schedule>,
    format: Format,
    number: u64,
}

impl Device for ReplayCamera {
    fn format(&mut self) -> io::Result<Format> {
        Ok(self.format)
    }

    fn dequeue(&mut self, wait: Duration) -> io::Result<Buffer<'_>> {
        let due = self.schedule.due(self.number);
        let early = due.saturating_duration_since(Instant::now());
        std::thread::sleep(early.min(wait));
        if early > wait {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let at = there_and_back(self.number, self.pictures.len());
        let bytes = self.pictures.get(at).map_or(&[][..], Vec::as_slice);
        self.number += 1;
        Ok(Buffer {
            bytes,
            used: bytes.len(),
            has_error: false,
            size: None,
            time: self.schedule.time(self.number),
        })
    }
}

/// 0, 1, 2, ..., last, ..., 2, 1, 0, 1, ...
fn there_and_back(number: u64, count: usize) -> usize {
    let last = count.saturating_sub(1);
    let at = (number % (2 * last as u64).max(1)) as usize;
    at.min(2 * last - at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tape_is_played_forward_and_backward() {
        let order: Vec<usize> = (0..9).map(|n| there_and_back(n, 4)).collect();
        assert_eq!(order, [0, 1, 2, 3, 2, 1, 0, 1, 2]);
        assert_eq!(there_and_back(5, 1), 0);
    }
}
