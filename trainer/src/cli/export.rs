//! `unmask-trainer export`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use unmask_shared::bundle::{Bundle, MANIFEST_FILE};
use unmask_shared::manifest::MODEL_FILE;

use crate::config::Epsilon;
use crate::dataset::read_shards;
use crate::device::DeviceKind;
use crate::export::{Caution, Release, quantise};
use crate::files::write_atomic;
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
    /// bundle for devices; onnx for other runtimes: model.onnx, manifest.json, and logit.py, which
    /// cuts faces as the device does and runs the network in onnxruntime
    #[arg(long, value_enum, default_value_t)]
    format: Format,
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

/// What an export is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Devices.
    #[default]
    Bundle,
    /// Other runtimes.
    Onnx,
}

/// How a face is cut and judged, in Python, as `docs/other-runtimes.md` prints it.
const LOGIT: &str = include_str!("../export/logit.py");

/// Writes a bundle, and takes what other runtimes need.
fn write_onnx(
    output: &Path,
    write: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    std::fs::create_dir(output)
        .with_context(|| format!("cannot make {}: name a new folder", output.display()))?;
    let folder = tempfile::tempdir_in(output)?;
    let name = output.file_name().context("--output has no name")?;
    let bundle = folder.path().join(name);
    write(&bundle)?;
    for file in [MODEL_FILE, MANIFEST_FILE] {
        std::fs::copy(bundle.join(file), output.join(file))?;
    }
    write_atomic(&output.join("logit.py"), LOGIT.as_bytes())
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
        let write =
            |output: &Path| release.write(output, &folder, &config, &net, &records, &device);
        if self.format == Format::Onnx {
            write_onnx(&self.output, write)?;
            println!("wrote {}: see logit.py in it", self.output.display());
            return Ok(());
        }
        write(&self.output)?;
        println!("wrote {}", self.output.display());
        if let Some(warning) = Bundle::open(&self.output)?.manifest.warning() {
            println!("warning: {warning}");
        }
        println!("next: unmask-trainer check {}", self.output.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_runtimes_get_the_lines_of_the_document() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/other-runtimes.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, block) = page.split_once("```python\n").unwrap();
        let (block, _) = block.split_once("```").unwrap();
        assert_eq!(block.lines().count(), LOGIT.lines().count());
        // One names a bundle, the other lies beside the network.
        let differ = block.lines().zip(LOGIT.lines()).filter(|(a, b)| a != b);
        assert!(differ.clone().all(|(a, _)| a.starts_with("bundle = ")));
        assert_eq!(differ.count(), 1);
    }

    #[test]
    fn an_onnx_export_holds_network_manifest_and_lines() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("mine");
        let write = |bundle: &Path| {
            std::fs::create_dir(bundle)?;
            for file in [MODEL_FILE, MANIFEST_FILE, "CARD.md"] {
                std::fs::write(bundle.join(file), file)?;
            }
            Ok(())
        };
        write_onnx(&output, write).unwrap();
        let entries = std::fs::read_dir(&output).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["logit.py", MANIFEST_FILE, MODEL_FILE]);
        let error = write_onnx(&output, |_| Ok(())).unwrap_err();
        assert!(format!("{error:#}").contains("new folder"), "{error:#}");
    }
}
