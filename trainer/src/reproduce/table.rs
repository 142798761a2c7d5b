//! The tables in Markdown.

use std::fmt::Write;

use super::rows::RowKind;
use super::summary::{StudySummary, SummaryRow};

/// Ours beside the paper's, the ablation, and the same for the file that ships.
pub fn write_tables(summary: &StudySummary) -> String {
    let mut text = String::new();
    for line in &summary.conditions {
        let _ = writeln!(text, "{line}");
    }
    let largest = summary.epsilons.last().cloned().unwrap_or_default();
    let _ = writeln!(
        text,
        "\n## The paper's table beside ours\n\n| method | paper: clean | paper: PGD-10 | ours: clean | fakes @{largest} | reals @{largest} | both @{largest} |\n|---|---|---|---|---|---|---|"
    );
    for row in of(summary, RowKind::Paper) {
        let (clean, robust) = row.paper.map_or(("-".into(), "-".into()), |(c, r)| {
            (format!("{c:.1}"), format!("{r:.1}"))
        });
        let ours = ["clean".to_owned()]
            .into_iter()
            .chain(["fakes", "reals", "both"].map(|what| format!("{what}@{largest}")))
            .map(|key| shown(row, &key))
            .collect::<Vec<_>>()
            .join(" | ");
        let _ = writeln!(text, "| {} | {clean} | {robust} | {ours} |", row.title);
    }
    section(&mut text, summary, "All rows, the trained network", |row| {
        &row.trained
    });
    section(
        &mut text,
        summary,
        "All rows, the int8 bundle in tract",
        |row| &row.shipped,
    );
    text
}

fn section(
    text: &mut String,
    summary: &StudySummary,
    title: &str,
    engine: impl Fn(&SummaryRow) -> &std::collections::BTreeMap<String, super::Spread>,
) {
    let mut keys = vec!["clean".to_owned()];
    for epsilon in &summary.epsilons {
        keys.extend([format!("fakes@{epsilon}"), format!("both@{epsilon}")]);
    }
    let heads: Vec<String> = keys.iter().map(|key| key.replace('@', " @")).collect();
    let _ = writeln!(
        text,
        "\n## {title}\n\n| method | {} | minutes |\n|{}",
        heads.join(" | "),
        "---|".repeat(keys.len() + 2)
    );
    for row in &summary.rows {
        let cells: Vec<String> = keys
            .iter()
            .map(|key| engine(row).get(key).map_or("-".into(), ToString::to_string))
            .collect();
        let group = match row.kind {
            RowKind::Ablation => "ablation: ",
            RowKind::Ours => "ours: ",
            RowKind::Paper | RowKind::Rival => "",
        };
        let _ = writeln!(
            text,
            "| {group}{} | {} | {:.1} |",
            row.title,
            cells.join(" | "),
            row.minutes.mean
        );
    }
}

fn of(summary: &StudySummary, kind: RowKind) -> impl Iterator<Item = &SummaryRow> {
    summary.rows.iter().filter(move |row| row.kind == kind)
}

fn shown(row: &SummaryRow, key: &str) -> String {
    row.trained.get(key).map_or("-".into(), ToString::to_string)
}
