//! Collects the layers and builds the value.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::marker::PhantomData;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::de::{DeError, Problem, Schema, read};
use super::environment::{Variable, pick};
use super::error::SettingsError;
use super::node::{Node, join};
use super::origin::Origin;
use super::print::{Report, report};
use super::source::{FLAG_KEY, Override, Source};
use super::suggest::hint;

/// Times that the layers are laid over each other at most: a table that turns
/// out to be an enum with a tag is merged in another way.
const ROUNDS_MAX: usize = 8;

/// A value, and where each part of it came from.
#[derive(Clone, Debug)]
pub struct Settings<T> {
    /// What was decided.
    pub value: T,
    /// By dotted key; arrays have one origin. Values that are not set are listed
    /// where their key is known.
    pub origins: BTreeMap<String, Origin>,
    text: String,
}

impl<T> Settings<T> {
    /// As TOML that reads back as the same value: every key with its value and,
    /// as a comment, its origin. Optional keys without a value are comments.
    pub fn print(&self) -> &str {
        &self.text
    }
}

/// What is laid over the defaults, in the order of its weight.
///
/// Whatever the order of the calls, the environment weighs more than files, and
/// overrides and flags more than the environment; among their kind, later calls
/// weigh more.
#[derive(Debug)]
pub struct Layers<T> {
    files: Vec<Source>,
    variables: Vec<(String, Vec<(OsString, OsString)>)>,
    overrides: Vec<Override>,
    value: PhantomData<fn() -> T>,
}

/// A layer once it is read.
enum Layer {
    Tree(Node),
    /// Its key depends on what lies below.
    Variable(Variable, Node),
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
        self.files.push(Source::Path(path.into()));
        self
    }

    /// Adds TOML that is in memory, under a name of its own.
    pub fn text(mut self, name: &str, toml: &str) -> Self {
        self.files.push(Source::Text(name.into(), toml.into()));
        self
    }

    /// Adds the environment variables `PREFIX__KEY` and `PREFIX__TABLE__KEY`.
    pub fn environment(self, prefix: &str) -> Self {
        self.variables(prefix, std::env::vars_os())
    }

    /// Adds variables as if they were in the environment.
    pub fn variables(
        mut self,
        prefix: &str,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let variables = variables.into_iter().collect();
        self.variables.push((prefix.into(), variables));
        self
    }

    /// Adds an override `KEY=VALUE`, the key dotted as in TOML. The value is
    /// read as the type that the key has: `3` for a number, `2/255` for text,
    /// `a,b` or `["a", "b"]` for an array, nothing for an option without value.
    pub fn set(mut self, assignment: &str) -> Self {
        self.overrides.push(Override::Set(assignment.into()));
        self
    }

    /// Adds what a flag of its own says about the dotted key, if it was given.
    pub fn flag<V: Serialize + ?Sized>(mut self, flag: &str, key: &str, value: Option<&V>) -> Self {
        if let Some(value) = value {
            self.overrides.push(Override::Flag {
                flag: flag.into(),
                key: key.into(),
                toml: toml::to_string(&BTreeMap::from([(FLAG_KEY, value)])),
            });
        }
        self
    }

    /// Lays everything over the defaults.
    ///
    /// # Errors
    /// A file that cannot be read or is no TOML; the first key that nothing
    /// reads; the first value of a wrong type. Ranges are for the caller to check.
    pub fn build(self) -> Result<Settings<T>, SettingsError> {
        let no_form = |error: toml::ser::Error| SettingsError::NoForm(error.to_string());
        let defaults = toml::to_string(&T::default()).map_err(no_form)?;
        let defaults = Node::parse(&defaults, 0).map_err(SettingsError::NoForm)?;
        let (sound, mut schema) = read::<T>(&defaults);
        sound.map_err(|error| SettingsError::NoForm(error.to_string()))?;
        let mut origins = vec![Origin::Default];
        let layers = self.read(&mut origins)?;

        let mut merged = merge(&defaults, &layers, &schema);
        let mut outcome = read::<T>(&merged);
        for _ in 1..ROUNDS_MAX {
            if !schema.grow(&outcome.1) {
                break;
            }
            merged = merge(&defaults, &layers, &schema);
            outcome = read::<T>(&merged);
        }
        let value = outcome
            .0
            .map_err(|error| explain(error, &defaults, &schema, &origins))?;
        let text = toml::to_string(&value).map_err(no_form)?;
        let decided = Node::parse(&text, 0).map_err(SettingsError::NoForm)?;
        let Report { text, origins } = report(&decided, &merged, &outcome.1, &origins);
        Ok(Settings {
            value,
            origins,
            text,
        })
    }

    /// Reads every layer, in the order of their weight, and notes its origin.
    fn read(self, origins: &mut Vec<Origin>) -> Result<Vec<Layer>, SettingsError> {
        let mut layers = Vec::new();
        for source in self.files {
            let (path, tree) = source.read(origins.len())?;
            origins.push(Origin::File(path));
            layers.push(Layer::Tree(tree));
        }
        for (prefix, variables) in self.variables {
            for variable in pick(&prefix, variables)? {
                let value = Node::loose(&variable.value, origins.len());
                origins.push(Origin::Environment(variable.name.clone()));
                layers.push(Layer::Variable(variable, value));
            }
        }
        for given in self.overrides {
            let (origin, tree) = given.read(origins.len())?;
            origins.push(origin);
            layers.push(Layer::Tree(tree));
        }
        Ok(layers)
    }
}

fn merge(defaults: &Node, layers: &[Layer], schema: &Schema) -> Node {
    let mut merged = defaults.clone();
    for layer in layers {
        let tree = match layer {
            Layer::Tree(tree) => tree.clone(),
            Layer::Variable(variable, value) => {
                value.clone().under(&variable.path(&merged, schema))
            }
        };
        merged.overlay(tree, "", &schema.tagged);
    }
    merged
}

/// Tells key, layer and remedy.
fn explain(error: DeError, defaults: &Node, schema: &Schema, origins: &[Origin]) -> SettingsError {
    let (layer, line) = error.place;
    let key = error.key.unwrap_or_default();
    let place = match origins.get(layer) {
        Some(Origin::Environment(name)) => format!("the environment variable {name}"),
        Some(Origin::File(path)) if line > 0 => format!("{}, line {line}", path.display()),
        Some(Origin::Default) | None => "the defaults".into(),
        Some(origin) => origin.to_string(),
    };
    match error.problem {
        Problem::Unknown(field, siblings) => SettingsError::Unknown {
            hint: hint(&field, &siblings, &known_keys(defaults, schema)),
            key,
            place,
        },
        Problem::Wrong(problem) => SettingsError::Wrong {
            key,
            place,
            problem,
        },
    }
}

/// Every key that can be named beforehand.
fn known_keys(defaults: &Node, schema: &Schema) -> Vec<String> {
    let mut keys = Vec::new();
    for (path, fields) in &schema.fields {
        keys.extend(fields.iter().map(|field| join(path, field)));
    }
    if keys.is_empty() {
        let entries = defaults.table().into_iter().flat_map(|t| t.entries.keys());
        keys.extend(entries.cloned());
    }
    keys
}
