//! `unmask-trainer videos`

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::dataset::{Label, Record, left_out, read_shards, text_hash};
use crate::files::write_atomic;
use crate::random::mix;
use crate::train::RunFolder;

/// Sets the draw of files apart from other draws.
const SEED: u64 = 0x0071_DE05;

/// Every file of which a face is in the shards is listed with who is seen in it, its kind and
/// source, and the part that a run put it in: train, val, calibration, test, or unseen for what
/// the run left out. Synthetic people are no files.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// Folder of shards
    #[arg(long)]
    data: PathBuf,
    /// Folder that `prepare` was given; may be repeated
    #[arg(long, required = true)]
    input: Vec<PathBuf>,
    /// Table to write
    #[arg(long)]
    output: PathBuf,
    /// Files of one source, class and part at most, drawn by their names; 0 = all
    #[arg(long, default_value_t = 0)]
    each: usize,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let (_, config) = RunFolder::open(&self.run)?;
        let records = read_shards(&self.data)?;
        let left_out = left_out(&records, &config.data.leave_out)?;
        let part = |record: &Record| match left_out.contains(record.meta.group.as_str()) {
            true => "unseen".to_string(),
            false => record.part(config.data.shares()).to_string(),
        };
        let mut files: BTreeMap<(String, &str, bool), BTreeSet<Line>> = BTreeMap::new();
        for record in records.iter().filter(|r| r.meta.source != "synthetic") {
            let fake = record.meta.label == Label::Fake;
            let key = (part(record), record.meta.source.as_str(), fake);
            files
                .entry(key)
                .or_default()
                .insert(Line::of(record, &self.input)?);
        }
        ensure!(!files.is_empty(), "there is no file behind these shards");
        let mut text = String::from("path\tlabel\tperson\tkind\tsource\tpart\n");
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for ((part, source, fake), lines) in &files {
            let label = if *fake { "fake" } else { "real" };
            let limit = if self.each == 0 {
                usize::MAX
            } else {
                self.each
            };
            for Line {
                path, person, kind, ..
            } in lines.iter().take(limit)
            {
                text += &format!("{path}\t{label}\t{person}\t{kind}\t{source}\t{part}\n");
                *counts.entry(part).or_default() += 1;
            }
        }
        write_atomic(&self.output, text.as_bytes())?;
        for (part, count) in counts {
            println!("{count:8} files of part {part}");
        }
        println!("wrote {}", self.output.display());
        Ok(())
    }
}

/// A file; in an order that does not depend on its name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    order: u64,
    path: String,
    person: String,
    kind: String,
}

impl Line {
    fn of(record: &Record, inputs: &[PathBuf]) -> anyhow::Result<Self> {
        let meta = &record.meta;
        Ok(Self {
            order: mix(SEED, text_hash(&meta.file)),
            path: place(&meta.file, inputs)?,
            person: meta.group.clone(),
            kind: match meta.label {
                Label::Fake => record.kind().into(),
                Label::Real => "-".into(),
            },
        })
    }
}

/// Where a file of a record is: the input folder whose name it begins with, and the rest.
fn place(file: &str, inputs: &[PathBuf]) -> anyhow::Result<String> {
    let found = inputs.iter().find_map(|input| {
        let absolute = input.canonicalize().ok()?;
        let below = file.strip_prefix(absolute.file_name()?.to_str()?)?;
        let path: &Path = &absolute.join(below.strip_prefix('/')?);
        path.exists().then(|| path.to_string_lossy().into_owned())
    });
    found.with_context(|| {
        format!("{file} is in none of the folders of --input: give those that were prepared")
    })
}
