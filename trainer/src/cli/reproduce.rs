//! `unmask-trainer reproduce`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use unmask_shared::settings::SettingLayers;

use super::stop::listen;
use crate::bench::BenchMachine;
use crate::config::{Epsilon, RunConfig};
use crate::dataset::{Pairs, PrepareOptions, Record, prepare, read_shards};
use crate::device::DeviceArgs;
use crate::reconstruct::bank_of;
use crate::reproduce::{
    Budget, DefenceRow, RunFigures, Speed, Study, StudySummary, base_config, draw_frontier, rows,
    summarise, write_page, write_tables,
};

/// Trains no defence, AT, TRADES and AFSL, the paper's ablation, and the rivals without which
/// a gain cannot be told from a move along the frontier between clean and robust AUC: TRADES
/// with beta 1, AT at half the epsilon, and AFSL without its similarity terms. All begin at
/// the same undefended weights and get the same pairs, epochs and inner attack. Prints the
/// paper's table beside ours, and the same table for the int8 bundle in tract; keeps
/// reproduce.json, reproduce.md, reproduce.html with pictures, and frontier.svg.
///
/// Interrupted, the same command goes on where it stopped.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of shards made by `prepare`, or of `real` and `fake` faces
    #[arg(long)]
    data: PathBuf,
    /// Where runs, tables and pictures go
    #[arg(long, default_value = "reproduce")]
    output: PathBuf,
    /// Time for all training together; divided into equal epochs by timing a few steps
    #[arg(long, default_value_t = 60.0, conflicts_with = "epochs")]
    minutes: f32,
    /// Epochs of every row instead; the undefended start takes four times as many
    #[arg(long)]
    epochs: Option<f32>,
    /// Number of seeds, from 1
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Only these rows, with commas between
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// Radii of PGD-10; by default half the trained radius and the whole
    #[arg(long, value_delimiter = ',')]
    epsilon: Vec<Epsilon>,
    /// Held-out pairs at most
    #[arg(long, default_value_t = 1000)]
    pairs: usize,
    /// What all rows share, in TOML, over trainer/configs/methods.toml
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// One key of it, such as network.input=96; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Table name<TAB>group for files that share a person, where faces are to be prepared
    #[arg(long)]
    groups: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let rows = self.chosen()?;
        let base = self.base()?;
        let device = self.device.open()?;
        std::fs::create_dir_all(&self.output)
            .with_context(|| format!("cannot create {}", self.output.display()))?;
        let records = read_shards(&self.shards()?)?;
        let training = Pairs::new(&records, &base.data, false)?.with_bank(bank_of(&base.data)?);
        let study = match Study::open(&self.output)? {
            Some(study) => {
                ensure!(
                    study.base == base && study.seeds == self.seed_list(),
                    "{} holds a study with other settings: name another --output",
                    self.output.display()
                );
                println!("going on with the study in {}", self.output.display());
                study
            }
            None => self.begin(base, &rows, &training, &device)?,
        };
        let conditions = conditions(&study, &training, &records, &self.device);
        drop(training);
        let stop = listen()?;
        let output = self.output.as_path();
        let mut keep =
            |runs: &[RunFigures]| keep(output, &summarise(&rows, runs, conditions.clone()));
        study.run(output, &rows, &records, &device, &stop, &mut keep)?;
        print!("{}", read(&output.join("reproduce.md"))?);
        println!(
            "\nwith pictures: {}",
            output.join("reproduce.html").display()
        );
        Ok(())
    }

    fn chosen(&self) -> Result<Vec<DefenceRow>> {
        let all = rows();
        let names: Vec<&str> = all.iter().map(|row| row.name).collect();
        for name in &self.rows {
            ensure!(
                names.contains(&name.as_str()),
                "there is no row `{name}`: choose from {}",
                names.join(", ")
            );
        }
        let wanted =
            |row: &DefenceRow| self.rows.is_empty() || self.rows.iter().any(|n| n == row.name);
        Ok(all.into_iter().filter(wanted).collect())
    }

    fn base(&self) -> Result<RunConfig> {
        let mut layers = SettingLayers::<RunConfig>::new().text("methods.toml", base_config());
        for path in &self.config {
            layers = layers.file(path);
        }
        for assignment in &self.set {
            layers = layers.set(assignment);
        }
        let base = layers.build()?.value;
        base.check()?;
        Ok(base)
    }

    /// The folder of shards, prepared first where faces were given.
    fn shards(&self) -> Result<PathBuf> {
        let is_tar = |entry: std::fs::DirEntry| {
            entry
                .path()
                .extension()
                .is_some_and(|ending| ending == "tar")
        };
        let listed = std::fs::read_dir(&self.data)
            .with_context(|| format!("cannot read --data {}", self.data.display()))?;
        if listed.flatten().any(is_tar) {
            return Ok(self.data.clone());
        }
        let output = self.output.join("shards");
        let report = prepare(&PrepareOptions {
            inputs: vec![self.data.clone()],
            output: output.clone(),
            frames: 1,
            groups: self.groups.clone(),
            ..PrepareOptions::default()
        })?;
        println!("{} faces, {} files skipped", report.records, report.skipped);
        Ok(output)
    }

    fn seed_list(&self) -> Vec<u64> {
        (1..=self.seeds).collect()
    }

    fn begin(
        &self,
        base: RunConfig,
        rows: &[DefenceRow],
        pairs: &Pairs<'_>,
        device: &burn::tensor::Device,
    ) -> Result<Study> {
        let seeds = self.seed_list();
        let speed = Speed::measure(&base, pairs, device)?;
        let budget = match self.epochs {
            Some(epochs) => Budget::of(epochs, seeds.len(), rows, pairs.len(), &base, &speed),
            None => Budget::divide(self.minutes, seeds.len(), rows, pairs.len(), &base, &speed)?,
        };
        println!(
            "{:.2} undefended epochs and {:.2} of each row, about {:.0} minutes",
            budget.clean_epochs, budget.epochs, budget.minutes
        );
        let mut epsilons = self.epsilon.clone();
        if epsilons.is_empty() {
            let whole = base.attack.epsilon.value() * 255.0;
            epsilons = vec![Epsilon::of_255(whole / 2.0), Epsilon::of_255(whole)];
        }
        epsilons.sort_by(|a, b| a.value().total_cmp(&b.value()));
        let study = Study {
            base,
            clean_epochs: budget.clean_epochs,
            epochs: budget.epochs,
            seeds,
            epsilons,
            pairs: self.pairs,
        };
        let text = serde_json::to_string_pretty(&study)?;
        write(&self.output.join("study.json"), &text)?;
        Ok(study)
    }
}

fn conditions(
    study: &Study,
    pairs: &Pairs<'_>,
    records: &[Record],
    device: &DeviceArgs,
) -> Vec<String> {
    let machine = BenchMachine::this();
    let base = &study.base;
    vec![
        format!(
            "{} records, {} training pairs, {} px, network {:?} {:?}",
            records.len(),
            pairs.len(),
            base.network.input,
            base.network.architecture,
            base.network.size
        ),
        format!(
            "{} undefended epochs, then {} of every row; inner attack {} steps at {}, ramped over {:.0} % of the steps",
            study.clean_epochs,
            study.epochs,
            base.attack.steps,
            base.attack.epsilon,
            base.attack.ramp_share * 100.0
        ),
        format!(
            "averaged last weights, single frames, at most {} held-out pairs; PGD-10: l_inf, margin, step a quarter of the radius, random start, each class against its own label",
            study.pairs
        ),
        format!(
            "seeds {:?}; AUC in per cent, mean and sample standard deviation; {} ({}), {} threads, device {}",
            study.seeds,
            machine.cpu,
            machine.arch,
            rayon::current_num_threads(),
            device.device
        ),
    ]
}

/// Writes what is known so far.
fn keep(output: &Path, summary: &StudySummary) -> Result<()> {
    write(
        &output.join("reproduce.json"),
        &serde_json::to_string_pretty(summary)?,
    )?;
    write(&output.join("reproduce.md"), &write_tables(summary))?;
    if let (true, Some(epsilon)) = (summary.is_drawable(), summary.epsilons.last()) {
        let svg = draw_frontier(summary, epsilon)?;
        write(&output.join("frontier.svg"), &svg)?;
        write(&output.join("reproduce.html"), &write_page(summary)?)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    crate::files::write_atomic(path, text.as_bytes())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
