//! Deepfake Detection Challenge (Dolhansky et al., 2020):
//!
//! - `dfdc_train_part_N/metadata.json`: `{"a.mp4": {"label": "FAKE", "split": "train",
//!   "original": "b.mp4"}}`, with the videos beside it
//! - `validation/labels.csv` and `test/labels.csv`: `filename,label` with 1 for fake; or
//!   `metadata.json` with `is_fake`
//!
//! The training parts have no official validation among them (`split` says `train` for all
//! of them): the group is the part, because persons recur within one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::super::record::{Label, Split};
use super::super::skip::SkipReason;
use super::{DataSet, Entry, Job, Listing, Request, folder};

const DEPTH_MAX: usize = 3;
const SOURCE: &str = "dfdc";

pub(super) const DFDC: DataSet = DataSet {
    name: "dfdc",
    title: "Deepfake Detection Challenge",
    is,
    list,
    kind: |_| Some("swap"),
    methods: false,
    #[cfg(test)]
    examples: &[
        &["dfdc_train_part_0/metadata.json"],
        &["dfdc_train_part_00/dfdc_train_part_0/metadata.json"],
        &["test/labels.csv"],
    ],
};

fn is(root: &Path) -> bool {
    annotations(root, 0).is_ok_and(|found| !found.is_empty())
}

/// What an annotation says of a video.
#[derive(Deserialize)]
struct Video {
    label: Option<String>,
    is_fake: Option<u8>,
    original: Option<String>,
}

impl Video {
    fn label(&self) -> Option<Label> {
        match (self.label.as_deref(), self.is_fake) {
            (Some("REAL"), _) | (None, Some(0)) => Some(Label::Real),
            (Some("FAKE"), _) | (None, Some(1)) => Some(Label::Fake),
            _ => None,
        }
    }
}

fn list(request: &Request<'_>) -> Result<Listing> {
    let mut listing = Listing::default();
    let annotations = annotations(request.root, 0)?;
    ensure!(
        !annotations.is_empty(),
        "{} has no metadata.json and no labels.csv, not even {DEPTH_MAX} folders below",
        request.root.display()
    );
    for path in annotations {
        list_part(request, &path, &mut listing)?;
    }
    Ok(listing)
}

/// Every `metadata.json` or `labels.csv` in a folder and below.
fn annotations(folder: &Path, depth: usize) -> Result<Vec<PathBuf>> {
    let own = ["metadata.json", "labels.csv"].map(|name| folder.join(name));
    let mut found: Vec<PathBuf> = own
        .into_iter()
        .filter(|path| path.is_file())
        .take(1)
        .collect();
    if depth < DEPTH_MAX && found.is_empty() {
        for below in folder::folders(folder)?.values() {
            found.extend(annotations(below, depth + 1)?);
        }
    }
    Ok(found)
}

fn list_part(request: &Request<'_>, annotation: &Path, listing: &mut Listing) -> Result<()> {
    let folder = annotation.parent().unwrap_or(request.root);
    let part = folder::name(folder);
    let videos: BTreeMap<String, Video> = if annotation.extension().is_some_and(|e| e == "csv") {
        labels(annotation)?
    } else {
        folder::json(annotation)?
    };
    let split = match part.as_str() {
        "test" => Some(Split::Test),
        "validation" => Some(Split::Val),
        _ => None,
    };
    let mut there = folder::videos(folder)?;
    there.extend(folder::videos(&folder.join("videos"))?);
    let mut jobs: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for (file, video) in &videos {
        let path = Path::new(file);
        let Some(path) = there.remove(&folder::stem(path)) else {
            let detail = format!("{} names it", request.file_name(annotation));
            let skip = request.skip(&folder.join(path), SkipReason::MissingFile, detail);
            listing.skips.push(skip);
            continue;
        };
        let Some(label) = video.label() else {
            let detail = "its label is neither REAL nor FAKE";
            listing
                .skips
                .push(request.skip(&path, SkipReason::NoLabel, detail));
            continue;
        };
        let mut entry = Entry::new(label, path, request);
        entry.split = split;
        let original = video.original.as_ref().filter(|name| !name.is_empty());
        jobs.entry(original.unwrap_or(file).clone())
            .or_default()
            .push(entry);
    }
    for path in there.values() {
        let detail = format!("{} does not name it", request.file_name(annotation));
        listing
            .skips
            .push(request.skip(path, SkipReason::NoLabel, detail));
    }
    for (original, mut entries) in jobs {
        entries.sort_by_key(|entry| entry.label == Label::Fake);
        let name = request.file_name(&folder.join(&original));
        let group = match split {
            None => format!("{SOURCE}-{part}"),
            Some(_) => format!("{SOURCE}-{part}-{original}"),
        };
        listing.jobs.push(Job {
            name,
            source: SOURCE.into(),
            group,
            entries,
        });
    }
    Ok(())
}

fn labels(path: &Path) -> Result<BTreeMap<String, Video>> {
    let text = folder::text(path)?;
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut fields = line.split(',').map(|field| field.trim().trim_matches('"'));
        let (file, label) = (fields.next().unwrap_or_default(), fields.next());
        if file == "filename" {
            continue;
        }
        let video = Video {
            label: None,
            is_fake: label.and_then(|label| label.parse().ok()),
            original: None,
        };
        found.insert(file.to_string(), video);
    }
    ensure!(
        !found.is_empty(),
        "{} has no lines such as `a.mp4,1`",
        path.display()
    );
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_in_every_form() {
        let read = |json: &str| serde_json::from_str::<Video>(json).unwrap().label();
        assert_eq!(
            read(r#"{"label":"REAL","split":"train"}"#),
            Some(Label::Real)
        );
        assert_eq!(
            read(r#"{"label":"FAKE","split":"train","original":"b.mp4"}"#),
            Some(Label::Fake)
        );
        assert_eq!(read(r#"{"is_fake":1,"cluster":0}"#), Some(Label::Fake));
        assert_eq!(read(r#"{"label":"maybe"}"#), None);
        assert_eq!(read("{}"), None);
    }
}
