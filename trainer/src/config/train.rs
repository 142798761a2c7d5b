//! Method and optimisation.

use std::fmt;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// How the detector is defended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Not at all: logit-adjusted BCE.
    None,
    /// Adversarial training (Madry et al., ICLR 2018).
    At,
    /// TRADES (Zhang et al., ICML 2019).
    Trades,
    /// MART (Wang et al., ICLR 2020).
    Mart,
    /// Adversarial feature similarity learning (Khan et al., MMM 2024).
    Afsl,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::At => "at",
            Self::Trades => "trades",
            Self::Mart => "mart",
            Self::Afsl => "afsl",
        })
    }
}

/// What turns gradients into steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Adam with decoupled weight decay.
    Adamw,
    /// Stochastic gradient descent with momentum; wants a learning rate ten to thirty times
    /// AdamW's.
    Sgd,
}

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Half a cosine down to zero.
    Cosine,
    /// A tenth at each of `train.milestones`.
    Step,
}

/// Optimisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Defence.
    pub method: Method,
    /// Seed of weights, order, pseudo-fakes and attacks.
    pub seed: u64,
    /// Epochs; one visits every real face once. May be a fraction.
    pub epochs: f32,
    /// Pairs of a real and a fake face per step.
    pub batch_pairs: usize,
    /// Share of fakes that the logit adjustment assumes; pairs make it one half.
    pub fake_prior: f32,
    /// What turns gradients into steps.
    pub optimizer: Optimizer,
    /// Momentum of SGD.
    pub momentum: f64,
    /// Largest learning rate, reached after the warm-up.
    pub learning_rate: f64,
    /// How the learning rate falls.
    pub schedule: Schedule,
    /// Shares of the steps at which schedule `step` divides the learning rate by ten.
    pub milestones: Vec<f32>,
    /// Share of the steps that the warm-up takes.
    pub warmup_share: f32,
    /// Weight decay; decoupled with AdamW.
    pub weight_decay: f32,
    /// Largest norm of the gradient of one tensor.
    pub clip_norm: f32,
    /// Decay per step of the averaged weights, which are the ones evaluated; 0 = the live ones.
    pub ema_decay: f64,
    /// Every so many steps a batch holds clips rather than single frames; 0 = never.
    pub clip_every: usize,
    /// Frames of those clips; such a batch has as many frames, in fewer pairs.
    pub clip_frames: usize,
    /// Side of the crops in the first part of the run, a multiple of 16: cheaper.
    pub small_input: usize,
    /// Share of the steps at `small_input`; 0 = none.
    pub small_share: f32,
    /// Share of the steps over which pairs grow from easy (swaps in good quality) to the
    /// configured mix.
    pub curriculum_share: f32,
    /// Epochs between validations and checkpoints.
    pub validate_every: f32,
    /// Validation pairs at most.
    pub validation_pairs: usize,
    /// Stop after so many validations in a row without a better AUC under attack (clean AUC
    /// with method none), once the attack is at its full radius; 0 = never.
    pub early_stop_after: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            method: Method::Afsl,
            seed: 1,
            epochs: 20.0,
            batch_pairs: 32,
            fake_prior: 0.5,
            optimizer: Optimizer::Adamw,
            momentum: 0.9,
            learning_rate: 3e-3,
            schedule: Schedule::Cosine,
            milestones: vec![0.75, 0.9],
            warmup_share: 0.05,
            weight_decay: 5e-4,
            clip_norm: 5.0,
            ema_decay: 0.995,
            clip_every: 3,
            clip_frames: 3,
            small_input: 64,
            small_share: 0.8,
            curriculum_share: 0.3,
            validate_every: 1.0,
            validation_pairs: 192,
            early_stop_after: 0,
        }
    }
}

impl TrainConfig {
    pub(super) fn check(&self) -> Result<()> {
        ensure!(
            self.epochs > 0.0 && self.epochs <= 1e4,
            "train.epochs is {}: it must be above 0 and at most 10000",
            self.epochs
        );
        ensure!(
            (2..=4096).contains(&self.batch_pairs),
            "train.batch_pairs is {}: it must be 2 to 4096",
            self.batch_pairs
        );
        ensure!(
            self.fake_prior > 0.0 && self.fake_prior < 1.0,
            "train.fake_prior is {}: it must be between 0 and 1",
            self.fake_prior
        );
        ensure!(
            self.learning_rate > 0.0 && self.learning_rate < 10.0,
            "train.learning_rate is {}: it must be above 0 and below 10",
            self.learning_rate
        );
        for (key, value) in [
            ("train.momentum", self.momentum),
            ("train.ema_decay", self.ema_decay),
        ] {
            ensure!(
                (0.0..1.0).contains(&value),
                "{key} is {value}: it must be 0 or more and below 1"
            );
        }
        ensure!(
            self.clip_norm > 0.0,
            "train.clip_norm is {}: it must be above 0",
            self.clip_norm
        );
        ensure!(
            self.small_input.is_multiple_of(16) && self.small_input >= 32,
            "train.small_input is {}: it must be a multiple of 16, at least 32",
            self.small_input
        );
        ensure!(
            (1..=64).contains(&self.clip_frames),
            "train.clip_frames is {}: it must be 1 to 64",
            self.clip_frames
        );
        ensure!(
            self.validate_every > 0.0,
            "train.validate_every is {}: it must be above 0",
            self.validate_every
        );
        for share in &self.milestones {
            super::share("train.milestones", *share)?;
        }
        super::share("train.warmup_share", self.warmup_share)?;
        super::share("train.small_share", self.small_share)?;
        super::share("train.curriculum_share", self.curriculum_share)
    }
}
