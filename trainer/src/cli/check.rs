//! `unmask-trainer check`

use std::path::PathBuf;

use anyhow::ensure;
use unmask_shared::bundle::Bundle;
use unmask_shared::synthetic::{FaceModel, golden_clip};

use crate::device::DeviceKind;
use crate::export::quantise;
use crate::export::{ENGINE_TOLERANCE, STREAM_TOLERANCE, check_bundle, stream_difference};
use crate::train::{RunFolder, Weights};

/// Runs the bundle's golden clips of synthetic people through tract, frame by frame, and
/// compares with burn's logits of the whole clips. With `--run`, burn's own stream is
/// compared with its clips too.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the bundle
    bundle: PathBuf,
    /// Run folder that the bundle was exported from
    #[arg(long)]
    run: Option<PathBuf>,
    /// Weights of `--run`; left out: the best of a run with early stopping, else the last
    #[arg(long, value_enum)]
    weights: Option<Weights>,
    /// Compute device for `--run`
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceKind,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let report = check_bundle(&self.bundle)?;
        println!(
            "{} golden decisions: burn against tract {:.2e} (at most {ENGINE_TOLERANCE:.0e}), logit against evidence {:.2e}",
            report.decisions, report.engine_difference, report.evidence_difference
        );
        if let Some(run) = &self.run {
            let (folder, config) = RunFolder::open(run)?;
            let device = self.device.open()?;
            let net = folder.trained(&config, self.weights, &device)?.net.fold();
            let net = quantise(&net)?.dequantise(&device);
            let crop = Bundle::open(&self.bundle)?.manifest.crop;
            let clip = golden_clip(&FaceModel::builtin()?, &crop, 5, true, 12);
            let found = stream_difference(&net, &clip, &config.network, &device)?;
            if let Some(found) = found {
                println!(
                    "burn frame by frame against burn clip {found:.2e} (at most {STREAM_TOLERANCE:.0e})"
                );
                ensure!(
                    found <= STREAM_TOLERANCE,
                    "stream and clip differ by {found:.2e}"
                );
            }
        }
        println!("ok");
        Ok(())
    }
}
