//! Every crate makes a package that holds what it needs to be built, and nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// In the order in which a registry wants them.
const CRATES: [&str; 8] = [
    "unmask-arena",
    "unmask-kernel",
    "unmask-pixels",
    "unmask-shared",
    "unmask-edge",
    "unmask-data",
    "unmask-metrics",
    "unmask-trainer",
];
/// What a registry takes of one crate, compressed.
const BYTES_MAX: u64 = 10_000_000;

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let ran = Command::new(cargo)
        .args(arguments)
        .current_dir(home())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(ran.stdout).unwrap()
}

/// Without a network there is no `cargo publish --dry-run`; this is its part without one, and
/// without building everything a second time.
#[test]
fn every_crate_is_packed_without_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().to_str().unwrap();
    let mut arguments = vec![
        "package",
        "--no-verify",
        "--offline",
        "--allow-dirty",
        "--target-dir",
        target,
    ];
    arguments.extend(CRATES.iter().flat_map(|name| ["-p", *name]));
    cargo(&arguments);
    for name in CRATES {
        let file = folder.path().join(format!("package/{name}-0.1.0.crate"));
        let bytes = file.metadata().unwrap().len();
        assert!(bytes < BYTES_MAX, "{name}: {bytes} bytes");
    }
}

#[test]
fn packages_hold_what_they_are_built_from_and_nothing_else() {
    for (name, wanted) in [
        ("unmask-shared", "models/face-finder/model.onnx"),
        ("unmask-shared", "models/synthetic-people/people.bin"),
        ("unmask-edge", "models/afsl-lite/model.onnx"),
        ("unmask-edge", "src/web/page/index.html"),
        ("unmask-trainer", "configs/methods.toml"),
        ("unmask-pixels", "README.md"),
    ] {
        let listed = list(name);
        assert!(listed.iter().any(|file| file == wanted), "{name}: {wanted}");
    }
    let made = [
        ".cargo_vcs_info.json",
        "Cargo.lock",
        "Cargo.toml",
        "Cargo.toml.orig",
    ];
    for name in CRATES {
        for file in list(name) {
            let first = file.split('/').next().unwrap();
            let belongs =
                made.contains(&first) || ["README.md", "configs", "models", "src"].contains(&first);
            assert!(belongs, "{name} holds {file}");
        }
    }
}

/// Bytes that are built in are read from within the package.
#[test]
fn no_code_includes_what_lies_outside_of_its_package() {
    for (name, folder) in [
        ("unmask-shared", "shared"),
        ("unmask-edge", "edge"),
        ("unmask-trainer", "trainer"),
    ] {
        for file in list(name).iter().filter(|file| file.ends_with(".rs")) {
            let text = std::fs::read_to_string(home().join(folder).join(file)).unwrap();
            // What is for tests alone stands last.
            let code = text.split("#[cfg(test)]\nmod").next().unwrap();
            if file.ends_with("tests.rs") || file.contains("/tests/") {
                continue;
            }
            let depth = file.matches('/').count();
            for include in code.split("include_").skip(1) {
                let path = include.split('"').nth(1).unwrap_or_default();
                let up = path.matches("../").count();
                assert!(up <= depth, "{folder}/{file} includes {path}");
            }
        }
    }
}

#[test]
fn a_registry_is_told_all_that_it_wants_to_know() {
    let told = cargo(&[
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]);
    let told: Value = serde_json::from_str(&told).unwrap();
    for name in CRATES {
        let all = told["packages"].as_array().unwrap();
        let package = all.iter().find(|package| package["name"] == name).unwrap();
        assert_eq!(package["license"], "MIT OR Apache-2.0", "{name}");
        assert!(package["publish"].is_null(), "{name} is kept back");
        assert!(package["readme"].is_string(), "{name}");
        let words = package["description"].as_str().unwrap();
        assert!(words.len() > 20, "{name}: {words}");
        assert!(
            !package["keywords"].as_array().unwrap().is_empty(),
            "{name}"
        );
        for dependency in package["dependencies"].as_array().unwrap() {
            let is_bare = dependency["kind"].is_null() && dependency["req"] == "*";
            assert!(!is_bare, "{name}: {} has no version", dependency["name"]);
        }
    }
}

/// The files of a package.
fn list(name: &str) -> Vec<String> {
    let listed = cargo(&[
        "package",
        "--list",
        "--offline",
        "--allow-dirty",
        "-p",
        name,
    ]);
    listed.lines().map(str::to_owned).collect()
}
