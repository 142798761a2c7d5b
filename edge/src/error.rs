//! Why a command ended without a result.

use std::io;
use std::path::PathBuf;

use unmask_shared::bundle::BundleError;
use unmask_shared::engine::EngineError;
use unmask_shared::face::FinderError;
use unmask_shared::settings::SettingsError;
use unmask_shared::verdict::VerdictError;

use crate::log::RecordError;
use crate::model::ModelError;
use crate::person::JudgeError;
use crate::pipeline::PipelineError;
use crate::service::{ObserversError, OutputError};
use crate::source::SourceError;

/// Why a command ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The bundle cannot be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The model cannot be installed or used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The network cannot be loaded or run.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The face finder cannot be used.
    #[error(transparent)]
    Finder(#[from] FinderError),
    /// Events cannot be logged, or a log cannot be read.
    #[error(transparent)]
    Log(#[from] RecordError),
    /// Frames cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A frame could not be judged.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The report cannot be written.
    #[error("cannot write the report: {0}")]
    Output(#[from] io::Error),
    /// The report cannot be put into JSON.
    #[error("cannot write the report: {0}")]
    Json(#[from] serde_json::Error),
    /// The demo's picture cannot be written.
    #[error("cannot write the picture {path}: {error}; name another place with --picture")]
    Picture {
        /// Where it should go.
        path: PathBuf,
        /// What went wrong.
        error: image::ImageError,
    },
    /// Manual pages or completions cannot be written.
    #[error("cannot write into {folder}: {cause}")]
    Generate {
        /// Where they should go.
        folder: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Signals cannot be caught.
    #[error("cannot listen for Ctrl-C and SIGTERM: {0}")]
    Signal(io::Error),
    /// The service manager cannot be told.
    #[error(
        "cannot use the service manager that the environment names (NOTIFY_SOCKET, WATCHDOG_USEC): {0}"
    )]
    Notify(io::Error),
    /// The configuration cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The configuration contradicts itself.
    #[error("{0}; see all settings with --print-config")]
    Config(String),
    /// A rule for a verdict is out of range.
    #[error(transparent)]
    Verdict(#[from] VerdictError),
    /// Nothing can be shown.
    #[error(transparent)]
    Show(#[from] OutputError),
    /// Nobody can look on.
    #[error(transparent)]
    Observers(#[from] ObserversError),
    /// A thread that the program needs has panicked.
    #[error(
        "a part of the program failed, as is told above: it ends in order, with a safe alarm; please report it"
    )]
    Crashed,
}

impl From<JudgeError> for EdgeError {
    fn from(error: JudgeError) -> Self {
        Self::Pipeline(error.into())
    }
}

impl EdgeError {
    /// Whether the reader of our output went away, as `head` does: that is no
    /// reason to complain.
    pub fn is_broken_pipe(&self) -> bool {
        let kind = match self {
            Self::Output(error) => error.kind(),
            Self::Json(error) => match error.io_error_kind() {
                Some(kind) => kind,
                None => return false,
            },
            _ => return false,
        };
        kind == io::ErrorKind::BrokenPipe
    }
}
