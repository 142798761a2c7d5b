//! Why settings are refused.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why settings are refused. Each names the key or the layer at fault.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The system does not let the file be read.
    #[error("cannot read the settings file {path}: {cause}")]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// No settings file is that long.
    #[error("{path} has more than {max} bytes: not a settings file")]
    TooLarge {
        /// Which one.
        path: PathBuf,
        /// The limit.
        max: u64,
    },
    /// Not TOML.
    #[error("{origin} is not valid TOML: {problem}")]
    Syntax {
        /// Which file or override.
        origin: String,
        /// Where, and what the parser says.
        problem: String,
    },
    /// A key that nothing reads.
    #[error("unknown setting `{key}` in {place}: {hint}")]
    Unknown {
        /// Dotted.
        key: String,
        /// Layer and line.
        place: String,
        /// The most similar key, or all that are known in its place.
        hint: String,
    },
    /// A value of the wrong type or out of its range.
    #[error("setting `{key}` in {place}: {problem}")]
    Wrong {
        /// Dotted.
        key: String,
        /// Layer and line.
        place: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// `--set` without a key, or with one that is none.
    #[error("--set {text}: write KEY=VALUE with a dotted key, such as train.epochs=3")]
    Override {
        /// As it was given.
        text: String,
    },
    /// An environment variable that belongs to the program but cannot be read.
    #[error("the environment variable {name} {problem}")]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The program's own values do not survive TOML: a mistake in the program.
    #[error("these settings have no TOML form: {0}")]
    NoForm(String),
}
