//! What makes `run` a service: its configuration, signals, the service manager,
//! and everything that shows what was found.

mod args;
mod config;
mod keeper;
mod notify;
mod onlookers;
mod outputs;
mod signals;
mod start;
mod thresholds;

pub use args::{RunArgs, WebArgs};
pub use config::{LogTable, ModelTable, ServiceConfig};
pub use keeper::LogKeeper;
pub use notify::{NOTIFY_SOCKET, Notifier, WATCHDOG_PID, WATCHDOG_USEC};
pub use onlookers::Onlookers;
pub use outputs::{OutputError, Outputs};
pub use signals::Signals;
pub use thresholds::VerdictTable;

use crate::error::EdgeError;
use crate::observe::Observers;

/// What surrounds the pipeline.
pub struct Service<'a> {
    /// What shows what was found.
    pub outputs: Outputs,
    /// Who looks on.
    pub observers: Observers,
    /// What the system asked for.
    pub signals: Signals,
    /// Reads the configuration anew.
    pub reload: &'a dyn Fn() -> Result<ServiceConfig, EdgeError>,
}
