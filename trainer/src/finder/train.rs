//! The training run.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope as Threads;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use burn::grad_clipping::GradientClippingConfig;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::assign::{assign, levels};
use super::compose::{Composer, TrainingScene};
use super::loss::finder_loss;
use super::network::FinderNet;
use super::pool::Pool;
use super::progress::{FinderProgress, FinderStep};
use super::store::StoredPicture;
use super::validate::FinderValidation;
use crate::train::{RunFolder, average, step_of};

/// Sizes of the scenes, one batch after the other.
const SIZES: [[usize; 2]; 3] = [[320, 256], [256, 192], [256, 192]];
/// Batches that wait at most, per loader.
const QUEUE_BATCHES: usize = 2;
/// Of so many pictures, one is kept for validation.
const HELD_OUT: usize = 24;
const CHECKPOINT: &str = "checkpoint-";

/// Settings of a run; saved with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinderTraining {
    /// Steps of the schedule.
    pub steps: usize,
    /// Scenes per step.
    pub batch: usize,
    /// Peak of the learning rate.
    pub learning_rate: f64,
    /// Steps in which it rises; then it falls as a cosine.
    pub warmup_steps: usize,
    /// Of AdamW.
    pub weight_decay: f32,
    /// Of the averaged weights.
    pub ema_decay: f64,
    /// Of everything random.
    pub seed: u64,
    /// Steps between validations, each with a checkpoint.
    pub validate_every: usize,
    /// Threads that compose scenes.
    pub loaders: usize,
}

impl Default for FinderTraining {
    fn default() -> Self {
        Self {
            steps: 12_000,
            batch: 16,
            learning_rate: 3e-3,
            warmup_steps: 200,
            weight_decay: 0.01,
            ema_decay: 0.998,
            seed: 0,
            validate_every: 500,
            loaders: 1,
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinderOutcome {
    /// All steps are done.
    Finished,
    /// Stopped and saved after this step.
    Interrupted(usize),
}

struct State {
    step: usize,
    net: FinderNet,
    average: FinderNet,
    optimizer: ModuleOptimizer,
}

/// A batch on its way.
struct Batch {
    size: [usize; 2],
    scenes: Vec<TrainingScene>,
}

/// Trains, or goes on with, the run in a folder. A new run begins with `init` or fresh weights.
/// Checkpoints follow validations and a stop.
///
/// # Errors
/// When a stored picture or the checkpoint is damaged, the disk refuses, or the loss is no
/// longer finite.
pub fn train(
    path: &Path,
    config: &FinderTraining,
    pictures: &[StoredPicture],
    init: Option<FinderNet>,
    device: &Device,
    stop: &Arc<AtomicBool>,
) -> Result<FinderOutcome> {
    ensure!(
        config.batch > 0 && config.loaders > 0,
        "batch and loaders must be at least 1"
    );
    std::fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
    let folder = RunFolder::at(path);
    folder.write("config.json", &serde_json::to_vec_pretty(config)?)?;
    let device = device.clone().autodiff();
    device.seed(config.seed);
    let mut state = State::load(&folder, config, init, &device)?;
    let held_out = Pool::new(pictures, |place| place % HELD_OUT == 0)?;
    let validation = FinderValidation::new(held_out)?;
    let mut progress =
        FinderProgress::start(&folder.file("metrics.jsonl"), state.step, config.steps)?;
    std::thread::scope(|threads| -> Result<()> {
        let loaders = start_loaders(threads, config, pictures, state.step)?;
        let mut saved = state.step;
        while state.step < config.steps && !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let batch = loaders[state.step % config.loaders].recv();
            let batch = batch.context("no scene comes any more")??;
            let waited = begun.elapsed();
            let report = state.step(config, &batch, &device)?;
            progress.step(FinderStep { waited, ..report });
            if state.step.is_multiple_of(config.validate_every) || state.step == config.steps {
                state.save(&folder)?;
                saved = state.step;
                progress.record(&validation.measure(&state.average)?)?;
            }
        }
        if saved < state.step {
            state.save(&folder)?;
        }
        Ok(())
    })?;
    Ok(if state.step < config.steps {
        FinderOutcome::Interrupted(state.step)
    } else {
        FinderOutcome::Finished
    })
}

/// Averaged weights of the newest checkpoint of a run.
///
/// # Errors
/// When there is none, or it is damaged.
pub fn trained(path: &Path, device: &Device) -> Result<(FinderNet, usize)> {
    let folder = RunFolder::at(path);
    let Some(saved) = folder.saved(CHECKPOINT)?.pop() else {
        bail!("{} has no checkpoint: train it first", path.display());
    };
    let step = step_of(&saved, CHECKPOINT).unwrap_or(0);
    Ok((load_net(&saved.join("average.bpk"), device)?, step))
}

fn start_loaders<'scope, 'env>(
    threads: &'scope Threads<'scope, 'env>,
    config: &'env FinderTraining,
    pictures: &'env [StoredPicture],
    from: usize,
) -> Result<Vec<Receiver<Result<Batch>>>> {
    let loader = |number: usize| {
        let pool = Pool::new(pictures, |place| place % HELD_OUT != 0)?;
        let seed = config.seed ^ ((from as u64) << 20) ^ ((number as u64) << 50);
        let mut composer = Composer::new(pool, seed);
        let (sender, receiver) = sync_channel(QUEUE_BATCHES);
        let steps = (from..config.steps).filter(move |step| step % config.loaders == number);
        threads.spawn(move || {
            for step in steps {
                let size @ [width, height] = SIZES[step % SIZES.len()];
                let scenes = (0..config.batch)
                    .map(|_| composer.scene(width, height))
                    .collect();
                let batch = Result::map(scenes, |scenes| Batch { size, scenes });
                if sender.send(batch).is_err() {
                    return;
                }
            }
        });
        Ok(receiver)
    };
    (0..config.loaders).map(loader).collect()
}

impl State {
    fn load(
        folder: &RunFolder,
        config: &FinderTraining,
        init: Option<FinderNet>,
        device: &Device,
    ) -> Result<Self> {
        let optimizer = AdamWConfig::new()
            .with_epsilon(1e-8)
            .with_weight_decay(config.weight_decay)
            .with_grad_clipping(Some(GradientClippingConfig::Norm(10.0)))
            .init();
        let Some(path) = folder.saved(CHECKPOINT)?.pop() else {
            let net = init.unwrap_or_else(|| FinderNet::new(device));
            return Ok(Self {
                step: 0,
                average: net.valid(),
                net,
                optimizer,
            });
        };
        let damaged = || format!("the checkpoint {} is damaged", path.display());
        let moments = std::fs::read(path.join("optimizer.bpk")).with_context(damaged)?;
        let moments = Bytes::from_bytes_vec(moments);
        Ok(Self {
            step: step_of(&path, CHECKPOINT).with_context(damaged)?,
            net: load_net(&path.join("net.bpk"), device)?,
            average: load_net(&path.join("average.bpk"), &device.clone().inner())?,
            optimizer: optimizer.from_bytes(moments).with_context(damaged)?,
        })
    }

    fn save(&self, folder: &RunFolder) -> Result<()> {
        let bytes = |net: &FinderNet| -> Result<Vec<u8>> {
            Ok(net.clone().into_record().into_bytes()?.to_vec())
        };
        let files = [
            ("net.bpk", bytes(&self.net)?),
            ("average.bpk", bytes(&self.average)?),
            ("optimizer.bpk", self.optimizer.into_bytes()?.to_vec()),
        ];
        folder.replace(CHECKPOINT, self.step, &files)
    }

    fn step(
        &mut self,
        config: &FinderTraining,
        batch: &Batch,
        device: &Device,
    ) -> Result<FinderStep> {
        let [width, height] = batch.size;
        let levels = levels(width, height);
        let targets: Vec<_> = (batch.scenes.iter())
            .map(|scene| assign(&levels, &scene.faces, &scene.unsure))
            .collect();
        let planes: Vec<f32> = batch
            .scenes
            .iter()
            .flat_map(|s| s.planes.iter().copied())
            .collect();
        let shape = [batch.scenes.len(), 3, height, width];
        let pictures = Tensor::<4>::from_data(TensorData::new(planes, shape), device);
        let loss = finder_loss(&self.net.forward(pictures), &targets)?;
        let total: f32 = loss.total.clone().into_scalar();
        ensure!(
            total.is_finite(),
            "the loss is no longer finite after {} steps: lower the learning rate",
            self.step
        );
        let parts = loss
            .parts
            .map(|(name, part)| (name, part.into_scalar::<f32>()));
        let gradients = GradientsParams::from_grads(loss.total.backward(), &self.net);
        let rate = config.rate(self.step);
        self.net = self.optimizer.step(rate, self.net.clone(), gradients);
        // Young averages forget faster, or they would remember the initialisation.
        let young = (1.0 + self.step as f64) / (10.0 + self.step as f64);
        let decay = config.ema_decay.min(young);
        self.average = average(self.average.clone(), &self.net, decay);
        self.step += 1;
        Ok(FinderStep {
            loss: total,
            parts,
            scenes: batch.scenes.len(),
            ..FinderStep::default()
        })
    }
}

impl FinderTraining {
    fn rate(&self, step: usize) -> f64 {
        let warm = ((step + 1) as f64 / self.warmup_steps.max(1) as f64).min(1.0);
        let done = step as f64 / self.steps.max(1) as f64;
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        self.learning_rate * warm * cosine.max(0.01)
    }
}

/// A fresh network with the averaged weights of another run, as far as they fit.
///
/// # Errors
/// When the run has no checkpoint, or it is damaged.
pub fn started_from(path: &Path, device: &Device) -> Result<FinderNet> {
    let Some(saved) = RunFolder::at(path).saved(CHECKPOINT)?.pop() else {
        bail!("{} has no checkpoint to start from", path.display());
    };
    let record = read_record(&saved.join("average.bpk"))?;
    let fitting = record
        .validate(false)
        .allow_partial(true)
        .allow_unused(true);
    let net = FinderNet::new(&device.clone().autodiff());
    net.try_load_record(fitting)
        .with_context(|| format!("{} holds another network", saved.display()))
}

fn read_record(path: &Path) -> Result<ModuleRecord> {
    let damaged = || format!("{} is damaged", path.display());
    let bytes = std::fs::read(path).with_context(damaged)?;
    ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).with_context(damaged)
}

fn load_net(path: &Path, device: &Device) -> Result<FinderNet> {
    let damaged = || format!("{} is damaged, or of another network", path.display());
    let record = read_record(path)?;
    FinderNet::new(device)
        .try_load_record(record)
        .with_context(damaged)
}
