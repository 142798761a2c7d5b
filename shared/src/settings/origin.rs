//! Where a value came from.

use std::fmt;
use std::path::PathBuf;

/// The layer that decided a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A settings file.
    File(PathBuf),
    /// An environment variable, by its name.
    Environment(String),
    /// `--set KEY=VALUE`
    Set,
    /// A flag of its own, such as `--epochs`.
    Flag(String),
}

/// One line, without control characters: it stands in TOML comments.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Default => "default".into(),
            Self::File(path) => path.display().to_string(),
            Self::Environment(name) => format!("environment {name}"),
            Self::Set => "--set".into(),
            Self::Flag(flag) => flag.clone(),
        };
        text.chars()
            .map(|c| if c.is_control() { '?' } else { c })
            .try_for_each(|c| fmt::Write::write_char(f, c))
    }
}
