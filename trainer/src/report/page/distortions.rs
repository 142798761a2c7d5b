//! AUC under perturbations, one small chart for each.

use std::collections::BTreeMap;

use super::escape;
use super::table::{Column, table};
use super::words::{count, figure};
use crate::report::chart::{Axis, Line, Plot, lines};
use crate::report::schema::{DistortionFigures, EvaluationReport};

/// Levels of DeeperForensics.
const LEVELS: u8 = 5;

pub(super) fn chapter(report: &EvaluationReport) -> String {
    let Some((clean, rows)) = report.distortions.split_first() else {
        return String::new();
    };
    let mut of: BTreeMap<&str, Vec<&DistortionFigures>> = BTreeMap::new();
    for row in rows {
        of.entry(&row.code).or_default().push(row);
    }
    let values = report.distortions.iter().filter_map(|row| row.auc);
    let lows = values.map(|figure| figure.bounds.map_or(figure.value, |bounds| bounds.low));
    let floor = (lows.fold(0.5, f64::min) * 10.0).floor() / 10.0;
    let charts: String = of
        .values()
        .filter(|rows| rows.iter().any(|row| row.auc.is_some()))
        .map(|rows| small(clean, rows, floor))
        .collect();
    format!(
        "<p>AUC of {} pairs whose stored crops were perturbed as DeeperForensics-1.0 perturbs whole frames, \
         without attack. This is an approximation: a crop shows its face larger or smaller than its frame did. \
         Level 0 is without perturbation, 5 the hardest; bars are 95 % bounds, the dotted line is level 0.</p><div class=\"multiples\">{charts}</div>{}",
        count(clean.pairs as u64),
        numbers(clean, &of)
    )
}

fn small(clean: &DistortionFigures, rows: &[&DistortionFigures], floor: f64) -> String {
    let name = rows.first().map_or("", |row| row.name.as_str());
    let all = std::iter::once(clean).chain(rows.iter().copied());
    let found: Vec<_> = all
        .filter_map(|row| Some((f64::from(row.level), row.auc?)))
        .collect();
    let line = Line {
        points: found
            .iter()
            .map(|(level, auc)| (*level, auc.value))
            .collect(),
        bounds: found
            .iter()
            .filter_map(|(level, auc)| Some((*level, auc.bounds?.low, auc.bounds?.high)))
            .collect(),
        marked: true,
    };
    let reference = clean.auc.map(|auc| {
        let ends = [(0.0, auc.value), (f64::from(LEVELS), auc.value)];
        (ends, "")
    });
    let plot = Plot {
        title: name,
        x: Axis {
            label: "level".into(),
            range: (-0.25, f64::from(LEVELS) + 0.25),
            ticks: (0..=LEVELS)
                .map(|n| (f64::from(n), n.to_string()))
                .collect(),
        },
        y: Axis::percent("AUC, %", (floor, 1.0)),
        reference,
        small: true,
    };
    format!(
        "<figure><figcaption>{}</figcaption>{}</figure>",
        escape(name),
        lines(&plot, &[line])
    )
}

fn numbers(clean: &DistortionFigures, of: &BTreeMap<&str, Vec<&DistortionFigures>>) -> String {
    use Column::{Number, Text};
    let columns = [
        Text("Perturbation"),
        Number("Level 0"),
        Number("1"),
        Number("2"),
        Number("3"),
        Number("4"),
        Number("5"),
    ];
    let mut rows = Vec::new();
    let mut reasons = String::new();
    for (code, levels) in of {
        let name = levels.first().map_or("", |row| row.name.as_str());
        let mut cells = vec![
            format!("{} <code>{}</code>", escape(name), escape(code)),
            figure(clean.auc),
        ];
        for level in 1..=LEVELS {
            let found = levels.iter().find(|row| row.level == level);
            cells.push(figure(found.and_then(|row| row.auc)));
        }
        if let Some(reason) = levels.iter().find_map(|row| row.reason.as_deref()) {
            reasons += &format!(
                "<p class=\"note\">{} was not measured: {}.</p>",
                escape(name),
                escape(reason)
            );
        }
        rows.push(cells);
    }
    table("AUC in per cent.", &columns, &rows) + &reasons
}
