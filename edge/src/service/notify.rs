//! Tells the service manager how things are, in the protocol of sd_notify(3).

use std::ffi::OsStr;
use std::fmt::{Arguments, Write};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use super::start::StartWatch;

/// Environment variable with the manager's socket.
pub const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// Environment variable with the watchdog's time, microseconds.
pub const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
/// Environment variable with the process that the watchdog is for.
pub const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// The watchdog is fed so many times within its time, at most.
const FEEDS: u32 = 4;
/// Before it is ready, the service asks for so much more time while it is alive.
const START: Duration = Duration::from_secs(40);
/// Most bytes of a status line.
const STATUS_BYTES_MAX: usize = 256;

/// Tells the service manager how things are. Without one, it does nothing; what
/// cannot be sent is lost.
#[derive(Debug, Default)]
pub struct Notifier {
    manager: Option<Manager>,
    watchdog: Option<Duration>,
    fed_at: Option<Duration>,
    asked_at: Option<Duration>,
    is_ready: bool,
    start: Option<StartWatch>,
    text: String,
}

#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Notifier {
    /// The manager that the environment names, if any. Where it has a watchdog, that runs only once
    /// the service is ready: until then, a start that hangs ends the program.
    ///
    /// # Errors
    /// A socket that cannot be used, or a watchdog's time that is no number.
    pub fn from_env() -> io::Result<Self> {
        let Some(address) = std::env::var_os(NOTIFY_SOCKET).filter(|name| !name.is_empty()) else {
            return Ok(Self::default());
        };
        let number = |name: &str| match std::env::var(name) {
            Ok(text) => text.parse::<u64>().map(Some).map_err(|_| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("{name}={text} is not a number"),
                )
            }),
            Err(_) => Ok(None),
        };
        let is_ours = number(WATCHDOG_PID)?.is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number(WATCHDOG_USEC)?.filter(|usec| is_ours && *usec > 0);
        let mut notifier = Self::new(&address, watchdog.map(Duration::from_micros))?;
        if watchdog.is_some() {
            notifier.start = Some(StartWatch::begin()?);
        }
        Ok(notifier)
    }

    /// The manager at a socket: a path, or `@` and a name in the abstract namespace.
    ///
    /// # Errors
    /// An address that is none.
    pub fn new(address: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match address.as_bytes().split_first() {
            #[cfg(target_os = "linux")]
            Some((b'@', name)) => {
                use std::os::linux::net::SocketAddrExt;
                SocketAddr::from_abstract_name(name)?
            }
            _ => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            manager: Some(Manager { socket, address }),
            watchdog,
            text: String::with_capacity(STATUS_BYTES_MAX),
            ..Self::default()
        })
    }

    /// The service works: told once.
    pub fn ready(&mut self) {
        if !self.is_ready {
            self.is_ready = true;
            self.start = None;
            self.send("READY=1");
        }
    }

    /// Whether the service was ever ready.
    pub fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// The pipeline has got on: feeds the watchdog, if it is time for that. It does not bark
    /// before the service is ready: until then, the manager is asked for more time to start.
    pub fn progress(&mut self, now: Duration) {
        if let Some(start) = &self.start {
            start.alive();
        }
        let time = match self.is_ready {
            true => self.watchdog,
            false => Some(START).filter(|_| self.is_heard()),
        };
        let Some(time) = time else {
            return;
        };
        let is_due =
            |at: Option<Duration>| at.is_none_or(|at| now.saturating_sub(at) >= time / FEEDS);
        if self.is_ready && is_due(self.fed_at) {
            self.fed_at = Some(now);
            self.send("WATCHDOG=1");
        } else if !self.is_ready && is_due(self.asked_at) {
            self.asked_at = Some(now);
            self.send(&format!("EXTEND_TIMEOUT_USEC={}", START.as_micros()));
        }
    }

    /// One line for people about how things are.
    pub fn status(&mut self, status: Arguments<'_>) {
        if self.manager.is_none() {
            return;
        }
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        // A string takes everything.
        let _ = write!(text, "STATUS={status}");
        let end = text.find('\n').unwrap_or(text.len());
        let end = text.floor_char_boundary(end.min(STATUS_BYTES_MAX));
        self.send(text.get(..end).unwrap_or_default());
        self.text = text;
    }

    /// The service ends.
    pub fn stopping(&mut self) {
        self.start = None;
        self.send("STOPPING=1");
    }

    /// Whether somebody listens.
    pub fn is_heard(&self) -> bool {
        self.manager.is_some()
    }

    fn send(&self, text: &str) {
        if let Some(Manager { socket, address }) = &self.manager
            && let Err(error) = socket.send_to_addr(text.as_bytes(), address)
        {
            tracing::debug!(%error, text, "the service manager was not told");
        }
    }
}
