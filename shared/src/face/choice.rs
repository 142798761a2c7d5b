//! Which face finder to use.

use std::path::Path;

use super::Yunet;
use super::{Finder, FinderConfig, FinderError, builtin_finder};

/// Which face finder to use. Cheap to clone; each thread takes a finder from it.
#[derive(Clone, Debug, Default)]
pub enum FinderChoice {
    /// The one that is built into the program.
    #[default]
    BuiltIn,
    /// One from a file.
    File(Yunet),
}

impl FinderChoice {
    /// The finder of a file, or the built-in one without a file.
    ///
    /// # Errors
    /// When the file cannot be used; the error names it.
    pub fn open(file: Option<&Path>) -> Result<Self, FinderError> {
        match file {
            None => Ok(Self::BuiltIn),
            Some(path) => Ok(Self::File(Yunet::open(path)?)),
        }
    }

    /// A finder for one thread.
    ///
    /// # Errors
    /// Settings out of range.
    pub fn finder(&self, config: FinderConfig) -> Result<Box<dyn Finder>, FinderError> {
        match self {
            Self::BuiltIn => builtin_finder(config),
            Self::File(network) => Ok(Box::new(network.finder(config)?)),
        }
    }

    /// `built in`, or the SHA-256 of the file in lower-case hex.
    pub fn name(&self) -> &str {
        match self {
            Self::BuiltIn => "built in",
            Self::File(network) => network.sha256(),
        }
    }
}
