//! What there is to do: the files of all inputs as jobs, those of the wanted splits.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::identity::Identities;
use super::layout::{Job, Layout, Listing, Request};
use super::options::PrepareOptions;
use super::record::{Label, Split};
use super::skip::Skip;

/// Jobs of all inputs, in a fixed order.
#[derive(Default)]
pub(super) struct Jobs {
    pub(super) jobs: Vec<Job>,
    pub(super) skips: Vec<Skip>,
    /// What the user should know before it starts, one sentence each.
    pub(super) notes: Vec<String>,
}

/// Lists all inputs.
pub(super) fn jobs(options: &PrepareOptions) -> Result<Jobs> {
    let groups = options.groups.as_deref().map(read_groups).transpose()?;
    let identities = Identities::read(options.pairs.as_deref(), options.people.as_deref())?;
    let mut all = Jobs::default();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for input in &options.inputs {
        let name = unique_name(input, &mut names);
        let layout = options.layout.unwrap_or_else(|| Layout::detect(input));
        ensure!(
            layout.has_methods() || options.methods.is_empty(),
            "{} has layout {layout}, which knows no methods: leave --methods out",
            input.display()
        );
        let request = Request {
            root: input,
            name: &name,
            compression: options.compression,
            methods: &options.methods,
            splits: options.splits.as_deref(),
            originals: options.originals.as_deref(),
        };
        let mut listing = layout.list(&request)?;
        listing
            .jobs
            .iter_mut()
            .for_each(|job| describe(job, layout));
        let how = if options.layout.is_none() {
            "recognised by its folders"
        } else {
            "as asked for"
        };
        let count = |label| entries(&listing).filter(|e| *e == label).count();
        all.notes.push(format!(
            "{}: layout {layout} ({how}), {} real and {} fake files",
            input.display(),
            count(Label::Real),
            count(Label::Fake)
        ));
        let mut notes = std::mem::take(&mut listing.notes);
        notes.extend(keep_splits(&mut listing, &options.splits_kept));
        let notes = notes
            .into_iter()
            .map(|note| format!("{}: {note}", input.display()));
        all.notes.extend(notes);
        all.jobs.append(&mut listing.jobs);
        all.skips.append(&mut listing.skips);
    }
    if let Some(groups) = groups {
        all.jobs.iter_mut().for_each(|job| regroup(job, &groups));
    }
    all.notes.extend(identities.apply(&mut all.jobs)?);
    Ok(all)
}

/// Tells the fakes of a job what they are and which real file they are made from.
fn describe(job: &mut Job, layout: Layout) {
    let (reals, fakes): (Vec<_>, Vec<_>) = job
        .entries
        .iter_mut()
        .partition(|entry| entry.label == Label::Real);
    for fake in fakes {
        fake.original = reals.first().map(|real| real.file.clone());
        fake.kind = layout.kind(fake.method.as_deref()).map(String::from);
    }
}

fn entries(listing: &Listing) -> impl Iterator<Item = Label> {
    let entries = listing.jobs.iter().flat_map(|job| &job.entries);
    entries.map(|entry| entry.label)
}

/// Last part of the path; `name-2` and so on where an earlier input has the same.
fn unique_name(input: &Path, names: &mut BTreeMap<String, usize>) -> String {
    let absolute = input.canonicalize().unwrap_or_else(|_| input.into());
    let name = absolute.file_name().unwrap_or_default().to_string_lossy();
    let count = names.entry(name.to_string()).or_default();
    *count += 1;
    match count {
        1 => name.into_owned(),
        more => format!("{name}-{more}"),
    }
}

/// Drops the files of other splits; says how many. Files without an official split count
/// as training.
fn keep_splits(listing: &mut Listing, kept: &[Split]) -> Option<String> {
    let mut dropped: BTreeMap<Split, usize> = BTreeMap::new();
    for job in &mut listing.jobs {
        job.entries.retain(|entry| {
            let split = entry.split.unwrap_or(Split::Train);
            let keep = kept.contains(&split);
            if !keep {
                *dropped.entry(split).or_default() += 1;
            }
            keep
        });
    }
    listing.jobs.retain(|job| !job.entries.is_empty());
    if dropped.is_empty() {
        return None;
    }
    let counts: Vec<String> = dropped
        .iter()
        .map(|(split, count)| format!("{count} {split}"))
        .collect();
    Some(format!(
        "not prepared: {} files (choose with --split)",
        counts.join(" and ")
    ))
}

/// Takes the group of the first of the job's files whose clip the table names.
fn regroup(job: &mut Job, groups: &HashMap<String, String>) {
    let named = job.entries.iter().find_map(|entry| {
        let name = entry.file.rsplit('/').next().unwrap_or_default();
        groups.get(Job::clip_of(name))
    });
    if let Some(group) = named {
        job.group.clone_from(group);
    }
}

fn read_groups(path: &Path) -> Result<HashMap<String, String>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the groups in {}", path.display()))?;
    text.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, group) = line
                .split_once('\t')
                .with_context(|| format!("{}: `{line}` is not name<TAB>group", path.display()))?;
            Ok((name.to_string(), group.trim_end().to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::layout::Entry;
    use super::*;

    fn job(files: &[(&str, Option<Split>)]) -> Job {
        let entry = |(file, split): &(&str, Option<Split>)| Entry {
            file: (*file).into(),
            split: *split,
            ..Default::default()
        };
        Job {
            name: "j".into(),
            source: "s".into(),
            group: "g".into(),
            entries: files.iter().map(entry).collect(),
        }
    }

    #[test]
    fn a_table_names_the_groups_of_clips() {
        let groups = HashMap::from([("clip_1".to_string(), "shared".to_string())]);
        for (file, group) in [
            ("in/real/clip_1_0003.jpg", "shared"),
            ("in/clip_2.mp4", "g"),
        ] {
            let mut job = job(&[(file, None)]);
            regroup(&mut job, &groups);
            assert_eq!(job.group, group, "{file}");
        }
    }

    #[test]
    fn other_splits_are_left_out_and_counted() {
        let files = [
            ("a", None),
            ("b", Some(Split::Test)),
            ("c", Some(Split::Val)),
        ];
        let mut listing = Listing {
            jobs: vec![job(&files), job(&files[1..2])],
            ..Default::default()
        };
        let note = keep_splits(&mut listing, &[Split::Train]).unwrap();
        assert!(note.contains("1 val and 2 test"), "{note}");
        assert_eq!(listing.jobs.len(), 1);
        assert_eq!(listing.jobs[0].entries.len(), 1);
        assert_eq!(keep_splits(&mut listing, &[Split::Train, Split::Val]), None);
    }

    #[test]
    fn inputs_of_the_same_name_are_told_apart() {
        let mut names = BTreeMap::new();
        let name = |path: &str, names: &mut _| unique_name(Path::new(path), names);
        assert_eq!(name("/no/such/faces", &mut names), "faces");
        assert_eq!(name("/nor/such/faces", &mut names), "faces-2");
        assert_ne!(name(".", &mut names), "");
    }
}
