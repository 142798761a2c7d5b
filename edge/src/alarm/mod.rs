//! A lamp, a relay or a siren on a pin.
//!
//! The pipeline says what to show to a [`Beacon`]; a thread of its own drives the
//! pin by the [`Pattern`] of the signal, so that a pipeline that hangs cannot hold
//! it: without a sign of life the pin goes into its safe state, as it is at the
//! start and at the end. Pins are those of `embedded-hal`; on Linux, lines of a
//! GPIO chip.

mod beacon;
mod config;
mod driver;
mod error;
mod gpio;
mod pattern;
mod transcript;
mod worker;

use std::sync::Arc;

use crate::clock::Clock;

pub use beacon::{Beacon, Needed, Sight};
pub use config::{AlarmConfig, STALL_MS};
pub use driver::{Driver, PinStats, REFRESH_EVERY, RETRIES_MAX, RETRY_AFTER};
pub use error::AlarmError;
pub use pattern::{Pattern, PatternError, Patterns, TIME_MS, TIMES_MAX};
pub use transcript::{FilePin, FilePinError, TranscriptPin};
pub use worker::{Alarm, LOOK_EVERY};

/// Takes the pin of the configuration and lets it show what the beacon says;
/// `None` where none is configured.
///
/// # Errors
/// When the pin cannot be had.
pub fn open(
    config: &AlarmConfig,
    beacon: &Arc<Beacon>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Alarm>, AlarmError> {
    config.check().map_err(AlarmError::Config)?;
    let thread = |cause| AlarmError::Thread {
        name: "alarm",
        cause,
    };
    if let Some(path) = &config.transcript {
        let pin = FilePin::create(path, Arc::clone(clock));
        let pin = pin.map_err(|cause| AlarmError::Transcript {
            path: path.clone(),
            cause,
        })?;
        let alarm = Alarm::start(pin, config, Arc::clone(beacon));
        return alarm.map(Some).map_err(thread);
    }
    let Some(line) = &config.line else {
        return Ok(None);
    };
    #[cfg(target_os = "linux")]
    {
        let alarm = Alarm::start(gpio::open(config, line)?, config, Arc::clone(beacon));
        alarm.map(Some).map_err(thread)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = line;
        Err(AlarmError::NotLinux)
    }
}

/// Whether the pin of the configuration is there and may be used, without taking it:
/// the path of its chip, `None` where no pin is configured.
///
/// # Errors
/// When it could not be had.
#[cfg(target_os = "linux")]
pub fn probe(config: &AlarmConfig) -> Result<Option<std::path::PathBuf>, AlarmError> {
    config.check().map_err(AlarmError::Config)?;
    let line = config.line.as_deref();
    line.map(|line| gpio::find(config, line).map(|(path, _)| path))
        .transpose()
}

/// Whether the pin of the configuration is there and may be used: only on Linux.
///
/// # Errors
/// Where a pin is configured.
#[cfg(not(target_os = "linux"))]
pub fn probe(config: &AlarmConfig) -> Result<Option<std::path::PathBuf>, AlarmError> {
    match config.line {
        None => Ok(None),
        Some(_) => Err(AlarmError::NotLinux),
    }
}
