//! `unmask-trainer unseen`

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use unmask_shared::bundle::{Bundle, sha256_hex};
use unmask_shared::manifest::KindFigure;
use unmask_shared::verdict::VerdictConfig;

use crate::evaluation::{
    Analysis, KindRow, Listed, Program, Unseen, VerdictRates, analyze, evidence_of, read_videos,
    sum_up,
};
use crate::export::{FigureText, card_of_unseen, rewrite, verdict_figures};
use crate::files::write_atomic;
use crate::metric::fit_tracks;
use crate::report::create_folder;

/// Name of what it writes.
const FILE: &str = "unseen.json";

/// `unmask-edge analyze` judges every file; the table says by kind and part how well fakes are
/// told from the real files of the same part, and what the verdicts were. Bounds are at 95 %
/// over people. What was analysed is kept in the output folder, so that a run that was stopped
/// goes on. `unmask-trainer evaluate --unseen` puts the result into its report.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Bundle
    bundle: PathBuf,
    /// Table with the columns path, label (real, fake, noface), and optionally person, kind,
    /// source, part; `unmask-trainer videos` writes one. May be repeated
    #[arg(long, required = true, value_name = "FILE")]
    videos: Vec<PathBuf>,
    /// Folder for unseen.json and what was analysed
    #[arg(long)]
    output: PathBuf,
    /// The program; by default the one beside this
    #[arg(long, value_name = "PROGRAM")]
    edge: Option<PathBuf>,
    /// Face finder that the program takes in place of the one built in: a YuNet file
    #[arg(long, value_name = "FILE")]
    finder: Option<PathBuf>,
    /// Files at a time; 0 for as many as there are cores
    #[arg(long, default_value_t = 0)]
    jobs: usize,
    /// Samples of the bootstrap
    #[arg(long, default_value_t = 1000)]
    resamples: usize,
    /// Fit the sequential test anew, on the videos of part calibration, write it into the
    /// bundle and judge everything with it
    #[arg(long)]
    calibrate: bool,
    /// Write what was measured on videos of parts test and unseen into manifest and card of the
    /// bundle, which must be signed anew then
    #[arg(long)]
    write: bool,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let listed = read_videos(&self.videos)?;
        create_folder(&self.output)?;
        if self.calibrate {
            self.fit(&listed)?;
        }
        let (bundle, said) = self.analyze(&listed)?;
        let manifest = &bundle.manifest;
        let name = format!("{} release {}", manifest.name, manifest.release);
        let unseen = sum_up(name, &listed, &said, self.resamples);
        print(&unseen);
        if self.write {
            let mut changed = manifest.clone();
            let figures = figures(&unseen, &manifest.kinds);
            changed
                .figures
                .retain(|old| figures.iter().all(|new| new.name != old.name.as_str()));
            for figure in &figures {
                let packed = figure.packed()?;
                let full = changed.figures.push(packed);
                ensure!(
                    full.is_ok(),
                    "the manifest has no room for `{}`",
                    figure.name
                );
            }
            rewrite(&self.bundle, &changed, Some(&card_of_unseen(&unseen)))?;
            println!("wrote the figures into {}", self.bundle.display());
        }
        let mut json = serde_json::to_vec_pretty(&unseen)?;
        json.push(b'\n');
        write_atomic(&self.output.join(FILE), &json)?;
        println!("wrote {}", self.output.join(FILE).display());
        Ok(())
    }

    fn analyze(&self, listed: &[Listed]) -> anyhow::Result<(Bundle, HashMap<PathBuf, Analysis>)> {
        let bundle = Bundle::open(&self.bundle)?;
        let program = Program {
            path: match &self.edge {
                Some(edge) => edge.clone(),
                None => program_beside()?,
            },
            bundle: self.bundle.clone(),
            finder: self.finder.clone(),
        };
        let files: Vec<PathBuf> = listed.iter().map(|listed| listed.path.clone()).collect();
        // Verdicts depend on manifest and finder, too.
        let mut all = [bundle.model.as_slice(), &bundle.manifest.to_json()?].concat();
        if let Some(finder) = &self.finder {
            let bytes = std::fs::read(finder);
            all.extend(bytes.with_context(|| format!("cannot read {}", finder.display()))?);
        }
        let digest = sha256_hex(&all);
        let memory = format!("analysed-{}.jsonl", &digest[..12]);
        let memory = self.output.join(memory);
        let said = analyze(&program, &files, &memory, self.jobs)?;
        Ok((bundle, said))
    }

    fn fit(&self, listed: &[Listed]) -> anyhow::Result<()> {
        let listed: Vec<Listed> = listed
            .iter()
            .filter(|listed| listed.part == "calibration")
            .cloned()
            .collect();
        let (bundle, said) = self.analyze(&listed)?;
        let mut manifest = bundle.manifest;
        let mut evidence = evidence_of("calibration", &listed, &said, &manifest.calibration);
        evidence.retain(|video| !video.fake || is_found(&manifest.kinds, &video.kind));
        let tracks = fit_tracks(&evidence, manifest.period_ms).context(
            "there is not enough to fit on; without --calibrate the verdicts stay as `export` fitted them",
        )?;
        manifest.verdict = VerdictConfig {
            tracks: Some(tracks),
            ..manifest.verdict
        };
        rewrite(&self.bundle, &manifest, None)?;
        println!(
            "fitted on {} videos: genuine {:.2} ± {:.2}, manipulated {:.2} ± {:.2} nats, a frame ± {:.2}, {:.0} frames count as one",
            evidence.len(),
            tracks.genuine_mean,
            tracks.genuine_spread,
            tracks.manipulated_mean,
            tracks.manipulated_spread,
            tracks.frame_spread,
            tracks.correlation_frames
        );
        Ok(())
    }
}

/// The firmware beside this program.
pub(super) fn program_beside() -> anyhow::Result<PathBuf> {
    let mut path = std::env::current_exe().context("this program does not know where it is")?;
    path.set_file_name(format!("unmask-edge{}", std::env::consts::EXE_SUFFIX));
    ensure!(
        path.exists(),
        "{} is not there: build it, or name it with --edge",
        path.display()
    );
    Ok(path)
}

/// Whether verdicts are about a kind; a bundle that does not say is about all of them.
fn is_found(kinds: &[KindFigure], name: &str) -> bool {
    let listed = kinds.iter().find(|kind| kind.name == name);
    listed.map_or(kinds.is_empty(), |kind| kind.found)
}

/// What the manifest states: verdicts on videos of people that training did not see, and AUC
/// by kind.
fn figures(unseen: &Unseen, kinds: &[KindFigure]) -> Vec<FigureText> {
    let mut figures = verdict_figures(&unseen.videos("test", |kind| is_found(kinds, kind)));
    let videos = unseen.kinds.iter().filter(|row| row.medium == "video");
    for (row, part) in videos.flat_map(|row| row.parts.iter().map(move |part| (row, part))) {
        let (Some(auc), true) = (part.auc, ["test", "unseen"].contains(&part.part.as_str())) else {
            continue;
        };
        let mut name = match part.part.as_str() {
            "test" => format!("auc videos, {}", row.kind),
            _ => format!("auc videos, {}, kind unseen", row.kind),
        };
        name.truncate(name.floor_char_boundary(48));
        figures.push(FigureText {
            name,
            value: auc as f32,
            count: (part.fakes.files + part.reals) as u32,
            bounds: part
                .bounds
                .map(|bounds| [bounds.low as f32, bounds.high as f32]),
        });
    }
    figures
}

fn print(unseen: &Unseen) {
    println!("AUC in per cent (95 %), and verdicts on fakes by kind and part");
    println!(
        "  kind                 part          files people   AUC                 manipulated undecided genuine"
    );
    for KindRow {
        kind,
        medium,
        parts,
    } in &unseen.kinds
    {
        for part in parts {
            let auc = part
                .auc
                .map_or("    -".into(), |auc| format!("{:5.1}", auc * 100.0));
            let bounds = part.bounds.map_or(String::new(), |bounds| {
                format!(" ({:.1} to {:.1})", bounds.low * 100.0, bounds.high * 100.0)
            });
            println!(
                "  {:20} {:12} {:6} {:6}   {:19} {}",
                format!("{kind} ({medium})"),
                part.part,
                part.fakes.files,
                part.fakes.people,
                auc + &bounds,
                verdicts(&part.fakes)
            );
        }
    }
    println!("verdicts on real files by source and part");
    for row in &unseen.reals {
        println!(
            "  {:20} {:12} {:6} {:6}   {:19} {}",
            format!("{} ({})", row.source, row.medium),
            row.part,
            row.verdicts.files,
            row.verdicts.people,
            format!(
                "80 px: {:.1} undecided",
                percent(&row.large, row.large.undecided())
            ),
            verdicts(&row.verdicts)
        );
    }
    let [files, judged] = unseen.noface;
    if files > 0 {
        println!("{judged} of {files} pictures without a face got a verdict");
    }
    for failed in &unseen.failed {
        println!("not read: {failed}");
    }
}

fn percent(rates: &VerdictRates, of: usize) -> f64 {
    rates.rate(of).0 * 100.0
}

fn verdicts(rates: &VerdictRates) -> String {
    format!(
        "{:10.1} {:9.1} {:7.1}",
        percent(rates, rates.manipulated),
        percent(rates, rates.undecided()),
        percent(rates, rates.genuine)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_about_the_kinds_that_are_found_or_about_all() {
        let kind = |name: &str, found| KindFigure {
            name: name.try_into().unwrap(),
            found,
            auc: 0.9,
            bounds: None,
            people: 9,
        };
        let kinds = [kind("swap", true), kind("lip-sync", false)];
        let found = ["swap", "lip-sync", "whole face"].map(|name| is_found(&kinds, name));
        assert_eq!(found, [true, false, false]);
        assert!(is_found(&[], "swap"));
    }
}
