//! Why settings are refused.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Least similarity of two words that one may be a slip of the other, 0 to 1.
const SIMILARITY_MIN: f64 = 0.6;

/// Why settings are refused. Each names the key or the layer at fault.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The system does not let the file be read, or it is no text.
    #[error("cannot read the settings file {path}: {cause}")]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Not TOML.
    #[error("{name} is not valid TOML: {problem}")]
    Syntax {
        /// Which file.
        name: String,
        /// Where, and what the parser says.
        problem: String,
    },
    /// A key that nothing reads.
    #[error("unknown setting `{key}` in {place}: {hint}")]
    Unknown {
        /// Dotted.
        key: String,
        /// Layer.
        place: String,
        /// The most similar key, or all that are known in its place.
        hint: String,
    },
    /// A value of the wrong type or out of its range.
    #[error("setting `{key}` in {place}: {problem}")]
    Wrong {
        /// Dotted.
        key: String,
        /// Layer.
        place: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// `--set` without a key, or with one that is none.
    #[error("--set {0}: write KEY=VALUE with a dotted key, such as train.epochs=3")]
    Override(String),
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

/// What to tell about an unknown `field`: its nearest neighbour in the same
/// table, else a key of the same name `elsewhere`, else all keys of the table.
pub(super) fn hint(field: &str, siblings: &[&str], elsewhere: &[String]) -> String {
    let same = |key: &&String| key.rsplit('.').next() == Some(field);
    let near = nearest(field, siblings).or_else(|| elsewhere.iter().find(same).map(String::as_str));
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None if siblings.is_empty() => "no setting has this name".into(),
        None => format!("known here are {}", siblings.join(", ")),
    }
}

/// The most similar of `known`, if it is similar enough.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let similarity = |&other: &&str| strsim::normalized_damerau_levenshtein(word, other);
    known
        .iter()
        .filter(|other| similarity(other) >= SIMILARITY_MIN)
        .max_by(|a, b| similarity(a).total_cmp(&similarity(b)))
        .copied()
}
