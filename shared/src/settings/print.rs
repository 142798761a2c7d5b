//! Settings as TOML, with the origin of every value beside it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;
use toml_edit::{DocumentMut, Item, Table};

use super::read::{Merged, dotted};
use super::{SettingsError, ValueOrigin};

/// A value, and where each part of it came from.
#[derive(Clone, Debug)]
pub struct Settings<T> {
    /// What was decided.
    pub value: T,
    /// By dotted key, whether it has a value or not; of a table, the newest below it.
    pub origins: BTreeMap<String, ValueOrigin>,
    text: String,
}

impl<T> Settings<T> {
    /// As TOML that reads back as the same value: every key with its value and,
    /// as a comment, its origin. Optional keys without a value are comments.
    pub fn print(&self) -> &str {
        &self.text
    }
}

impl Merged {
    pub(super) fn print<T: Serialize>(&self, value: T) -> Result<Settings<T>, SettingsError> {
        let text = toml::to_string(&value).map_err(SettingsError::no_form)?;
        let mut document: DocumentMut = text.parse().map_err(SettingsError::no_form)?;
        // Unlike TOML, JSON shows options without a value.
        let json = serde_json::to_value(&value).unwrap_or_default();
        let mut origins = BTreeMap::new();
        let unset = self.note(
            document.as_table_mut(),
            &json,
            &mut Vec::new(),
            &mut origins,
        );
        let text = format!("{unset}{document}");
        Ok(Settings {
            value,
            origins,
            text,
        })
    }

    /// Writes origins beside values; returns lines about keys without a value.
    fn note(
        &self,
        table: &mut Table,
        json: &Json,
        path: &mut Vec<String>,
        origins: &mut BTreeMap<String, ValueOrigin>,
    ) -> String {
        let mut unset = String::new();
        for (key, value) in json.as_object().into_iter().flatten() {
            path.push(key.clone());
            let origin = self.origin(path);
            let comment = format!("  # {origin}");
            origins.insert(dotted(path), origin.clone());
            match table.get_mut(key) {
                Some(Item::Table(below)) => {
                    let unset = self.note(below, value, path, origins);
                    if !unset.is_empty() {
                        below.set_implicit(false);
                        below
                            .decor_mut()
                            .set_suffix(format!("\n{}", unset.trim_end()));
                    }
                }
                Some(Item::ArrayOfTables(tables)) => {
                    let tables = tables.iter_mut();
                    tables.for_each(|table| table.decor_mut().set_suffix(&comment));
                }
                Some(Item::Value(value)) => value.decor_mut().set_suffix(&comment),
                Some(Item::None) | None => unset += &format!("# {key} is not set{comment}\n"),
            }
            path.pop();
        }
        unset
    }
}
