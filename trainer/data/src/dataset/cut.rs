//! From a job's files to records: the same frames and faces for a real video and all of its
//! fakes.

use anyhow::Result;
use unmask_shared::media::SourceError;

use super::align::Aligner;
use super::crops::{Cut, Cutter, Role};
use super::layout::{Entry, Job};
use super::mask::Masks;
use super::media;
use super::record::{FaceChoice, Label, Meta, Record};
use super::skip::{Skip, SkipReason};

/// Containers often promise a frame or two more than they have.
const LENGTH_TOLERANCE: u64 = 2;

/// How much is cut from each file.
#[derive(Clone, Copy, Debug)]
pub(super) struct CutOptions {
    pub(super) frames: usize,
    pub(super) windows: usize,
    pub(super) min_face_px: u32,
}

/// Records of a job, and what was skipped.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) records: Vec<Record>,
    pub(super) skips: Vec<Skip>,
}

/// Cuts all files of a job.
///
/// # Errors
/// Only what concerns every file, such as a missing `ffmpeg`.
pub(super) fn cut(job: &Job, aligner: &mut Aligner, options: &CutOptions) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let skips = &mut outcome.skips;
    let (entries, starts) = plan(job, options, skips)?;
    let masks = masks(&entries, &starts, skips)?;
    let mut cutter = Cutter {
        aligner,
        min_face_px: options.min_face_px,
        frames: options.frames,
        starts: &starts,
        masks: &masks,
    };
    let mut cuts: Vec<Cut<'_>> = Vec::with_capacity(entries.len());
    for entry in entries {
        let leader = cuts.iter().find(|cut| cut.role == Role::Leader);
        match cutter.cut(entry, leader.map(|cut| &cut.targets[..]), skips) {
            Ok(cut) => cuts.extend(cut),
            Err(error) => skips.push(refusal(entry, error)?),
        }
    }
    equalise(&mut cuts);
    outcome.records = records(job, cuts, &starts);
    Ok(outcome)
}

/// The files that can be opened, and where the windows begin: within the shortest of them.
fn plan<'a>(
    job: &'a Job,
    options: &CutOptions,
    skips: &mut Vec<Skip>,
) -> Result<(Vec<&'a Entry>, Vec<u64>)> {
    let mut entries = Vec::with_capacity(job.entries.len());
    let mut lengths = Vec::with_capacity(job.entries.len());
    for entry in &job.entries {
        match media::length(&entry.path) {
            Ok(length) => {
                entries.push(entry);
                lengths.extend(length.map(|length| (length, entry)));
            }
            Err(error) => skips.push(refusal(entry, error.into())?),
        }
    }
    lengths.sort_by_key(|(length, _)| *length);
    if let (Some((least, shortest)), Some((most, longest))) = (lengths.first(), lengths.last())
        && *most > least + LENGTH_TOLERANCE
    {
        let detail = format!(
            "{least} of {most} frames are used: {} is shorter",
            shortest.file
        );
        skips.push(Skip::new(&longest.file, SkipReason::NoteShorter, detail));
    }
    // A container that does not say how long it is gives its first runs.
    let unknown = (options.windows * options.frames) as u64;
    let length = lengths.first().map_or(unknown, |(length, _)| *length);
    let starts = media::window_starts(length, options.windows, options.frames);
    Ok((entries, starts))
}

fn masks(entries: &[&Entry], starts: &[u64], skips: &mut Vec<Skip>) -> Result<Masks> {
    let mut masks = Masks::new(starts.len());
    for entry in entries {
        let Some(path) = &entry.mask else { continue };
        let (reason, detail) = if !path.is_file() {
            (
                SkipReason::NoteMaskMissing,
                format!("{} is not there", path.display()),
            )
        } else {
            match masks.read(path, starts) {
                Ok(reached) if reached == starts.len() => continue,
                Ok(reached) => {
                    let windows = starts.len();
                    let detail = format!("its mask reaches {reached} of {windows} windows");
                    (SkipReason::NoteMaskShort, detail)
                }
                Err(error) => (SkipReason::NoteMaskMissing, refusal(entry, error)?.detail),
            }
        };
        skips.push(Skip::new(&entry.file, reason, detail));
    }
    Ok(masks)
}

/// Why a file cannot be read; an error where that concerns all files.
fn refusal(entry: &Entry, error: anyhow::Error) -> Result<Skip> {
    let reason = match error.downcast_ref::<SourceError>() {
        Some(SourceError::NoFfmpeg { .. }) => return Err(error),
        Some(SourceError::Open { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
            SkipReason::MissingFile
        }
        _ => SkipReason::Unreadable,
    };
    Ok(Skip::new(&entry.file, reason, format!("{error:#}")))
}

/// Gives the same window the same number of frames in all files that share faces.
fn equalise(cuts: &mut [Cut<'_>]) {
    let windows = cuts.iter().map(|cut| cut.crops.len()).max().unwrap_or(0);
    for window in 0..windows {
        let mut shared: Vec<_> = cuts
            .iter_mut()
            .filter(|cut| cut.role != Role::Alone)
            .filter_map(|cut| cut.crops.get_mut(window))
            .filter(|crops| !crops.is_empty())
            .collect();
        let least = shared.iter().map(|crops| crops.len()).min().unwrap_or(0);
        shared.iter_mut().for_each(|crops| crops.truncate(least));
    }
}

fn records(job: &Job, cuts: Vec<Cut<'_>>, starts: &[u64]) -> Vec<Record> {
    let shares = |cut: &Cut<'_>| cut.role != Role::Alone;
    let has = |label| {
        cuts.iter()
            .any(|cut| shares(cut) && cut.entry.label == label)
    };
    let twins = has(Label::Real) && has(Label::Fake);
    let mut records = Vec::new();
    for cut in cuts {
        let (twin, role, entry) = (twins && shares(&cut), cut.role, cut.entry);
        let windows = cut.crops.into_iter().zip(cut.targets).zip(starts);
        for (window, ((frames, target), start)) in windows.enumerate() {
            let Some(target) = target.filter(|_| !frames.is_empty()) else {
                continue;
            };
            let choice = match role {
                Role::Twin => FaceChoice::Twin,
                Role::Leader | Role::Alone => target.choice,
            };
            let meta = Meta {
                label: entry.label,
                source: job.source.clone(),
                group: job.group.clone(),
                twin: twin.then(|| format!("{}#{window}", job.name)),
                file: entry.file.clone(),
                frames: frames.len(),
                split: entry.split,
                kind: entry.kind.clone(),
                method: entry.method.clone(),
                original: entry.original.clone(),
                compression: entry.compression.clone(),
                level: entry.level,
                distortions: entry.distortions.clone(),
                first_frame: Some(*start),
                face: Some(Meta::corners(&target.face)),
                landmarks: Some(Meta::tenths(&target.face)),
                face_choice: Some(choice),
            };
            records.push(Record { meta, frames });
        }
    }
    records
}
