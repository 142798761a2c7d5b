//! The study as one page for people.

use super::frontier::draw_frontier;
use super::rows::RowKind;
use super::summary::{Spread, StudySummary, SummaryRow};
use crate::metric::Interval;
use crate::report::{Bar, BarGroup, Chapter, Column, ReportFigure, bars, escape, sheet, table};

/// What the bars of a row show, by keys of [`SummaryRow::trained`] at a radius.
const BARS: [(&str, &str); 3] = [
    ("clean", "clean"),
    ("fakes", "fakes attacked"),
    ("both", "both attacked"),
];

/// Draws a study as a page of HTML without scripts.
///
/// # Errors
/// When there is no defended run yet to draw.
pub fn write_page(summary: &StudySummary) -> anyhow::Result<String> {
    let radius = summary.epsilons.last().cloned().unwrap_or_default();
    let mut frontiers = String::new();
    for epsilon in &summary.epsilons {
        let svg = draw_frontier(summary, epsilon)?;
        frontiers += &format!("<figure>{}</figure>", svg.trim());
    }
    let chapters: Vec<Chapter> = vec![
        (
            "paper",
            "The paper's table beside ours",
            paper(summary, &radius),
        ),
        (
            "frontier",
            "Between clean and robust",
            format!(
                "<p>A defence is better than another only where it lies above and to the right of it; a step \
                 along the line that the rivals make trades clean for robust. Lines through a point: one \
                 standard deviation over the seeds.</p>{frontiers}"
            ),
        ),
        ("ablation", "Ablation", ablation(summary, &radius)),
        (
            "trained",
            "All rows, the trained network",
            all(summary, |row| &row.trained),
        ),
        (
            "shipped",
            "All rows, the int8 bundle in tract",
            all(summary, |row| &row.shipped),
        ),
        ("conditions", "Conditions", conditions(summary)),
    ];
    let subtitle = "<p class=\"sub\">AUC in per cent, mean ± sample standard deviation over the seeds. \
                    The paper: Khan et al., MMM 2024; its radius, step and data were not at hand, so that \
                    only the order of its rows can be compared.</p>";
    Ok(sheet("Reproduction of AFSL", subtitle, "", &chapters))
}

fn paper(summary: &StudySummary, radius: &str) -> String {
    use Column::{Number, Text};
    let columns = [
        Text("Method"),
        Number("Paper,<br>clean"),
        Number("Paper,<br>PGD-10"),
        Number("Ours,<br>clean"),
        Number("Fakes<br>attacked"),
        Number("Reals<br>attacked"),
        Number("Both<br>attacked"),
    ];
    let of_paper = summary.rows.iter().filter(|r| r.kind == RowKind::Paper);
    let rows: Vec<Vec<String>> = of_paper
        .map(|row| {
            let (clean, robust) = row
                .paper
                .map_or(("–".into(), "–".into()), |(clean, robust)| {
                    (format!("{clean:.1}"), format!("{robust:.1}"))
                });
            let mut cells = vec![
                escape(&row.title),
                clean,
                robust,
                cell(row.trained.get("clean")),
            ];
            for what in ["fakes", "reals", "both"] {
                cells.push(cell(row.trained.get(&format!("{what}@{radius}"))));
            }
            cells
        })
        .collect();
    table(
        &format!("Ours: the trained network, PGD-10 at {radius}."),
        &columns,
        &rows,
    )
}

fn ablation(summary: &StudySummary, radius: &str) -> String {
    let chosen = summary
        .rows
        .iter()
        .filter(|row| row.kind == RowKind::Ablation || row.name == "none");
    let groups: Vec<BarGroup> = chosen.map(|row| group(row, radius)).collect();
    if groups.len() < 2 {
        return "<p>No row of the ablation was trained.</p>".into();
    }
    let key: String = BARS
        .iter()
        .enumerate()
        .map(|(style, (_, name))| {
            format!(
                "<li><svg viewBox=\"0 0 12 12\" class=\"key box\" aria-hidden=\"true\"><rect class=\"bar s{style}\" width=\"12\" height=\"12\"/></svg>{name}</li>"
            )
        })
        .collect();
    format!(
        "<p>As in the paper only clean faces carry L_dcl here, so that robustness rests on the similarity \
         terms. PGD-10 at {radius}; whiskers: one standard deviation.</p><div class=\"charts\"><figure>\
         <ul class=\"legend\">{key}</ul>{}</figure></div>",
        bars("Ablation", "AUC, %", &groups)
    )
}

fn group(row: &SummaryRow, radius: &str) -> BarGroup {
    let figure = |spread: &Spread| ReportFigure {
        value: spread.mean / 100.0,
        bounds: (spread.deviation > 0.0).then(|| Interval {
            low: ((spread.mean - spread.deviation) / 100.0).max(0.0),
            high: ((spread.mean + spread.deviation) / 100.0).min(1.0),
        }),
    };
    let bar = |(style, (what, _)): (usize, &(&str, &str))| {
        let key = match *what {
            "clean" => "clean".to_owned(),
            attacked => format!("{attacked}@{radius}"),
        };
        Bar {
            style,
            figure: row.trained.get(&key).map(figure),
        }
    };
    BarGroup {
        name: row.title.clone(),
        bars: BARS.iter().enumerate().map(bar).collect(),
    }
}

fn all(
    summary: &StudySummary,
    engine: impl Fn(&SummaryRow) -> &std::collections::BTreeMap<String, Spread>,
) -> String {
    use Column::{Number, Text};
    let mut keys = vec!["clean".to_owned()];
    for epsilon in &summary.epsilons {
        keys.extend(["fakes", "reals", "both"].map(|what| format!("{what}@{epsilon}")));
    }
    let rows: Vec<Vec<String>> = summary
        .rows
        .iter()
        .map(|row| {
            let cells = keys.iter().map(|key| cell(engine(row).get(key)));
            let minutes = format!("{:.1}", row.minutes.mean);
            let title = std::iter::once(escape(&row.title));
            title.chain(cells).chain([minutes]).collect()
        })
        .collect();
    let heads: Vec<String> = keys.iter().map(|key| key.replace('@', "<br>@")).collect();
    let mut columns: Vec<Column<'_>> = vec![Text("Method")];
    columns.extend(heads.iter().map(|head| Number(head)));
    columns.push(Number("Minutes"));
    table("", &columns, &rows)
}

fn conditions(summary: &StudySummary) -> String {
    let lines = summary.conditions.iter();
    let items: String = lines
        .map(|line| format!("<li>{}</li>", escape(line)))
        .collect();
    format!("<ul>{items}</ul>")
}

fn cell(spread: Option<&Spread>) -> String {
    spread.map_or("–".into(), |spread| match spread.deviation {
        // One seed has none.
        0.0 => format!("{:.1}", spread.mean),
        deviation => format!("{:.1}<small>± {deviation:.1}</small>", spread.mean),
    })
}
