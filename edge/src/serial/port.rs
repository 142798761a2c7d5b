//! Serial ports, and whatever a test puts in their place.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serial2::SerialPort;

/// A port that does not take bytes for so long is lost.
const WRITE_WITHIN: Duration = Duration::from_millis(500);

/// Where bytes go.
pub trait Port: Send {
    /// Writes all bytes, or fails within a second.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// Opens a port, again and again.
pub trait PortOpener: Send {
    /// The port; it may come back under another device after it was lost.
    fn open(&mut self) -> io::Result<Box<dyn Port>>;

    /// A name for reports.
    fn name(&self) -> String;
}

/// A device file.
#[derive(Clone, Debug)]
pub struct TtyOpener {
    /// The device file.
    pub path: PathBuf,
    /// Bits a second.
    pub baud: u32,
}

impl PortOpener for TtyOpener {
    fn open(&mut self) -> io::Result<Box<dyn Port>> {
        let mut port = SerialPort::open(&self.path, self.baud)?;
        port.set_write_timeout(WRITE_WITHIN)?;
        Ok(Box::new(port))
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

impl Port for SerialPort {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Self::write_all(self, bytes)
    }
}
