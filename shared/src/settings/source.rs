//! Reads files and overrides.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::FILE_BYTES_MAX;
use super::error::SettingsError;
use super::node::{Node, Value};
use super::origin::Origin;

/// A settings file, or its text.
#[derive(Debug)]
pub(super) enum Source {
    Path(PathBuf),
    Text(PathBuf, String),
}

impl Source {
    /// Its name and its tree.
    pub(super) fn read(self, layer: usize) -> Result<(PathBuf, Node), SettingsError> {
        let (path, text) = match self {
            Self::Text(name, text) => (name, text),
            Self::Path(path) => {
                let text = read_file(&path)?;
                (path, text)
            }
        };
        match Node::parse(&text, layer) {
            Ok(tree) => Ok((path, tree)),
            Err(problem) => Err(SettingsError::Syntax {
                origin: path.display().to_string(),
                problem,
            }),
        }
    }
}

/// An override on the command line.
#[derive(Debug)]
pub(super) enum Override {
    /// `KEY=VALUE`
    Set(String),
    /// A flag of its own for a dotted key.
    Flag {
        flag: String,
        key: String,
        /// The value as TOML, under the key [`FLAG_KEY`].
        toml: Result<String, toml::ser::Error>,
    },
}

/// What stands for the key in the TOML of a flag.
pub(super) const FLAG_KEY: &str = "v";

impl Override {
    pub(super) fn read(self, layer: usize) -> Result<(Origin, Node), SettingsError> {
        match self {
            Self::Set(text) => {
                let refused = || SettingsError::Override { text: text.clone() };
                let (path, value) = split(&text).ok_or_else(refused)?;
                Ok((Origin::Set, Node::loose(value, layer).under(&path)))
            }
            Self::Flag { flag, key, toml } => {
                let value = toml.map_err(|error| error.to_string());
                let value = value.and_then(|text| Node::parse(&text, layer));
                let value = value.map_err(SettingsError::NoForm)?;
                let value = value.table().and_then(|t| t.entries.get(FLAG_KEY)).cloned();
                let (Some(mut value), Some(path)) = (value, key_path(&key)) else {
                    return Err(SettingsError::NoForm(format!("{flag} for {key}")));
                };
                value.line = 0;
                Ok((Origin::Flag(flag), value.under(&path)))
            }
        }
    }
}

/// Splits at the first equals sign behind a whole key.
fn split(text: &str) -> Option<(Vec<String>, &str)> {
    let signs = text.match_indices('=').take(16);
    signs
        .filter_map(|(at, _)| Some((key_path(text.get(..at)?)?, text.get(at + 1..)?)))
        .next()
}

/// The parts of a dotted key, as TOML reads it.
fn key_path(key: &str) -> Option<Vec<String>> {
    if key.contains(['\n', '\r', '#']) {
        return None;
    }
    let mut node = &Node::parse(&format!("{key} = 0"), 0).ok()?;
    let mut path = Vec::new();
    while let Value::Table(table) = &node.value {
        let (key, below) = table.entries.first_key_value()?;
        path.push(key.clone());
        node = below;
    }
    Some(path)
}

fn read_file(path: &Path) -> Result<String, SettingsError> {
    let refuse = |cause| SettingsError::Read {
        path: path.into(),
        cause,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(refuse)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(SettingsError::TooLarge {
            path: path.into(),
            max: FILE_BYTES_MAX,
        });
    }
    String::from_utf8(bytes).map_err(|_| {
        refuse(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is not UTF-8 text",
        ))
    })
}
