//! One network out of several runs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;

use super::{RunFolder, Weights, average};
use crate::config::RunConfig;

/// What went into the mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Averaged {
    /// Run folder.
    pub run: PathBuf,
    /// Which of its weights.
    pub weights: Weights,
    /// Steps done by then.
    pub step: usize,
}

/// Writes a run folder whose weights are the mean of those of `runs` (a "model soup", Wortsman
/// et al., ICML 2022), with the configuration of the first. It can be measured and exported, not
/// trained further; it is worth something where all runs began with the same weights.
///
/// # Errors
/// When a run has no weights, is of another architecture, or held out other people; or when
/// `output` holds a run already.
pub fn average_runs(
    runs: &[PathBuf],
    output: &Path,
    weights: Option<Weights>,
    device: &Device,
) -> Result<Vec<Averaged>> {
    let mut mean = None;
    let mut first: Option<RunConfig> = None;
    let (mut steps, mut seconds) = (0, 0.0);
    let mut parts = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let (folder, config) = RunFolder::open(run)?;
        let first = first.get_or_insert_with(|| config.clone());
        check_alike(first, &config)
            .with_context(|| format!("{} cannot be averaged with the first run", run.display()))?;
        let trained = folder.trained(&config, weights, device)?;
        let spent = folder.spent()?;
        (steps, seconds) = (steps + spent.0, seconds + spent.1);
        mean = Some(match mean {
            None => trained.net,
            Some(mean) => average(mean, &trained.net, number as f64 / (number + 1) as f64),
        });
        parts.push(Averaged {
            run: run.clone(),
            weights: trained.weights,
            step: trained.step,
        });
    }
    let (config, net) = first.zip(mean).context("there is no run to average")?;
    RunFolder::create(output, &config)?.save_weights(&net, (steps, seconds))?;
    Ok(parts)
}

/// Weights of other shapes have no mean, and whoever was held out of one run may have been
/// trained on in another.
fn check_alike(first: &RunConfig, other: &RunConfig) -> Result<()> {
    ensure!(
        first.network == other.network,
        "its network is of another architecture"
    );
    let parts = |config: &RunConfig| {
        [config.data.validation_share, config.data.held_out_share].map(f32::to_bits)
    };
    ensure!(
        parts(first) == parts(other),
        "it held out other people: data.validation_share and data.held_out_share must agree"
    );
    Ok(())
}
