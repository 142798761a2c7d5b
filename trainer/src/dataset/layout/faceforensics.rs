//! FaceForensics++ (Rössler et al., 2019) with FaceShifter, and DeepFakeDetection, which
//! is distributed in the same tree:
//!
//! - `original_sequences/{youtube,actors}/{raw,c23,c40}/videos/*.mp4`
//! - `manipulated_sequences/METHOD/{raw,c23,c40}/videos/*.mp4`
//! - `manipulated_sequences/METHOD/masks/videos/*.mp4`
//! - `train.json`, `val.json`, `test.json`: pairs of names

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::super::record::{Label, Split};
use super::super::skip::{Reason, Skip};
use super::persons::Persons;
use super::splits::Splits;
use super::{Entry, Job, Listing, Request, folder};

/// The methods that papers mean by "FaceForensics++".
const USUAL: &[&str] = &["Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"];
/// Method whose originals are the `actors`, with names of their own.
const DETECTION: &str = "DeepFakeDetection";

pub(super) fn is(root: &Path) -> bool {
    root.join("original_sequences").is_dir() || root.join("manipulated_sequences").is_dir()
}

/// Folder of the original videos of a compression.
pub(super) fn originals(root: &Path, kind: &str, compression: &str) -> PathBuf {
    root.join("original_sequences")
        .join(kind)
        .join(compression)
        .join("videos")
}

pub(super) fn list(request: &Request<'_>) -> Result<Listing> {
    let mut listing = Listing::default();
    let methods = methods(request, &mut listing)?;
    let splits = splits(request, &mut listing)?;
    let mut fakes: BTreeMap<&str, BTreeMap<String, PathBuf>> = BTreeMap::new();
    for (method, folder) in &methods {
        let compressed = folder.join(request.compression.name()).join("videos");
        fakes.insert(method, folder::videos(&compressed)?);
    }
    let actors = fakes.remove(DETECTION);
    youtube(request, &methods, &fakes, splits.as_ref(), &mut listing)?;
    if let (Some(fakes), Some(folder)) = (actors, methods.get(DETECTION)) {
        detection(request, folder, &fakes, &mut listing)?;
    }
    check_found(request, &listing)?;
    Ok(listing)
}

/// Folders of the methods asked for.
fn methods(request: &Request<'_>, listing: &mut Listing) -> Result<BTreeMap<String, PathBuf>> {
    let present = folder::folders(&request.root.join("manipulated_sequences"))?;
    let (chosen, left) = choose(present, request.methods, USUAL)?;
    if !left.is_empty() {
        listing.notes.push(format!(
            "not taken: {} (name them with --methods, or all)",
            left.join(", ")
        ));
    }
    Ok(chosen)
}

/// Those of the present methods that were asked for, and the names of the others.
pub(super) fn choose(
    mut present: BTreeMap<String, PathBuf>,
    asked: &[String],
    usual: &[&str],
) -> Result<(BTreeMap<String, PathBuf>, Vec<String>)> {
    if asked.iter().any(|name| name == "all") {
        return Ok((present, vec![]));
    }
    let mut chosen = BTreeMap::new();
    for name in asked {
        let Some(folder) = present.remove(name) else {
            let names: Vec<&str> = present.keys().map(String::as_str).collect();
            bail!("there is no method `{name}`; besides those named before, there are {names:?}")
        };
        chosen.insert(name.clone(), folder);
    }
    if asked.is_empty() {
        for name in usual {
            if let Some(folder) = present.remove(*name) {
                chosen.insert((*name).into(), folder);
            }
        }
    }
    Ok((chosen, present.into_keys().collect()))
}

fn splits(request: &Request<'_>, listing: &mut Listing) -> Result<Option<Splits>> {
    if let Some(folder) = request.splits {
        let splits = Splits::pairs(folder)?;
        ensure!(
            splits.is_some(),
            "{} holds no train.json, val.json and test.json",
            folder.display()
        );
        return Ok(splits);
    }
    for below in ["", "splits", "dataset/splits"] {
        if let Some(splits) = Splits::pairs(&request.root.join(below))? {
            return Ok(Some(splits));
        }
    }
    listing.notes.push(
        "no official splits (train.json, val.json, test.json) were found: validation is drawn by groups of persons; give the folder with --splits".into(),
    );
    Ok(None)
}

/// Originals from YouTube `NNN.mp4` and fakes `TARGET_SOURCE.mp4`.
fn youtube(
    request: &Request<'_>,
    methods: &BTreeMap<String, PathBuf>,
    fakes: &BTreeMap<&str, BTreeMap<String, PathBuf>>,
    splits: Option<&Splits>,
    listing: &mut Listing,
) -> Result<()> {
    let compression = request.compression.name();
    let reals = folder::videos(&originals(request.root, "youtube", compression))?;
    let mut persons = Persons::default();
    for [one, other] in splits.iter().flat_map(|splits| &splits.pairs) {
        persons.join(one, other);
    }
    let mut jobs: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for (name, path) in &reals {
        let entry = Entry::new(Label::Real, path.clone(), request);
        jobs.entry(name.clone()).or_default().push(entry);
    }
    for (method, videos) in fakes {
        let masks = methods.get(*method).map(|folder| mask_folder(folder));
        for (name, path) in videos {
            let Some((target, source)) = name.split_once('_') else {
                let detail = "its name is not target_source.mp4";
                listing
                    .skips
                    .push(request.skip(path, Reason::NoLabel, detail));
                continue;
            };
            persons.join(target, source);
            let mut entry = Entry::new(Label::Fake, path.clone(), request);
            entry.method = Some((*method).into());
            entry.mask = masks
                .clone()
                .flatten()
                .map(|folder| folder.join(folder::name(path)));
            jobs.entry(target.into()).or_default().push(entry);
        }
    }
    for (target, mut entries) in jobs {
        entries.retain_mut(|entry| {
            entry.compression = Some(compression.into());
            let placed = place(&folder::stem(&entry.path), splits);
            entry.split = placed.flatten();
            if placed.is_none() {
                let detail = "the official splits do not name it, or place its persons apart";
                listing
                    .skips
                    .push(Skip::new(&entry.file, Reason::NoSplit, detail));
            }
            placed.is_some()
        });
        let job = Job {
            name: format!("{}/youtube/{target}", request.name),
            source: "faceforensics".into(),
            group: format!("faceforensics-{}", persons.first(&target)),
            entries,
        };
        listing.jobs.push(job);
    }
    Ok(())
}

/// The part of a video `NNN` or `TARGET_SOURCE`: `None` where splits are given but do not
/// agree on one.
fn place(name: &str, splits: Option<&Splits>) -> Option<Option<Split>> {
    let Some(splits) = splits else {
        return Some(None);
    };
    let mut parts = name.split('_').map(|person| splits.of(person));
    let first = parts.next()??;
    parts.all(|part| part == Some(first)).then_some(Some(first))
}

fn mask_folder(method: &Path) -> Option<PathBuf> {
    let folder = method.join("masks").join("videos");
    folder.is_dir().then_some(folder)
}

/// DeepFakeDetection: originals `TARGET__SCENE.mp4` by actors, fakes
/// `TARGET_SOURCE__SCENE__ID.mp4`. It has no official splits, and nearly every actor was
/// swapped with nearly every other one: the group is the actor who was filmed.
fn detection(
    request: &Request<'_>,
    method: &Path,
    fakes: &BTreeMap<String, PathBuf>,
    listing: &mut Listing,
) -> Result<()> {
    let compression = request.compression.name();
    let reals = folder::videos(&originals(request.root, "actors", compression))?;
    let mut jobs: BTreeMap<(String, String), Vec<Entry>> = BTreeMap::new();
    let real = |path: &PathBuf| Entry::new(Label::Real, path.clone(), request);
    for (name, path) in &reals {
        let (actor, scene) = name.split_once("__").unwrap_or((name, ""));
        jobs.insert((actor.into(), scene.into()), vec![real(path)]);
    }
    let masks = mask_folder(method);
    for (name, path) in fakes {
        let parts: Vec<&str> = name.split("__").collect();
        let actor = parts.first().and_then(|persons| persons.split_once('_'));
        let (Some((actor, _)), Some(scene)) = (actor, parts.get(1)) else {
            let detail = "its name is not target_source__scene__id.mp4";
            listing
                .skips
                .push(request.skip(path, Reason::NoLabel, detail));
            continue;
        };
        let mut entry = Entry::new(Label::Fake, path.clone(), request);
        entry.method = Some(DETECTION.into());
        entry.mask = masks.as_ref().map(|folder| folder.join(folder::name(path)));
        jobs.entry((actor.into(), (*scene).into()))
            .or_default()
            .push(entry);
    }
    for ((actor, scene), mut entries) in jobs {
        for entry in &mut entries {
            entry.compression = Some(compression.into());
        }
        listing.jobs.push(Job {
            name: format!("{}/actors/{actor}__{scene}", request.name),
            source: "deepfakedetection".into(),
            group: format!("deepfakedetection-{actor}"),
            entries,
        });
    }
    Ok(())
}

fn check_found(request: &Request<'_>, listing: &Listing) -> Result<()> {
    if !listing.jobs.is_empty() {
        return Ok(());
    }
    let sequences = ["original_sequences", "manipulated_sequences"];
    let mut there = std::collections::BTreeSet::new();
    for sequence in sequences {
        for folder in folder::folders(&request.root.join(sequence))?.values() {
            there.extend(folder::folders(folder)?.into_keys());
        }
    }
    there.retain(|name| name != "masks");
    bail!(
        "{} has no videos of compression {}; there are folders {there:?}, choose one with --compression",
        request.root.display(),
        request.compression.name()
    )
}

/// The original YouTube videos of a FaceForensics++ folder, by name.
pub(super) fn youtube_originals(
    root: &Path,
    compression: &str,
) -> Result<BTreeMap<String, PathBuf>> {
    let folder = originals(root, "youtube", compression);
    let videos = folder::videos(&folder)?;
    ensure!(
        !videos.is_empty(),
        "{} holds no videos: the originals of DeeperForensics are those of FaceForensics++ in c23",
        folder.display()
    );
    Ok(videos)
}

/// Official splits of FaceForensics++ in a folder.
pub(super) fn split_files(folder: &Path) -> Result<Option<Splits>> {
    Splits::pairs(folder).with_context(|| format!("cannot read the splits in {}", folder.display()))
}
