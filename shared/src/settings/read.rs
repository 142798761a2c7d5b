//! Merges the layers and reads a value from them.

use std::collections::BTreeMap;

use config::{Config, ConfigError, Map, Source, Value, ValueKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Segment, Track};
use toml::Value as Toml;
use toml_edit::Key;

use super::SettingsError;
use super::error::nearest;
use super::layers::{Layer, ValueOrigin};

/// Under this key lie all settings: `config` reads outermost keys as paths.
const ROOT: &str = "settings";
/// Values that are read in a second way at most.
const RETRIES_MAX: usize = 256;

/// All layers in one.
pub(super) struct Merged {
    /// Each value is marked with the index of its layer.
    tree: Value,
    defaults: Toml,
    origins: Vec<ValueOrigin>,
}

/// A layer with its index.
#[derive(Clone, Debug)]
struct Marked(String, Toml);

impl Source for Marked {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(Map::from([(ROOT.into(), self.mark(&self.1))]))
    }
}

impl Marked {
    fn mark(&self, value: &Toml) -> Value {
        let kind: ValueKind = match value {
            Toml::String(text) => text.as_str().into(),
            Toml::Integer(number) => (*number).into(),
            Toml::Float(number) => (*number).into(),
            Toml::Boolean(flag) => (*flag).into(),
            Toml::Datetime(date) => date.to_string().into(),
            Toml::Array(items) => ValueKind::Array(items.iter().map(|v| self.mark(v)).collect()),
            Toml::Table(table) => ValueKind::Table(
                table
                    .iter()
                    .map(|(k, v)| (k.clone(), self.mark(v)))
                    .collect(),
            ),
        };
        Value::new(Some(&self.0), kind)
    }
}

impl Merged {
    pub(super) fn new(default: &impl Serialize, layers: Vec<Layer>) -> Result<Self, SettingsError> {
        let defaults = Toml::try_from(default).map_err(SettingsError::no_form)?;
        let mut origins = vec![ValueOrigin::Default];
        let mut builder = Config::builder().add_source(Marked("0".into(), defaults.clone()));
        for (origin, tree) in layers {
            builder = builder.add_source(Marked(origins.len().to_string(), tree));
            origins.push(origin);
        }
        let merged = builder.build().and_then(|config| config.collect());
        let mut merged = merged.map_err(SettingsError::no_form)?;
        let tree = merged.remove(ROOT).unwrap_or_default();
        Ok(Self {
            tree,
            defaults,
            origins,
        })
    }

    /// Reads the value. What cannot be read is tried in a second way; if that helps
    /// nothing, the first way is refused.
    pub(super) fn read<T: Serialize + DeserializeOwned + Default>(
        &self,
    ) -> Result<T, SettingsError> {
        let values = self.typed(&self.tree, Some(&self.defaults));
        let mut values = values.ok_or_else(|| SettingsError::no_form("not even a table"))?;
        let mut refused: Option<(Vec<String>, SettingsError)> = None;
        for _ in 0..RETRIES_MAX {
            let (mut track, mut ignored) = (Track::new(), None);
            let reader = serde_path_to_error::Deserializer::new(values.clone(), &mut track);
            let outcome = serde_ignored::deserialize(reader, |path| {
                ignored.get_or_insert(path.to_string());
            });
            let error: toml::de::Error = match (outcome, ignored) {
                (Ok(value), None) => return Ok(value),
                (Ok(_), Some(path)) => {
                    let path = path.split('.').filter(|key| *key != "?").map(str::to_owned);
                    return Err(self.refusal::<T>(path.collect(), "unknown field, like no other"));
                }
                (Err(error), _) => error,
            };
            let path: Vec<String> = track.path().iter().filter_map(step).collect();
            let in_vain = |(tried, _): &(Vec<String>, _)| path.starts_with(tried);
            if refused.as_ref().is_some_and(in_vain) {
                break;
            }
            let again = self.retype(&mut values, &path);
            refused = Some((path.clone(), self.refusal::<T>(path, error.message())));
            if !again {
                break;
            }
        }
        Err(refused.map_or_else(|| SettingsError::no_form("unreadable"), |(_, error)| error))
    }

    /// Gives text from the environment and from overrides the type of the default,
    /// else that which it looks like.
    fn typed(&self, value: &Value, default: Option<&Toml>) -> Option<Toml> {
        Some(match &value.kind {
            ValueKind::Boolean(flag) => Toml::Boolean(*flag),
            ValueKind::I64(number) => Toml::Integer(*number),
            ValueKind::Float(number) => Toml::Float(*number),
            ValueKind::String(text) => match self.origins.get(newest(value)) {
                Some(ValueOrigin::Environment(_) | ValueOrigin::Set) => {
                    return guess(text, default);
                }
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
        let value = path.iter().try_fold(values, |value, key| match value {
            Toml::Table(table) => table.get_mut(key),
            Toml::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
            _ => None,
        });
        let (given, rest) = find(&self.tree, path);
        match (&given.kind, value) {
            (ValueKind::Table(given), Some(Toml::Table(table))) if rest.is_empty() => {
                let before = table.len();
                table.retain(|key, _| given.get(key).is_some_and(|value| newest(value) > 0));
                table.len() < before
            }
            (ValueKind::String(text), Some(value)) if !value.is_str() => {
                let text = match rest {
                    [] => Some(text.as_str()),
                    [item] if !text.trim().starts_with('[') => {
                        let item = item.parse().ok();
                        item.and_then(|item| Some(text.split(',').nth(item)?.trim()))
                    }
                    _ => None,
                };
                text.map(|text| *value = Toml::String(text.into()))
                    .is_some()
            }
            _ => false,
        }
    }

    /// Who decided the value at `path`.
    pub(super) fn origin(&self, path: &[String]) -> &ValueOrigin {
        let (given, rest) = find(&self.tree, path);
        let layer = match given.kind {
            ValueKind::Table(_) if !rest.is_empty() => 0,
            _ => newest(given),
        };
        self.origins.get(layer).unwrap_or(&ValueOrigin::Default)
    }

    /// Tells key, layer and remedy of what serde has found; it names keys in backticks,
    /// the unknown one first.
    fn refusal<T: Serialize + Default>(
        &self,
        mut path: Vec<String>,
        problem: &str,
    ) -> SettingsError {
        let mut words = problem.split('`').skip(1).step_by(2).map(str::to_owned);
        let unknown = problem.starts_with("unknown field");
        let field = words
            .next()
            .filter(|field| unknown && path.last() != Some(field));
        path.extend(field);
        let (key, problem) = (dotted(&path), problem.to_owned());
        let place = match self.origins.get(newest(find(&self.tree, &path).0)) {
            Some(ValueOrigin::Environment(name)) => format!("the environment variable {name}"),
            Some(ValueOrigin::Default) | None => "the defaults".into(),
            Some(origin) => origin.to_string(),
        };
        if !unknown {
            return SettingsError::Wrong(key, place, problem);
        }
        path.pop();
        let siblings = words.map(|word| dotted(&[path.as_slice(), &[word]].concat()));
        let known = self.print(T::default()).map(|settings| settings.origins);
        let known = known.into_iter().flat_map(BTreeMap::into_keys);
        let near = nearest(&key, known.chain(siblings));
        let remedy = near.map_or(problem, |near| format!("did you mean `{near}`?"));
        SettingsError::Unknown(key, place, remedy)
    }
}

/// Text as the type of the default, else as that which it looks like; nothing where
/// it is empty and there is no default.
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
            ValueKind::Array(items) => Some((items.get(key.parse::<usize>().ok()?)?, rest)),
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
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } | Segment::Enum { variant: key } => Some(key.clone()),
        Segment::Unknown => None,
    }
}

/// `table.key.0`, with keys quoted where TOML wants it.
pub(super) fn dotted(path: &[String]) -> String {
    let keys = path
        .iter()
        .map(|key| Key::new(key).display_repr().into_owned());
    keys.collect::<Vec<_>>().join(".")
}
