//! What the system asks of the program.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// What was asked for. Copies share their flags.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    stop: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    /// Listens for Ctrl-C and SIGTERM, and for SIGHUP where there is a
    /// configuration to read again.
    ///
    /// # Errors
    /// When the system does not let signals be caught.
    pub fn listen(has_config: bool) -> io::Result<Self> {
        let signals = Self::default();
        flag::register(SIGINT, Arc::clone(&signals.stop))?;
        flag::register(SIGTERM, Arc::clone(&signals.terminate))?;
        if has_config {
            flag::register(SIGHUP, Arc::clone(&signals.reload))?;
        }
        Ok(signals)
    }

    /// Whether to end.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.is_terminated()
    }

    /// Whether to end because the service manager says so (SIGTERM).
    pub fn is_terminated(&self) -> bool {
        self.terminate.load(Ordering::Relaxed)
    }

    /// Whether to read the configuration again; once for each request.
    pub fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::Relaxed)
    }

    /// Asks to end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
