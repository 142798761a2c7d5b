//! Any folder: a file's label is the first folder on its path named `real` or `fake`, in
//! capitals or not.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use anyhow::{Result, ensure};
use unmask_shared::media::list_media;

use super::super::record::Label;
use super::super::skip::SkipReason;
use super::{DataSet, Entry, Job, Listing, Request};

/// Takes whatever nobody else does.
pub(super) const PLAIN: DataSet = DataSet {
    name: "plain",
    title: "your own files",
    is: |_| true,
    list,
    kind: |_| None,
    methods: false,
    #[cfg(test)]
    examples: &[&["real/a/", "fake/a/"], &["dataset.json", "real/"]],
};

/// Pairs every file below `real` with the one of the same path below `fake`.
fn list(request: &Request<'_>) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut jobs: BTreeMap<String, Job> = BTreeMap::new();
    for path in list_media(request.root)? {
        let below = path.strip_prefix(request.root).unwrap_or(&path);
        let Some((label, rest)) = label_of(below) else {
            let detail = "no folder on its path is named `real` or `fake`";
            listing
                .skips
                .push(request.skip(&path, SkipReason::NoLabel, detail));
            continue;
        };
        let name = format!("{}/{}", request.name, rest.join("/"));
        let file = rest.last().map_or("", String::as_str);
        let folder = rest.iter().rev().nth(1).map_or("plain", String::as_str);
        let job = jobs.entry(name.clone()).or_insert_with(|| Job {
            name,
            source: folder.into(),
            group: clip_of(file).into(),
            entries: vec![],
        });
        job.entries.push(Entry::new(label, path, request));
    }
    ensure!(
        !jobs.is_empty(),
        "no picture or video below a folder named `real` or `fake` in {}",
        request.root.display()
    );
    listing.jobs = jobs.into_values().collect();
    for job in &mut listing.jobs {
        job.entries.sort_by_key(|entry| entry.label == Label::Fake);
    }
    Ok(listing)
}

fn label_of(path: &Path) -> Option<(Label, Vec<String>)> {
    let mut rest: Vec<String> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect();
    let named = |part: &String| {
        let labels = [("real", Label::Real), ("fake", Label::Fake)];
        let label = labels
            .into_iter()
            .find(|(name, _)| part.eq_ignore_ascii_case(name));
        label.map(|(_, label)| label)
    };
    let (at, label) = (rest.iter().enumerate()).find_map(|(at, part)| Some((at, named(part)?)))?;
    rest.remove(at);
    (!rest.is_empty()).then_some((label, rest))
}

/// A file's stem without a trailing frame number of four digits.
pub(super) fn clip_of(file: &str) -> &str {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    match stem.rsplit_once('_') {
        Some((clip, number)) if number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit()) => {
            clip
        }
        _ => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_from_the_folder() {
        let rest = |parts: &[&str]| parts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            label_of(Path::new("real/dfl/a_0001.jpg")),
            Some((Label::Real, rest(&["dfl", "a_0001.jpg"])))
        );
        assert_eq!(
            label_of(Path::new("x/fake/y.png")),
            Some((Label::Fake, rest(&["x", "y.png"])))
        );
        for (folder, label) in [("Real", Label::Real), ("FAKE", Label::Fake)] {
            let found = label_of(&Path::new(folder).join("a.png"));
            assert_eq!(found, Some((label, rest(&["a.png"]))));
        }
        assert_eq!(label_of(Path::new("unreal/y.png")), None);
        assert_eq!(label_of(Path::new("fake")), None);
    }

    #[test]
    fn frames_of_a_clip_are_one_group() {
        assert_eq!(clip_of("clip_0_0063.jpg"), "clip_0");
        assert_eq!(clip_of("clip_0.mp4"), "clip_0");
        assert_eq!(clip_of("34_1_0_2017.jpg"), "34_1_0");
        assert_eq!(clip_of("clip_63"), "clip_63");
    }
}
