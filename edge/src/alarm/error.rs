//! Why nobody can be alarmed.

use std::io;
use std::path::{Path, PathBuf};

/// Why nobody can be alarmed.
#[derive(Debug, thiserror::Error)]
pub enum AlarmError {
    /// A key of the configuration contradicts another or is out of its range.
    #[error("{0}")]
    Config(String),
    /// The chip is not there, or may not be used.
    #[error("cannot open the GPIO chip {path}: {cause}; {}", remedy(.cause))]
    Chip {
        /// Its device file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The chip has no line of this name.
    #[error("the GPIO chip {path} has no line named {line:?}; gpioinfo lists them")]
    NoLine {
        /// The chip's device file.
        path: PathBuf,
        /// The name.
        line: String,
    },
    /// No chip that this program may use has a line of this name.
    #[error(
        "no GPIO chip has a line named {0:?}; gpioinfo lists those that this user may see (group gpio), and alarm.chip names the chip"
    )]
    NoNamedLine(String),
    /// The line cannot be taken as an output.
    #[error(
        "cannot use line {line} of {path} as an output: {reason}; gpioinfo tells which lines there are and who uses them"
    )]
    Line {
        /// The chip's device file.
        path: PathBuf,
        /// The line's name or number.
        line: String,
        /// What the system says.
        reason: String,
    },
    /// There are no GPIO chips on this system.
    #[error("alarm.line needs Linux; leave it out")]
    NotLinux,
    /// The transcript cannot be written.
    #[error("cannot write alarm.transcript {path}: {cause}")]
    Transcript {
        /// Its file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start the thread of the {name}: {cause}")]
    Thread {
        /// What it should do.
        name: &'static str,
        /// What the system says.
        cause: io::Error,
    },
}

impl AlarmError {
    #[cfg(target_os = "linux")]
    pub(super) fn gpio(path: &Path, line: &str, reason: &dyn std::fmt::Display) -> Self {
        Self::Line {
            path: path.into(),
            line: line.into(),
            reason: reason.to_string(),
        }
    }

    #[cfg(target_os = "linux")]
    pub(super) fn no_line(path: &Path, line: &str) -> Self {
        Self::NoLine {
            path: path.into(),
            line: line.into(),
        }
    }
}

fn remedy(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => {
            "add this user to the group that owns it, mostly gpio, or SupplementaryGroups=gpio to the unit"
        }
        io::ErrorKind::NotFound => "gpiodetect lists the chips",
        _ => "see gpiodetect",
    }
}
