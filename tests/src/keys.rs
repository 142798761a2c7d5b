//! Every key of a configuration as a page, from the program and the code that defines it.
#![allow(dead_code, reason = "included by the tests of two packages")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Set, the page is written instead of compared.
const WRITE: &str = "UNMASK_WRITE_DOCS";

/// Compares a page below `docs` with what the settings say, or writes it anew.
///
/// `printed` is what `--print-config` prints of the defaults, `root` the struct that it is of,
/// `sources` folders with the structs below it.
pub fn hold(page: &str, head: &str, root: &str, printed: &str, sources: &[&str]) {
    let structs = Structs::of(sources);
    let mut text = head.to_owned();
    let mut section = None;
    let mut nameless = Vec::new();
    for (key, value) in keys(printed) {
        let table = key.rsplit_once('.').map_or("", |(table, _)| table);
        if section != Some(table.to_owned()) {
            let title = match table {
                "" => "## Without a table".to_owned(),
                table => format!("## `[{table}]`"),
            };
            text += &format!("\n{title}\n| key | default | |\n|---|---|---|\n");
            section = Some(table.to_owned());
        }
        let name = key.rsplit('.').next().unwrap_or(&key);
        match structs.doc(root, &key) {
            Some(doc) => text += &format!("| `{name}` | {} | {doc} |\n", shown(&value)),
            None => nameless.push(key),
        }
    }
    assert!(
        nameless.is_empty(),
        "no words about {nameless:?} in the code"
    );
    settle(page, &text);
}

/// Compares a page below `docs` with what the code says of the fields of a record, by their dotted
/// paths, or writes it anew.
pub fn hold_fields(page: &str, head: &str, root: &str, paths: &[String], sources: &[&str]) {
    let structs = Structs::of(sources);
    let mut text = format!("{head}\n| field | |\n|---|---|\n");
    for path in paths {
        let doc = structs.doc(root, path);
        let doc = doc.unwrap_or_else(|| panic!("no words about {path} in the code"));
        // As the record has it.
        let doc = doc.replace("`None`", "`null`");
        text += &format!("| `{path}` | {doc} |\n");
    }
    settle(page, &text);
}

/// Compares a part of a page below `docs` with a text, or writes it anew: what stands between
/// `<!-- NAME, written by a test -->` and `<!-- end -->`.
pub fn hold_part(page: &str, name: &str, text: &str) {
    let found = self::page(page);
    let begin = format!("<!-- {name}, written by a test -->\n");
    let parts = found.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once("<!-- end -->")?;
        Some((before, after))
    });
    let (before, after) = parts.unwrap_or_else(|| panic!("docs/{page} has no part `{begin}`"));
    settle(
        page,
        &format!("{before}{begin}\n{text}\n<!-- end -->{after}"),
    );
}

/// A page below `docs`.
pub fn page(name: &str) -> String {
    let path = home().join("docs").join(name);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("docs/{name}: {error}"))
}

/// Lines of a table from its cells, beginning with the head.
pub fn table<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut text = String::new();
    for (at, row) in rows.into_iter().enumerate() {
        text += &format!("| {} |\n", row.join(" | "));
        if at == 0 {
            text += &format!("|{}\n", "---|".repeat(N));
        }
    }
    text
}

/// Compares a page below `docs` with a text, or writes it anew.
fn settle(page: &str, text: &str) {
    let path = home().join("docs").join(page);
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, text).expect("docs can be written");
        return;
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = found.lines().zip(text.lines()).find(|(a, b)| a != b);
    assert!(
        found == text,
        "docs/{page} is not what the program says, first at {differs:?}: run this test with {WRITE}=1"
    );
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn shown(value: &str) -> String {
    match value.is_empty() {
        true => "not set".to_owned(),
        false => format!("`{}`", value.replace('|', "\\|")),
    }
}

/// Dotted keys and their values, in order; an empty one is not set.
fn keys(printed: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut table = String::new();
    let mut tables = Vec::new();
    for line in printed.lines() {
        let place = |name: &str| match table.as_str() {
            "" => name.to_owned(),
            table => format!("{table}.{name}"),
        };
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            let name = name.split(']').next().unwrap_or_default();
            table = name.trim_start_matches('[').to_owned();
            tables.push(table.clone());
        } else if let Some((name, _)) = line
            .strip_prefix("# ")
            .and_then(|line| line.split_once(" is not set"))
        {
            found.push((place(name), String::new()));
        } else if let Some((name, value)) = line.split_once(" = ") {
            let value = value.rsplit_once("  # ").map_or(value, |(value, _)| value);
            found.push((place(name), value.to_owned()));
        }
    }
    // A table that holds nothing is itself a key.
    for table in tables {
        let below = format!("{table}.");
        if !found.iter().any(|(key, _)| key.starts_with(&below)) {
            found.push((table, "{}".into()));
        }
    }
    found.sort_by_key(|(key, _)| {
        let table = key.rsplit_once('.').map_or("", |(table, _)| table);
        table.to_owned()
    });
    found
}

#[derive(Clone, Default)]
struct Field {
    kind: String,
    doc: String,
}

/// Fields with their words, by struct; structs of one name share an entry.
#[derive(Default)]
struct Structs(HashMap<String, HashMap<String, Field>>);

impl Structs {
    fn of(folders: &[&str]) -> Self {
        let mut structs = Self::default();
        for folder in folders {
            structs.read(&home().join(folder));
        }
        structs
    }

    fn read(&mut self, folder: &Path) {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                self.read(&path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                self.take(&fs::read_to_string(&path).expect("source"));
            }
        }
    }

    fn take(&mut self, source: &str) {
        let mut inside: Option<String> = None;
        let mut doc = String::new();
        for line in source.lines() {
            let trimmed = line.trim();
            if let Some(words) = trimmed.strip_prefix("///") {
                doc = format!("{doc} {}", words.trim()).trim().to_owned();
                continue;
            }
            if line == "}" {
                inside = None;
            }
            if let Some(name) = line.strip_prefix("pub struct ") {
                let end = name
                    .find(|c: char| !c.is_alphanumeric())
                    .unwrap_or(name.len());
                inside = name.ends_with('{').then(|| name[..end].to_owned());
            } else if let (Some(name), Some(field)) = (&inside, trimmed.strip_prefix("pub "))
                && let Some((field, kind)) = field.split_once(": ")
            {
                let (field, words) = described(field, kind, &doc);
                let of_struct = self.0.entry(name.clone()).or_default();
                of_struct.entry(field).or_insert(words);
            }
            if !trimmed.starts_with("#[") {
                doc.clear();
            }
        }
    }

    /// The words about a dotted key.
    fn doc(&self, root: &str, key: &str) -> Option<String> {
        let (mut of, mut field) = (root.to_owned(), Field::default());
        for name in key.split('.') {
            field = self.0.get(&of)?.get(name)?.clone();
            of.clone_from(&field.kind);
        }
        (!field.doc.is_empty()).then_some(field.doc)
    }
}

/// A field by its name, type and words as they stand in the source.
fn described(name: &str, kind: &str, doc: &str) -> (String, Field) {
    let kind = kind.trim_end_matches(',');
    let inner = ["Option<", "Vec<"].iter().fold(kind, |kind, wrap| {
        kind.strip_prefix(wrap)
            .map_or(kind, |kind| kind.trim_end_matches('>'))
    });
    let kind = inner.rsplit("::").next().unwrap_or(inner).to_owned();
    let doc = plain(doc);
    (name.to_owned(), Field { kind, doc })
}

/// Words without links into the code.
fn plain(doc: &str) -> String {
    let mut text = String::new();
    let mut rest = doc;
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((name, after)) = link.split_once("`]") else {
            break;
        };
        let last = name.rsplit("::").next().unwrap_or(name);
        text += &format!("{before}`{last}`");
        rest = match after.strip_prefix('(') {
            Some(target) => target.split_once(')').map_or(after, |(_, after)| after),
            None => after,
        };
    }
    (text + rest).replace('|', "\\|")
}
