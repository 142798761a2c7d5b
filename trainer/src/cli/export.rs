//! `unmask-trainer export`

use std::path::{Path, PathBuf};

use anyhow::Context;
use unmask_shared::bundle::sha256_hex;
use unmask_shared::verdict::VerdictConfig;

use crate::config::{Epsilon, RunConfig};
use crate::dataset::{Pairs, read_shards};
use crate::device::DeviceKind;
use crate::evaluation::{Scores, Validation, validate};
use crate::export::{
    About, CardText, Caution, ProvenanceText, calibrate, quantise, write_bundle, write_card,
};
use crate::network::NetworkConfig;
use crate::train::{RunFolder, Weights};

/// Branches and normalisations are fused, weights rounded to int8, calibration and
/// operating point fitted on held-out faces, and everything written as a bundle:
/// model.onnx, manifest.json, CARD.md, SHA256SUMS. Check it with `unmask-trainer check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// Folder of shards: its held-out part calibrates
    #[arg(long)]
    data: PathBuf,
    /// Folder of the bundle; its name is the bundle's name
    #[arg(long)]
    output: PathBuf,
    /// Release number; grows with every release of the name
    #[arg(long, default_value_t = 1)]
    release: u32,
    /// Radius of PGD-10 in the card; by default that of the run
    #[arg(long)]
    epsilon: Option<Epsilon>,
    /// Held-out pairs at most
    #[arg(long, default_value_t = 1000)]
    pairs: usize,
    /// Largest share of held-out real pictures that may be called manipulated
    #[arg(long, default_value_t = 0.02)]
    bpcer: f32,
    /// Largest share of held-out real faces that may lean towards manipulated
    #[arg(long, default_value_t = 0.1)]
    leaning: f32,
    /// How much of a decision's evidence counts, above 0, at most 1; by default 0.1 for
    /// frames, of which neighbours resemble each other, and 0.5 for clips
    #[arg(long)]
    frame_weight: Option<f32>,
    /// What the data is, for the card
    #[arg(long, default_value = "not stated")]
    data_note: String,
    /// Terms of the data, for the card
    #[arg(long, default_value = "not stated")]
    terms_note: String,
    /// Weights of the run; left out: the best of a run with early stopping, else the last
    #[arg(long, value_enum)]
    weights: Option<Weights>,
    /// Compute device
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceKind,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let (folder, config) = RunFolder::open(&self.run)?;
        let device = self.device.open()?;
        let trained = folder.trained(&config, self.weights, &device)?;
        println!("{} weights, step {}", trained.weights, trained.step);
        let net = quantise(&trained.net.fold())?;
        let records = read_shards(&self.data)?;
        let pairs = Pairs::new(&records, &config.data, true)?;
        let epsilon = self.epsilon.unwrap_or(config.attack.epsilon);
        let request = Validation::of(&config.network, self.pairs, epsilon.value());
        let scores = validate(&net.dequantise(&device), &pairs, &request, &device)?;
        let (calibration, operating_point) = calibrate(
            &scores,
            &Caution {
                bpcer: self.bpcer,
                leaning: self.leaning,
                ..Default::default()
            },
        )?;
        let (_, seconds) = folder.spent()?;
        let about = About {
            name: bundle_name(&self.output)?,
            release: self.release,
            calibration,
            operating_point,
            verdict: self.verdict(&config.network),
            provenance: self.provenance(&config, seconds)?,
            figures: figures(&scores, epsilon),
        };
        let card = write_card(&CardText {
            about: &about,
            config: &config,
            scores: &scores,
            epsilon,
            parameters: net.parameters(),
        });
        write_bundle(&self.output, &net, &config.network, &about, &card, &device)?;
        println!("wrote {}", self.output.display());
        println!("next: unmask-trainer check {}", self.output.display());
        Ok(())
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

    fn provenance(&self, config: &RunConfig, seconds: f64) -> anyhow::Result<ProvenanceText> {
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

fn bundle_name(output: &Path) -> anyhow::Result<String> {
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
