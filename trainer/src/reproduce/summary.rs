//! Mean and spread over seeds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::figures::{Aucs, RunFigures};
use super::rows::{DefenceRow, PAPER_TABLE, RowKind};

/// Mean and sample standard deviation; the latter 0 for one seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation.
    pub deviation: f64,
}

impl Spread {
    /// Of a few values; `None` without any.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self {
            mean,
            deviation: (squares / (count - 1.0).max(1.0)).sqrt(),
        })
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.deviation {
            // One seed has none.
            0.0 => write!(f, "{:.1}", self.mean),
            deviation => write!(f, "{:.1} ± {deviation:.1}", self.mean),
        }
    }
}

/// Figures of a row over the seeds, in per cent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SummaryRow {
    /// Name of its run folders.
    pub name: String,
    /// For readers.
    pub title: String,
    /// Why it is there.
    pub kind: RowKind,
    /// Clean and PGD-10 AUC in the paper.
    pub paper: Option<(f64, f64)>,
    /// Seeds that are done.
    pub seeds: Vec<u64>,
    /// Of the trained network: `clean`, then `fakes`, `reals` and `both` with the radius,
    /// such as `both@2/255`.
    pub trained: BTreeMap<String, Spread>,
    /// Of the int8 bundle in tract, with the same keys.
    pub shipped: BTreeMap<String, Spread>,
    /// Training time in minutes.
    pub minutes: Spread,
}

/// All rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudySummary {
    /// Version of this form.
    pub schema: u32,
    /// What all rows share, line by line.
    pub conditions: Vec<String>,
    /// Radii, growing; written `k/255`.
    pub epsilons: Vec<String>,
    /// In the order of training.
    pub rows: Vec<SummaryRow>,
    /// Every run.
    pub runs: Vec<RunFigures>,
}

impl StudySummary {
    /// Whether there is a defended run for the picture of the frontier.
    pub fn is_drawable(&self) -> bool {
        let drawn = |row: &SummaryRow| row.name != "none" && row.kind != RowKind::Ablation;
        self.rows.iter().any(drawn)
    }
}

/// Summarises the runs that are done.
pub fn summarise(
    rows: &[DefenceRow],
    runs: &[RunFigures],
    conditions: Vec<String>,
) -> StudySummary {
    let epsilons = runs.first().map_or_else(Vec::new, |run| {
        let robust = &run.figures.trained.robust;
        robust.iter().map(|r| r.epsilon.to_string()).collect()
    });
    let rows = rows.iter().filter_map(|row| {
        let of_row: Vec<&RunFigures> = runs.iter().filter(|run| run.row == row.name).collect();
        let minutes: Vec<f64> = of_row.iter().map(|run| f64::from(run.minutes)).collect();
        let paper = PAPER_TABLE.iter().find(|(name, ..)| *name == row.name);
        Some(SummaryRow {
            name: row.name.to_owned(),
            title: row.title.to_owned(),
            kind: row.kind,
            paper: paper.map(|(_, clean, robust)| (*clean, *robust)),
            seeds: of_row.iter().map(|run| run.seed).collect(),
            trained: spreads(of_row.iter().map(|run| &run.figures.trained)),
            shipped: spreads(of_row.iter().map(|run| &run.figures.shipped)),
            minutes: Spread::of(&minutes)?,
        })
    });
    StudySummary {
        schema: 1,
        conditions,
        epsilons,
        rows: rows.collect(),
        runs: runs.to_vec(),
    }
}

fn spreads<'a>(runs: impl Iterator<Item = &'a Aucs>) -> BTreeMap<String, Spread> {
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for aucs in runs {
        values.entry("clean".into()).or_default().push(aucs.clean);
        for robust in &aucs.robust {
            for (what, auc) in [
                ("fakes", robust.fakes),
                ("reals", robust.reals),
                ("both", robust.both),
            ] {
                let key = format!("{what}@{}", robust.epsilon);
                values.entry(key).or_default().push(auc);
            }
        }
    }
    values
        .into_iter()
        .filter_map(|(key, values)| Some((key, Spread::of(&values)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// numpy.std([1, 2, 4], ddof=1) # 1.5275252316519468
    #[test]
    fn one_seed_has_no_spread() {
        let of = |values: &[f64]| Spread::of(values).unwrap().to_string();
        assert_eq!(of(&[71.25]), "71.2");
        assert_eq!(of(&[70.0, 72.0]), "71.0 ± 1.4");
    }

    #[test]
    fn spread_agrees_with_numpy() {
        let spread = Spread::of(&[1.0, 2.0, 4.0]).unwrap();
        assert!((spread.mean - 7.0 / 3.0).abs() < 1e-12);
        assert!((spread.deviation - 1.527_525_231_651_946_8).abs() < 1e-12);
        assert_eq!(Spread::of(&[5.0]).unwrap().deviation, 0.0);
        assert_eq!(Spread::of(&[]), None);
    }
}
