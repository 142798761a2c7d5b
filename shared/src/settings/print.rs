//! Settings as TOML, with the origin of every value beside it.

use std::collections::BTreeMap;

use super::de::Schema;
use super::node::{Node, Table, Value, basic, join, quoted};
use super::origin::Origin;

/// What was decided, and by whom.
pub(super) struct Report {
    pub(super) text: String,
    pub(super) origins: BTreeMap<String, Origin>,
}

/// Prints `decided`, the finished value; `merged` knows which of `layers` set
/// what, and `schema` which keys there are.
pub(super) fn report(decided: &Node, merged: &Node, schema: &Schema, layers: &[Origin]) -> Report {
    let mut printer = Printer {
        schema,
        layers,
        report: Report {
            text: String::new(),
            origins: BTreeMap::new(),
        },
    };
    if let Some(table) = decided.table() {
        printer.table(table, "", Some(merged));
    }
    printer.report
}

struct Printer<'a> {
    schema: &'a Schema,
    layers: &'a [Origin],
    report: Report,
}

impl Printer<'_> {
    /// Prints a table: first its values, then the tables within it.
    fn table(&mut self, table: &Table, path: &str, merged: Option<&Node>) {
        let keys = self.ordered(table, path);
        for key in &keys {
            let below = below(merged, key);
            let full = join(path, key);
            match table.entries.get(key) {
                Some(node) if node.table().is_some() => {}
                Some(node) => {
                    let origin = self.origin(below.or(merged.filter(|m| m.table().is_none())));
                    self.line(&quoted(key), node, &origin);
                    self.report.origins.insert(full, origin);
                }
                None => {
                    let origin = self.origin(below);
                    let line = format!("# {} is not set  # {origin}\n", quoted(key));
                    self.report.text.push_str(&line);
                    self.report.origins.insert(full, origin);
                }
            }
        }
        for key in &keys {
            if let Some(table) = table.entries.get(key).and_then(Node::table) {
                let full = join(path, key);
                let space = if self.report.text.is_empty() {
                    ""
                } else {
                    "\n"
                };
                self.report.text.push_str(&format!("{space}[{full}]\n"));
                self.table(table, &full, below(merged, key));
            }
        }
    }

    /// Keys in the order of the struct's declaration; elsewhere the tag of an
    /// enum, then the others by name.
    fn ordered(&self, table: &Table, path: &str) -> Vec<String> {
        let fields = self.schema.fields.get(path).copied().unwrap_or_default();
        let fields = fields.iter().map(|&field| field.to_owned());
        let tag = table
            .first
            .clone()
            .filter(|_| self.schema.tagged.contains(path));
        let mut keys: Vec<String> = fields.chain(tag).collect();
        let others: Vec<String> = table
            .entries
            .keys()
            .filter(|key| !keys.contains(key))
            .cloned()
            .collect();
        keys.extend(others);
        keys
    }

    fn origin(&self, node: Option<&Node>) -> Origin {
        let layer = node.map_or(0, Node::newest);
        self.layers.get(layer).cloned().unwrap_or(Origin::Default)
    }

    fn line(&mut self, key: &str, node: &Node, origin: &Origin) {
        let text = &mut self.report.text;
        match &node.value {
            Value::Array(items) if items.iter().any(|item| item.table().is_some()) => {
                text.push_str(&format!("{key} = [  # {origin}\n"));
                for item in items {
                    text.push_str(&format!("    {},\n", inline(item)));
                }
                text.push_str("]\n");
            }
            _ => text.push_str(&format!("{key} = {}  # {origin}\n", inline(node))),
        }
    }
}

fn below<'a>(node: Option<&'a Node>, key: &str) -> Option<&'a Node> {
    node?.table()?.entries.get(key)
}

/// A value on one line.
fn inline(node: &Node) -> String {
    match &node.value {
        Value::Bool(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => toml::Value::Float(*number).to_string(),
        Value::Text(text) | Value::Loose(text, _) => basic(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let entry =
                |(key, node): (&String, &Node)| format!("{} = {}", quoted(key), inline(node));
            let entries: Vec<String> = table.entries.iter().map(entry).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}
