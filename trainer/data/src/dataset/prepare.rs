//! `prepare`: folders of real and fake pictures and videos become shards of aligned crops.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use unmask_shared::synthetic::FaceModel;

use super::align::Aligner;
use super::cut::{CutOptions, Outcome, cut};
use super::items::{Item, bounds, digest};
use super::jobs::{Jobs, jobs};
use super::journal::{Done, Head, Journal};
use super::options::PrepareOptions;
use super::ordered::in_order;
use super::record::Split;
use super::shard::{Shard, write_whole};
use super::skip::{self, Skip, SkipReason};
use super::synthetic;
use crate::progress::Bar;

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrepareReport {
    /// Records in the shards of this part.
    pub records: usize,
    /// Files that gave no record.
    pub skipped: usize,
    /// Lines of the table by reason, notes included.
    pub reasons: BTreeMap<SkipReason, usize>,
    /// Shards that an earlier run had finished.
    pub shards_kept: usize,
    /// Shards made by this run.
    pub shards_made: usize,
    /// The table: file, reason, detail.
    pub table: PathBuf,
}

/// Prepares all inputs in parallel, in a fixed order, with a progress display. Goes on
/// where an earlier run with the same options was stopped, whatever stopped it.
///
/// # Errors
/// When an input cannot be listed, nothing is found, or the disk refuses. A file
/// that yields no face is no error: it is listed in `skipped.tsv` with the reason.
pub fn prepare(options: &PrepareOptions) -> Result<PrepareReport> {
    Preparation::plan(options)?.run()
}

/// All that is to be prepared, listed but not yet begun.
pub struct Preparation {
    options: PrepareOptions,
    items: Vec<Item>,
    /// Number of the first item of each shard, and the end.
    bounds: Vec<usize>,
    skips: Vec<Skip>,
    notes: Vec<String>,
    settings: BTreeMap<String, String>,
}

impl Preparation {
    /// Lists the inputs and divides them into shards.
    ///
    /// # Errors
    /// When an input cannot be listed, or holds nothing of what is asked for.
    pub fn plan(options: &PrepareOptions) -> Result<Self> {
        options.check()?;
        let Jobs {
            jobs,
            mut skips,
            notes,
        } = jobs(options)?;
        let kept: Vec<String> = options.splits_kept.iter().map(Split::to_string).collect();
        ensure!(
            !jobs.is_empty() || options.synthetic > 0,
            "nothing to prepare of split {}: {}",
            kept.join(","),
            notes.join("; ")
        );
        let mut settings = options.settings();
        settings.insert("files and labels".into(), digest(&jobs));
        let people = (0..options.synthetic as u64).map(Item::Person);
        let mut items: Vec<Item> = jobs.into_iter().map(Item::Files).chain(people).collect();
        items.retain(|item| options.partition.holds(&item.name()));
        skips.retain(|skip| options.partition.holds(&skip.file));
        Ok(Self {
            bounds: bounds(&items, options),
            options: options.clone(),
            items,
            skips,
            notes,
            settings,
        })
    }

    /// What was found, and what the user should know of it, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Prepares what is not yet there.
    ///
    /// # Errors
    /// When the output folder holds something else, another process works on the same
    /// part, `ffmpeg` is needed and missing, or the disk refuses.
    pub fn run(&self) -> Result<PrepareReport> {
        let head = Head {
            partition: self.options.partition.to_string(),
            shards: self.bounds.len() - 1,
            settings: self.settings.clone(),
        };
        let output = &self.options.output;
        let mut journal = Journal::open(output, self.options.partition, &head)?;
        let is_done = |shard: usize| {
            journal.is_done(shard, &output.join(format!("{}.tar", self.stem(shard))))
        };
        let missing: Vec<usize> = (0..head.shards).filter(|shard| !is_done(*shard)).collect();
        self.make(&missing, &mut journal)?;
        self.report(&journal, missing.len())
    }

    fn stem(&self, shard: usize) -> String {
        format!("faces{}-{shard:06}", self.options.partition.suffix())
    }

    fn make(&self, missing: &[usize], journal: &mut Journal) -> Result<()> {
        let work: Vec<(usize, &Item)> = missing
            .iter()
            .flat_map(|shard| {
                let items = &self.items[self.bounds[*shard]..self.bounds[*shard + 1]];
                items.iter().map(|item| (*shard, item))
            })
            .collect();
        let bar = Bar::new("preparing", self.items.len(), "clips")?;
        bar.resume(self.items.len() - work.len());
        let people = work.iter().any(|(_, item)| matches!(item, Item::Person(_)));
        let model = people.then(FaceModel::builtin).transpose();
        let model = model.context("the built-in synthetic people are damaged")?;
        let mut open: Option<Open> = None;
        in_order(
            &work,
            self.options.threads(),
            || Aligner::new(&self.options.finder, self.options.min_face_px),
            |aligner, (_, item)| self.outcome(item, aligner, model.as_ref()),
            |index, outcome| {
                let shard = work[index].0;
                let last = work.get(index + 1).is_none_or(|(next, _)| *next != shard);
                let open_shard = open.get_or_insert_with(|| Open::new(shard));
                open_shard.add(outcome, &self.options.output, &self.stem(shard))?;
                bar.advance(1);
                if last && let Some(open) = open.take() {
                    journal.finished(open.close()?)?;
                }
                Ok(())
            },
        )?;
        bar.finish();
        Ok(())
    }

    /// Cuts one item; a fault of the program costs that item, not the run.
    fn outcome(
        &self,
        item: &Item,
        aligner: &mut Aligner,
        model: Option<&FaceModel>,
    ) -> Result<Outcome> {
        let options = CutOptions {
            frames: self.options.frames,
            windows: self.options.windows,
            min_face_px: self.options.min_face_px,
        };
        let work = || match (item, model) {
            (Item::Files(job), _) => cut(job, aligner, &options),
            (Item::Person(number), Some(model)) => {
                synthetic::person(model, *number, options.frames, aligner)
            }
            (Item::Person(_), None) => Ok(Outcome::default()),
        };
        if let Ok(outcome) = catch_unwind(AssertUnwindSafe(work)) {
            return outcome;
        }
        *aligner = Aligner::new(&self.options.finder, options.min_face_px)?;
        let files: Vec<String> = match item {
            Item::Files(job) => job.entries.iter().map(|e| e.file.clone()).collect(),
            Item::Person(_) => vec![item.name()],
        };
        let detail = "the program failed on it; please report it";
        let skip = |file: &String| Skip::new(file, SkipReason::Crashed, detail);
        Ok(Outcome {
            records: vec![],
            skips: files.iter().map(skip).collect(),
        })
    }

    fn report(&self, journal: &Journal, made: usize) -> Result<PrepareReport> {
        let done = || journal.done.values().take(self.bounds.len() - 1);
        let skips = || self.skips.iter().chain(done().flat_map(|done| &done.skips));
        let name = format!("skipped{}.tsv", self.options.partition.suffix());
        let table = self.options.output.join(name);
        write_whole(&table, &skip::table(skips()))?;
        let report = PrepareReport {
            records: done().map(|done| done.records).sum(),
            skipped: skips().filter(|skip| !skip.reason.is_note()).count(),
            reasons: skip::count(skips()),
            shards_kept: self.bounds.len() - 1 - made,
            shards_made: made,
            table,
        };
        ensure!(
            report.records > 0 || self.options.partition.count() > 1,
            "no face was found in any file; see {}",
            report.table.display()
        );
        Ok(report)
    }
}

/// The shard being made.
struct Open {
    shard: Option<Shard>,
    done: Done,
}

impl Open {
    fn new(shard: usize) -> Self {
        Self {
            shard: None,
            done: Done {
                shard,
                records: 0,
                bytes: 0,
                skips: vec![],
            },
        }
    }

    fn add(&mut self, outcome: Outcome, folder: &Path, stem: &str) -> Result<()> {
        for record in &outcome.records {
            let shard = match &mut self.shard {
                Some(shard) => shard,
                None => self.shard.insert(Shard::create(folder, stem)?),
            };
            shard.write(record)?;
        }
        self.done.records += outcome.records.len();
        self.done.skips.extend(outcome.skips);
        Ok(())
    }

    fn close(mut self) -> Result<Done> {
        if let Some(shard) = self.shard {
            self.done.bytes = shard.finish()?;
        }
        Ok(self.done)
    }
}
