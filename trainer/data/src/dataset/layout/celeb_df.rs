//! Celeb-DF-v2 (Li et al., 2020):
//!
//! - `Celeb-real/idP_NNNN.mp4`, `YouTube-real/NNNNN.mp4`
//! - `Celeb-synthesis/idP_idQ_NNNN.mp4`: `idP_NNNN` with the face of Q
//! - `List_of_testing_videos.txt`: `L folder/file.mp4`
//!
//! The label is that of the folder. The videos may lie in `videos/` below these.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::super::record::{Label, Split};
use super::{DataSet, Entry, Job, Listing, Request, folder};

const LIST: &str = "List_of_testing_videos.txt";

pub(super) const CELEB_DF: DataSet = DataSet {
    name: "celeb-df",
    title: "Celeb-DF-v2",
    is,
    list,
    kind: |_| Some("swap"),
    methods: false,
    #[cfg(test)]
    examples: &[&["Celeb-real/", "Youtube-real/videos/"]],
};

fn is(root: &Path) -> bool {
    folder::folders(root).is_ok_and(|folders| {
        folders.keys().any(|name| {
            matches!(
                name.to_lowercase().as_str(),
                "celeb-real" | "celeb-synthesis"
            )
        })
    })
}

fn list(request: &Request<'_>) -> Result<Listing> {
    let mut listing = Listing::default();
    let test = test_list(request, &mut listing)?;
    let mut jobs: BTreeMap<String, Job> = BTreeMap::new();
    for (folder, videos) in folders(request.root)? {
        for (name, path) in videos {
            let (clip, person) = clip_of(&folder, &name);
            let label = if folder == "celeb-synthesis" {
                Label::Fake
            } else {
                Label::Real
            };
            let mut entry = Entry::new(label, path, request);
            let listed = test.contains(&format!("{folder}/{name}"));
            entry.split = listed.then_some(Split::Test);
            let job = jobs.entry(clip.clone()).or_insert_with(|| Job {
                name: format!("{}/{clip}", request.name),
                source: "celeb-df".into(),
                group: format!("celeb-df-{person}"),
                entries: vec![],
            });
            job.entries.push(entry);
        }
    }
    ensure!(
        !jobs.is_empty(),
        "{} has no videos in Celeb-real, YouTube-real and Celeb-synthesis",
        request.root.display()
    );
    listing.jobs = jobs.into_values().collect();
    for job in &mut listing.jobs {
        job.entries.sort_by_key(|entry| entry.label == Label::Fake);
    }
    Ok(listing)
}

/// The three folders by their name in lower case (copies differ in it), with their videos.
fn folders(root: &Path) -> Result<Vec<(String, BTreeMap<String, PathBuf>)>> {
    let mut found = Vec::new();
    for (name, path) in folder::folders(root)? {
        let name = name.to_lowercase();
        if matches!(
            name.as_str(),
            "celeb-real" | "youtube-real" | "celeb-synthesis"
        ) {
            let mut videos = folder::videos(&path)?;
            videos.extend(folder::videos(&path.join("videos"))?);
            found.push((name, videos));
        }
    }
    Ok(found)
}

/// The original clip that a video shows, and the person in it.
fn clip_of(folder: &str, name: &str) -> (String, String) {
    if folder == "youtube-real" {
        let clip = format!("youtube-{name}");
        return (clip.clone(), clip);
    }
    let parts: Vec<&str> = name.split('_').collect();
    match parts.as_slice() {
        [target, _, number] if folder == "celeb-synthesis" => {
            (format!("{target}_{number}"), (*target).into())
        }
        [target, ..] => (name.into(), (*target).into()),
        [] => (name.into(), name.into()),
    }
}

/// Test videos as `folder/name` in lower case, without ending.
fn test_list(request: &Request<'_>, listing: &mut Listing) -> Result<HashSet<String>> {
    let path = request.splits.unwrap_or(request.root).join(LIST);
    if !path.is_file() {
        ensure!(request.splits.is_none(), "{} is missing", path.display());
        listing.notes.push(format!(
            "{LIST} was not found: no video counts as test; give its folder with --splits"
        ));
        return Ok(HashSet::new());
    }
    let text = folder::text(&path)?;
    let mut found = HashSet::new();
    for line in text.lines() {
        let Some(video) = line.split_whitespace().nth(1) else {
            continue;
        };
        let video = video.replace('\\', "/").to_lowercase();
        let stem = video
            .rsplit_once('.')
            .map_or(video.as_str(), |(stem, _)| stem);
        found.insert(stem.replace("/videos/", "/"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fake_belongs_to_the_clip_it_was_made_from() {
        let clip = |folder, name| clip_of(folder, name);
        let both = |clip: &str, person: &str| (clip.to_string(), person.to_string());
        assert_eq!(
            clip("celeb-synthesis", "id0_id16_0003"),
            both("id0_0003", "id0")
        );
        assert_eq!(clip("celeb-real", "id0_0003"), both("id0_0003", "id0"));
        assert_eq!(
            clip("youtube-real", "00170"),
            both("youtube-00170", "youtube-00170")
        );
    }
}
