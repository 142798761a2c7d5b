//! `unmask-trainer evaluate`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use burn::tensor::Device;

use super::subject::{Subject, is_bundle};
use crate::bench::BenchMachine;
use crate::config::{Epsilon, RunConfig};
use crate::dataset::{Pairs, Record, Split, read_shards, reported_part};
use crate::device::DeviceKind;
use crate::evaluation::{Unseen, VALIDATION_SEED, Validation, write_scores};
use crate::files::write_atomic;
use crate::reconstruct::bank_of;
use crate::report::{
    Asked, ComparedRun, Conditions, Context, EvaluationReport, HTML_FILE, JSON_FILE, Measurement,
    ScoreLevel, assemble, compared, create_folder, data_tested, detector_tested, measure,
    read_attacks, scored,
};
use crate::train::Weights;

/// The weights evaluated are averages over the steps, rounded to int8 as they ship. Figures are per frame, or per clip for a clip network; fakes are those of the data and
/// pseudo-fakes of held-out faces, the same for every run. Held-out videos are scored as they are
/// stored, too, up to the level of whole videos.
///
/// Prints a short table and writes report.json and report.html, a page that needs nothing else.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run folder, or the folder of a bundle such as models/afsl-lite
    run: PathBuf,
    /// Folder of shards
    #[arg(long)]
    data: PathBuf,
    /// Folder of the report; by default `evaluation` in the run folder, of a bundle
    /// runs/NAME-RELEASE/evaluation
    #[arg(long)]
    output: Option<PathBuf>,
    /// Write the score of every decision into a table, too: path, person, kind, frame, logit and more
    #[arg(long, value_name = "FILE.csv")]
    scores: Option<PathBuf>,
    /// Radii of PGD-10, such as 2/255 or 1/255,2/255,4/255; by default that of the run. Figures
    /// that name none are at the run's radius where it is among them, else at the first
    #[arg(long, value_delimiter = ',')]
    epsilon: Vec<Epsilon>,
    /// Held-out pairs at most
    #[arg(long, default_value_t = 1000)]
    pairs: usize,
    /// Clips of held-out videos at most; 0 = no video level
    #[arg(long, default_value_t = 1000)]
    clips: usize,
    /// Measure AUC under the perturbations of DeeperForensics, too
    #[arg(long)]
    distortions: bool,
    /// Measure AUC and verdicts under everyday filters of the whole picture, too
    #[arg(long)]
    filters: bool,
    /// Pairs at most under each perturbation and each filter
    #[arg(long, default_value_t = 200)]
    distortion_pairs: usize,
    /// Put the faces of so many pairs into the report. They are faces of your data: keep the report
    /// as you keep the data
    #[arg(long, value_name = "N", default_value_t = 0)]
    samples: usize,
    /// Results of `unmask-trainer attack` to put into the report
    #[arg(long, value_name = "FILE")]
    attacks: Option<PathBuf>,
    /// What `unmask-trainer unseen` wrote of the run's bundle, to put into the report
    #[arg(long, value_name = "FILE")]
    unseen: Option<PathBuf>,
    /// Other runs, or bundles, to score on the same pairs
    #[arg(long, value_name = "RUN", num_args = 1..)]
    compare: Vec<PathBuf>,
    /// Largest share of held-out real faces that the operating point may call manipulated
    #[arg(long, default_value_t = 0.02)]
    bpcer: f64,
    /// Samples of the bootstrap
    #[arg(long, default_value_t = 1000)]
    resamples: usize,
    /// Evaluate the weights before rounding to int8
    #[arg(long)]
    float: bool,
    /// Weights of the run; left out: the best of a run with early stopping, else the last
    #[arg(long, value_enum)]
    weights: Option<Weights>,
    /// Compute device
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceKind,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        self.check()?;
        let device = self.device.open()?;
        let main = Subject::open(&self.run, self.weights, self.float, &device)?;
        let unseen = self.unseen.as_deref().map(read_unseen).transpose()?;
        let attacks = self.attacks.as_deref().map(read_attacks).transpose()?;
        let output = main.output("evaluation", self.output.as_deref());
        create_folder(&output)?;
        let records = read_shards(&self.data)?;
        let others = self.others(&main.config, &records, &device)?;
        let data = &main.config.data;
        let part = reported_part(&records, data.shares());
        let pairs = Pairs::of(&records, data, part)?.with_bank(bank_of(data)?);
        let asked = self.asked(&main.config);
        let (net, config) = (&main.net, &main.config);
        let measured = measure(net, &records, &pairs, config, &asked, &device)?;
        self.print(&main, &measured);
        if let Some(path) = &self.scores {
            let mut table = Vec::new();
            write_scores(&measured.scores, &measured.stored, &mut table)?;
            write_atomic(path, &table)?;
            println!("wrote {}", path.display());
        }
        let comparison = self.compare(&main, &measured, &others, &pairs, &asked, &device)?;
        let data = data_tested(&self.data, &records, config.data.shares())?;
        let report = assemble(
            &measured,
            Context {
                detector: detector_tested(
                    &self.run,
                    config,
                    &main.weights,
                    main.parameters,
                    !self.float || is_bundle(&self.run),
                )?,
                data,
                conditions: self.conditions(config, &asked, &measured),
                bpcer_limit: self.bpcer,
                attacks,
                comparison,
                unseen,
            },
        );
        print_videos(&report);
        print_filters(&report);
        report.write(&output)?;
        let output = output.display();
        println!("wrote {output}/{JSON_FILE} and {output}/{HTML_FILE}");
        Ok(())
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(self.pairs > 0, "--pairs is 0: it must be 1 or more");
        ensure!(
            (0.0..=1.0).contains(&self.bpcer),
            "--bpcer is {}: it must be 0 to 1",
            self.bpcer
        );
        ensure!(
            self.resamples <= 100_000,
            "--resamples is {}: it must be at most 100000",
            self.resamples
        );
        Ok(())
    }

    /// The runs to compare with. None may have been trained on the faces that are scored.
    fn others(
        &self,
        config: &RunConfig,
        records: &[Record],
        device: &Device,
    ) -> anyhow::Result<Vec<Subject>> {
        let part = reported_part(records, config.data.shares());
        let scored = || {
            let all = records.iter();
            all.filter(|record| record.part(config.data.shares()) == part)
        };
        let load = |path: &PathBuf| {
            let other = Subject::open(path, None, self.float, device)?;
            let shares = other.config.data.shares();
            ensure!(
                is_bundle(path) || scored().all(|record| record.part(shares) != Split::Train),
                "{} was trained on faces that would be scored: it held out other people. Compare runs of one \
                 data.validation_share and data.held_out_share",
                path.display(),
            );
            ensure!(
                other.config.network.clip_frames() == config.network.clip_frames(),
                "{} decides on other clips than {}: evaluate them one by one",
                path.display(),
                self.run.display()
            );
            Ok(other)
        };
        self.compare.iter().map(load).collect()
    }

    fn asked(&self, config: &RunConfig) -> Asked {
        let own = config.attack.epsilon;
        let main = match self.epsilon.first() {
            Some(first) if !self.epsilon.contains(&own) => *first,
            _ => own,
        };
        Asked {
            pairs: self.pairs,
            radii: self.epsilon.iter().map(|epsilon| epsilon.value()).collect(),
            epsilon: main.value(),
            clips: self.clips,
            distortion_pairs: if self.distortions {
                self.distortion_pairs
            } else {
                0
            },
            filter_pairs: if self.filters {
                self.distortion_pairs
            } else {
                0
            },
            samples: self.samples,
        }
    }

    fn compare(
        &self,
        main: &Subject,
        measured: &Measurement,
        others: &[Subject],
        pairs: &Pairs<'_>,
        asked: &Asked,
        device: &Device,
    ) -> anyhow::Result<Vec<ComparedRun>> {
        if others.is_empty() {
            return Ok(Vec::new());
        }
        let mut scores = Vec::new();
        for (path, other) in self.compare.iter().zip(others) {
            let request = Validation::of(&other.config.network, asked.pairs, asked.epsilon);
            let what = format!("comparing with {}", path.display());
            scores.push(scored(&other.net, pairs, &request, &what, device)?);
        }
        let name = |path: &Path| -> String {
            let last = path.file_name().unwrap_or(path.as_os_str());
            last.to_string_lossy().into_owned()
        };
        let all = std::iter::once((&self.run, main, &measured.scores)).chain(
            self.compare
                .iter()
                .zip(others)
                .zip(&scores)
                .map(|((path, loaded), scores)| (path, loaded, scores)),
        );
        let runs: Vec<_> = all
            .map(|(path, loaded, scores)| {
                (name(path), loaded.config.train.method.to_string(), scores)
            })
            .collect();
        Ok(compared(&runs, self.resamples))
    }

    fn conditions(&self, config: &RunConfig, asked: &Asked, measured: &Measurement) -> Conditions {
        let data = &config.data;
        Conditions {
            pairs: measured.scores.kinds.len(),
            pair_frames: config.network.clip_frames().unwrap_or(1),
            pair_making: format!(
                "share of fakes from the data {}, of swaps among pseudo-fakes {}; both faces of a pair moved, \
                 resampled, blurred and recompressed at random (degradation {} of 1)",
                data.fake_share, data.swap_share, data.degradation
            ),
            attack: "PGD-10 on the logit: l_inf, 10 steps of a quarter of the radius, random start"
                .into(),
            epsilon: f64::from(asked.epsilon),
            seed: VALIDATION_SEED,
            resamples: self.resamples,
            device: self.device.to_string(),
            threads: rayon::current_num_threads(),
            machine: BenchMachine::this(),
            seconds: measured.seconds,
        }
    }

    fn print(&self, main: &Subject, measured: &Measurement) {
        println!(
            "method {}, {} weights (step {}), {} held-out pairs, {}",
            main.config.train.method,
            main.weights.name,
            main.weights.step,
            measured.scores.kinds.len(),
            match main.config.network.clip_frames() {
                None | Some(1) => "single frames".to_string(),
                Some(frames) => format!("clips of {frames} frames"),
            }
        );
        print_scores(measured);
    }
}

fn read_unseen(path: &Path) -> anyhow::Result<Unseen> {
    let what = || {
        let path = path.display();
        format!("{path} is not what `unmask-trainer unseen` writes")
    };
    serde_json::from_slice(&std::fs::read(path).with_context(what)?).with_context(what)
}

fn shown(auc: Option<f64>) -> String {
    auc.map_or("    -".into(), |auc| format!("{:5.1}", auc * 100.0))
}

fn print_scores(measured: &Measurement) {
    let clean = &measured.scores;
    println!("AUC, per cent");
    println!(
        "  clean                           {}",
        shown(clean.clean_auc())
    );
    for (radius, scores) in &measured.sweep {
        let epsilon = Epsilon::of_255(radius * 255.0);
        for (who, auc) in [
            ("fakes attacked ", scores.one_sided_auc(true)),
            ("reals attacked ", scores.one_sided_auc(false)),
            ("both attacked  ", scores.attacked_auc()),
        ] {
            println!("  PGD-10 at {epsilon}, {who} {}", shown(auc));
        }
        println!(
            "  non-zero input gradients        {:5.1}",
            scores.gradient_share * 100.0
        );
    }
    println!("by kind of fake                pairs  clean  attacked");
    for (kind, (pairs, clean, attacked)) in clean.by_kind() {
        println!(
            "  {kind:28} {pairs:5}  {}     {}",
            shown(clean),
            shown(attacked)
        );
    }
}

fn print_videos(report: &EvaluationReport) {
    let videos = report
        .levels
        .iter()
        .find(|row| row.level == ScoreLevel::Video && row.attack.is_none());
    if let Some(row) = videos {
        println!(
            "stored videos, {} real and {} fake: AUC {}",
            row.reals,
            row.fakes,
            shown(row.auc.map(|auc| auc.value)).trim_start()
        );
    }
}

fn print_filters(report: &EvaluationReport) {
    if report.filters.is_empty() {
        return;
    }
    println!("under filters          AUC   of flagged fakes lost, called genuine");
    for row in &report.filters {
        println!(
            "  {:14} {}  {}        {:5} of {:5}, {:5}",
            row.name,
            row.strength,
            shown(row.auc.map(|auc| auc.value)),
            row.lost,
            row.flagged,
            row.turned
        );
    }
}
