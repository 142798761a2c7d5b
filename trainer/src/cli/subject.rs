//! A detector that is measured or started from: a run, or a bundle as it was released.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use clap::ValueEnum;
use unmask_shared::bundle::Bundle;

use crate::config::{Method, RunConfig};
use crate::export::{quantise, read_bundle};
use crate::network::Frozen;
use crate::report::WeightsTested;
use crate::train::{RunFolder, Weights};

/// A detector that is ready to be scored.
pub(super) struct Subject {
    /// Of the run; of a bundle, its network among defaults.
    pub(super) config: RunConfig,
    pub(super) net: Frozen,
    pub(super) weights: WeightsTested,
    /// Weights and biases.
    pub(super) parameters: u64,
    /// Where results go by default.
    home: PathBuf,
}

/// Whether a folder holds a bundle.
pub(super) fn is_bundle(path: &Path) -> bool {
    path.join("manifest.json").is_file() && !path.join("config.toml").exists()
}

impl Subject {
    /// Opens a run folder, or the folder of a bundle. Weights are rounded to int8 as they ship,
    /// unless `float` asks for those before; a bundle has only the former.
    pub(super) fn open(
        path: &Path,
        weights: Option<Weights>,
        float: bool,
        device: &Device,
    ) -> anyhow::Result<Self> {
        if is_bundle(path) {
            return Self::of_bundle(path, device);
        }
        let (folder, config) = RunFolder::open(path)?;
        let trained = folder.trained(&config, weights, device)?;
        let net = trained.net.fold();
        let quantised = quantise(&net)?;
        Ok(Self {
            net: match float {
                true => net,
                false => quantised.dequantise(device),
            },
            weights: WeightsTested::from(&trained),
            parameters: quantised.parameters(),
            home: path.to_path_buf(),
            config,
        })
    }

    fn of_bundle(path: &Path, device: &Device) -> anyhow::Result<Self> {
        let bundle = Bundle::open(path)?;
        let (network, net) = read_bundle(&bundle, device)?;
        let manifest = &bundle.manifest;
        let mut config = RunConfig {
            network,
            ..RunConfig::default()
        };
        config.train.method =
            Method::from_str(&manifest.provenance.method, true).unwrap_or(Method::None);
        config.train.seed = manifest.provenance.seed;
        tracing::warn!(
            "a bundle does not tell who was held out: faces of its training among those of --data flatter it"
        );
        // A bundle is signed as a whole: nothing is written into its folder.
        let name = format!("{}-{}", manifest.name, manifest.release);
        Ok(Self {
            net: net.dequantise(device),
            weights: WeightsTested {
                name: "bundle".into(),
                step: 0,
                sha256: bundle.sha256.clone(),
            },
            parameters: net.parameters(),
            home: Path::new("runs").join(name),
            config,
        })
    }

    /// Folder for results of a kind, such as `evaluation`, unless another one is asked for.
    pub(super) fn output(&self, kind: &str, asked: Option<&Path>) -> PathBuf {
        asked.map_or_else(|| self.home.join(kind), Path::to_path_buf)
    }
}
