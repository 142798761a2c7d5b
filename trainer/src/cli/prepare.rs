//! `unmask-trainer prepare`

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use unmask_shared::face::FinderChoice;
use unmask_shared::media::set_patience;

use crate::dataset::{
    Compression, Layout, Partition, Preparation, PrepareOptions, PrepareReport, Split,
};

/// Faces are found, aligned and stored as shards. A real file and the fakes made from it are
/// cut with the same boxes and stay pairs. Nothing is skipped silently: `skipped.tsv` in the
/// output says what and why. A run that was stopped goes on when the same command is given
/// again; finished shards are kept.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of a data set; may be repeated
    #[arg(long, required_unless_present = "synthetic")]
    input: Vec<PathBuf>,
    /// Folder for the shards (WebDataset tar files)
    #[arg(long)]
    output: PathBuf,
    /// Layout of the inputs; `auto` tells by their folders
    #[arg(long, default_value = "auto", value_parser = layout)]
    layout: AnyLayout,
    /// Compression of FaceForensics++
    #[arg(long, value_enum, default_value = "c23")]
    compression: Compression,
    /// Methods by the names of their folders, with commas between; `all` for all. By
    /// default those that papers mean by the data set
    #[arg(long, value_delimiter = ',')]
    methods: Vec<String>,
    /// Official splits to prepare, with commas between: train, val, test, or all. Files
    /// without an official split count as train
    #[arg(long, value_delimiter = ',', default_value = "train,val", value_parser = split)]
    split: Vec<Splits>,
    /// Folder with the official lists, where they are not within the input
    #[arg(long)]
    splits: Option<PathBuf>,
    /// FaceForensics++ folder: the real videos of DeeperForensics
    #[arg(long)]
    originals: Option<PathBuf>,
    /// Consecutive frames per record of a video
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    frames: u16,
    /// Records per video, evenly spaced
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    windows: u16,
    /// Smallest face in pixels
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(40..=4000))]
    min_face: u32,
    /// Give a video up when its decoder has done nothing for so long, though it had a processor:
    /// 8 seconds to tell what it is, 30 in its midst
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    patience: Option<u32>,
    /// ONNX file of a face finder with the outputs of YuNet, instead of the one that is built in
    #[arg(long, value_name = "FILE")]
    finder: Option<PathBuf>,
    /// Table name<TAB>group for clips that share a person, so that they are never split
    #[arg(long)]
    groups: Option<PathBuf>,
    /// Table of fakes and the real files that they were made from, or stand beside. Columns,
    /// named in the first line, with tabs between: fake, real; optionally group (a person or
    /// clip), kind (such as swap), method, aligned (yes: frame for frame and pixel for pixel,
    /// so that both are cut with the same boxes)
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// Table of who is seen in which file. Columns: path (a file below the input, or the
    /// beginning of its path; the longest counts); optionally person (several with commas
    /// between), kind, method, source, part (train, val, calibration or test)
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
    /// Add this many synthetic people, each genuine and swapped
    #[arg(long, default_value_t = 0)]
    synthetic: usize,
    /// Do only part i of n, written i/n and counted from 0: all parts together give what
    /// one run gives
    #[arg(long, default_value_t = Partition::WHOLE)]
    shard: Partition,
    /// Threads; 0 for as many as there are cores
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: u16,
    /// About how many records a shard holds; one that is not finished is made again
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    shard_records: u32,
}

/// `None` is `auto`.
#[derive(Clone, Copy, Debug)]
struct AnyLayout(Option<Layout>);

fn layout(text: &str) -> Result<AnyLayout, String> {
    if text == "auto" {
        return Ok(AnyLayout(None));
    }
    let layout = <Layout as clap::ValueEnum>::from_str(text, false);
    layout
        .map(|layout| AnyLayout(Some(layout)))
        .map_err(|_| format!("choose auto or one of {}", names::<Layout>()))
}

/// One split, or all of them.
#[derive(Clone, Debug)]
struct Splits(Vec<Split>);

fn split(text: &str) -> Result<Splits, String> {
    if text == "all" {
        return Ok(Splits(
            <Split as clap::ValueEnum>::value_variants().to_vec(),
        ));
    }
    let split = <Split as clap::ValueEnum>::from_str(text, false);
    split
        .map(|split| Splits(vec![split]))
        .map_err(|_| format!("choose all or some of {}", names::<Split>()))
}

fn names<T: clap::ValueEnum>() -> String {
    let names = T::value_variants().iter().filter_map(T::to_possible_value);
    let names: Vec<String> = names.map(|value| value.get_name().to_string()).collect();
    names.join(", ")
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        if let Some(seconds) = self.patience {
            set_patience(Duration::from_secs(seconds.into()));
        }
        let options = PrepareOptions {
            inputs: self.input,
            output: self.output.clone(),
            frames: self.frames.into(),
            windows: self.windows.into(),
            min_face_px: self.min_face,
            finder: FinderChoice::open(self.finder.as_deref())?,
            groups: self.groups,
            pairs: self.pairs,
            people: self.people,
            synthetic: self.synthetic,
            layout: self.layout.0,
            compression: self.compression,
            methods: self.methods,
            splits: self.splits,
            originals: self.originals,
            splits_kept: self.split.into_iter().flat_map(|splits| splits.0).collect(),
            partition: self.shard,
            threads: self.threads.into(),
            shard_records: self.shard_records as usize,
        };
        let preparation = Preparation::plan(&options)?;
        for note in preparation.notes() {
            println!("{note}");
        }
        let report = preparation.run()?;
        print!("{}", summary(&report, &self.output));
        Ok(())
    }
}

fn summary(report: &PrepareReport, output: &std::path::Path) -> String {
    let mut text = format!("{} faces in {}", report.records, output.display());
    if report.shards_kept > 0 {
        text.push_str(&format!(
            " ({} of {} shards were there before)",
            report.shards_kept,
            report.shards_kept + report.shards_made
        ));
    }
    text.push_str(&format!(
        ", {} files skipped (see {})\n",
        report.skipped,
        report.table.display()
    ));
    for (reason, count) in &report.reasons {
        text.push_str(&format!("{count:8} {reason}\n"));
    }
    text
}
