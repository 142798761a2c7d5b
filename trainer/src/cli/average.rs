//! `unmask-trainer average`

use std::path::PathBuf;

use anyhow::Result;

use crate::device::DeviceArgs;
use crate::train::{Weights, average_runs};

/// Average the weights of runs that began with the same ones: one network, as fast as each of
/// them, often better than each on faces unlike those of training.
///
/// Writes a run folder that `evaluate`, `attack` and `export` take. It cannot be trained further,
/// and is worth something only where all runs began with the same pretrained weights
/// (`train --init`).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run folders, at least two, of one architecture and with the same people held out
    #[arg(required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// Run folder to write
    #[arg(long)]
    output: PathBuf,
    /// Weights of each run; left out: the best of a run with early stopping, else the last
    #[arg(long, value_enum)]
    weights: Option<Weights>,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let device = self.device.open()?;
        for part in average_runs(&self.runs, &self.output, self.weights, &device)? {
            println!(
                "{}: {} weights, step {}",
                part.run.display(),
                part.weights,
                part.step
            );
        }
        println!(
            "next: unmask-trainer export {} --data SHARDS --output BUNDLE",
            self.output.display()
        );
        Ok(())
    }
}
