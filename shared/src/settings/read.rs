//! Merges the layers and reads a value from them.

use config::{Config, ConfigError, Map, Source, Value, ValueKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use serde_path_to_error::{Segment, Track};
use toml::Value as Toml;
use toml_edit::Key;

use super::SettingsError;
use super::error::{hint, nearest};
use super::layers::{Layer, Origin};

/// Under this key lie all settings: `config` reads outermost keys as paths.
const ROOT: &str = "settings";
/// Values that are read in a second way at most.
const RETRIES_MAX: usize = 256;

/// All layers in one.
pub(super) struct Merged {
    /// Each value is marked with the index of its layer.
    tree: Value,
    defaults: Toml,
    origins: Vec<Origin>,
}

#[derive(Clone, Debug)]
struct Marked(String, Toml);

impl Source for Marked {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(Map::from([(ROOT.into(), marked(&self.1, &self.0))]))
    }
}

fn marked(value: &Toml, mark: &String) -> Value {
    let kind: ValueKind = match value {
        Toml::String(text) => text.as_str().into(),
        Toml::Integer(number) => (*number).into(),
        Toml::Float(number) => (*number).into(),
        Toml::Boolean(flag) => (*flag).into(),
        Toml::Datetime(date) => date.to_string().into(),
        Toml::Array(items) => {
            let items = items.iter().map(|item| marked(item, mark));
            items.collect::<Vec<_>>().into()
        }
        Toml::Table(table) => {
            let entries = table
                .iter()
                .map(|(key, item)| (key.clone(), marked(item, mark)));
            entries.collect::<Map<_, _>>().into()
        }
    };
    Value::new(Some(mark), kind)
}

impl Merged {
    pub(super) fn new<T: Serialize>(
        default: &T,
        layers: Vec<Layer>,
    ) -> Result<Self, SettingsError> {
        let defaults =
            Toml::try_from(default).map_err(|error| SettingsError::NoForm(error.to_string()))?;
        let mut builder = Config::builder().add_source(Marked("0".into(), defaults.clone()));
        let mut origins = vec![Origin::Default];
        for (origin, tree) in layers {
            builder = builder.add_source(Marked(origins.len().to_string(), tree));
            origins.push(origin);
        }
        let merged = builder.build().and_then(|config| config.collect());
        let merged = merged.map_err(|error| SettingsError::NoForm(error.to_string()))?;
        let tree = merged.get(ROOT).cloned().unwrap_or_default();
        Ok(Self {
            tree,
            defaults,
            origins,
        })
    }

    /// Reads the value. What cannot be read is tried in a second way; if that helps
    /// nothing, the first way is refused.
    pub(super) fn read<T: Serialize + DeserializeOwned>(
        &self,
        default: &T,
    ) -> Result<T, SettingsError> {
        let known = serde_json::to_value(default).unwrap_or_default();
        let mut values = self.typed(&self.tree, Some(&self.defaults));
        let mut refused: Option<(Vec<String>, SettingsError)> = None;
        for _ in 0..RETRIES_MAX {
            let (mut track, mut unknown) = (Track::new(), None);
            let reader = values
                .clone()
                .unwrap_or_else(|| Toml::Table(toml::Table::new()));
            let reader = serde_path_to_error::Deserializer::new(reader, &mut track);
            let outcome = serde_ignored::deserialize(reader, |path| {
                let path = self.ignored(&path);
                if unknown.is_none() && newest(find(&self.tree, &path).0) > 0 {
                    unknown = Some(path);
                }
            });
            let error: toml::de::Error = match (outcome, unknown) {
                (Ok(value), None) => return Ok(value),
                (Ok(_), Some(path)) => return Err(self.unknown(path, None, &known)),
                (Err(error), _) => error,
            };
            let path: Vec<String> = track.path().iter().filter_map(step).collect();
            match refused {
                Some((tried, error)) if path.starts_with(&tried) => return Err(error),
                _ => {}
            }
            let refusal = self.refusal(path.clone(), error.message(), &known);
            if !values
                .as_mut()
                .is_some_and(|values| self.retype(values, &path))
            {
                return Err(refusal);
            }
            refused = Some((path, refusal));
        }
        Err(refused.map_or_else(|| SettingsError::NoForm(String::new()), |(_, error)| error))
    }

    /// Gives text from the environment and from overrides the type of the default,
    /// else that which it looks like.
    fn typed(&self, value: &Value, default: Option<&Toml>) -> Option<Toml> {
        Some(match &value.kind {
            ValueKind::Boolean(flag) => Toml::Boolean(*flag),
            ValueKind::I64(number) => Toml::Integer(*number),
            ValueKind::Float(number) => Toml::Float(*number),
            ValueKind::String(text) => match self.origins.get(newest(value)) {
                Some(Origin::Environment(_) | Origin::Set) => return guess(text, default),
                _ => Toml::String(text.clone()),
            },
            ValueKind::Array(items) => Toml::Array(
                items
                    .iter()
                    .filter_map(|item| self.typed(item, None))
                    .collect(),
            ),
            ValueKind::Table(table) => {
                let entry = |(key, value): (&String, &Value)| {
                    let default = default.and_then(|default| default.get(key));
                    Some((key.clone(), self.typed(value, default)?))
                };
                Toml::Table(table.iter().filter_map(entry).collect())
            }
            _ => return None,
        })
    }

    /// The second way: a table without its defaults, what looked like a number as
    /// text. Tells whether there is one.
    fn retype(&self, values: &mut Toml, path: &[String]) -> bool {
        let mut at = path.iter();
        let Some(value) = at.try_fold(values, |value, key| match value {
            Toml::Table(table) => table.get_mut(key),
            Toml::Array(items) => items.get_mut(index(key)?),
            _ => None,
        }) else {
            return false;
        };
        let (given, rest) = find(&self.tree, path);
        match (&given.kind, value) {
            (ValueKind::Table(given), Toml::Table(table)) if rest.is_empty() => {
                let before = table.len();
                table.retain(|key, _| given.get(key).is_some_and(|value| newest(value) > 0));
                table.len() < before
            }
            (ValueKind::String(text), value) if !value.is_str() => {
                let item = rest
                    .first()
                    .and_then(|key| text.split(',').nth(index(key)?));
                *value = Toml::String(item.map_or(text.as_str(), str::trim).into());
                true
            }
            _ => false,
        }
    }

    /// Who decided the value at `path`.
    pub(super) fn origin(&self, path: &[String]) -> Origin {
        let layer = match find(&self.tree, path) {
            (
                Value {
                    kind: ValueKind::Table(_),
                    ..
                },
                [_, ..],
            ) => 0,
            (value, _) => newest(value),
        };
        self.origins.get(layer).cloned().unwrap_or(Origin::Default)
    }

    fn place(&self, path: &[String]) -> String {
        match self.origins.get(newest(find(&self.tree, path).0)) {
            Some(Origin::Environment(name)) => format!("the environment variable {name}"),
            Some(Origin::Default) | None => "the defaults".into(),
            Some(origin) => origin.to_string(),
        }
    }

    fn refusal(&self, path: Vec<String>, problem: &str, known: &Json) -> SettingsError {
        let words: Vec<&str> = problem.split('`').skip(1).step_by(2).collect();
        let mut problem = problem.to_owned();
        if let Some((word, others)) = words.split_first() {
            if problem.starts_with("unknown field") {
                return self.unknown(path, Some((word, others)), known);
            }
            let near = nearest(word, others).filter(|_| problem.starts_with("unknown variant"));
            problem.extend(near.map(|near| format!("; did you mean `{near}`?")));
        }
        SettingsError::Wrong {
            key: dotted(&path),
            place: self.place(&path),
            problem,
        }
    }

    fn unknown(
        &self,
        mut path: Vec<String>,
        told: Option<(&str, &[&str])>,
        known: &Json,
    ) -> SettingsError {
        let field = told.map(|(field, _)| field.to_owned());
        path.extend(field.filter(|field| path.last() != Some(field)));
        let (field, above) = path
            .split_last()
            .map_or(("", path.as_slice()), |(f, a)| (f, a));
        let table = above.iter().try_fold(known, |table, key| table.get(key));
        let keys = table
            .and_then(Json::as_object)
            .into_iter()
            .flat_map(|table| table.keys());
        let siblings = match told {
            Some((_, siblings)) => siblings.to_vec(),
            None => keys.map(String::as_str).collect(),
        };
        let mut elsewhere = Vec::new();
        all_keys(known, &mut Vec::new(), &mut elsewhere);
        SettingsError::Unknown {
            hint: hint(field, &siblings, &elsewhere),
            key: dotted(&path),
            place: self.place(&path),
        }
    }

    /// The path of an ignored key, with the variants that `serde_ignored` leaves out.
    fn ignored(&self, path: &serde_ignored::Path<'_>) -> Vec<String> {
        use serde_ignored::Path::{Map, NewtypeStruct, NewtypeVariant, Root, Seq, Some};
        let (parent, key) = match path {
            Root => return Vec::new(),
            Seq { parent, index } => (parent, format!("[{index}]")),
            Map { parent, key } => (parent, key.clone()),
            Some { parent } | NewtypeStruct { parent } | NewtypeVariant { parent } => {
                return self.ignored(parent);
            }
        };
        let mut path = self.ignored(parent);
        if let ValueKind::Table(table) = &find(&self.tree, &path).0.kind
            && !table.contains_key(&key)
            && table.len() == 1
        {
            path.extend(table.keys().cloned());
        }
        path.push(key);
        path
    }
}

fn guess(text: &str, default: Option<&Toml>) -> Option<Toml> {
    let trimmed = text.trim();
    let value = match default {
        Some(Toml::Boolean(_)) => trimmed.parse().ok().map(Toml::Boolean),
        Some(Toml::Integer(_)) => trimmed.parse().ok().map(Toml::Integer),
        Some(Toml::Float(_)) => trimmed.parse().ok().map(Toml::Float),
        Some(Toml::String(_)) => None,
        Some(Toml::Array(items)) if !trimmed.starts_with('[') => {
            let parts = trimmed.split(',').filter(|_| !trimmed.is_empty());
            let parts = parts.filter_map(|part| guess(part.trim(), items.first()));
            Some(Toml::Array(parts.collect()))
        }
        _ if trimmed.is_empty() => return None,
        _ => trimmed
            .parse()
            .ok()
            .filter(|value: &Toml| !value.is_str() && !value.is_datetime()),
    };
    Some(value.unwrap_or_else(|| Toml::String(text.into())))
}

/// What lies at `path`, or the last on the way there and the way that remains.
fn find<'a, 'p>(value: &'a Value, path: &'p [String]) -> (&'a Value, &'p [String]) {
    let below = path
        .split_first()
        .and_then(|(key, rest)| match &value.kind {
            ValueKind::Table(table) => Some((table.get(key)?, rest)),
            ValueKind::Array(items) => Some((items.get(index(key)?)?, rest)),
            _ => None,
        });
    below.map_or((value, path), |(value, rest)| find(value, rest))
}

/// The newest layer that wrote here or below.
fn newest(value: &Value) -> usize {
    let own = value
        .origin()
        .and_then(|mark| mark.parse().ok())
        .unwrap_or(0);
    match &value.kind {
        ValueKind::Table(table) => table.values().map(newest).fold(own, usize::max),
        _ => own,
    }
}

fn step(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(format!("[{index}]")),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    }
}

fn index(key: &str) -> Option<usize> {
    key.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn all_keys(value: &Json, path: &mut Vec<String>, keys: &mut Vec<String>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        path.push(key.clone());
        keys.push(dotted(path));
        all_keys(value, path, keys);
        path.pop();
    }
}

/// `table.key[0]`, with keys quoted where TOML wants it.
pub(super) fn dotted(path: &[String]) -> String {
    let mut text = String::new();
    for key in path {
        if index(key).is_some() {
            text.push_str(key);
        } else {
            let dot = if text.is_empty() { "" } else { "." };
            text.push_str(&format!("{dot}{}", Key::new(key).display_repr()));
        }
    }
    text
}
