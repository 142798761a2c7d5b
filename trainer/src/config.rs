//! What a run is: everything that decides its result, saved with it.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::attack::Objective;
use crate::dataset::PairConfig;
use crate::loss::Pairs;
use crate::network::NetworkConfig;

/// Radius of an l_inf ball in pixel units, written `k/255`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Epsilon(f32);

impl Epsilon {
    /// `k / 255`.
    pub fn of_255(k: f32) -> Self {
        Self(k / 255.0)
    }

    /// In [0, 1].
    pub fn value(self) -> f32 {
        self.0
    }
}

impl FromStr for Epsilon {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text
            .strip_suffix("/255")
            .and_then(|k| k.trim().parse::<f32>().ok());
        match number {
            Some(k) if (0.0..=255.0).contains(&k) => Ok(Self::of_255(k)),
            _ => Err(format!(
                "`{text}` is no epsilon: write it in pixel units, such as 2/255"
            )),
        }
    }
}

impl TryFrom<String> for Epsilon {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Epsilon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let k = self.0 * 255.0;
        write!(f, "{}/255", (k * 1e4).round() / 1e4)
    }
}

impl From<Epsilon> for String {
    fn from(epsilon: Epsilon) -> Self {
        epsilon.to_string()
    }
}

/// How the detector is defended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Logit-adjusted BCE alone.
    None,
    /// Adversarial feature similarity learning.
    Afsl,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Afsl => "afsl",
        })
    }
}

/// A training run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Architecture.
    pub network: NetworkConfig,
    /// Pairs and their degradation.
    pub data: PairConfig,
    /// Optimisation.
    pub train: TrainConfig,
    /// Defence; unused with method `none`.
    pub afsl: AfslConfig,
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
    /// Largest learning rate, reached after the warm-up; cosine to zero afterwards.
    pub learning_rate: f64,
    /// Share of the steps that the warm-up takes.
    pub warmup_share: f32,
    /// Decoupled weight decay (AdamW).
    pub weight_decay: f32,
    /// Largest norm of the gradient of one tensor.
    pub clip_norm: f32,
    /// Decay per step of the averaged weights, which are the ones evaluated.
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
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            method: Method::Afsl,
            seed: 1,
            epochs: 20.0,
            batch_pairs: 32,
            learning_rate: 3e-3,
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
        }
    }
}

/// Which samples carry the classification loss `L_dcl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Classified {
    /// Clean faces only; robustness is left to `L_asl`.
    Clean,
    /// Clean and attacked faces alike.
    CleanAndAttacked,
}

/// `L = L_dcl + b1 L_asl + b2 L_srl` and its inner attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AfslConfig {
    /// Radius of the inner attack once it is ramped up.
    pub epsilon: Epsilon,
    /// Steps of the inner attack.
    pub steps: usize,
    /// What the inner attack maximises.
    pub objective: Objective,
    /// Weight of `L_asl`.
    pub b1: f32,
    /// Weight of `L_srl`.
    pub b2: f32,
    /// How `L_srl` scores a pair.
    pub pairs: Pairs,
    /// Samples that carry `L_dcl`.
    pub classified: Classified,
    /// Share of the steps before the first attack: until then the run equals method `none`.
    pub clean_share: f32,
    /// Share of the steps over which epsilon grows from zero.
    pub ramp_share: f32,
}

impl Default for AfslConfig {
    fn default() -> Self {
        Self {
            epsilon: Epsilon::of_255(2.0),
            steps: 2,
            objective: Objective::Margin,
            b1: 1.0,
            b2: 0.1,
            pairs: Pairs::Plain,
            classified: Classified::CleanAndAttacked,
            clean_share: 0.55,
            ramp_share: 0.15,
        }
    }
}

impl RunConfig {
    /// Reads a TOML file; missing keys take their defaults.
    ///
    /// # Errors
    /// When the file cannot be read, a key is unknown (it is named), or a value is out
    /// of range.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        let config: Self = toml::from_str(&text)
            .with_context(|| format!("{} is no valid configuration", path.display()))?;
        config.check()?;
        Ok(config)
    }

    /// As TOML, every key with its value.
    ///
    /// # Errors
    /// When a value has no TOML form, such as a number that is not finite.
    pub fn to_toml(&self) -> Result<String> {
        Ok(toml::to_string_pretty(self)?)
    }

    /// Refuses values that cannot work, naming the key.
    ///
    /// # Errors
    /// The first key that is out of its range.
    pub fn check(&self) -> Result<()> {
        self.network.check()?;
        let train = &self.train;
        ensure!(
            train.epochs > 0.0 && train.epochs <= 1e4,
            "train.epochs is {}: it must be above 0 and at most 10000",
            train.epochs
        );
        ensure!(
            (2..=4096).contains(&train.batch_pairs),
            "train.batch_pairs is {}: it must be 2 to 4096",
            train.batch_pairs
        );
        ensure!(
            train.learning_rate > 0.0 && train.learning_rate < 1.0,
            "train.learning_rate is {}: it must be between 0 and 1",
            train.learning_rate
        );
        ensure!(
            train.small_input.is_multiple_of(16) && train.small_input >= 32,
            "train.small_input is {}: it must be a multiple of 16, at least 32",
            train.small_input
        );
        ensure!(
            train.validate_every > 0.0,
            "train.validate_every is {}: it must be above 0",
            train.validate_every
        );
        for (key, share) in [
            ("data.swap_share", self.data.swap_share),
            ("data.fake_share", self.data.fake_share),
            ("data.degradation", self.data.degradation),
            ("data.validation_share", self.data.validation_share),
            ("train.warmup_share", train.warmup_share),
            ("train.small_share", train.small_share),
            ("train.curriculum_share", train.curriculum_share),
            ("afsl.clean_share", self.afsl.clean_share),
            ("afsl.ramp_share", self.afsl.ramp_share),
        ] {
            ensure!(
                (0.0..=1.0).contains(&share),
                "{key} is {share}: it must be 0 to 1"
            );
        }
        ensure!(
            (1..=100).contains(&self.afsl.steps),
            "afsl.steps is {}: it must be 1 to 100",
            self.afsl.steps
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_survives_its_file() {
        let config = RunConfig::default();
        let text = config.to_toml().unwrap();
        assert!(text.contains("epsilon = \"2/255\""), "{text}");
        assert_eq!(toml::from_str::<RunConfig>(&text).unwrap(), config);
    }

    #[test]
    fn unknown_keys_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, "[train]\nepoch = 3\n").unwrap();
        let error = format!("{:#}", RunConfig::read(&path).unwrap_err());
        assert!(
            error.contains("epoch") && error.contains("run.toml"),
            "{error}"
        );
    }

    #[test]
    fn epsilon_wants_pixel_units() {
        assert_eq!("8/255".parse::<Epsilon>().unwrap(), Epsilon::of_255(8.0));
        assert!("0.03".parse::<Epsilon>().unwrap_err().contains("2/255"));
    }
}
