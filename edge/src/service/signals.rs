//! What the system asks of the program.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;

/// What was asked for. Copies share their flags.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    stop: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    /// Listens for what ends the program: Ctrl-C, SIGTERM, SIGQUIT, and SIGHUP, which asks to
    /// read the configuration again where there is one. All of them leave by one way, with a
    /// safe alarm, no children and a closed log.
    ///
    /// # Errors
    /// When the system does not let signals be caught.
    pub fn listen(has_config: bool) -> io::Result<Self> {
        let signals = Self::default();
        flag::register(SIGINT, Arc::clone(&signals.stop))?;
        for signal in [SIGTERM, SIGQUIT] {
            flag::register(signal, Arc::clone(&signals.terminate))?;
        }
        let on_hangup = match has_config {
            true => &signals.reload,
            // The terminal is gone.
            false => &signals.terminate,
        };
        flag::register(SIGHUP, Arc::clone(on_hangup))?;
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
