//! The loop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::checkpoint::{Checkpoint, RunFolder};
use super::curves::draw_curves;
use super::descend::{Descent, descend, optimizer};
use super::free::FreeNoise;
use super::plan::Plan;
use super::progress::{Measured, Parts, Progress};
use super::step::{Guide, Loss, attacked, loss};
use super::teacher::Teacher;
use super::together::{check, descend_together};
use crate::config::{InnerAttack, RunConfig};
use crate::dataset::{Batch, Loader, Pairs, Record};
use crate::evaluation::{Validation, to_tensors, validate};
use crate::loss::Taught;
use crate::network::{Detector, Frozen};
use crate::random::mix;
use crate::reconstruct::bank_of;

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All steps were done.
    Finished,
    /// Validations stopped getting better; it ended, and saved, after so many steps.
    StoppedEarly(usize),
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
    /// Devices that share every step with the first.
    pub others: &'a [Device],
    /// The networks of [`crate::loss::DistilConfig::teachers`], on the first device.
    pub teachers: &'a [Frozen],
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
    let pairs = Pairs::new(records, &config.data, false)?.with_bank(bank_of(&config.data)?);
    let held_out = Pairs::new(records, &config.data, true)?.with_bank(bank_of(&config.data)?);
    let plan = Plan::new(config, pairs.len());
    let mut state = begin(folder, config, device, start.init)?;
    let teacher = Teacher::of(folder, config, start.init, device)?;
    let lesson = Lesson {
        config,
        plan: &plan,
        teacher: teacher.as_ref(),
        teachers: start.teachers,
        devices: [std::slice::from_ref(device), start.others].concat(),
    };
    let last = start
        .until_epoch
        .map_or(plan.steps, |epoch| plan.step_of(epoch));
    if !start.others.is_empty() {
        check(config)?;
    }
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
            if gave_up(&state, config) {
                break;
            }
            let parts = run_step(&mut state, &loader, &lesson)?;
            progress.step(parts);
            state.seconds = began.1 + began.0.elapsed().as_secs_f64();
            if plan.validates_after(step) {
                let measured = measure(&state, config, &plan, [&pairs, &held_out], device)?;
                note(folder, &mut state, &measured, &plan)?;
                progress.record(measured)?;
                folder.save(&state)?;
                draw(folder)?;
            }
            let asked = stop.load(Ordering::Relaxed) || step + 1 == last;
            if asked && step + 1 < plan.steps && !gave_up(&state, config) {
                folder.save(&state)?;
                return Ok(Outcome::Interrupted(step + 1));
            }
        }
        Ok(if gave_up(&state, config) && state.step < plan.steps {
            Outcome::StoppedEarly(state.step)
        } else {
            Outcome::Finished
        })
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
        trend: Default::default(),
        noise: None,
    })
}

/// What every step of a run follows.
struct Lesson<'a> {
    config: &'a RunConfig,
    plan: &'a Plan,
    teacher: Option<&'a Teacher>,
    teachers: &'a [Frozen],
    /// The first holds the weights.
    devices: Vec<Device>,
}

impl Lesson<'_> {
    /// What other networks say of clean faces; what attacked ones are pulled to, only where
    /// there are attacked ones.
    fn guide(&self, images: &Tensor<4>, frames: usize, epsilon: f32) -> Guide {
        let teacher = self.teacher.filter(|_| epsilon > 0.0);
        let said = self.teachers.iter();
        Guide {
            anchor: teacher.map(|teacher| teacher.embeddings(images.clone(), frames)),
            taught: Taught::mean(said.map(|net| net.forward(images.clone(), frames))),
        }
    }

    /// Loss of a part of a batch on one of several devices.
    fn loss_of(&self, net: &Detector, part: &Batch, device: &Device, epsilon: f32) -> Loss {
        let (images, label) = to_tensors(part, device);
        // Teachers live on the first device.
        let at_teacher = self.devices.first().unwrap_or(device);
        let guide = self
            .guide(&images.clone().to_device(at_teacher), part.frames, epsilon)
            .to_device(device);
        let attacked = (epsilon > 0.0).then(|| {
            let (images, label) = (images.clone(), label.clone());
            attacked(net, images, label, part.frames, self.config, epsilon).autodiff()
        });
        let images = images.autodiff();
        loss(
            net,
            images,
            attacked,
            label,
            part.frames,
            self.config,
            &guide,
        )
    }
}

fn run_step(state: &mut Checkpoint, loader: &Loader, lesson: &Lesson<'_>) -> Result<Parts> {
    let (config, plan) = (lesson.config, lesson.plan);
    let device = lesson.devices.first().context("no device")?;
    let batch = loader.next()?;
    let step = state.step;
    // Random starts of the attack depend on the step alone, so that a resumed run repeats them.
    device.seed(mix(config.train.seed, step as u64));
    let epsilon = plan.epsilon(step);
    let descent = Descent {
        learning_rate: plan.learning_rate(step),
        gamma: plan.weight_perturbation(step),
        ema_decay: config.train.ema_decay,
    };
    let found = if let [_, _, ..] = lesson.devices.as_slice() {
        for other in lesson.devices.iter().skip(1) {
            other.seed(mix(config.train.seed, step as u64));
        }
        descend_together(
            state,
            &descent,
            &batch,
            &lesson.devices,
            |net, part, device| lesson.loss_of(net, part, device, epsilon),
        )?
    } else if epsilon > 0.0 && config.attack.kind == InnerAttack::Free {
        let (images, label) = to_tensors(&batch, device);
        let guide = lesson.guide(&images, batch.frames, epsilon);
        let loss = |net: &Detector, clean: Tensor<4>, attacked: Tensor<4>| {
            let label = label.clone();
            loss(
                net,
                clean,
                Some(attacked),
                label,
                batch.frames,
                config,
                &guide,
            )
        };
        replay(
            state,
            &descent,
            images,
            epsilon,
            config.attack.replays,
            loss,
        )?
    } else {
        let (images, label) = to_tensors(&batch, device);
        let guide = lesson.guide(&images, batch.frames, epsilon);
        let attacked = (epsilon > 0.0).then(|| {
            let (images, label) = (images.clone(), label.clone());
            attacked(&state.net, images, label, batch.frames, config, epsilon).autodiff()
        });
        let images = images.autodiff();
        let (found, _) = descend(state, &descent, None, |net| {
            let (images, attacked) = (images.clone(), attacked.clone());
            let label = label.clone();
            loss(net, images, attacked, label, batch.frames, config, &guide)
        })?;
        found
    };
    state.step += 1;
    let number = |tensor: &Tensor<1>| tensor.clone().into_scalar::<f32>();
    let terms = found.terms.parts.iter();
    Ok(Parts {
        loss: number(&found.terms.total),
        terms: terms.map(|(name, term)| (*name, number(term))).collect(),
        images: batch.clips() * batch.frames,
    })
}

/// Replays of one batch: each steps the weights down and the noise up.
fn replay(
    state: &mut Checkpoint,
    descent: &Descent,
    images: Tensor<4>,
    epsilon: f32,
    replays: usize,
    loss: impl Fn(&Detector, Tensor<4>, Tensor<4>) -> Loss,
) -> Result<Loss> {
    let shape = images.dims();
    let mut noise = match state.noise.take() {
        Some(noise) if noise.fits(shape) => noise,
        _ => FreeNoise::none(shape, &images.device()),
    };
    let clean = images.autodiff();
    let mut last = None;
    for _ in 0..replays.max(1) {
        let leaf = noise.leaf(epsilon);
        let (found, gradient) = descend(state, descent, Some(&leaf), |net| {
            let attacked = (clean.clone() + leaf.clone()).clamp(0.0, 1.0);
            loss(net, clean.clone(), attacked)
        })?;
        if let Some(gradient) = gradient {
            noise.climb(gradient, epsilon);
        }
        last = Some(found);
    }
    state.noise = Some(noise);
    last.context("attack.replays is 0")
}

/// Keeps the best weights and the count since.
fn note(
    folder: &RunFolder,
    state: &mut Checkpoint,
    measured: &Measured,
    plan: &Plan,
) -> Result<()> {
    let auc = measured.auc_attacked.or(measured.auc);
    if let Some(auc) = auc
        && plan.is_comparable(state.step.saturating_sub(1))
        && state.trend.take(state.step, auc)
    {
        folder.save_best(state)?;
    }
    Ok(())
}

fn gave_up(state: &Checkpoint, config: &RunConfig) -> bool {
    let patience = config.train.early_stop_after;
    patience > 0 && state.trend.stale >= patience
}

fn measure(
    state: &Checkpoint,
    config: &RunConfig,
    plan: &Plan,
    [training, held_out]: [&Pairs<'_>; 2],
    device: &Device,
) -> Result<Measured> {
    let epsilon = plan.epsilon(state.step.saturating_sub(1));
    let request = Validation {
        side: plan.batch(state.step.saturating_sub(1)).make.side,
        ..Validation::of(&config.network, config.train.validation_pairs, epsilon)
    };
    let net = state.average.fold();
    let found = validate(&net, held_out, &request, device)?;
    let clean = Validation {
        epsilon: None,
        ..request
    };
    let of_training = validate(&net, training, &clean, device)?;
    Ok(Measured {
        step: state.step,
        epoch: state.step as f32 / plan.steps_per_epoch as f32,
        epsilon_255: epsilon * 255.0,
        learning_rate: plan.learning_rate(state.step.saturating_sub(1)),
        auc: found.clean_auc(),
        auc_training: of_training.clean_auc(),
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
