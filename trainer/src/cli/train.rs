//! `unmask-trainer train`

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail, ensure};

use crate::config::{Epsilon, Method, RunConfig};
use crate::dataset::read_shards;
use crate::device::DeviceKind;
use crate::network::Size;
use crate::train::{Outcome, RunFolder, Start, Weights, train};

/// A run folder keeps the configuration, metrics, curves (curves.svg) and the newest
/// checkpoint. Ctrl-C saves and stops; `--resume` goes on exactly where it stopped.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of shards, made by `prepare`
    #[arg(long)]
    data: PathBuf,
    /// Run folder
    #[arg(long)]
    run: PathBuf,
    /// Go on with the run in the folder, with its own configuration
    #[arg(long, conflicts_with_all = ["config", "method", "epochs", "seed", "epsilon", "size"])]
    resume: bool,
    /// Start from the averaged weights of another run of the same architecture
    #[arg(long, value_name = "RUN", conflicts_with = "resume")]
    init: Option<PathBuf>,
    /// Configuration in TOML; keys left out take their defaults
    #[arg(long)]
    config: Option<PathBuf>,
    /// Defence
    #[arg(long, value_enum)]
    method: Option<Method>,
    /// Epochs; may be a fraction
    #[arg(long)]
    epochs: Option<f32>,
    /// Seed of everything random
    #[arg(long)]
    seed: Option<u64>,
    /// Radius of the inner attack, such as 2/255
    #[arg(long)]
    epsilon: Option<Epsilon>,
    /// Network size
    #[arg(long, value_enum)]
    size: Option<Size>,
    /// Stop, with a checkpoint, after this epoch of the schedule
    #[arg(long, value_name = "EPOCH")]
    until: Option<f32>,
    /// Compute device
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceKind,
    /// Print the configuration and stop
    #[arg(long)]
    print_config: bool,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let (folder, config) = if self.resume {
            let (folder, config) = RunFolder::open(&self.run)?;
            (Some(folder), config)
        } else {
            (None, self.config()?)
        };
        if self.print_config {
            print!("{}", config.to_toml()?);
            return Ok(());
        }
        let device = self.device.open()?;
        let init = self.init.as_deref().map(|path| {
            let (folder, other) = RunFolder::open(path)?;
            ensure!(
                other.network.layers() == config.network.layers(),
                "{} has another architecture: --init needs the same size and states",
                path.display()
            );
            Ok(folder.trained(&config, Some(Weights::Last), &device)?.net)
        });
        let init = init.transpose()?;
        let records = read_shards(&self.data)?;
        let folder = match folder {
            Some(folder) => folder,
            None => RunFolder::create(&self.run, &config)?,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        ctrlc::set_handler(move || {
            if asked.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            eprintln!("\nfinishing this step, then saving; once more to stop at once");
        })
        .context("cannot listen for Ctrl-C")?;
        let run = self.run.display();
        let start = Start {
            init: init.as_ref(),
            until_epoch: self.until,
        };
        match train(&folder, &config, &records, &device, &start, &stop)? {
            outcome @ (Outcome::Finished | Outcome::StoppedEarly(_)) => {
                if let Outcome::StoppedEarly(step) = outcome {
                    println!("stopped after step {step}: validations no longer got better");
                }
                println!("done: curves in {run}/curves.svg");
                println!(
                    "next: unmask-trainer evaluate {run} --data {}",
                    self.data.display()
                );
                Ok(())
            }
            Outcome::Interrupted(step) if self.until.is_some() && !stop.load(Ordering::Relaxed) => {
                println!("stopped after step {step}, as asked");
                Ok(())
            }
            Outcome::Interrupted(step) => bail!(
                "interrupted after step {step} and saved; go on with: unmask-trainer train --resume --run {run} --data {}",
                self.data.display()
            ),
        }
    }

    fn config(&self) -> anyhow::Result<RunConfig> {
        let mut config = match &self.config {
            Some(path) => RunConfig::read(path)?,
            None => RunConfig::default(),
        };
        let train = &mut config.train;
        train.method = self.method.unwrap_or(train.method);
        train.epochs = self.epochs.unwrap_or(train.epochs);
        train.seed = self.seed.unwrap_or(train.seed);
        config.attack.epsilon = self.epsilon.unwrap_or(config.attack.epsilon);
        config.network.size = self.size.unwrap_or(config.network.size);
        config.check()?;
        Ok(config)
    }
}
