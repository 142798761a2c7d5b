//! What the layers say.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Value as Toml;
use toml_edit::Key;

use super::read::Merged;
use super::{Settings, SettingsError};

/// Most bytes of a settings file.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most parts of a dotted key.
const DEPTH_MAX: usize = 32;

/// The layer that decided a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueOrigin {
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
impl fmt::Display for ValueOrigin {
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

/// What one origin says.
pub(super) type Layer = (ValueOrigin, Toml);

/// What is laid over the defaults.
///
/// Whatever the order of the calls, the environment weighs more than files, and
/// overrides and flags more than the environment; among their kind, later calls
/// weigh more. What is wrong with a layer is told by [`build`](Self::build).
#[derive(Debug, Default)]
pub struct SettingLayers<T> {
    files: Vec<Result<Layer, SettingsError>>,
    variables: Vec<Result<Layer, SettingsError>>,
    overrides: Vec<Result<Layer, SettingsError>>,
    value: PhantomData<T>,
}

impl<T: Serialize + DeserializeOwned + Default> SettingLayers<T> {
    /// Nothing but the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a TOML file, of at most a mebibyte. It must exist.
    pub fn file(mut self, path: &Path) -> Self {
        let mut text = String::new();
        let read = File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
        let problem = match read {
            Ok(bytes) if bytes as u64 <= FILE_BYTES_MAX => {
                return self.text(&path.to_string_lossy(), &text);
            }
            Ok(_) => format!("more than {FILE_BYTES_MAX} bytes are no settings file"),
            Err(error) => format!("cannot read this settings file: {error}"),
        };
        self.files.push(refuse(path.display(), problem));
        self
    }

    /// Adds TOML that is in memory, under a name of its own.
    pub fn text(mut self, name: &str, toml: &str) -> Self {
        self.files.push(match toml::from_str(toml) {
            Ok(table) => Ok((ValueOrigin::File(name.into()), Toml::Table(table))),
            Err(error) => refuse(format!("{name} is not valid TOML"), error),
        });
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
        for (name, value) in variables.into_iter().collect::<BTreeMap<_, _>>() {
            let name = name.to_string_lossy();
            let keys = name.strip_prefix(prefix);
            if let Some(keys) = keys.and_then(|keys| keys.strip_prefix("__")) {
                let keys = keys.split("__").map(|key| match key.to_uppercase() {
                    capitals if capitals == key => key.to_lowercase(),
                    _ => key.into(),
                });
                let tree = value.to_str().and_then(|text| nest(keys.collect(), text));
                let layer = tree.map(|tree| (ValueOrigin::Environment(name.to_string()), tree));
                let problem = "names no setting, or is not UTF-8: write PREFIX__TABLE__KEY=TEXT";
                self.variables
                    .push(layer.map_or_else(|| refuse(&name, problem), Ok));
            }
        }
        self
    }

    /// Adds an override `KEY=VALUE`, the key dotted as in TOML. The value is
    /// read as the type that the key has: `3` for a number, `2/255` for text,
    /// `a,b` or `["a", "b"]` for an array, nothing for an option without default.
    pub fn set(mut self, assignment: &str) -> Self {
        let split = |(at, _)| Some((assignment.get(..at)?, assignment.get(at + 1..)?));
        let mut splits = assignment.match_indices('=').take(16).filter_map(split);
        let tree = splits.find_map(|(key, value)| nest(parts(key)?, value));
        let problem = "write KEY=VALUE with a dotted key, such as train.epochs=3";
        self.overrides.push(match tree {
            Some(tree) => Ok((ValueOrigin::Set, tree)),
            None => refuse(format!("--set {assignment}"), problem),
        });
        self
    }

    /// Adds what a flag of its own says about the dotted key, if it was given.
    pub fn flag<V: Serialize + ?Sized>(mut self, flag: &str, key: &str, value: Option<&V>) -> Self {
        if let Some(value) = value {
            let value = Toml::try_from(value).map_err(SettingsError::no_form);
            self.overrides.push(value.and_then(|value| {
                let keys = parts(key).ok_or_else(|| SettingsError::no_form(key))?;
                Ok((ValueOrigin::Flag(flag.into()), under(keys, value)))
            }));
        }
        self
    }

    /// Lays everything over the defaults.
    ///
    /// # Errors
    /// A layer that cannot be read; the first key that nothing reads; the first value
    /// of a wrong type. Ranges are for the caller to check.
    pub fn build(self) -> Result<Settings<T>, SettingsError> {
        let layers = [self.files, self.variables, self.overrides];
        let layers = layers.into_iter().flatten().collect::<Result<_, _>>()?;
        let merged = Merged::new(&T::default(), layers)?;
        merged.print(merged.read()?)
    }
}

fn refuse<T>(name: impl fmt::Display, problem: impl fmt::Display) -> Result<T, SettingsError> {
    let (name, problem) = (name.to_string(), problem.to_string());
    Err(SettingsError::Layer(name, problem))
}

/// The parts of a dotted key.
fn parts(key: &str) -> Option<Vec<String>> {
    let parts = Key::parse(key).ok()?;
    Some(parts.iter().map(|part| part.get().to_owned()).collect())
}

/// Text under its key. Inline tables are merged like those of files; the type of all
/// else is up to its reader.
fn nest(keys: Vec<String>, text: &str) -> Option<Toml> {
    let value = text.parse().ok().filter(Toml::is_table);
    let sound = keys.len() <= DEPTH_MAX && keys.iter().all(|key| !key.is_empty());
    sound.then(|| under(keys, value.unwrap_or_else(|| Toml::String(text.into()))))
}

fn under(keys: Vec<String>, value: Toml) -> Toml {
    let wrap = |value, key| Toml::Table(toml::Table::from_iter([(key, value)]));
    keys.into_iter().rev().fold(value, wrap)
}
