//! Looking into folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;

const VIDEO_ENDINGS: &[&str] = &["mp4", "avi", "mkv", "mov", "webm"];
/// Annotations of the largest data set take 20 MB.
const ANNOTATION_BYTES_MAX: u64 = 256 << 20;

/// The videos directly inside a folder by name without ending, sorted; none where there is
/// no such folder.
pub(super) fn videos(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for path in entries(folder)? {
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        if VIDEO_ENDINGS.contains(&ending.to_lowercase().as_str()) {
            found.insert(stem(&path), path);
        }
    }
    Ok(found)
}

/// The folders directly inside a folder by name, sorted; none where there is no such
/// folder.
pub(super) fn folders(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for path in entries(folder)? {
        if path.is_dir() {
            found.insert(name(&path), path);
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(vec![]);
    }
    let cannot = || format!("cannot list the folder {}", folder.display());
    let entries = fs::read_dir(folder).with_context(cannot)?;
    entries
        .map(|entry| Ok(entry.with_context(cannot)?.path()))
        .collect()
}

/// Last part of a path.
pub(super) fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Last part of a path without its ending.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The text of an annotation.
pub(super) fn text(path: &Path) -> Result<String> {
    let cannot = || format!("cannot read {}", path.display());
    let length = fs::metadata(path).with_context(cannot)?.len();
    ensure!(
        length <= ANNOTATION_BYTES_MAX,
        "{} has {length} bytes: this is no annotation",
        path.display()
    );
    fs::read_to_string(path).with_context(cannot)
}

/// An annotation in JSON.
pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_str(&text(path)?).with_context(|| {
        format!(
            "{} is not what it should be: download it again",
            path.display()
        )
    })
}
