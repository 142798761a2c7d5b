//! Why a model is not installed or used.

use std::io;
use std::path::PathBuf;

use unmask_shared::bundle::BundleError;
use unmask_shared::engine::EngineError;
use unmask_shared::signature::SignatureError;

use super::selftest::SelfTestError;
use super::store::BUNDLES_MAX;

/// Why a model is not installed or used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The bundle is damaged, incomplete, or not signed by anybody trusted.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A trusted key is none.
    #[error(transparent)]
    Key(#[from] SignatureError),
    /// The network cannot be loaded.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The network cannot be loaded, or computes something else.
    #[error(transparent)]
    SelfTest(#[from] SelfTestError),
    /// An older release than one that was installed.
    #[error(
        "{name} release {release} is older than release {newest}, which was used or installed before: pass --allow-older to go back all the same"
    )]
    Older {
        /// Name of the model.
        name: String,
        /// Release that was to be installed.
        release: u32,
        /// Newest release that this device has had.
        newest: u32,
    },
    /// Somebody else is at it.
    #[error("another program is changing {path}: try again when it has finished")]
    Busy {
        /// The folder of models.
        path: PathBuf,
    },
    /// More bundles than the folder may hold.
    #[error("{path} holds {BUNDLES_MAX} models already: delete those that are not used")]
    Full {
        /// Where the bundles are.
        path: PathBuf,
    },
    /// No model was ever installed there.
    #[error(
        "{path} holds no installed model: unmask-edge model install puts one there; --or-builtin (model.or_builtin) uses the one that is built in until then"
    )]
    None {
        /// The folder of models.
        path: PathBuf,
    },
    /// There are models, but nothing tells which of them is used.
    #[error("{path} does not tell which of the models beside it is used: install one again")]
    NoCurrent {
        /// What should be a link.
        path: PathBuf,
    },
    /// The system does not let a file be read or written.
    #[error("{path}: {cause}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}
