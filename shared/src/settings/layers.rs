//! Collects the layers and builds the value.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Value as Toml;
use toml_edit::Key;

use super::read::Merged;
use super::{DEPTH_MAX, FILE_BYTES_MAX, SettingsError};

/// Between the levels of a key in the name of a variable.
const SEPARATOR: &str = "__";
/// Equals signs of an override that may belong to its key at most.
const SIGNS_MAX: usize = 16;

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
        f.write_str(&text.replace(char::is_control, "?"))
    }
}

/// A value, and where each part of it came from.
#[derive(Clone, Debug)]
pub struct Settings<T> {
    /// What was decided.
    pub value: T,
    /// By dotted key; arrays have one origin. Options without a value are listed.
    pub origins: BTreeMap<String, Origin>,
    pub(super) text: String,
}

impl<T> Settings<T> {
    /// As TOML that reads back as the same value: every key with its value and,
    /// as a comment, its origin. Optional keys without a value are comments.
    pub fn print(&self) -> &str {
        &self.text
    }
}

/// What one origin says.
pub(super) type Layer = (Origin, Toml);

/// What is laid over the defaults, in the order of its weight.
///
/// Whatever the order of the calls, the environment weighs more than files, and
/// overrides and flags more than the environment; among their kind, later calls
/// weigh more. What is wrong with a layer is told by [`build`](Self::build).
#[derive(Debug)]
pub struct Layers<T> {
    files: Vec<Result<Layer, SettingsError>>,
    variables: Vec<Result<Layer, SettingsError>>,
    overrides: Vec<Result<Layer, SettingsError>>,
    value: PhantomData<fn() -> T>,
}

impl<T> Default for Layers<T> {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            variables: Vec::new(),
            overrides: Vec::new(),
            value: PhantomData,
        }
    }
}

impl<T: Serialize + DeserializeOwned + Default> Layers<T> {
    /// Nothing but the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a TOML file. It must exist.
    pub fn file(mut self, path: &Path) -> Self {
        let text = read_file(path).map_err(|cause| SettingsError::Read {
            path: path.into(),
            cause,
        });
        self.files.push(text.and_then(|text| parse(path, &text)));
        self
    }

    /// Adds TOML that is in memory, under a name of its own.
    pub fn text(mut self, name: &str, toml: &str) -> Self {
        self.files.push(parse(Path::new(name), toml));
        self
    }

    /// Adds the environment variables `PREFIX__KEY` and `PREFIX__TABLE__KEY`. A part
    /// in capitals stands for a key in small letters, any other for itself.
    pub fn environment(self, prefix: &str) -> Self {
        self.variables(prefix, std::env::vars_os())
    }

    /// Adds variables as if they were in the environment.
    pub fn variables(
        mut self,
        prefix: &str,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let prefix = format!("{prefix}{SEPARATOR}");
        let sorted: BTreeMap<_, _> = variables.into_iter().collect();
        self.variables
            .extend(sorted.into_iter().filter_map(|(name, value)| {
                let name = name.to_string_lossy().into_owned();
                let keys = name.strip_prefix(&prefix)?.to_owned();
                Some(variable(name, &keys, value))
            }));
        self
    }

    /// Adds an override `KEY=VALUE`, the key dotted as in TOML. The value is
    /// read as the type that the key has: `3` for a number, `2/255` for text,
    /// `a,b` or `["a", "b"]` for an array, nothing for an option without default.
    pub fn set(mut self, assignment: &str) -> Self {
        let mut signs = assignment.match_indices('=').take(SIGNS_MAX);
        let layer = signs.find_map(|(at, _)| {
            let value = assignment.get(at + 1..)?;
            nest(key(assignment.get(..at)?)?, loose(value))
        });
        let refused = || SettingsError::Override(assignment.into());
        self.overrides
            .push(layer.map(|tree| (Origin::Set, tree)).ok_or_else(refused));
        self
    }

    /// Adds what a flag of its own says about the dotted key, if it was given.
    pub fn flag<V: Serialize + ?Sized>(
        mut self,
        flag: &str,
        name: &str,
        value: Option<&V>,
    ) -> Self {
        if let Some(value) = value {
            let tree = Toml::try_from(value)
                .ok()
                .and_then(|value| nest(key(name)?, value));
            let refused = || SettingsError::NoForm(format!("{flag} for {name}"));
            self.overrides.push(
                tree.map(|tree| (Origin::Flag(flag.into()), tree))
                    .ok_or_else(refused),
            );
        }
        self
    }

    /// Lays everything over the defaults.
    ///
    /// # Errors
    /// A file that cannot be read or is no TOML; the first key that nothing
    /// reads; the first value of a wrong type. Ranges are for the caller to check.
    pub fn build(self) -> Result<Settings<T>, SettingsError> {
        let default = T::default();
        let layers = [self.files, self.variables, self.overrides];
        let layers = layers.into_iter().flatten().collect::<Result<_, _>>()?;
        let merged = Merged::new(&default, layers)?;
        let value = merged.read(&default)?;
        merged.print(value)
    }
}

fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let problem = format!("more than {FILE_BYTES_MAX} bytes are no settings file");
        return Err(io::Error::other(problem));
    }
    Ok(text)
}

fn parse(name: &Path, text: &str) -> Result<Layer, SettingsError> {
    match toml::from_str(text) {
        Ok(table) => Ok((Origin::File(name.into()), Toml::Table(table))),
        Err(error) => Err(SettingsError::Syntax {
            name: name.display().to_string(),
            problem: error.to_string(),
        }),
    }
}

fn variable(name: String, keys: &str, value: OsString) -> Result<Layer, SettingsError> {
    let keys = keys.split(SEPARATOR).map(|key| {
        let capitals = !key.contains(char::is_lowercase);
        if capitals {
            key.to_lowercase()
        } else {
            key.into()
        }
    });
    let keys: Vec<String> = keys.collect();
    let refused = |problem| SettingsError::Variable {
        name: name.clone(),
        problem,
    };
    let value = value
        .into_string()
        .map_err(|_| refused("holds bytes that are not UTF-8 text"))?;
    let tree = Some(keys)
        .filter(|keys| keys.iter().all(|key| !key.is_empty()))
        .and_then(|keys| nest(keys, loose(&value)))
        .ok_or_else(|| refused("names no setting: write PREFIX__TABLE__KEY"))?;
    Ok((Origin::Environment(name), tree))
}

/// The parts of a dotted key.
fn key(text: &str) -> Option<Vec<String>> {
    let parts = Key::parse(text).ok()?;
    Some(parts.iter().map(|part| part.get().to_owned()).collect())
}

/// Inline tables are merged like those of files; the type of all else is up to
/// its reader.
fn loose(text: &str) -> Toml {
    match text.parse() {
        Ok(Toml::Table(table)) => Toml::Table(table),
        _ => Toml::String(text.into()),
    }
}

/// Tables around a value.
fn nest(path: Vec<String>, value: Toml) -> Option<Toml> {
    let wrap = |value, key| Toml::Table([(key, value)].into_iter().collect());
    (path.len() <= DEPTH_MAX).then(|| path.into_iter().rev().fold(value, wrap))
}
