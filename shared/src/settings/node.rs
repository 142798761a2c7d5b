//! A tree of values that remembers which layer set each of them.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::DEPTH_MAX;

/// A value and the layer that set it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    /// Index of the layer; later ones win.
    pub(super) layer: usize,
    /// Line in the layer's text, from 1; 0 where there are no lines.
    pub(super) line: usize,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    /// Text whose type is what the reader asks for. Where the reader does not
    /// ask, it is that of the value which it replaced.
    Loose(String, Option<Kind>),
    Array(Vec<Node>),
    Table(Table),
}

/// Type of a value that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Integer,
    Float,
    Text,
    Other,
}

/// Values by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) entries: BTreeMap<String, Node>,
    /// The key that was written first: the tag of an enum that has one.
    pub(super) first: Option<String>,
}

impl Node {
    /// Reads a document.
    pub(super) fn parse(text: &str, layer: usize) -> Result<Self, String> {
        let table = DeTable::parse(text).map_err(|error| error.to_string())?;
        let at = table.span().start;
        let lines = Lines::of(text);
        let value = from_table(table.get_ref(), layer, &lines, 0)?;
        Ok(Self {
            value,
            layer,
            line: lines.at(at),
        })
    }

    /// Reads a single value, as on the right of `key = value`.
    pub(super) fn parse_value(text: &str, layer: usize) -> Option<Self> {
        let value = DeValue::parse(text).ok()?;
        let no_lines = Lines(Vec::new());
        from_value(value.get_ref(), layer, 0, &no_lines, 0).ok()
    }

    /// Text of which only the reader knows the type.
    pub(super) fn loose(text: &str, layer: usize) -> Self {
        Self {
            value: Value::Loose(text.into(), None),
            layer,
            line: 0,
        }
    }

    /// Wraps a node into tables so that it lies at `path`.
    pub(super) fn under(self, path: &[String]) -> Self {
        path.iter().rev().fold(self, |node, key| Self {
            layer: node.layer,
            line: node.line,
            value: Value::Table(Table {
                entries: BTreeMap::from([(key.clone(), node)]),
                first: None,
            }),
        })
    }

    pub(super) fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The newest layer that wrote here or below.
    pub(super) fn newest(&self) -> usize {
        let below = match &self.value {
            Value::Table(table) => table.entries.values().map(Self::newest).max(),
            Value::Array(items) => items.iter().map(Self::newest).max(),
            _ => None,
        };
        below.map_or(self.layer, |layer| layer.max(self.layer))
    }

    /// Lays `over` on top. Tables are merged key by key, all else is replaced.
    /// In the tables named in `tagged`, another tag also takes away what earlier
    /// layers said: it belongs to another variant.
    pub(super) fn overlay(&mut self, over: Self, path: &str, tagged: &BTreeSet<String>) {
        let over = match (&self.value, &over.value) {
            (Value::Table(_), Value::Loose(text, _)) => match Self::parse_value(text, over.layer) {
                Some(parsed) if parsed.table().is_some() => parsed,
                _ => over,
            },
            (_, Value::Loose(text, None)) => Self {
                value: Value::Loose(text.clone(), self.kind()),
                ..over
            },
            _ => over,
        };
        match (&mut self.value, over.value) {
            (Value::Table(base), Value::Table(table)) => {
                if tagged.contains(path) && base.has_other_tag(&table) {
                    base.entries.clear();
                }
                for (key, node) in table.entries {
                    match base.entries.get_mut(&key) {
                        Some(below) => below.overlay(node, &join(path, &key), tagged),
                        None => drop(base.entries.insert(key, node)),
                    }
                }
                self.layer = self.layer.max(over.layer);
            }
            (_, value) => *self = Self { value, ..over },
        }
    }

    fn kind(&self) -> Option<Kind> {
        Some(match &self.value {
            Value::Bool(_) => Kind::Bool,
            Value::Integer(_) => Kind::Integer,
            Value::Float(_) => Kind::Float,
            Value::Text(_) => Kind::Text,
            Value::Loose(_, kind) => return *kind,
            Value::Array(_) | Value::Table(_) => Kind::Other,
        })
    }

    fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Loose(text, _) => Some(text),
            _ => None,
        }
    }
}

impl Table {
    fn has_other_tag(&self, over: &Self) -> bool {
        let tag = |table: &Self, key: &String| Some(table.entries.get(key)?.text()?.to_owned());
        self.first.as_ref().is_some_and(|key| {
            let (old, new) = (tag(self, key), tag(over, key));
            old.is_some() && new.is_some() && old != new
        })
    }
}

/// `path.key`, with the key quoted where TOML wants it.
pub(super) fn join(path: &str, key: &str) -> String {
    match path {
        "" => quoted(key),
        _ => format!("{path}.{}", quoted(key)),
    }
}

/// A key as TOML writes it.
pub(super) fn quoted(key: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !key.is_empty() && key.bytes().all(bare) {
        key.into()
    } else {
        basic(key)
    }
}

/// Text as TOML writes it on one line.
pub(super) fn basic(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(
            std::iter::once(0)
                .chain(ends.map(|(at, _)| at + 1))
                .collect(),
        )
    }

    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}

fn from_table(
    table: &DeTable<'_>,
    layer: usize,
    lines: &Lines,
    depth: usize,
) -> Result<Value, String> {
    let mut entries = BTreeMap::new();
    let mut first: Option<(usize, String)> = None;
    for (key, value) in table {
        let start = key.span().start;
        let name = key.get_ref().to_string();
        if first.as_ref().is_none_or(|(earliest, _)| start < *earliest) {
            first = Some((start, name.clone()));
        }
        let node = from_value(value.get_ref(), layer, lines.at(start), lines, depth + 1)?;
        entries.insert(name, node);
    }
    Ok(Value::Table(Table {
        entries,
        first: first.map(|(_, name)| name),
    }))
}

fn from_value(
    value: &DeValue<'_>,
    layer: usize,
    line: usize,
    lines: &Lines,
    depth: usize,
) -> Result<Node, String> {
    if depth > DEPTH_MAX {
        return Err(format!("more than {DEPTH_MAX} tables within each other"));
    }
    let value = match value {
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map(Value::Integer)
            .map_err(|_| format!("the number {number} is too large"))?,
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map(Value::Float)
            .map_err(|_| format!("{number} is no number"))?,
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Datetime(date) => Value::Text(date.to_string()),
        DeValue::Array(items) => {
            let item = |item: &Spanned<DeValue<'_>>| {
                let line = lines.at(item.span().start);
                from_value(item.get_ref(), layer, line, lines, depth + 1)
            };
            Value::Array(items.iter().map(item).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => from_table(table, layer, lines, depth)?,
    };
    Ok(Node { value, layer, line })
}
