//! Settings as TOML, with the origin of every value beside it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;
use toml_edit::{DocumentMut, Item, Table};

use super::SettingsError;
use super::layers::{Origin, Settings};
use super::read::{Merged, dotted};

impl Merged {
    pub(super) fn print<T: Serialize>(&self, value: T) -> Result<Settings<T>, SettingsError> {
        let text =
            toml::to_string(&value).map_err(|error| SettingsError::NoForm(error.to_string()))?;
        let document = text.parse::<DocumentMut>();
        let mut document = document.map_err(|error| SettingsError::NoForm(error.to_string()))?;
        // Unlike TOML, JSON shows options without a value.
        let all = serde_json::to_value(&value).unwrap_or_default();
        let mut origins = BTreeMap::new();
        let unset = self.note(document.as_table_mut(), &all, &mut Vec::new(), &mut origins);
        let text = format!("{unset}{document}");
        Ok(Settings {
            value,
            origins,
            text,
        })
    }

    /// Writes origins beside values; returns lines about keys of this table that
    /// are not set.
    fn note(
        &self,
        table: &mut Table,
        all: &Json,
        path: &mut Vec<String>,
        origins: &mut BTreeMap<String, Origin>,
    ) -> String {
        let mut unset = String::new();
        for (key, value) in all.as_object().into_iter().flatten() {
            if value.is_null() && !table.contains_key(key) {
                path.push(key.clone());
                let origin = self.origin(path);
                let name = dotted(path.last().map(std::slice::from_ref).unwrap_or_default());
                unset.push_str(&format!("# {name} is not set  # {origin}\n"));
                origins.insert(dotted(path), origin);
                path.pop();
            }
        }
        for (key, item) in table.iter_mut() {
            path.push(key.get().to_owned());
            let origin = self.origin(path);
            let comment = format!("  # {origin}");
            match item {
                Item::Table(table) => {
                    let below = all.get(key.get()).unwrap_or(&Json::Null);
                    let unset = self.note(table, below, path, origins);
                    if !unset.is_empty() {
                        table.set_implicit(false);
                        table
                            .decor_mut()
                            .set_suffix(format!("\n{}", unset.trim_end()));
                    }
                }
                Item::ArrayOfTables(tables) => {
                    for table in tables.iter_mut() {
                        table.decor_mut().set_suffix(&comment);
                    }
                    origins.insert(dotted(path), origin);
                }
                Item::Value(value) => {
                    value.decor_mut().set_suffix(&comment);
                    origins.insert(dotted(path), origin);
                }
                Item::None => {}
            }
            path.pop();
        }
        unset
    }
}
