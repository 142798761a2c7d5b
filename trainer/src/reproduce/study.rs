//! Trains and measures every row for every seed, and goes on where it was interrupted.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use unmask_shared::bundle::sha256_hex;
use unmask_shared::calibration::Calibration;
use unmask_shared::manifest::OperatingPoint;
use unmask_shared::verdict::VerdictConfig;

use super::figures::{RunFigures, measure};
use super::rows::DefenceRow;
use crate::config::{Epsilon, Method, RunConfig};
use crate::dataset::{Pairs, Record};
use crate::evaluation::Validation;
use crate::export::{About, ProvenanceText, quantise, write_bundle};
use crate::network::Detector;
use crate::reconstruct::bank_of;
use crate::train::{Outcome, RunFolder, Start, Weights, train};

/// What every row shares; `trainer/configs/methods.toml`.
const BASE: &str = include_str!("../../configs/methods.toml");
const CLEAN: &str = "clean";
const FIGURES: &str = "figures.json";

/// Settings of all rows unless a file says otherwise: swaps between photographs at 64 px,
/// inner attack PGD-3 at 4/255.
pub fn base_config() -> &'static str {
    BASE
}

/// A study, kept as `study.json` so that it can only be resumed as it was begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// What all rows share.
    pub base: RunConfig,
    /// Undefended epochs, once per seed.
    pub clean_epochs: f32,
    /// Epochs of every row.
    pub epochs: f32,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Radii of PGD-10 that are measured, growing.
    pub epsilons: Vec<Epsilon>,
    /// Held-out pairs at most.
    pub pairs: usize,
}

impl Study {
    /// The study that a folder holds, if it does.
    ///
    /// # Errors
    /// When its `study.json` is damaged.
    pub fn open(output: &Path) -> Result<Option<Self>> {
        let path = output.join("study.json");
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let study = serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is damaged or of another version: start in another folder",
                path.display()
            )
        })?;
        Ok(Some(study))
    }

    /// Trains and measures what is not there yet. After every run `done` gets all figures
    /// so far.
    ///
    /// # Errors
    /// When a run fails, or `stop` was set: what is done stays and is not done again.
    pub fn run(
        &self,
        output: &Path,
        rows: &[DefenceRow],
        records: &[Record],
        device: &Device,
        stop: &AtomicBool,
        done: &mut dyn FnMut(&[RunFigures]) -> Result<()>,
    ) -> Result<Vec<RunFigures>> {
        let total = self.seeds.len() * (rows.len() + 1);
        let began = Instant::now();
        let mut found = Vec::new();
        let mut fresh = 0;
        for (s, seed) in self.seeds.iter().enumerate() {
            let folder = output.join(format!("seed-{seed}"));
            let clean = Job {
                folder: folder.join(CLEAN),
                config: self.clean(*seed),
                init: None,
            };
            let number = s * (rows.len() + 1);
            say(number + 1, total, *seed, "undefended start", began, fresh);
            fresh += usize::from(clean.train(records, device, stop)?);
            let (kept, config) = RunFolder::open(&clean.folder)?;
            let start = kept.trained(&config, Some(Weights::Last), device)?.net;
            for (r, row) in rows.iter().enumerate() {
                say(number + r + 2, total, *seed, row.title, began, fresh);
                let job = Job {
                    folder: folder.join(row.name),
                    config: self.row(row, *seed),
                    init: Some(&start),
                };
                let known = job.folder.join(FIGURES);
                if !known.exists() {
                    job.train(records, device, stop)?;
                    let figures = self.measure(row, *seed, &job, records, device)?;
                    let (run, _) = RunFolder::open(&job.folder)?;
                    run.write(FIGURES, &serde_json::to_vec_pretty(&figures)?)?;
                    fresh += 1;
                }
                found.push(read_figures(&known)?);
                done(&found)?;
            }
        }
        Ok(found)
    }

    fn clean(&self, seed: u64) -> RunConfig {
        let mut config = self.base.clone();
        config.train.method = Method::None;
        config.train.epochs = self.clean_epochs;
        config.train.seed = seed;
        config.train.validate_every = self.clean_epochs / 4.0;
        config
    }

    /// Defences begin at trained weights: a lower rate, and no easy pairs first.
    fn row(&self, row: &DefenceRow, seed: u64) -> RunConfig {
        let mut base = self.base.clone();
        base.train.epochs = self.epochs;
        base.train.seed = seed;
        base.train.learning_rate *= 2.0 / 3.0;
        base.train.curriculum_share = 0.0;
        base.train.validate_every = self.epochs / 2.0;
        row.config(&base)
    }

    fn measure(
        &self,
        row: &DefenceRow,
        seed: u64,
        job: &Job<'_>,
        records: &[Record],
        device: &Device,
    ) -> Result<RunFigures> {
        let (run, config) = RunFolder::open(&job.folder)?;
        let trained = run
            .trained(&config, Some(Weights::Last), device)?
            .net
            .fold();
        let net = quantise(&trained)?;
        let rounded = net.dequantise(device);
        let pairs = Pairs::new(records, &config.data, true)?.with_bank(bank_of(&config.data)?);
        let request = Validation::of(&config.network, self.pairs, 0.0);
        let bundle = run.file(&format!("{}-seed-{seed}", row.name));
        write_bundle(
            &bundle,
            &net,
            &config.network,
            &about(row, seed, &config)?,
            "A bundle of a study; its figures are in reproduce.json. Not calibrated.\n",
            device,
        )?;
        let figures = measure(
            &trained,
            &rounded,
            &bundle,
            &pairs,
            &request,
            &self.epsilons,
            device,
        )?;
        Ok(RunFigures {
            row: row.name.into(),
            seed,
            epochs: self.epochs,
            minutes: (run.spent()?.1 / 60.0) as f32,
            figures,
        })
    }
}

/// A bundle of which only logits are read: without calibration, which a weak row may not have.
fn about(row: &DefenceRow, seed: u64, config: &RunConfig) -> Result<About> {
    Ok(About {
        name: format!("{}-seed-{seed}", row.name),
        release: 1,
        period_ms: 0,
        align: Default::default(),
        calibration: Calibration::default(),
        operating_point: OperatingPoint {
            threshold: 0.5,
            genuine_below: 0.5,
            bpcer: 0.0,
            apcer: 0.0,
        },
        verdict: VerdictConfig::default(),
        provenance: ProvenanceText {
            method: config.train.method.to_string(),
            seed,
            config_sha256: sha256_hex(config.to_toml()?.as_bytes()),
            data: "study.json".into(),
            ..ProvenanceText::default()
        },
        figures: vec![],
        kinds: Default::default(),
    })
}

/// One training run of a study.
struct Job<'a> {
    folder: PathBuf,
    config: RunConfig,
    init: Option<&'a Detector>,
}

impl Job<'_> {
    /// Trains to the end, or goes on there; false when it was done before.
    fn train(&self, records: &[Record], device: &Device, stop: &AtomicBool) -> Result<bool> {
        let folder = if self.folder.join("config.toml").exists() {
            let (folder, config) = RunFolder::open(&self.folder)?;
            ensure!(
                config == self.config,
                "{} was trained with another configuration: start in another folder",
                self.folder.display()
            );
            folder
        } else {
            RunFolder::create(&self.folder, &self.config)?
        };
        if folder.file(DONE).exists() {
            return Ok(false);
        }
        let start = Start {
            init: self.init,
            ..Start::default()
        };
        let outcome = train(&folder, &self.config, records, device, &start, stop)?;
        if let Outcome::Interrupted(step) = outcome {
            bail!("interrupted after step {step} and saved; give the same command to go on");
        }
        folder.write(DONE, b"")?;
        if stop.load(Ordering::Relaxed) {
            bail!("interrupted; give the same command to go on");
        }
        Ok(true)
    }
}

/// Marks a run that was trained to its end.
const DONE: &str = "done";

fn read_figures(path: &Path) -> Result<RunFigures> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is damaged: remove it to measure again", path.display()))
}

fn say(number: usize, total: usize, seed: u64, title: &str, began: Instant, fresh: usize) {
    let left = match fresh {
        0 => String::new(),
        done => {
            let each = began.elapsed().as_secs_f64() / done as f64 / 60.0;
            format!(
                ", about {:.0} minutes left",
                each * (total + 1 - number) as f64
            )
        }
    };
    println!("[{number}/{total}] seed {seed}: {title}{left}");
}
