//! Environment variables as settings: `PREFIX__TABLE__KEY`.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::error::SettingsError;
use super::node::{Node, join};
use super::{DEPTH_MAX, de::Schema};

/// Between the levels of a key.
const SEPARATOR: &str = "__";

/// A variable that names a setting.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
    segments: Vec<String>,
}

/// The variables that begin with `prefix` and two underscores, by name.
pub(super) fn pick(
    prefix: &str,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<Variable>, SettingsError> {
    let start = format!("{prefix}{SEPARATOR}");
    let mut picked = BTreeMap::new();
    for (name, value) in variables {
        let name = name.to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(&start) else {
            continue;
        };
        let segments: Vec<String> = rest.split(SEPARATOR).map(str::to_owned).collect();
        let refuse = |problem| SettingsError::Variable {
            name: name.clone(),
            problem,
        };
        if segments.len() > DEPTH_MAX || segments.iter().any(String::is_empty) {
            return Err(refuse("names no setting: write PREFIX__TABLE__KEY"));
        }
        let value = value
            .into_string()
            .map_err(|_| refuse("holds bytes that are not UTF-8 text"))?;
        picked.insert(
            name.clone(),
            Variable {
                name,
                value,
                segments,
            },
        );
    }
    Ok(picked.into_values().collect())
}

impl Variable {
    /// The key that is meant. A segment stands for a key that is known in its
    /// table and differs only in case or in `-` for `_`; any other is taken in
    /// lower case if it is in upper case throughout.
    pub(super) fn path(&self, tree: &Node, schema: &Schema) -> Vec<String> {
        let mut node = Some(tree);
        let mut at = String::new();
        let mut path = Vec::new();
        for segment in &self.segments {
            let table = node.and_then(Node::table);
            let present = table.into_iter().flat_map(|table| table.entries.keys());
            let fields = schema.fields.get(&at).copied().unwrap_or_default();
            let key = present
                .map(String::as_str)
                .chain(fields.iter().copied())
                .find(|key| alike(key, segment))
                .map_or_else(|| as_written(segment), str::to_owned);
            node = table.and_then(|table| table.entries.get(&key));
            at = join(&at, &key);
            path.push(key);
        }
        path
    }
}

fn alike(key: &str, segment: &str) -> bool {
    key.replace('-', "_")
        .eq_ignore_ascii_case(&segment.replace('-', "_"))
}

fn as_written(segment: &str) -> String {
    if segment.chars().any(char::is_lowercase) {
        segment.into()
    } else {
        segment.to_lowercase()
    }
}
