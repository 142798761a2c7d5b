//! DeeperForensics-1.0 (Jiang et al., 2020):
//!
//! - `manipulated_videos/METHOD/TARGET_ACTOR.mp4`
//! - `lists/splits/{train,val,test}.txt`
//! - `lists/manipulated_videos_distortions_meta/*_meta.txt`: path, then `TYPE:LEVEL ...`
//!
//! Real are the targets, which are the YouTube videos of FaceForensics++ in c23; its own
//! `source_videos` show the actors under studio light and are, as its authors say, not the
//! real part.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::super::record::{Label, Split};
use super::super::skip::{Skip, SkipReason};
use super::splits::Splits;
use super::{DataSet, Entry, Job, Listing, Request, faceforensics, folder};

/// The set without distortions.
const USUAL: &[&str] = &["end_to_end"];
const REAL_COMPRESSION: &str = "c23";

pub(super) const DEEPER_FORENSICS: DataSet = DataSet {
    name: "deeperforensics",
    title: "DeeperForensics-1.0",
    is,
    list,
    kind: |_| Some("swap"),
    methods: true,
    #[cfg(test)]
    examples: &[&["manipulated_videos/end_to_end/"]],
};

fn is(root: &Path) -> bool {
    root.join("manipulated_videos").is_dir()
}

fn list(request: &Request<'_>) -> Result<Listing> {
    let mut listing = Listing::default();
    let present = folder::folders(&request.root.join("manipulated_videos"))?;
    let (methods, left) = faceforensics::choose(present, request.methods, USUAL)?;
    if !left.is_empty() {
        listing.notes.push(format!(
            "not taken: {} (name them with --methods, or all)",
            left.join(", ")
        ));
    }
    let reals = reals(request, &mut listing)?;
    let splits = official(request, &mut listing)?;
    let distortions = distortions(request.root)?;
    let mut jobs: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for (method, folder) in &methods {
        for (name, path) in folder::videos(folder)? {
            let mut entry = Entry::new(Label::Fake, path, request);
            entry.method = Some(method.clone());
            let key = format!("{method}/{name}");
            entry.distortions = distortions.get(&key).cloned().unwrap_or_default();
            entry.level = level(method, &entry.distortions);
            jobs.entry(name).or_default().push(entry);
        }
    }
    for (name, entries) in jobs {
        add_job(
            request,
            (name, entries),
            &reals,
            splits.as_ref(),
            &mut listing,
        );
    }
    ensure!(
        !listing.jobs.is_empty(),
        "{} has no videos in manipulated_videos/{:?}",
        request.root.display(),
        methods.keys().collect::<Vec<_>>()
    );
    Ok(listing)
}

/// The fakes of one target with their real video.
fn add_job(
    request: &Request<'_>,
    (name, mut entries): (String, Vec<Entry>),
    reals: &BTreeMap<String, PathBuf>,
    splits: Option<&Official>,
    listing: &mut Listing,
) {
    let (target, actor) = name.split_once('_').unwrap_or((&name, ""));
    let mut split = None;
    if let Some(splits) = splits {
        split = splits.of(&name, target);
        if split.is_none() {
            let detail = "the official splits do not name it";
            let skips = entries
                .iter()
                .map(|e| Skip::new(&e.file, SkipReason::NoSplit, detail));
            listing.skips.extend(skips);
            return;
        }
    }
    if let Some(path) = reals.get(target) {
        let real = Entry {
            label: Label::Real,
            path: path.clone(),
            file: format!("{}/targets/{}", request.name, folder::name(path)),
            compression: Some(REAL_COMPRESSION.into()),
            ..Default::default()
        };
        entries.insert(0, real);
    }
    for entry in &mut entries {
        entry.split = split;
    }
    // The official splits keep actors apart, and so do groups.
    let person = if actor.is_empty() { target } else { actor };
    listing.jobs.push(Job {
        name: format!("{}/{name}", request.name),
        source: "deeperforensics".into(),
        group: format!("deeperforensics-{person}"),
        entries,
    });
}

fn reals(request: &Request<'_>, listing: &mut Listing) -> Result<BTreeMap<String, PathBuf>> {
    let Some(root) = request.originals else {
        listing.notes.push(
            "only fakes: the real videos are those of FaceForensics++ in c23, give its folder with --originals; the actors in source_videos are never taken as real".into(),
        );
        return Ok(BTreeMap::new());
    };
    faceforensics::youtube_originals(root, REAL_COMPRESSION)
}

enum Official {
    /// Own lists, by fake.
    ByFake(Splits),
    /// Those of FaceForensics++, by target.
    ByTarget(Splits),
}

impl Official {
    fn of(&self, name: &str, target: &str) -> Option<Split> {
        match self {
            Self::ByFake(splits) => splits.of(name),
            Self::ByTarget(splits) => splits.of(target),
        }
    }
}

fn official(request: &Request<'_>, listing: &mut Listing) -> Result<Option<Official>> {
    if let Some(folder) = request.splits {
        if let Some(splits) = faceforensics::split_files(folder)? {
            return Ok(Some(Official::ByTarget(splits)));
        }
        let splits = Splits::lines(folder)?
            .with_context(|| format!("{} holds no lists of splits", folder.display()))?;
        return Ok(Some(Official::ByFake(splits)));
    }
    let splits = Splits::lines(&request.root.join("lists").join("splits"))?;
    if splits.is_none() {
        listing.notes.push(
            "no official splits (lists/splits) were found: validation is drawn by groups of actors; give the folder with --splits".into(),
        );
    }
    Ok(splits.map(Official::ByFake))
}

/// Distortions by `METHOD/NAME`.
fn distortions(root: &Path) -> Result<HashMap<String, Vec<String>>> {
    let folder = root
        .join("lists")
        .join("manipulated_videos_distortions_meta");
    let mut found = HashMap::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if !folder::name(&path).ends_with("_meta.txt") {
            continue;
        }
        for line in folder::text(&path)?.lines() {
            let mut words = line.split_whitespace();
            let Some(video) = words.next().map(Path::new) else {
                continue;
            };
            let method = video.parent().map(folder::name).unwrap_or_default();
            let key = format!("{method}/{}", folder::stem(video));
            found.insert(key, words.map(str::to_string).collect());
        }
    }
    Ok(found)
}

/// The level in the name of the method, or that of a single distortion.
fn level(method: &str, distortions: &[String]) -> Option<u8> {
    if let Some((_, level)) = method.rsplit_once("_level_") {
        return level.parse().ok();
    }
    match distortions {
        [one] => one.rsplit_once(':')?.1.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_from_the_folder_or_from_a_single_distortion() {
        let gb = ["GB:3".to_string()];
        let two = ["GB:3".to_string(), "CS:5".to_string()];
        assert_eq!(level("end_to_end_level_4", &[]), Some(4));
        assert_eq!(level("end_to_end_random_level", &gb), Some(3));
        assert_eq!(level("end_to_end_mix_2_distortions", &two), None);
        assert_eq!(level("end_to_end", &[]), None);
    }
}
