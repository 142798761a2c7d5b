//! The run folder and its checkpoints: complete or absent, never half.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device};
use serde::{Deserialize, Serialize};
use unmask_shared::bundle::sha256_hex;

use super::best::{Trend, Weights};
use super::free::FreeNoise;
use crate::config::RunConfig;
use crate::files::write_atomic;
use crate::network::Detector;

/// A folder with `config.toml`, `metrics.jsonl`, `curves.svg`, `checkpoint-N` and `best-N`.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

const CHECKPOINT: &str = "checkpoint-";
const BEST: &str = "best-";

/// Where a run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    step: usize,
    seconds: f64,
    #[serde(default)]
    trend: Trend,
}

/// Everything a run needs to go on.
pub struct Checkpoint {
    /// Steps done.
    pub step: usize,
    /// Training time so far, in seconds.
    pub seconds: f64,
    /// Live weights.
    pub net: Detector,
    /// Averaged weights.
    pub average: Detector,
    /// Optimiser with its moments.
    pub optimizer: ModuleOptimizer,
    /// How validations went.
    pub trend: Trend,
    /// Noise of free adversarial training.
    pub noise: Option<FreeNoise>,
}

/// Weights of a run with where they stood.
#[derive(Debug)]
pub struct Trained {
    /// Averaged weights.
    pub net: Detector,
    /// Which ones.
    pub weights: Weights,
    /// Steps done by then.
    pub step: usize,
    /// SHA-256 of their file, in hexadecimal digits.
    pub sha256: String,
}

impl RunFolder {
    /// Creates a folder for a new run and writes its configuration.
    ///
    /// # Errors
    /// When the folder holds a run already, or cannot be written.
    pub fn create(path: &Path, config: &RunConfig) -> Result<Self> {
        if path.join("config.toml").exists() {
            bail!(
                "{} holds a run already: go on with it by --resume, or name another folder",
                path.display()
            );
        }
        fs::create_dir_all(path)
            .with_context(|| format!("cannot create the run folder {}", path.display()))?;
        let folder = Self {
            path: path.to_path_buf(),
        };
        folder.write("config.toml", config.to_toml()?.as_bytes())?;
        Ok(folder)
    }

    /// A folder that holds, or will hold, a run of another kind.
    pub(crate) fn at(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }

    /// Opens the folder of an earlier run.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(path: &Path) -> Result<(Self, RunConfig)> {
        let config = path.join("config.toml");
        if !config.exists() {
            bail!("{} is no run folder: it has no config.toml", path.display());
        }
        Ok((
            Self {
                path: path.to_path_buf(),
            },
            RunConfig::of_run(&config)?,
        ))
    }

    /// Path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file so that it appears complete or not at all.
    ///
    /// # Errors
    /// When the disk refuses; an earlier version stays.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_atomic(&self.path.join(name), bytes)
    }

    /// Saves a checkpoint, then removes older ones.
    ///
    /// # Errors
    /// When the disk refuses; older checkpoints stay.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<()> {
        let state = State {
            step: checkpoint.step,
            seconds: checkpoint.seconds,
            trend: checkpoint.trend,
        };
        let mut files = vec![
            (
                "net.bpk",
                checkpoint.net.clone().into_record().into_bytes()?.to_vec(),
            ),
            ("average.bpk", average_bytes(checkpoint)?),
            ("optimizer.bpk", checkpoint.optimizer.into_bytes()?.to_vec()),
            ("state.json", serde_json::to_vec_pretty(&state)?),
        ];
        if let Some(noise) = &checkpoint.noise {
            files.push(("noise.bin", noise.to_bytes()?));
        }
        self.replace(CHECKPOINT, checkpoint.step, &files)
    }

    /// Saves weights alone, with the steps and seconds that they took: they can be used, not
    /// trained further.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save_weights(&self, net: &Detector, (step, seconds): (usize, f64)) -> Result<()> {
        let state = State {
            step,
            seconds,
            ..State::default()
        };
        let files = [
            (
                "average.bpk",
                net.clone().into_record().into_bytes()?.to_vec(),
            ),
            ("state.json", serde_json::to_vec_pretty(&state)?),
        ];
        self.replace(CHECKPOINT, step, &files)
    }

    /// Keeps the averaged weights of a checkpoint as the best ones.
    ///
    /// # Errors
    /// When the disk refuses; the former best stays.
    pub fn save_best(&self, checkpoint: &Checkpoint) -> Result<()> {
        let files = [("average.bpk", average_bytes(checkpoint)?)];
        self.replace(BEST, checkpoint.step, &files)
    }

    /// Writes `KIND-STEP` so that it appears whole, then removes others of its kind.
    pub(crate) fn replace(&self, kind: &str, step: usize, files: &[(&str, Vec<u8>)]) -> Result<()> {
        let name = format!("{kind}{step:08}");
        let partial = self.path.join(format!("{name}.partial"));
        let _ = fs::remove_dir_all(&partial); // left by an interrupted save
        fs::create_dir_all(&partial)
            .with_context(|| format!("cannot create {}", partial.display()))?;
        for (file, bytes) in files {
            write_atomic(&partial.join(file), bytes)?;
        }
        let complete = self.path.join(&name);
        let _ = fs::remove_dir_all(&complete); // the same step, saved before
        fs::rename(&partial, &complete)
            .with_context(|| format!("cannot complete {}", complete.display()))?;
        for other in self
            .saved(kind)?
            .into_iter()
            .filter(|path| *path != complete)
        {
            fs::remove_dir_all(&other)
                .with_context(|| format!("cannot remove {}", other.display()))?;
        }
        Ok(())
    }

    /// Loads the newest checkpoint into networks of the run's architecture; `None` when
    /// there is none yet.
    ///
    /// # Errors
    /// When a checkpoint is damaged or of another architecture.
    pub fn load(
        &self,
        config: &RunConfig,
        optimizer: ModuleOptimizer,
        device: &Device,
    ) -> Result<Option<Checkpoint>> {
        let Some(path) = self.saved(CHECKPOINT)?.pop() else {
            return Ok(None);
        };
        let damaged = || damaged(&path);
        let state = read(&path, "state.json")?;
        let state: State = serde_json::from_slice(&state).with_context(damaged)?;
        let moments = Bytes::from_bytes_vec(read(&path, "optimizer.bpk")?);
        let noise = path.join("noise.bin").exists().then(|| {
            let bytes = read(&path, "noise.bin")?;
            FreeNoise::from_bytes(&bytes, &device.clone().inner()).with_context(damaged)
        });
        Ok(Some(Checkpoint {
            step: state.step,
            seconds: state.seconds,
            trend: state.trend,
            noise: noise.transpose()?,
            net: network(&path, "net.bpk", config, device)?,
            average: network(&path, "average.bpk", config, &device.clone().inner())?,
            optimizer: optimizer.from_bytes(moments).with_context(damaged)?,
        }))
    }

    /// Loads averaged weights. Left to itself it takes the best ones of a run with early
    /// stopping, and else the last.
    ///
    /// # Errors
    /// When there are none yet, or they are damaged or of another architecture.
    pub fn trained(
        &self,
        config: &RunConfig,
        weights: Option<Weights>,
        device: &Device,
    ) -> Result<Trained> {
        let weights = weights.unwrap_or(match config.train.early_stop_after {
            0 => Weights::Last,
            _ => Weights::Best,
        });
        let kind = match weights {
            Weights::Last => CHECKPOINT,
            Weights::Best => BEST,
        };
        let path = self.saved(kind)?.pop().with_context(|| {
            format!(
                "{} has no {weights} weights yet: train it further",
                self.path.display()
            )
        })?;
        Ok(Trained {
            net: network(&path, "average.bpk", config, device)?,
            weights,
            step: step_of(&path, kind).with_context(|| damaged(&path))?,
            sha256: sha256_hex(&read(&path, "average.bpk")?),
        })
    }

    /// Steps done and seconds spent up to the newest checkpoint.
    ///
    /// # Errors
    /// When there is no checkpoint, or it is damaged.
    pub fn spent(&self) -> Result<(usize, f64)> {
        let path = self.saved(CHECKPOINT)?.pop().with_context(|| {
            format!(
                "{} has no checkpoint yet: train it first",
                self.path.display()
            )
        })?;
        let state: State =
            serde_json::from_slice(&read(&path, "state.json")?).with_context(|| damaged(&path))?;
        Ok((state.step, state.seconds))
    }

    /// Complete folders of a kind, oldest first.
    pub(crate) fn saved(&self, kind: &str) -> Result<Vec<PathBuf>> {
        let mut found: Vec<PathBuf> = fs::read_dir(&self.path)
            .with_context(|| format!("cannot read {}", self.path.display()))?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| step_of(path, kind).is_some())
            .collect();
        found.sort();
        Ok(found)
    }
}

/// The step in the name of a complete folder.
pub(crate) fn step_of(path: &Path, kind: &str) -> Option<usize> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix(kind)?.parse().ok()
}

fn average_bytes(checkpoint: &Checkpoint) -> Result<Vec<u8>> {
    Ok(checkpoint
        .average
        .clone()
        .into_record()
        .into_bytes()?
        .to_vec())
}

fn damaged(path: &Path) -> String {
    format!(
        "the checkpoint {} is damaged, or of another architecture",
        path.display()
    )
}

fn read(checkpoint: &Path, name: &str) -> Result<Vec<u8>> {
    fs::read(checkpoint.join(name)).with_context(|| damaged(checkpoint))
}

fn network(checkpoint: &Path, name: &str, config: &RunConfig, device: &Device) -> Result<Detector> {
    let damaged = || damaged(checkpoint);
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(read(checkpoint, name)?));
    let net = Detector::new(&config.network, device);
    net.try_load_record(record.with_context(damaged)?)
        .with_context(damaged)
}
