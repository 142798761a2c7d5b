//! Preview of the Deepfake Detection Challenge (Dolhansky et al., 2019):
//!
//! - `original_videos/...mp4`, `method_A/...mp4`, `method_B/...mp4`
//! - `dataset.json`: `{"method_A/...mp4": {"label": "fake", "set": "train",
//!   "target_id": "1", "swapped_id": "2", ...}}`
//!
//! Its fakes were made from longer recordings than the originals that it holds, so that no
//! fake has a twin frame for frame.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use unmask_shared::media::list_media;

use super::super::record::{Label, Split};
use super::super::skip::SkipReason;
use super::persons::Persons;
use super::{DataSet, Entry, Job, Listing, Request, folder};

const ANNOTATION: &str = "dataset.json";
const SOURCE: &str = "dfdcp";

pub(super) const DFDCP: DataSet = DataSet {
    name: "dfdcp",
    title: "preview of the Deepfake Detection Challenge",
    is,
    list,
    kind: |_| Some("swap"),
    methods: true,
    #[cfg(test)]
    examples: &[&["dataset.json", "method_A/"]],
};

fn is(root: &Path) -> bool {
    let videos = ["original_videos", "method_A", "method_B"];
    root.join(ANNOTATION).is_file() && videos.iter().any(|name| root.join(name).is_dir())
}

#[derive(Deserialize)]
struct Video {
    label: Option<String>,
    set: Option<String>,
    target_id: Option<Value>,
    swapped_id: Option<Value>,
}

impl Video {
    fn persons(&self) -> Vec<String> {
        let ids = [&self.target_id, &self.swapped_id].into_iter().flatten();
        ids.filter_map(|id| match id {
            Value::String(name) if !name.is_empty() => Some(name.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
        .collect()
    }
}

fn list(request: &Request<'_>) -> Result<Listing> {
    let mut listing = Listing::default();
    let videos: BTreeMap<String, Video> = folder::json(&request.root.join(ANNOTATION))?;
    ensure!(!videos.is_empty(), "{ANNOTATION} names no video");
    let mut persons = Persons::default();
    for video in videos.values() {
        if let [one, other] = video.persons().as_slice() {
            persons.join(one, other);
        }
    }
    unnamed(request, &videos, &mut listing)?;
    for (file, video) in &videos {
        let file = file.replace('\\', "/");
        let path = request.root.join(&file);
        let folder = file.split('/').next().unwrap_or_default().to_string();
        if !request.methods.is_empty()
            && folder.starts_with("method_")
            && !request
                .methods
                .iter()
                .any(|name| *name == folder || name == "all")
        {
            continue;
        }
        if !path.is_file() {
            let detail = format!("{ANNOTATION} names it");
            listing
                .skips
                .push(request.skip(&path, SkipReason::MissingFile, detail));
            continue;
        }
        let label = match video.label.as_deref() {
            Some("real") => Label::Real,
            Some("fake") => Label::Fake,
            _ => {
                let detail = "its label is neither real nor fake";
                listing
                    .skips
                    .push(request.skip(&path, SkipReason::NoLabel, detail));
                continue;
            }
        };
        let mut entry = Entry::new(label, path, request);
        entry.method = (label == Label::Fake).then_some(folder);
        entry.split = (video.set.as_deref() == Some("test")).then_some(Split::Test);
        let person = video.persons().into_iter().next();
        let person = person.map_or_else(|| file.clone(), |person| persons.first(&person));
        listing.jobs.push(Job {
            name: entry.file.clone(),
            source: SOURCE.into(),
            group: format!("{SOURCE}-{person}"),
            entries: vec![entry],
        });
    }
    Ok(listing)
}

/// Videos that lie there without an annotation.
fn unnamed(
    request: &Request<'_>,
    videos: &BTreeMap<String, Video>,
    listing: &mut Listing,
) -> Result<()> {
    let named: HashSet<_> = videos
        .keys()
        .map(|file| request.root.join(file.replace('\\', "/")))
        .collect();
    for path in list_media(request.root)? {
        if !named.contains(&path) {
            let detail = format!("{ANNOTATION} does not name it");
            listing
                .skips
                .push(request.skip(&path, SkipReason::NoLabel, detail));
        }
    }
    Ok(())
}
