//! `unmask-trainer train`

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::{Context, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use unmask_shared::bundle::Bundle;
use unmask_shared::settings::{SettingLayers, Settings};

use super::stop::listen;
use super::subject::{Subject, is_bundle};
use crate::config::{Epsilon, Method, RunConfig};
use crate::dataset::{LeaveOut, Record, Split, plain_clip, read_shards};
use crate::device::DeviceArgs;
use crate::export::read_bundle;
use crate::network::{Detector, Frozen, Size, read_weights};
use crate::train::{Outcome, RunFolder, Start, Weights, train};

/// A run folder keeps the configuration, metrics, curves (curves.svg, and events for
/// TensorBoard) and the newest checkpoint, and the best weights. Ctrl-C saves and stops; `--resume` goes on exactly where
/// it stopped, also after a crash: then from the newest checkpoint.
///
/// Every detail is a key of the configuration: see them all with --print-config. Files, then
/// environment variables (UNMASK_TRAINER__TRAIN__EPOCHS=3), then --set and flags override the
/// defaults.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of shards, made by `prepare`
    #[arg(long, required_unless_present = "print_config")]
    data: Option<PathBuf>,
    /// Run folder
    #[arg(long, required_unless_present = "print_config")]
    run: Option<PathBuf>,
    /// Go on with the run in the folder, with its own configuration. With --epochs a run that is
    /// finished is extended to so many
    #[arg(long, conflicts_with_all = ["config", "set", "method", "seed", "epsilon", "size"])]
    resume: bool,
    /// Start from the averaged weights of another run of the same architecture, from a bundle such
    /// as models/afsl-lite, or from a file of PyTorch weights (lite only)
    #[arg(long, value_name = "RUN|BUNDLE|FILE", conflicts_with = "resume")]
    init: Option<PathBuf>,
    /// Configuration in TOML; keys left out take their defaults. May be repeated: later
    /// files win
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// One key of the configuration, such as afsl.b1=2; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Defence: short for --set train.method=...
    #[arg(long, value_enum)]
    method: Option<Method>,
    /// Epochs, maybe a fraction: short for --set train.epochs=...
    #[arg(long)]
    epochs: Option<f32>,
    /// Seed of everything random: short for --set train.seed=...
    #[arg(long)]
    seed: Option<u64>,
    /// Radius of the inner attack, such as 2/255: short for --set attack.epsilon=...
    #[arg(long)]
    epsilon: Option<Epsilon>,
    /// Network size: short for --set network.size=...
    #[arg(long, value_enum)]
    size: Option<Size>,
    /// Leave a kind, source or method out entirely, with the people in it, such as kind=swap:
    /// what the detector says of them then is what it says of something new. May be repeated;
    /// short for --set data.leave_out=[...]
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "resume")]
    leave_out: Vec<LeaveOut>,
    /// Stop, with a checkpoint, after this epoch of the schedule
    #[arg(long, value_name = "EPOCH")]
    until: Option<f32>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print every key of the configuration with its value and where it came from, and stop
    #[arg(long)]
    print_config: bool,
}

/// Faces whose statistics normalisations take over, where those of their own training are lost.
const FACES_OF_STATISTICS: usize = 128;

/// The network that a run starts from.
fn weights(
    path: &Path,
    config: &RunConfig,
    records: &[Record],
    device: &Device,
) -> anyhow::Result<Detector> {
    if path.is_file() {
        device.seed(config.train.seed);
        return read_weights(path, &config.network, device);
    }
    if is_bundle(path) {
        return of_bundle(path, config, records, device);
    }
    let (folder, other) = RunFolder::open(path)?;
    if let Some(misfit) = config.network.misfit(&other.network) {
        bail!("{} does not fit the network: {misfit}", path.display());
    }
    Ok(folder.trained(config, Some(Weights::Last), device)?.net)
}

/// The network of a bundle; its normalisations take the statistics of faces that it will be
/// trained on.
fn of_bundle(
    path: &Path,
    config: &RunConfig,
    records: &[Record],
    device: &Device,
) -> anyhow::Result<Detector> {
    let (network, net) = read_bundle(&Bundle::open(path)?, device)?;
    if let Some(misfit) = config.network.misfit(&network) {
        bail!(
            "{} does not fit the network: {misfit}. It is of --set network.architecture={} --set network.size={}",
            path.display(),
            format!("{:?}", network.architecture).to_lowercase(),
            format!("{:?}", network.size).to_lowercase()
        );
    }
    let side = network.input;
    let shares = config.data.shares();
    let seen: Vec<&Record> = records
        .iter()
        .filter(|record| record.part(shares) == Split::Train)
        .collect();
    let every = seen.len().div_ceil(FACES_OF_STATISTICS).max(1);
    let faces = seen.iter().step_by(every);
    let faces: Vec<Vec<f32>> = faces
        .map(|record| plain_clip(record, 1, side))
        .collect::<anyhow::Result<_>>()?;
    let shape = [faces.len(), 3, side, side];
    let images = Tensor::from_data(TensorData::new(faces.concat(), shape), device);
    device.seed(config.train.seed);
    Detector::of_frozen(&net.dequantise(device), &config.network, &images, device)
}

/// The networks that a run is taught by.
fn teachers(config: &RunConfig, device: &Device) -> anyhow::Result<Vec<Frozen>> {
    let side = config.network.input;
    let open = |path: &PathBuf| {
        let teacher = Subject::open(path, Some(Weights::Last), true, device)
            .with_context(|| format!("distil.teachers: {}", path.display()))?;
        let network = &teacher.config.network;
        ensure!(
            network.clip_frames() == config.network.clip_frames() && network.input == side,
            "distil.teachers: {} judges {} frames of {} px at once, the network {} of {side}",
            path.display(),
            network.clip_frames().unwrap_or(1),
            network.input,
            config.network.clip_frames().unwrap_or(1)
        );
        Ok(teacher.net)
    };
    config.distil.teachers.iter().map(open).collect()
}

/// Makes a run longer than it was meant to be.
fn extend(folder: &RunFolder, config: &mut RunConfig, epochs: f32) -> anyhow::Result<()> {
    let before = config.train.epochs;
    ensure!(
        epochs > before,
        "the run has {before} epochs already: extend it with --epochs above that"
    );
    config.train.epochs = epochs;
    config.check()?;
    folder.write("config.toml", config.to_toml()?.as_bytes())?;
    println!(
        "extended from {before} to {epochs} epochs: the schedules of learning rate and attack are stretched with it"
    );
    Ok(())
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.print_config {
            print!("{}", self.settings()?.print());
            return Ok(());
        }
        let run = self.run.clone().context("--run is missing")?;
        let data = self.data.clone().context("--data is missing")?;
        let (folder, config) = if self.resume {
            let (folder, mut config) = RunFolder::open(&run)?;
            if let Some(epochs) = self.epochs {
                extend(&folder, &mut config, epochs)?;
            }
            (Some(folder), config)
        } else {
            (None, self.settings()?.value)
        };
        let devices = self.device.open_all()?;
        let device = devices.first().context("no device")?;
        let records = read_shards(&data)?;
        let init = self.init.as_deref();
        let init = init
            .map(|path| weights(path, &config, &records, device))
            .transpose()?;
        let teachers = teachers(&config, device)?;
        let folder = match folder {
            Some(folder) => folder,
            None => RunFolder::create(&run, &config)?,
        };
        let stop = listen()?;
        let (run, data) = (run.display(), data.display());
        let start = Start {
            init: init.as_ref(),
            until_epoch: self.until,
            others: devices.get(1..).unwrap_or_default(),
            teachers: &teachers,
        };
        match train(&folder, &config, &records, device, &start, &stop)? {
            outcome @ (Outcome::Finished | Outcome::StoppedEarly(_)) => {
                if let Outcome::StoppedEarly(step) = outcome {
                    println!("stopped after step {step}: validations no longer got better");
                }
                println!("done: curves in {run}/curves.svg");
                println!("next: unmask-trainer evaluate {run} --data {data}");
                if outcome == Outcome::Finished {
                    let further = 2.0 * config.train.epochs;
                    println!(
                        "or further: unmask-trainer train --resume --run {run} --data {data} --epochs {further}"
                    );
                }
                Ok(())
            }
            Outcome::Interrupted(step) if self.until.is_some() && !stop.load(Ordering::Relaxed) => {
                println!("stopped after step {step}, as asked");
                Ok(())
            }
            Outcome::Interrupted(step) => bail!(
                "interrupted after step {step} and saved; go on with: unmask-trainer train --resume --run {run} --data {data}"
            ),
        }
    }

    /// Defaults, then files, then variables such as UNMASK_TRAINER__TRAIN__EPOCHS, then flags.
    fn settings(&self) -> anyhow::Result<Settings<RunConfig>> {
        let mut layers = SettingLayers::<RunConfig>::new().environment("UNMASK_TRAINER");
        for path in &self.config {
            layers = layers.file(path);
        }
        for assignment in &self.set {
            layers = layers.set(assignment);
        }
        let left_out = (!self.leave_out.is_empty()).then_some(&self.leave_out);
        let settings = layers
            .flag("--method", "train.method", self.method.as_ref())
            .flag("--epochs", "train.epochs", self.epochs.as_ref())
            .flag("--seed", "train.seed", self.seed.as_ref())
            .flag("--epsilon", "attack.epsilon", self.epsilon.as_ref())
            .flag("--size", "network.size", self.size.as_ref())
            .flag("--leave-out", "data.leave_out", left_out)
            .build()?;
        settings.value.check()?;
        Ok(settings)
    }
}
