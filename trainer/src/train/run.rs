//! The loop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use burn::grad_clipping::GradientClippingConfig;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::Device;

use super::checkpoint::{Checkpoint, RunFolder};
use super::curves::draw_curves;
use super::ema::average;
use super::plan::Plan;
use super::progress::{Measured, Parts, Progress};
use super::step::{StepOptions, loss, to_tensors};
use crate::config::{RunConfig, TrainConfig};
use crate::dataset::{Loader, Pairs, Record, mix};
use crate::evaluate::{Validation, validate};
use crate::network::Detector;

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All steps were done.
    Finished,
    /// It was interrupted after so many steps, and saved.
    Interrupted(usize),
}

/// Where a run begins and how far it goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start<'a> {
    /// Weights of a new run; without, they are drawn from its seed.
    pub init: Option<&'a Detector>,
    /// Stop, with a checkpoint, after this epoch of the schedule.
    pub until_epoch: Option<f32>,
}

/// Trains, or goes on training, in a run folder.
///
/// `stop` ends the run after the current step with a checkpoint. The same
/// configuration, data and device give the same weights, however often the run was
/// interrupted.
///
/// # Errors
/// When the data is too small, the loss stops being finite, or the disk refuses.
pub fn train(
    folder: &RunFolder,
    config: &RunConfig,
    records: &[Record],
    device: &Device,
    start: &Start<'_>,
    stop: &AtomicBool,
) -> Result<Outcome> {
    let pairs = Pairs::new(records, &config.data, false)?;
    let held_out = Pairs::new(records, &config.data, true)?;
    let plan = Plan::new(config, pairs.len());
    let mut state = begin(folder, config, device, start.init)?;
    let last = start
        .until_epoch
        .map_or(plan.steps, |epoch| plan.step_of(epoch));
    let mut progress = Progress::start(&folder.file("metrics.jsonl"), state.step, plan.steps)?;
    progress.say(&format!(
        "{} training pairs, {} validation pairs, {} steps of {} pairs, method {}",
        pairs.len(),
        held_out.len(),
        plan.steps,
        config.train.batch_pairs,
        config.train.method
    ));
    let first = state.step;
    let began = (Instant::now(), state.seconds);
    let outcome = std::thread::scope(|scope| -> Result<Outcome> {
        let plans = (first..last).map(|step| plan.batch(step));
        let loader = Loader::start(scope, &pairs, config.train.seed, plans);
        for step in first..last {
            let parts = run_step(&mut state, &loader, config, &plan, device)?;
            progress.step(parts);
            state.seconds = began.1 + began.0.elapsed().as_secs_f64();
            if plan.validates_after(step) {
                let measured = measure(&state, config, &plan, &held_out, device)?;
                progress.record(measured)?;
                folder.save(&state)?;
                draw(folder)?;
            }
            let asked = stop.load(Ordering::Relaxed) || step + 1 == last;
            if asked && step + 1 < plan.steps {
                folder.save(&state)?;
                return Ok(Outcome::Interrupted(step + 1));
            }
        }
        Ok(Outcome::Finished)
    });
    progress.finish();
    outcome
}

/// The newest checkpoint, or given weights, or fresh ones from the seed.
fn begin(
    folder: &RunFolder,
    config: &RunConfig,
    device: &Device,
    init: Option<&Detector>,
) -> Result<Checkpoint> {
    let device = device.clone().autodiff();
    if let Some(checkpoint) = folder.load(config, optimizer(&config.train), &device)? {
        return Ok(checkpoint);
    }
    device.seed(config.train.seed);
    let fresh = Detector::new(&config.network, &device);
    let net = match init {
        Some(given) => fresh.load_record(given.clone().into_record()),
        None => fresh,
    };
    Ok(Checkpoint {
        step: 0,
        seconds: 0.0,
        average: net.valid(),
        net,
        optimizer: optimizer(&config.train),
    })
}

fn optimizer(train: &TrainConfig) -> ModuleOptimizer {
    AdamWConfig::new()
        .with_epsilon(1e-8)
        .with_weight_decay(train.weight_decay)
        .with_grad_clipping(Some(GradientClippingConfig::Norm(train.clip_norm)))
        .init()
}

fn run_step(
    state: &mut Checkpoint,
    loader: &Loader,
    config: &RunConfig,
    plan: &Plan,
    device: &Device,
) -> Result<Parts> {
    let batch = loader.next()?;
    // Random starts of the attack depend on the step alone, so that a resumed run repeats them.
    device.seed(mix(config.train.seed, state.step as u64));
    let (images, label) = to_tensors(&batch, device);
    let options = StepOptions {
        afsl: &config.afsl,
        epsilon: plan.epsilon(state.step),
    };
    let parts = loss(&state.net, images, label, batch.frames, &options);
    let number = |tensor: &burn::tensor::Tensor<1>| tensor.clone().into_scalar::<f32>();
    let report = Parts {
        dcl: number(&parts.dcl),
        asl: parts.asl.as_ref().map(number),
        srl: parts.srl.as_ref().map(number),
        images: batch.clips() * batch.frames,
    };
    ensure!(
        number(&parts.total).is_finite(),
        "the loss is no longer finite after {} steps: lower train.learning_rate",
        state.step
    );
    let gradients = GradientsParams::from_grads(parts.total.backward(), &state.net);
    let rate = plan.learning_rate(state.step);
    state.net = state.optimizer.step(rate, state.net.clone(), gradients);
    // Young averages forget faster, or they would remember the initialisation.
    let young = (1.0 + state.step as f64) / (10.0 + state.step as f64);
    state.average = average(
        state.average.clone(),
        &state.net,
        config.train.ema_decay.min(young),
    );
    state.step += 1;
    Ok(report)
}

fn measure(
    state: &Checkpoint,
    config: &RunConfig,
    plan: &Plan,
    held_out: &Pairs<'_>,
    device: &Device,
) -> Result<Measured> {
    let epsilon = plan.epsilon(state.step.saturating_sub(1));
    let request = Validation {
        pairs: config.train.validation_pairs,
        side: plan.batch(state.step.saturating_sub(1)).make.side,
        epsilon: (epsilon > 0.0).then_some(epsilon),
    };
    let found = validate(&state.average.fold(), held_out, &request, device)?;
    Ok(Measured {
        step: state.step,
        epoch: state.step as f32 / plan.steps_per_epoch as f32,
        epsilon_255: epsilon * 255.0,
        learning_rate: plan.learning_rate(state.step.saturating_sub(1)),
        auc: found.clean_auc(),
        auc_attacked: found.attacked_auc(),
        ..Default::default()
    })
}

fn draw(folder: &RunFolder) -> Result<()> {
    let text = std::fs::read_to_string(folder.file("metrics.jsonl"))?;
    let lines: Vec<Measured> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    folder.write("curves.svg", draw_curves(&lines)?.as_bytes())
}
