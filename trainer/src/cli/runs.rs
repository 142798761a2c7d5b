//! `unmask-trainer runs`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::config::RunConfig;
use crate::evaluation::scored::quoted;
use crate::files::write_atomic;
use crate::report::{EvaluationReport, JSON_FILE, LevelFigures, Material};
use crate::train::{Measured, RunFolder};

/// Name of the table.
const SUMMARY: &str = "summary.csv";
/// Folders below those given that are looked through.
const DEPTH_MAX: usize = 3;
/// Runs at most.
const RUNS_MAX: usize = 10_000;

/// Prints a table of runs with their newest and best validation and, where they were evaluated,
/// their figures on held-out people, and writes all of it into one table for spreadsheets.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run folders, and folders with run folders below them
    #[arg(default_value = "runs")]
    folders: Vec<PathBuf>,
    /// Where to write the table; by default summary.csv in the first folder
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What is known of a run.
#[derive(Clone, Debug, Default, PartialEq)]
struct Row {
    run: String,
    method: String,
    network: String,
    seed: u64,
    epsilon_255: f32,
    epochs_done: f32,
    epochs: f32,
    steps: usize,
    minutes: Option<f64>,
    auc: Option<f64>,
    auc_attacked: Option<f64>,
    best_auc: Option<f64>,
    best_epoch: Option<f32>,
    evaluated_auc: Option<f64>,
    evaluated_auc_attacked: Option<f64>,
    evaluated_pairs: Option<usize>,
    /// Why it could not be read; empty where it could.
    fault: String,
}

const COLUMNS: &str = "run,method,network,seed,epsilon_255,epochs_done,epochs,steps,minutes,auc,auc_attacked,\
     best_auc,best_epoch,evaluated_auc,evaluated_auc_attacked,evaluated_pairs,fault";

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let mut found = Vec::new();
        for folder in &self.folders {
            ensure!(
                folder.is_dir(),
                "{} is no folder: name one with runs in it, made by `unmask-trainer train`",
                folder.display()
            );
            find(folder, DEPTH_MAX, &mut found)?;
        }
        found.sort();
        found.dedup();
        ensure!(
            !found.is_empty(),
            "no runs in {}: `unmask-trainer train --run FOLDER` makes one",
            self.folders[0].display()
        );
        let rows: Vec<Row> = found.iter().map(|path| Row::of(path)).collect();
        print_table(&rows);
        let path = self.output.clone();
        let path = path.unwrap_or_else(|| self.folders[0].join(SUMMARY));
        let mut text = format!("{COLUMNS}\n");
        rows.iter().for_each(|row| text += &row.line());
        write_atomic(&path, text.as_bytes())?;
        println!("wrote {}", path.display());
        Ok(())
    }
}

/// Run folders at or below a folder.
fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    if folder.join("config.toml").is_file() {
        found.push(folder.to_path_buf());
        ensure!(
            found.len() <= RUNS_MAX,
            "more than {RUNS_MAX} runs: name fewer folders"
        );
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let entries = std::fs::read_dir(folder);
    let entries = entries.with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries.flatten() {
        // Links may lead round in a circle.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find(&entry.path(), depth - 1, found)?;
        }
    }
    Ok(())
}

impl Row {
    fn of(path: &Path) -> Self {
        let run = path.display().to_string();
        match Self::read(path) {
            Ok(row) => Self { run, ..row },
            Err(error) => Self {
                run,
                fault: format!("{error:#}").replace('\n', " "),
                ..Self::default()
            },
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let (folder, config) = RunFolder::open(path)?;
        let metrics = std::fs::read_to_string(folder.file("metrics.jsonl")).unwrap_or_default();
        let lines = metrics.lines();
        let lines: Vec<Measured> = lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let value = |line: &Measured| line.auc_attacked.or(line.auc);
        let best = lines
            .iter()
            .filter(|line| value(line).is_some())
            .max_by(|a, b| f64::total_cmp(&value(a).unwrap_or(0.0), &value(b).unwrap_or(0.0)));
        let spent = folder.spent().ok();
        let last = lines.last().cloned().unwrap_or_default();
        let report = EvaluationReport::read(&path.join("evaluation").join(JSON_FILE)).ok();
        let of_pairs = |attacked: bool| {
            let levels = &report.as_ref()?.levels;
            let fits = |row: &&LevelFigures| {
                row.material == Material::Pairs && row.attack.is_some() == attacked
            };
            let auc = levels.iter().find(fits)?.auc.as_ref()?;
            Some(auc.value)
        };
        Ok(Self {
            run: String::new(),
            method: config.train.method.to_string(),
            network: network(&config),
            seed: config.train.seed,
            epsilon_255: config.attack.epsilon.value() * 255.0,
            epochs_done: last.epoch,
            epochs: config.train.epochs,
            steps: spent.map_or(last.step, |(step, _)| step),
            minutes: spent.map(|(_, seconds)| seconds / 60.0),
            auc: last.auc,
            auc_attacked: last.auc_attacked,
            best_auc: best.and_then(value),
            best_epoch: best.map(|line| line.epoch),
            evaluated_auc: of_pairs(false),
            evaluated_auc_attacked: of_pairs(true),
            evaluated_pairs: report.as_ref().map(|report| report.conditions.pairs),
            fault: String::new(),
        })
    }

    fn line(&self) -> String {
        let auc = |auc: Option<f64>| auc.map_or(String::new(), |auc| format!("{auc:.4}"));
        let optional = |value: Option<String>| value.unwrap_or_default();
        [
            quoted(&self.run),
            self.method.clone(),
            quoted(&self.network),
            self.seed.to_string(),
            format!("{}", (self.epsilon_255 * 1e3).round() / 1e3),
            format!("{:.2}", self.epochs_done),
            self.epochs.to_string(),
            self.steps.to_string(),
            optional(self.minutes.map(|minutes| format!("{minutes:.1}"))),
            auc(self.auc),
            auc(self.auc_attacked),
            auc(self.best_auc),
            optional(self.best_epoch.map(|epoch| format!("{epoch:.2}"))),
            auc(self.evaluated_auc),
            auc(self.evaluated_auc_attacked),
            optional(self.evaluated_pairs.map(|pairs| pairs.to_string())),
            quoted(&self.fault),
        ]
        .join(",")
            + "\n"
    }
}

fn network(config: &RunConfig) -> String {
    let network = &config.network;
    let name = format!("{:?}", network.architecture).to_lowercase();
    let size = format!("{:?}", network.size).to_lowercase();
    format!("{name} {size} {} px", network.input)
}

fn print_table(rows: &[Row]) {
    let width = rows.iter().map(|row| row.run.chars().count()).max();
    let width = width.unwrap_or(0).clamp(4, 48);
    let auc = |auc: Option<f64>| auc.map_or("-".into(), |auc| format!("{:.1}", auc * 100.0));
    println!("AUC, per cent: of the last validation, and of `evaluate` on held-out people");
    println!(
        "{:width$}  method  epochs        clean  attacked  evaluated  attacked  network",
        "run"
    );
    for row in rows {
        if !row.fault.is_empty() {
            println!("{:width$}  cannot be read: {}", row.run, row.fault);
            continue;
        }
        println!(
            "{:width$}  {:6}  {:>5.1} of {:<4}  {:>5}  {:>8}  {:>9}  {:>8}  {}, seed {}",
            row.run,
            row.method,
            row.epochs_done,
            row.epochs,
            auc(row.auc),
            auc(row.auc_attacked),
            auc(row.evaluated_auc),
            auc(row.evaluated_auc_attacked),
            row.network,
            row.seed
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &Path, name: &str, seed: u64, lines: &[(f32, f64, f64)]) {
        let mut config = RunConfig::default();
        config.train.seed = seed;
        let run = RunFolder::create(&folder.join(name), &config).unwrap();
        let line = |&(epoch, auc, attacked): &(f32, f64, f64)| {
            let measured = Measured {
                step: (epoch * 10.0) as usize,
                epoch,
                auc: Some(auc),
                auc_attacked: Some(attacked),
                ..Measured::default()
            };
            serde_json::to_string(&measured).unwrap() + "\n"
        };
        let text: String = lines.iter().map(line).collect();
        run.write("metrics.jsonl", text.as_bytes()).unwrap();
    }

    #[test]
    fn runs_are_found_and_summed_up() {
        let folder = tempfile::tempdir().unwrap();
        run(
            folder.path(),
            "first",
            1,
            &[(1.0, 0.7, 0.5), (2.0, 0.8, 0.4)],
        );
        std::fs::create_dir(folder.path().join("study")).unwrap();
        run(folder.path(), "study/second", 2, &[]);
        std::fs::create_dir(folder.path().join("broken")).unwrap();
        std::fs::write(
            folder.path().join("broken/config.toml"),
            "[train]\nepoch = 1\n",
        )
        .unwrap();
        let args = Args {
            folders: vec![folder.path().into()],
            output: None,
        };
        args.run().unwrap();
        let text = std::fs::read_to_string(folder.path().join(SUMMARY)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(lines[0], COLUMNS);
        assert!(
            lines[1].contains("broken") && lines[1].contains("epoch"),
            "{text}"
        );
        let first = lines[2].split_once("first,").unwrap().1;
        assert_eq!(
            first,
            "afsl,stream medium 112 px,1,2,2.00,20,20,,0.8000,0.4000,0.5000,1.00,,,,"
        );
        let columns = |line: &str| line.matches(',').count();
        assert_eq!(columns(lines[2]), columns(COLUMNS));
        assert!(lines[3].contains("second,afsl"), "{text}");
    }

    #[test]
    fn a_folder_without_runs_says_how_to_make_one() {
        let folder = tempfile::tempdir().unwrap();
        let args = Args {
            folders: vec![folder.path().into()],
            output: None,
        };
        let error = args.run().unwrap_err().to_string();
        assert!(error.contains("train --run"), "{error}");
    }
}
