//! What may import what: rooms of a package, and packages, form no circles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders with the sources of a package each, below the root of the repository.
const PACKAGES: [&str; 8] = [
    "shared/src",
    "shared/kernel/src",
    "edge/src",
    "edge/arena/src",
    "edge/pixels/src",
    "trainer/data/src",
    "trainer/metrics/src",
    "trainer/src",
];

/// Who imports whom.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found
}

/// The room of a file: the module right below the root of its package.
fn room(path: &Path, package: &Path) -> String {
    let below = path.strip_prefix(package).unwrap();
    let first = below.components().next().unwrap().as_os_str();
    first.to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The source as it ships: without comments, and without the tests at its end.
fn shipped(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
    let lines = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""));
    lines.collect::<Vec<_>>().join("\n")
}

/// Rooms that a source names: what follows `crate::`.
fn named(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).filter_map(|rest| {
        assert!(
            !rest.starts_with('{'),
            "one `use` for each module: {rest:.60}"
        );
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        rest.get(..end?).filter(|name| !name.is_empty())
    })
}

fn imports(package: &Path) -> Imports {
    let mut imports = Imports::new();
    for path in sources(package) {
        let inner = path.strip_prefix(package).unwrap();
        if inner.components().any(|part| part.as_os_str() == "tests")
            || path.file_name().unwrap() == "tests.rs"
        {
            continue;
        }
        let room = room(&path, package);
        let code = shipped(&fs::read_to_string(&path).unwrap());
        let others = named(&code).filter(|name| *name != room).map(str::to_owned);
        imports.entry(room.clone()).or_default().extend(others);
    }
    let rooms: BTreeSet<String> = imports.keys().cloned().collect();
    for others in imports.values_mut() {
        others.retain(|other| rooms.contains(other));
    }
    imports
}

/// The rooms of a circle, in order; none where there is none.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    fn visit(
        at: &str,
        imports: &Imports,
        way: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> bool {
        if let Some(from) = way.iter().position(|room| room == at) {
            way.drain(..from);
            return true;
        }
        if done.contains(at) {
            return false;
        }
        way.push(at.to_owned());
        for other in imports.get(at).into_iter().flatten() {
            if visit(other, imports, way, done) {
                return true;
            }
        }
        way.pop();
        done.insert(at.to_owned());
        false
    }
    let (mut way, mut done) = (Vec::new(), BTreeSet::new());
    let found = imports
        .keys()
        .any(|room| visit(room, imports, &mut way, &mut done));
    found.then_some(way)
}

#[test]
fn a_circle_is_seen() {
    let list = |pairs: &[(&str, &[&str])]| -> Imports {
        let one = |(room, others): &(&str, &[&str])| {
            let others = others.iter().map(|other| (*other).to_owned());
            ((*room).to_owned(), others.collect())
        };
        pairs.iter().map(one).collect()
    };
    let tree = list(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]);
    assert_eq!(circle(&tree), None);
    let ring = list(&[("a", &["b"]), ("b", &["c"]), ("c", &["d"]), ("d", &["b"])]);
    assert_eq!(circle(&ring).unwrap(), ["b", "c", "d"]);
    let code = "use crate::track::Track; // crate::web\nlet x = crate::log::clock();\n\
        #[cfg(test)]\nmod tests {\n use crate::run::Run;\n}";
    assert_eq!(named(&shipped(code)).collect::<Vec<_>>(), ["track", "log"]);
}

#[test]
fn rooms_of_a_package_import_each_other_in_no_circle() {
    for package in PACKAGES {
        let imports = imports(&root().join(package));
        assert!(!imports.is_empty(), "{package}");
        if let Some(rooms) = circle(&imports) {
            panic!("{package}: {} -> {}", rooms.join(" -> "), rooms[0]);
        }
    }
}

/// A file that no `mod` names is not compiled, and nothing else tells of it.
#[test]
fn every_source_is_a_module() {
    for package in PACKAGES {
        let package = root().join(package);
        for path in sources(&package) {
            let (folder, name) = (path.parent().unwrap(), path.file_stem().unwrap());
            let (folder, name) = match name.to_str().unwrap() {
                "lib" | "main" if folder == package => continue,
                "mod" => (folder.parent().unwrap(), folder.file_name().unwrap()),
                _ => (folder, name),
            };
            let name = name.to_str().unwrap();
            let homes = ["mod.rs", "lib.rs", "main.rs"].map(|home| folder.join(home));
            let homes = homes.into_iter().chain([folder.with_extension("rs")]);
            let named = homes.filter_map(|home| fs::read_to_string(home).ok());
            let line = format!("mod {name};");
            let found = named.flat_map(|text| {
                let lines = text.lines().map(|line| line.trim().to_owned());
                lines.collect::<Vec<_>>()
            });
            let mut found = found.filter(|text| !text.starts_with("//"));
            assert!(
                found.any(|text| text.ends_with(&line)),
                "{path:?}: no `{line}`"
            );
        }
    }
}

/// Of the packages themselves: cargo forbids circles; this is about who may know whom.
#[test]
fn packages_know_only_what_the_architecture_allows() {
    let allowed = [
        ("shared", &["unmask-kernel"][..]),
        ("shared/kernel", &[]),
        ("edge", &["unmask-arena", "unmask-pixels", "unmask-shared"]),
        ("edge/arena", &[]),
        ("edge/pixels", &["unmask-arena"]),
        ("trainer/data", &["unmask-shared"]),
        ("trainer/metrics", &["unmask-data", "unmask-shared"]),
        (
            "trainer",
            &[
                "unmask-data",
                "unmask-kernel",
                "unmask-metrics",
                "unmask-shared",
            ],
        ),
    ];
    for (package, may) in allowed {
        let text = fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&text).unwrap();
        let known = manifest.get("dependencies").and_then(toml::Value::as_table);
        let ours = known.into_iter().flat_map(toml::Table::keys);
        for name in ours.filter(|name| name.starts_with("unmask-")) {
            assert!(
                may.contains(&name.as_str()),
                "{package} must not use {name}"
            );
        }
    }
}

/// Names that may be those of several public types: what clap is given, in rooms of one command
/// each, and generators of two kinds.
const SHARED_NAMES: [&str; 6] = [
    "Args",
    "Cli",
    "ExportArgs",
    "ListArgs",
    "Random",
    "VerifyArgs",
];

#[test]
fn public_types_have_names_of_their_own() {
    let mut places: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
    for package in PACKAGES {
        for path in sources(&root().join(package)) {
            let code = shipped(&fs::read_to_string(&path).unwrap());
            for name in code.lines().filter_map(public_type) {
                let place = path.strip_prefix(root()).unwrap().to_owned();
                places.entry(name.to_owned()).or_default().insert(place);
            }
        }
    }
    assert!(places.len() > 500, "{}", places.len());
    for (name, places) in places {
        let may = places.len() == 1 || SHARED_NAMES.contains(&name.as_str());
        assert!(may, "{name} names {} types: {places:?}", places.len());
    }
}

/// The type that a line declares for others.
fn public_type(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub ")?;
    let kinds = ["struct ", "enum ", "trait ", "type "];
    let rest = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
    rest.get(..end.unwrap_or(rest.len()))
}

#[test]
fn a_declaration_is_read() {
    let names = [
        ("pub struct Row<'a> {", Some("Row")),
        ("pub enum Level {", Some("Level")),
        ("pub(crate) struct Hidden;", None),
        ("    pub struct Inner;", None),
        ("pub type Count = u8;", Some("Count")),
    ];
    for (line, name) in names {
        assert_eq!(public_type(line), name);
    }
}
