//! Builds a value from a tree, telling key and layer of whatever is wrong, and
//! learns on the way which keys there are.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{self, DeserializeOwned};

use super::node::{Node, join};
use super::reader::Reader;
use super::suggest::nearest;

/// What was learnt about a type by reading it.
#[derive(Debug, Default)]
pub(super) struct Schema {
    /// Fields of each struct by its path, in the order of their declaration.
    pub(super) fields: BTreeMap<String, &'static [&'static str]>,
    /// Tables that were read before their type was known: enums with a tag.
    pub(super) tagged: BTreeSet<String>,
}

impl Schema {
    /// Adds what another look has shown; tells whether that was new.
    pub(super) fn grow(&mut self, seen: &Self) -> bool {
        let before = self.fields.len() + self.tagged.len();
        let fields = seen
            .fields
            .iter()
            .map(|(path, names)| (path.clone(), *names));
        self.fields.extend(fields);
        self.tagged.extend(seen.tagged.iter().cloned());
        self.fields.len() + self.tagged.len() > before
    }
}

/// Why a tree is not such a value.
#[derive(Debug)]
pub(super) struct DeError {
    pub(super) problem: Problem,
    /// Dotted key at fault, once it is known.
    pub(super) key: Option<String>,
    /// Layer and line.
    pub(super) place: (usize, usize),
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum Problem {
    /// No such key among these.
    Unknown(String, Vec<String>),
    /// Anything else.
    Wrong(String),
}

impl DeError {
    pub(super) fn wrong(problem: String) -> Self {
        Self {
            problem: Problem::Wrong(problem),
            key: None,
            place: (0, 0),
        }
    }

    /// Fills in where it happened, unless that is known more precisely.
    pub(super) fn at(mut self, path: &str, node: &Node) -> Self {
        if self.key.is_some() {
            return self;
        }
        let (mut key, mut found) = (path.to_owned(), node);
        if let Problem::Unknown(field, _) = &self.problem {
            key = join(path, field);
            let entry = node.table().and_then(|table| table.entries.get(field));
            found = entry.unwrap_or(node);
        }
        self.place = match found.table() {
            Some(_) => (found.newest(), 0),
            None => (found.layer, found.line),
        };
        self.key = Some(key);
        self
    }
}

impl fmt::Display for DeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Unknown(field, _) => write!(f, "unknown key `{field}`"),
            Problem::Wrong(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for DeError {}

impl de::Error for DeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::wrong(message.to_string())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let known = expected.iter().map(|&name| name.to_owned()).collect();
        Self {
            problem: Problem::Unknown(field.into(), known),
            ..Self::wrong(String::new())
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let known: Vec<String> = expected.iter().map(|&name| name.to_owned()).collect();
        let hint = nearest(variant, &known)
            .map(|near| format!("; did you mean {near:?}?"))
            .unwrap_or_default();
        Self::wrong(format!("{variant:?} is none of {}{hint}", known.join(", ")))
    }
}

/// Reads a whole tree, and what there is to know about its type.
pub(super) fn read<T: DeserializeOwned>(root: &Node) -> (Result<T, DeError>, Schema) {
    let schema = RefCell::new(Schema::default());
    let value = T::deserialize(Reader::new(root, &schema));
    let value = value.map_err(|error| error.at("", root));
    (value, schema.into_inner())
}
