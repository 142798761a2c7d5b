//! `unmask-trainer finder`

use std::num::NonZeroU16;
use std::path::PathBuf;

use anyhow::{Context, bail};

use super::stop::listen;
use crate::device::DeviceArgs;
use crate::finder::{
    FinderConfig, Outcome, PrepareOptions, onnx_bytes, prepare, read_pictures, train, trained,
};

/// The firmware's face finder: a small network that learns from a teacher in the file format
/// of YuNet. docs/finder.md tells how.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Ask the teacher about every picture and some frames of every video
    Prepare(Prepare),
    /// Train on scenes composed of prepared pictures; go on where a run was stopped
    Train(Train),
    /// Write the averaged weights of a run as an ONNX file
    Export(Export),
}

#[derive(Debug, clap::Args)]
struct Prepare {
    /// Folder of pictures and videos; may be repeated
    #[arg(long, required = true)]
    data: Vec<PathBuf>,
    /// The teacher: a YuNet file
    #[arg(long, value_name = "FILE")]
    teacher: PathBuf,
    /// Folder to fill
    #[arg(long)]
    output: PathBuf,
    /// Frames of each video
    #[arg(long, default_value = "6")]
    frames: NonZeroU16,
    /// Synthetic people to draw
    #[arg(long, default_value_t = 1200)]
    people: usize,
    /// Threads
    #[arg(long, default_value = "2")]
    threads: NonZeroU16,
}

#[derive(Debug, clap::Args)]
struct Train {
    /// Folder that `finder prepare` has filled
    #[arg(long)]
    data: PathBuf,
    /// Run folder; where it holds a checkpoint, the run goes on from it
    #[arg(long)]
    run: PathBuf,
    /// Steps
    #[arg(long, default_value_t = FinderConfig::default().steps)]
    steps: usize,
    /// Scenes per step
    #[arg(long, default_value_t = FinderConfig::default().batch)]
    batch: usize,
    /// Peak of the learning rate
    #[arg(long, default_value_t = FinderConfig::default().learning_rate)]
    learning_rate: f64,
    /// Seed of everything random
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Steps between validations
    #[arg(long, default_value_t = FinderConfig::default().validate_every)]
    validate_every: usize,
    /// Threads that compose scenes
    #[arg(long, default_value_t = 1)]
    loaders: usize,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Debug, clap::Args)]
struct Export {
    /// Run folder
    run: PathBuf,
    /// File to write
    #[arg(long)]
    output: PathBuf,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Prepare(args) => args.run(),
            Command::Train(args) => args.run(),
            Command::Export(args) => args.run(),
        }
    }
}

impl Prepare {
    fn run(self) -> anyhow::Result<()> {
        let options = PrepareOptions {
            data: self.data,
            output: self.output.clone(),
            teacher: self.teacher,
            frames: usize::from(self.frames.get()),
            people: self.people,
            threads: usize::from(self.threads.get()),
        };
        let (pictures, skipped) = prepare(&options)?;
        println!(
            "{pictures} new pictures in {}, {skipped} files skipped",
            self.output.display()
        );
        Ok(())
    }
}

impl Train {
    fn run(self) -> anyhow::Result<()> {
        let device = self.device.open()?;
        let pictures = read_pictures(&self.data)?;
        let config = FinderConfig {
            steps: self.steps,
            batch: self.batch,
            learning_rate: self.learning_rate,
            seed: self.seed,
            validate_every: self.validate_every.max(1),
            loaders: self.loaders,
            ..FinderConfig::default()
        };
        let stop = listen()?;
        match train(&self.run, &config, &pictures, &device, &stop)? {
            Outcome::Finished => {
                println!(
                    "done; next: unmask-trainer finder export {} --output model.onnx",
                    self.run.display()
                );
                Ok(())
            }
            Outcome::Interrupted(step) => {
                bail!("interrupted after step {step} and saved; the same command goes on")
            }
        }
    }
}

impl Export {
    fn run(self) -> anyhow::Result<()> {
        let device = crate::device::DeviceKind::Flex.open()?;
        let (net, step) = trained(&self.run, &device)?;
        let bytes = onnx_bytes(&net.fold()?, env!("CARGO_PKG_VERSION"));
        std::fs::write(&self.output, &bytes)
            .with_context(|| format!("cannot write {}", self.output.display()))?;
        println!(
            "{}: {} bytes, after {step} steps",
            self.output.display(),
            bytes.len()
        );
        Ok(())
    }
}
