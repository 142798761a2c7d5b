//! AUC and verdicts under everyday filters.

use super::escape;
use super::table::{Column, table};
use super::words::{count, figure, percent};
use crate::report::schema::{EvaluationReport, FilterFigures};

pub(super) fn chapter(report: &EvaluationReport) -> String {
    use Column::{Number, Text};
    if report.filters.is_empty() {
        return String::new();
    }
    let columns = [
        Text("Filter"),
        Number("Strength"),
        Number("AUC"),
        Number("Flags lost"),
        Number("Flagged, then<br>called genuine"),
        Number("New false alarms"),
    ];
    let rows: Vec<Vec<String>> = report.filters.iter().map(row).collect();
    "<p>Held-out pairs under filters that people lay over whole pictures, as the network sees them. <i>Any</i> \
     takes for every face the filter that changes its score most to the wrong side.</p>"
        .to_string()
        + &table("Per cent.", &columns, &rows)
}

fn row(filter: &FilterFigures) -> Vec<String> {
    let strength = match filter.strength {
        0 => "–".into(),
        strength => strength.to_string(),
    };
    vec![
        escape(&filter.name),
        strength,
        figure(filter.auc),
        share(filter.lost, filter.flagged),
        share(filter.turned, filter.flagged),
        share(filter.alarms, filter.unflagged),
    ]
}

fn share(part: usize, of: usize) -> String {
    if of == 0 {
        return "–".into();
    }
    format!(
        "{}<small>{} of {}</small>",
        percent(part as f64 / of as f64),
        count(part as u64),
        count(of as u64)
    )
}
