//! Pins without hardware.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use embedded_hal::digital::{ErrorType, OutputPin, PinState};

use crate::clock::Clock;

/// A pin that writes each change of its level into a file, as milliseconds and
/// 0 or 1.
pub struct FilePin {
    file: File,
    clock: Arc<dyn Clock>,
    level: Option<bool>,
}

impl FilePin {
    /// Empties the file if it is there.
    pub fn create(path: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        Ok(Self {
            file: File::create(path)?,
            clock,
            level: None,
        })
    }
}

/// The file could not be written.
#[derive(Debug)]
pub struct FilePinError(pub io::Error);

impl embedded_hal::digital::Error for FilePinError {
    fn kind(&self) -> embedded_hal::digital::ErrorKind {
        embedded_hal::digital::ErrorKind::Other
    }
}

impl ErrorType for FilePin {
    type Error = FilePinError;
}

impl OutputPin for FilePin {
    fn set_low(&mut self) -> Result<(), FilePinError> {
        self.set_state(PinState::Low)
    }

    fn set_high(&mut self) -> Result<(), FilePinError> {
        self.set_state(PinState::High)
    }

    fn set_state(&mut self, state: PinState) -> Result<(), FilePinError> {
        let level = state == PinState::High;
        if self.level != Some(level) {
            let line = format!("{} {}\n", self.clock.now().as_millis(), u8::from(level));
            self.file.write_all(line.as_bytes()).map_err(FilePinError)?;
            self.level = Some(level);
        }
        Ok(())
    }
}

/// A pin that remembers each change of its level, and when that was. Copies
/// share their memory.
#[derive(Clone)]
pub struct TranscriptPin {
    clock: Arc<dyn Clock>,
    changes: Arc<Mutex<Vec<(Duration, bool)>>>,
}

impl TranscriptPin {
    /// A pin without a level.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            changes: Arc::default(),
        }
    }

    /// Every change so far: when, and whether to high.
    pub fn changes(&self) -> Vec<(Duration, bool)> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Duration, bool)>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ErrorType for TranscriptPin {
    type Error = Infallible;
}

impl OutputPin for TranscriptPin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.set_state(PinState::Low)
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.set_state(PinState::High)
    }

    fn set_state(&mut self, state: PinState) -> Result<(), Infallible> {
        let (now, level) = (self.clock.now(), state == PinState::High);
        let mut changes = self.lock();
        if changes.last().map(|(_, level)| *level) != Some(level) {
            changes.push((now, level));
        }
        Ok(())
    }
}
