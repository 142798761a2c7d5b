//! `unmask-trainer prepare`

use std::path::PathBuf;

use crate::dataset::{PrepareOptions, prepare};

/// Every picture and video below a folder named `real` or `fake` is searched for its
/// largest face, which is aligned and stored. A real and a fake file of the same path
/// below `real` and `fake` are cut with the same box and stay a pair. Nothing is
/// skipped silently: `skipped.tsv` in the output says what and why.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with `real` and, if you have fakes, `fake` below it; may be repeated
    #[arg(long, required_unless_present = "synthetic")]
    input: Vec<PathBuf>,
    /// Folder for the shards (WebDataset tar files)
    #[arg(long)]
    output: PathBuf,
    /// Consecutive frames per record of a video
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    frames: u16,
    /// Records per video, evenly spaced
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    windows: u16,
    /// Smallest face in pixels
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(20..=4000))]
    min_face: u32,
    /// Table name<TAB>group for clips that share a person, so that they are never split
    #[arg(long)]
    groups: Option<PathBuf>,
    /// Add this many synthetic people, each genuine and swapped
    #[arg(long, default_value_t = 0)]
    synthetic: usize,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let report = prepare(&PrepareOptions {
            inputs: self.input,
            output: self.output.clone(),
            frames: self.frames.into(),
            windows: self.windows.into(),
            min_face_px: self.min_face,
            groups: self.groups,
            synthetic: self.synthetic,
        })?;
        println!(
            "{} faces in {}, {} files skipped (see {})",
            report.records,
            self.output.display(),
            report.skipped,
            self.output.join("skipped.tsv").display()
        );
        Ok(())
    }
}
