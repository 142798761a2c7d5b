//! What a run is: everything that decides its result, saved with it.

mod attack;
mod awp;
mod epsilon;
mod train;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

pub use attack::{AttackConfig, InnerAttack};
pub use awp::AwpConfig;
pub use epsilon::Epsilon;
pub use train::{Method, Optimizer, Schedule, TrainConfig};

use crate::dataset::PairConfig;
use crate::loss::{AfslConfig, DistilConfig, MartConfig, TradesConfig};
use crate::network::NetworkConfig;

/// A training run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Architecture.
    pub network: NetworkConfig,
    /// Pairs and their degradation.
    pub data: PairConfig,
    /// Method and optimisation.
    pub train: TrainConfig,
    /// Attack inside training; unused with method `none`.
    pub attack: AttackConfig,
    /// Method `trades`.
    pub trades: TradesConfig,
    /// Method `mart`.
    pub mart: MartConfig,
    /// Method `afsl`.
    pub afsl: AfslConfig,
    /// Adversarial weight perturbation, with any method that attacks.
    pub awp: AwpConfig,
    /// Teachers, with any method that looks at clean faces.
    pub distil: DistilConfig,
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

    /// Reads the configuration that a run was trained with. Versions without
    /// `data.held_out_share` trained on all but the validation part, and did not balance.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of_run(path: &Path) -> Result<Self> {
        let mut config = Self::read(path)?;
        let text = std::fs::read_to_string(path)?;
        let saved: toml::Table = toml::from_str(&text)?;
        let says = |key: &str| {
            saved
                .get("data")
                .is_some_and(|data| data.get(key).is_some())
        };
        if !says("held_out_share") {
            config.data.held_out_share = 0.0;
        }
        if !says("sampling") {
            config.data.sampling.balance = false;
        }
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
        self.data.check()?;
        self.train.check()?;
        self.attack.check()?;
        self.distil.check()?;
        ensure!(
            self.distil.teachers.is_empty() || self.train.method != Method::At,
            "distil.teachers says what clean faces are, and method at looks at attacked ones alone: take another method"
        );
        for (key, weight) in [
            ("trades.beta", self.trades.beta),
            ("mart.beta", self.mart.beta),
            ("afsl.b1", self.afsl.b1),
            ("afsl.b2", self.afsl.b2),
            ("awp.gamma", self.awp.gamma),
        ] {
            ensure!(
                weight.is_finite() && weight >= 0.0,
                "{key} is {weight}: it must be 0 or more"
            );
        }
        ensure!(
            self.afsl.dcl || self.afsl.asl || self.afsl.srl,
            "afsl.dcl, afsl.asl and afsl.srl are all false: nothing would be learnt"
        );
        share("awp.after_share", self.awp.after_share)
    }
}

fn share(key: &str, value: f32) -> Result<()> {
    ensure!(
        (0.0..=1.0).contains(&value),
        "{key} is {value}: it must be 0 to 1"
    );
    Ok(())
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
    fn earlier_runs_held_nobody_out_beyond_validation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "[data]\nvalidation_share = 0.3\n").unwrap();
        let data = RunConfig::of_run(&path).unwrap().data;
        assert_eq!((data.held_out_share, data.sampling.balance), (0.0, false));
        let config = RunConfig::default();
        std::fs::write(&path, config.to_toml().unwrap()).unwrap();
        assert_eq!(RunConfig::of_run(&path).unwrap(), config);
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
    fn values_out_of_range_are_named() {
        let mut config = RunConfig::default();
        config.afsl.b1 = -1.0;
        assert!(config.check().unwrap_err().to_string().contains("afsl.b1"));
        let mut config = RunConfig::default();
        config.train.milestones = vec![0.5, 1.5];
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("train.milestones"), "{error}");
    }
}
