//! FaceForensics++ (Rössler et al., 2019) with FaceShifter, and DeepFakeDetection, which
//! is distributed in the same tree:
//!
//! - `original_sequences/{youtube,actors}/{raw,c23,c40}/videos/*.mp4`
//! - `manipulated_sequences/METHOD/{raw,c23,c40}/videos/*.mp4`
//! - `manipulated_sequences/METHOD/masks/videos/*.mp4`
//! - `train.json`, `val.json`, `test.json`: pairs of names

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::super::record::{Label, Split};
use super::super::skip::{Skip, SkipReason};
use super::persons::Persons;
use super::splits::Splits;
use super::{DataSet, Entry, Job, Listing, Request, folder};

/// The methods that papers mean by "FaceForensics++".
const USUAL: &[&str] = &["Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"];
/// Method whose originals are the `actors`, with names of their own.
const DETECTION: &str = "DeepFakeDetection";

pub(super) const FACE_FORENSICS: DataSet = DataSet {
    name: "faceforensics",
    title: "FaceForensics++, FaceShifter, DeepFakeDetection",
    is,
    list,
    kind: |method| match method {
        Some("Face2Face" | "NeuralTextures") => Some("reenactment"),
        _ => Some("swap"),
    },
    methods: true,
    #[cfg(test)]
    examples: &[
        &["original_sequences/youtube/c23/videos/"],
        &["manipulated_sequences/Deepfakes/"],
    ],
};

fn is(root: &Path) -> bool {
    root.join("original_sequences").is_dir() || root.join("manipulated_sequences").is_dir()
}

/// Folder of the original videos of a compression.
pub(super) fn originals(root: &Path, kind: &str, compression: &str) -> PathBuf {
    root.join("original_sequences")
        .join(kind)
        .join(compression)
        .join("videos")
}

fn list(request: &Request<'_>) -> Result<Listing> {
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
    let wanted = splits.as_ref().map(|splits| 2 * splits.pairs.len());
    let parts = fakes.iter().map(|(&method, videos)| {
        let fakes = videos
            .keys()
            .filter(|name| target_and_source(name).is_some());
        (method, fakes.count())
    });
    listing
        .notes
        .push(parts_note(request, parts.collect(), wanted)?);
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

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

fn target_and_source(name: &str) -> Option<(&str, &str)> {
    let persons = name.split_once('_');
    persons.filter(|(target, source)| is_number(target) && is_number(source))
}

/// A file that would be a person of its own, as `001 (1).mp4`.
fn unnamed(request: &Request<'_>, path: &Path, form: &str) -> Skip {
    let detail = format!("its name is not {form}: is it a second copy?");
    request.skip(path, SkipReason::NoLabel, detail)
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
        if !is_number(name) {
            listing.skips.push(unnamed(request, path, "NNN.mp4"));
            continue;
        }
        let entry = Entry::new(Label::Real, path.clone(), request);
        jobs.entry(name.clone()).or_default().push(entry);
    }
    for (method, videos) in fakes {
        let masks = methods.get(*method).map(|folder| mask_folder(folder));
        for (name, path) in videos {
            let Some((target, source)) = target_and_source(name) else {
                let skip = unnamed(request, path, "NNN_NNN.mp4 (target and source)");
                listing.skips.push(skip);
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
                    .push(Skip::new(&entry.file, SkipReason::NoSplit, detail));
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
        if name.ends_with(')') {
            listing.skips.push(unnamed(request, path, "NN__scene.mp4"));
            continue;
        }
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
                .push(request.skip(path, SkipReason::NoLabel, detail));
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

/// How many videos each part has, and which part is not there. `wanted` are the people whom the
/// official splits name: as many originals, and as many fakes of each method.
fn parts_note(
    request: &Request<'_>,
    mut fakes: BTreeMap<&str, usize>,
    wanted: Option<usize>,
) -> Result<String> {
    if request.methods.is_empty() {
        for method in USUAL {
            fakes.entry(method).or_default();
        }
    }
    let compression = request.compression.name();
    let originals = folder::videos(&originals(request.root, "youtube", compression))?;
    let originals = originals.keys().filter(|name| is_number(name)).count();
    let parts = std::iter::once(("originals", originals)).chain(fakes);
    let parts = parts.map(|(part, count)| match (count, wanted) {
        (0, _) => format!("{part}: missing"),
        (_, Some(wanted)) if count < wanted => {
            format!("{part}: {count}, {} missing", wanted - count)
        }
        _ => format!("{part}: {count}"),
    });
    let parts: Vec<String> = parts.collect();
    Ok(format!("videos in {compression}: {}", parts.join("; ")))
}

fn check_found(request: &Request<'_>, listing: &Listing) -> Result<()> {
    if !listing.jobs.is_empty() {
        return Ok(());
    }
    let (root, compression) = (request.root.display(), request.compression.name());
    let mut there = BTreeSet::new();
    for sequence in ["original_sequences", "manipulated_sequences"] {
        for folder in folder::folders(&request.root.join(sequence))?.values() {
            there.extend(folder::folders(folder)?.into_keys());
            let pictures = folder.join(compression).join("frames");
            ensure!(
                !pictures.is_dir(),
                "{} holds pictures, and videos are wanted: download them (-t videos), or name the pictures' folders real and fake and prepare those with --layout plain",
                pictures.display()
            );
        }
    }
    there.remove("masks");
    ensure!(
        !there.contains(compression),
        "the folders {compression} in {root} hold no videos (videos/*.mp4): download them again"
    );
    bail!(
        "{root} has no videos of compression {compression}; there are folders {there:?}, choose one with --compression"
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Compression;

    fn place(root: &Path, file: &str) {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "[]").unwrap();
    }

    fn listed(root: &Path) -> Result<Listing> {
        list(&Request {
            root,
            name: "set",
            compression: Compression::C23,
            methods: &[],
            splits: None,
            originals: None,
        })
    }

    #[test]
    fn missing_parts_are_named_and_copies_are_nobody() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for name in ["000", "001", "001 (1)"] {
            place(
                root,
                &format!("original_sequences/youtube/c23/videos/{name}.mp4"),
            );
        }
        for name in ["000_001", "000_001 (1)"] {
            place(
                root,
                &format!("manipulated_sequences/Deepfakes/c23/videos/{name}.mp4"),
            );
        }
        for part in ["train", "val"] {
            place(root, &format!("{part}.json"));
        }
        std::fs::write(root.join("test.json"), r#"[["000", "001"]]"#).unwrap();
        let listing = listed(root).unwrap();
        let said = listing.notes.join("\n");
        assert!(
            said.contains("originals: 2; Deepfakes: 1, 1 missing; Face2Face: missing; FaceSwap: missing; NeuralTextures: missing"),
            "{said}"
        );
        let skips: Vec<_> = listing.skips.iter().map(|s| (s.reason, &*s.file)).collect();
        let copy = "set/original_sequences/youtube/c23/videos/001 (1).mp4";
        assert!(skips.contains(&(SkipReason::NoLabel, copy)), "{skips:?}");
        assert_eq!(skips.len(), 2, "{skips:?}");
        let files = listing.jobs.iter().map(|job| job.entries.len());
        assert_eq!(files.sum::<usize>(), 3);
    }

    #[test]
    fn pictures_in_place_of_videos_are_told_with_a_way() {
        let root = tempfile::tempdir().unwrap();
        place(
            root.path(),
            "original_sequences/youtube/c23/frames/000/0001.png",
        );
        let said = listed(root.path()).err().unwrap().to_string();
        assert!(
            said.contains("frames") && said.contains("--layout plain"),
            "{said}"
        );
        std::fs::remove_dir_all(root.path().join("original_sequences/youtube/c23/frames")).unwrap();
        place(
            root.path(),
            "original_sequences/youtube/c23/videos/note.txt",
        );
        let said = listed(root.path()).err().unwrap().to_string();
        assert!(said.contains("hold no videos"), "{said}");
    }
}
