//! A trained network becomes a release: calibrated, measured, described, written.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::Device;
use unmask_shared::bundle::sha256_hex;
use unmask_shared::verdict::VerdictConfig;

use super::{
    About, CardText, Caution, ProvenanceText, Quantised, calibrate, write_bundle, write_card,
};
use crate::config::{Epsilon, RunConfig};
use crate::dataset::Pairs;
use crate::evaluation::{Scores, Validation, validate};
use crate::network::NetworkConfig;
use crate::train::RunFolder;

/// What a release says of itself, and how it is calibrated.
#[derive(Clone, Debug)]
pub struct Release {
    /// Grows with every release of the name.
    pub release: u32,
    /// Radius of PGD-10 in the card; `None` measures clean faces only.
    pub epsilon: Option<Epsilon>,
    /// Held-out pairs at most.
    pub pairs: usize,
    /// Error rates that thresholds keep to.
    pub caution: Caution,
    /// How much of a decision's evidence counts, above 0, at most 1; `None` for 0.1 for
    /// frames and 0.5 for clips.
    pub frame_weight: Option<f32>,
    /// What the data is.
    pub data_note: String,
    /// Terms of the data.
    pub terms_note: String,
}

impl Default for Release {
    fn default() -> Self {
        Self {
            release: 1,
            epsilon: None,
            pairs: 1000,
            caution: Caution::default(),
            frame_weight: None,
            data_note: "not stated".into(),
            terms_note: "not stated".into(),
        }
    }
}

impl Release {
    /// Writes the bundle; the folder's name is the bundle's.
    ///
    /// # Errors
    /// When the held-out part is too small to calibrate on, an attack changed nothing, a
    /// text is too long for the manifest, or the disk refuses.
    pub fn write(
        &self,
        output: &Path,
        run: &RunFolder,
        config: &RunConfig,
        net: &Quantised,
        pairs: &Pairs<'_>,
        device: &Device,
    ) -> Result<()> {
        let (_, seconds) = run.spent()?;
        let name = bundle_name(output)?;
        let provenance = self.provenance(config, seconds)?;
        // What does not fit is said before minutes of measuring.
        provenance.packed()?;
        let epsilon = self.epsilon.unwrap_or(Epsilon::of_255(0.0));
        let request = Validation::of(&config.network, self.pairs, epsilon.value());
        let scores = validate(&net.dequantise(device), pairs, &request, device)?;
        let (calibration, operating_point) = calibrate(&scores, &self.caution)?;
        let about = About {
            name,
            release: self.release,
            align: pairs.align(),
            calibration,
            operating_point,
            verdict: self.verdict(&config.network),
            provenance,
            figures: figures(&scores, epsilon),
        };
        let card = write_card(&CardText {
            about: &about,
            config,
            scores: &scores,
            epsilon,
            parameters: net.parameters(),
        });
        write_bundle(output, net, &config.network, &about, &card, device)
    }

    /// A verdict takes at least two clips, or as many frames as usual.
    fn verdict(&self, network: &NetworkConfig) -> VerdictConfig {
        let usual = VerdictConfig::default();
        let (weight, least) = match network.clip_frames() {
            Some(_) => (0.5, 2),
            None => (0.1, usual.frames_min),
        };
        VerdictConfig {
            frame_weight: self.frame_weight.unwrap_or(weight),
            frames_min: least,
            ..usual
        }
    }

    fn provenance(&self, config: &RunConfig, seconds: f64) -> Result<ProvenanceText> {
        Ok(ProvenanceText {
            method: config.train.method.to_string(),
            seed: config.train.seed,
            config_sha256: sha256_hex(config.to_toml()?.as_bytes()),
            data: self.data_note.clone(),
            terms: self.terms_note.clone(),
            machine: machine(),
            minutes: (seconds / 60.0) as f32,
        })
    }
}

fn bundle_name(output: &Path) -> Result<String> {
    let name = output.file_name().and_then(|name| name.to_str());
    Ok(name
        .context("the output folder needs a name: it becomes the bundle's name")?
        .to_string())
}

fn figures(scores: &Scores, epsilon: Epsilon) -> Vec<(String, f32, u32)> {
    let count = scores.fake.len() as u32;
    [
        ("auc clean".to_string(), scores.clean_auc()),
        (
            format!("auc pgd-10 {epsilon} fakes attacked"),
            scores.one_sided_auc(true),
        ),
        (
            format!("auc pgd-10 {epsilon} reals attacked"),
            scores.one_sided_auc(false),
        ),
        (
            format!("auc pgd-10 {epsilon} both attacked"),
            scores.attacked_auc(),
        ),
    ]
    .into_iter()
    .filter_map(|(name, auc)| Some((name, auc? as f32, count)))
    .collect()
}

/// Processor and threads, as the system names them.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut text = format!("{model}, {threads} threads");
    text.truncate(text.floor_char_boundary(128));
    text
}
