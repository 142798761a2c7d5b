//! What a camera must be able to do: the seam at which scripted ones take the
//! place of real ones.

use std::io;
use std::time::Duration;

use unmask_pixels::{Format, PixelFormat};

use super::identity::Attached;

/// What is asked of a camera; it may settle on something near.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WantedFormat {
    /// How pixels are stored; `None` leaves the choice to the capture code.
    pub pixels: Option<PixelFormat>,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Frames per second, above 0.
    pub rate_hz: f64,
}

impl Default for WantedFormat {
    fn default() -> Self {
        Self {
            pixels: None,
            width: 1280,
            height: 720,
            rate_hz: 30.0,
        }
    }
}

/// A buffer that a camera has filled.
#[derive(Debug, Clone, Copy)]
pub struct Buffer<'a> {
    /// All its bytes. What lies behind `used` may be left from another frame.
    pub bytes: &'a [u8],
    /// How many of them the driver says belong to the frame; 0 where it does
    /// not say. Drivers may say more than there are.
    pub used: usize,
    /// Whether the driver calls the frame damaged.
    pub has_error: bool,
    /// Width and height where this frame tells its own, instead of those of the format.
    pub size: Option<(usize, usize)>,
    /// When the driver says that the frame was taken.
    pub time: Duration,
}

impl<'a> Buffer<'a> {
    /// The bytes of the frame.
    pub fn payload(&self) -> &'a [u8] {
        match self.used {
            0 => self.bytes,
            used => self.bytes.get(..used).unwrap_or(self.bytes),
        }
    }
}

/// A camera that is open and delivers.
pub trait Device: Send {
    /// The format that it delivers now.
    fn format(&mut self) -> io::Result<Format>;

    /// Gives the buffer of the call before back to the driver and takes the
    /// oldest one that is filled out of its queue. Waits no longer than `wait`.
    ///
    /// # Errors
    /// `TimedOut` when nothing came; the next call waits on. What other errors
    /// mean is told by [`super::FaultKind::of`].
    fn dequeue(&mut self, wait: Duration) -> io::Result<Buffer<'_>>;

    /// Whether an error of `dequeue` was a proper end, as that of a file.
    fn is_finished(&mut self) -> bool {
        false
    }

    /// Whether an error of `dequeue` would come again each time, as that of frames of another
    /// size.
    fn is_hopeless(&mut self) -> bool {
        false
    }
}

/// Where cameras are plugged in.
pub trait Bus: Send {
    /// All that are connected now.
    fn list(&mut self) -> io::Result<Vec<Attached>>;

    /// Opens one and makes it deliver what is wanted, or something near.
    fn open(&mut self, camera: &Attached, wanted: &WantedFormat) -> io::Result<Box<dyn Device>>;
}
