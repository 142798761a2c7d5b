//! Why settings are refused.

use std::fmt::Display;

use thiserror::Error;

/// Least similarity of two words that one may be a slip of the other, 0 to 1.
const SIMILARITY_MIN: f64 = 0.6;
/// Longer keys are no slip of any that there is. Comparing takes time and memory that
/// grow with the length.
const SLIP_BYTES_MAX: usize = 128;

/// Why settings are refused. Each names the key or the layer at fault.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A layer that cannot be read: its name, what is wrong, and the remedy.
    #[error("{0}: {1}")]
    Layer(String, String),
    /// A key that nothing reads: its dotted name, its layer, and a remedy.
    #[error("unknown setting `{0}` in {1}: {2}")]
    Unknown(String, String, String),
    /// A value of a wrong type or out of its range: its dotted key, its layer, and
    /// what was found and expected.
    #[error("setting `{0}` in {1}: {2}")]
    Wrong(String, String, String),
    /// The program's own values do not survive TOML: a mistake in the program.
    #[error("these settings have no TOML form: {0}")]
    NoForm(String),
}

impl SettingsError {
    pub(super) fn no_form(error: impl Display) -> Self {
        Self::NoForm(error.to_string())
    }
}

/// The known key most similar to this one, if any is: above all in its last part, then
/// in its table.
pub(super) fn nearest(key: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    if key.len() > SLIP_BYTES_MAX {
        return None;
    }
    let split = |key: &str| {
        let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
        (table.to_owned(), name.to_owned())
    };
    let similarity = strsim::normalized_damerau_levenshtein;
    let (table, name) = split(key);
    let scored = known.into_iter().map(|other| {
        let (other_table, other_name) = split(&other);
        let score = similarity(&name, &other_name);
        (score, similarity(&table, &other_table), other)
    });
    scored
        .filter(|(score, ..)| *score >= SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)))
        .map(|(.., other)| other)
}
