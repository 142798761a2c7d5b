//! What somebody has who cloned the repository just now.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A clone that goes away by itself.
pub struct Clone {
    folder: tempfile::TempDir,
}

/// Stands in for cargo: puts what was built beside this test where cargo would leave it.
const CARGO: &str = r#"#!/bin/bash
set -eu
if [ "${UNMASK_WALK_BUILD:-}" = 1 ] || [ "$1" = --version ]; then exec "$WALK_CARGO" "$@"; fi
command=$1; shift
packages=(); is_release=
while [ $# -gt 0 ]; do
    case "$1" in
        -p) packages+=("$2"); shift 2 ;;
        --release) is_release=1; shift ;;
        --quiet) shift ;;
        --manifest-path) shift 2 ;;
        --) shift; break ;;
        *) echo "cargo: nobody taught the walk $1" >&2; exit 101 ;;
    esac
done
[ -n "$is_release" ] && [ "${#packages[@]}" -gt 0 ] || exit 101
mkdir -p "$WALK_CLONE/target/release"
for package in "${packages[@]}"; do
    [ -x "$WALK_BUILT/$package" ] || { echo "cargo: no package $package" >&2; exit 101; }
    ln -sf "$WALK_BUILT/$package" "$WALK_CLONE/target/release/$package"
done
case "$command" in
    build) ;;
    run) exec "$WALK_CLONE/target/release/${packages[0]}" "$@" ;;
    *) exit 101 ;;
esac
"#;

impl Clone {
    /// What git follows or would follow, as it lies here; `None`, with a word, where this is no
    /// working copy of git's.
    pub fn new() -> Option<Self> {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let listed = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(&home)
            .output();
        let Some(listed) = listed.ok().filter(|listed| listed.status.success()) else {
            eprintln!("SKIPPED: git does not tell what a clone holds");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("unmask");
        let names = String::from_utf8(listed.stdout).unwrap();
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            copy(&home.join(name), &root.join(name));
        }
        let stand_in = folder.path().join("bin/cargo");
        fs::create_dir_all(folder.path().join("bin")).unwrap();
        fs::write(&stand_in, CARGO).unwrap();
        fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
        Some(Self { folder })
    }

    /// The root of the clone.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("unmask")
    }

    /// What a shell in it needs to know.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut built = std::env::current_exe().unwrap();
        built.pop();
        if built.ends_with("deps") {
            built.pop();
        }
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let path = std::env::var("PATH").unwrap_or_default();
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let target = self.path().join("target");
        vec![
            (
                "PATH",
                format!("{}:{path}", text(&self.folder.path().join("bin"))),
            ),
            ("CARGO_TARGET_DIR", text(&target)),
            ("WALK_BUILT", text(&built)),
            ("WALK_CARGO", cargo),
            ("WALK_CLONE", text(&self.path())),
        ]
    }
}

/// Copies a file, with its rights; what is followed and was deleted is left out.
fn copy(from: &Path, to: &Path) {
    let Ok(about) = from.symlink_metadata() else {
        return;
    };
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    if about.is_symlink() {
        symlink(fs::read_link(from).unwrap(), to).unwrap();
    } else {
        fs::copy(from, to).unwrap();
    }
}
