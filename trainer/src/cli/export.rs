//! `unmask-trainer export`

use std::path::PathBuf;

use anyhow::ensure;
use unmask_shared::bundle::Bundle;

use crate::config::Epsilon;
use crate::dataset::read_shards;
use crate::device::DeviceKind;
use crate::export::{Caution, Release, quantise};
use crate::train::{RunFolder, Weights};

/// Branches and normalisations are fused, weights rounded to int8, calibration and
/// operating point fitted on held-out faces, and everything written as a bundle:
/// model.onnx, manifest.json, CARD.md, SHA256SUMS. Check it with `unmask-trainer check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// Folder of shards: one half of its held-out people calibrates, the other gives the figures
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
    /// Held-out pairs at most, of each half
    #[arg(long, default_value_t = 1000)]
    pairs: usize,
    /// Largest share of held-out real pictures that may be called manipulated
    #[arg(long, default_value_t = 0.02)]
    bpcer: f32,
    /// Largest share of held-out real faces that may lean towards manipulated
    #[arg(long, default_value_t = 0.1)]
    leaning: f32,
    /// Allowed chance that a genuine person on video is called manipulated
    #[arg(long, default_value_t = 0.01)]
    false_alarm: f32,
    /// Allowed chance that a manipulated person on video is called genuine
    #[arg(long, default_value_t = 0.05)]
    miss: f32,
    /// Milliseconds between decisions on one face, at most 200; by default 200 for networks that
    /// judge single frames and 0, on every frame, for others, which cannot do with less
    #[arg(long)]
    period_ms: Option<u16>,
    /// How much of a decision's evidence counts where too few people are on video to tell how
    /// videos differ, above 0, at most 1; by default 0.1 for decisions on every
    /// frame, of which neighbours resemble each other, and 0.5 for others
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
        ensure!(
            !config.network.stacked,
            "{} was trained with network.stacked, a trial that no program on a device feeds: evaluate it, or train without",
            self.run.display()
        );
        let device = self.device.open()?;
        let trained = folder.trained(&config, self.weights, &device)?;
        println!("{} weights, step {}", trained.weights, trained.step);
        let net = quantise(&trained.net.fold())?;
        let records = read_shards(&self.data)?;
        let release = Release {
            release: self.release,
            epsilon: Some(self.epsilon.unwrap_or(config.attack.epsilon)),
            pairs: self.pairs,
            false_alarm: self.false_alarm,
            miss: self.miss,
            caution: Caution {
                bpcer: self.bpcer,
                leaning: self.leaning,
                ..Default::default()
            },
            period_ms: self.period_ms,
            frame_weight: self.frame_weight,
            data_note: self.data_note,
            terms_note: self.terms_note,
        };
        release.write(&self.output, &folder, &config, &net, &records, &device)?;
        println!("wrote {}", self.output.display());
        if let Some(warning) = Bundle::open(&self.output)?.manifest.warning() {
            println!("warning: {warning}");
        }
        println!("next: unmask-trainer check {}", self.output.display());
        Ok(())
    }
}
