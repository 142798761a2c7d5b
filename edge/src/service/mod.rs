//! What makes `run` a service: its configuration, signals, the service manager,
//! and everything that shows what was found.

mod config;
mod log_keeper;
mod notify;
mod observer_threads;
mod outputs;
mod signals;
mod start;
mod thresholds;

pub use config::{LogTable, ModelTable, ServiceConfig};
pub use log_keeper::LogKeeper;
pub use notify::{NOTIFY_SOCKET, Notifier, WATCHDOG_PID, WATCHDOG_USEC};
pub use observer_threads::{ObserverThreads, ObserversError};
pub use outputs::{OutputError, Outputs};
pub use signals::Signals;
pub use thresholds::VerdictTable;

use crate::observe::Observers;

/// Why the configuration cannot be read anew, in words.
pub type ReloadError = Box<dyn std::error::Error>;

/// What surrounds the pipeline.
pub struct Service<'a> {
    /// What shows what was found.
    pub outputs: Outputs,
    /// Who looks on.
    pub observers: Observers,
    /// What the system asked for.
    pub signals: Signals,
    /// Reads the configuration anew.
    pub reload: &'a dyn Fn() -> Result<ServiceConfig, ReloadError>,
}
