//! A pin and a serial line that fail when they are told to.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use embedded_hal::digital::{ErrorKind, ErrorType, OutputPin, PinState};
use unmask_edge::serial::{Port, PortOpener};
use unmask_shared::wire::{Decoder, Message};

/// A pin that can fail.
#[derive(Clone, Default)]
pub struct Pin {
    pub fails: Arc<AtomicBool>,
    pub is_high: Arc<AtomicBool>,
}

#[derive(Debug)]
pub struct PinError;

impl embedded_hal::digital::Error for PinError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl ErrorType for Pin {
    type Error = PinError;
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), PinError> {
        self.set_state(PinState::Low)
    }

    fn set_high(&mut self) -> Result<(), PinError> {
        self.set_state(PinState::High)
    }

    fn set_state(&mut self, state: PinState) -> Result<(), PinError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(PinError);
        }
        self.is_high
            .store(state == PinState::High, Ordering::Relaxed);
        Ok(())
    }
}

/// A serial line that can be cut, with a microcontroller at its end.
#[derive(Clone, Default)]
pub struct Line {
    pub is_cut: Arc<AtomicBool>,
    pub heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
pub struct Heard {
    decoder: Decoder,
    pub events: u64,
}

impl PortOpener for Line {
    fn open(&mut self) -> io::Result<Box<dyn Port>> {
        match self.is_cut.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::NotFound.into()),
            false => Ok(Box::new(self.clone())),
        }
    }

    fn name(&self) -> String {
        String::new()
    }
}

impl Port for Line {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let is_cut = self.is_cut.load(Ordering::Relaxed);
        let arrives = if is_cut { bytes.len() / 2 } else { bytes.len() };
        let mut heard = self.heard.lock().expect("one thread");
        for byte in &bytes[..arrives] {
            match heard.decoder.push(*byte) {
                Some(Ok(Message::Event(_))) => heard.events += 1,
                Some(Ok(Message::State(_)) | Err(_)) | None => {}
            }
        }
        match is_cut {
            true => Err(io::ErrorKind::BrokenPipe.into()),
            false => Ok(()),
        }
    }
}
