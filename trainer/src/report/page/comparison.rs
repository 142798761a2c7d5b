//! Runs on the same pairs, side by side.

use super::escape;
use super::table::{Column, table};
use super::words::{difference, figure};
use crate::report::chart::{Bar, BarGroup, FrontierPoint, bars, frontier};
use crate::report::checks::pixels;
use crate::report::schema::EvaluationReport;

const KEY: [&str; 3] = ["clean", "fakes attacked", "both attacked"];

pub(super) fn chapter(report: &EvaluationReport) -> String {
    let Some((first, _)) = report.comparison.split_first() else {
        return String::new();
    };
    let at = pixels(report.conditions.epsilon);
    let groups: Vec<BarGroup> = report
        .comparison
        .iter()
        .map(|run| BarGroup {
            name: named(&run.run, &run.method),
            bars: [run.clean, run.fakes, run.both]
                .into_iter()
                .enumerate()
                .map(|(style, figure)| Bar { style, figure })
                .collect(),
        })
        .collect();
    let points: Vec<FrontierPoint> = report
        .comparison
        .iter()
        .filter_map(|run| {
            Some(FrontierPoint {
                name: named(&run.run, &run.method),
                clean: run.clean?,
                robust: run.both?,
            })
        })
        .collect();
    let key: String = KEY
        .iter()
        .enumerate()
        .map(|(style, name)| {
            format!(
                "<li><svg viewBox=\"0 0 12 12\" class=\"key box\" aria-hidden=\"true\"><rect class=\"bar s{style}\" width=\"12\" height=\"12\"/></svg>{name}</li>"
            )
        })
        .collect();
    let robust = format!("AUC, both attacked at {at}, %");
    let picture = match points.is_empty() {
        true => String::new(),
        false => frontier(&points, &robust).replacen(
            "<figure>",
            "<figure><figcaption>Robust against clean</figcaption>",
            1,
        ),
    };
    format!(
        "<p>All runs scored the same pairs, in the same precision, under PGD-10 at {at}. One run is \
         better than another only where it lies above and to the right of it; a step along the line from \
         upper left to lower right trades clean for robust.</p><div class=\"charts\"><figure>\
         <figcaption>AUC by run</figcaption><ul class=\"legend\">{key}</ul>{}</figure>{picture}</div>{}",
        bars("AUC by run", "AUC, %", &groups),
        numbers(report, &first.run)
    )
}

fn named(run: &str, method: &str) -> String {
    match run.contains(method) {
        true => run.to_string(),
        false => format!("{run} ({method})"),
    }
}

fn numbers(report: &EvaluationReport, first: &str) -> String {
    use Column::{Number, Text};
    let columns = [
        Text("Run"),
        Text("Method"),
        Number("Clean"),
        Number("Fakes<br>attacked"),
        Number("Both<br>attacked"),
        Number("Clean,<br>difference"),
        Number("Both,<br>difference"),
    ];
    let rows: Vec<Vec<String>> = report
        .comparison
        .iter()
        .map(|run| {
            vec![
                escape(&run.run),
                escape(&run.method),
                figure(run.clean),
                figure(run.fakes),
                figure(run.both),
                difference(run.clean_difference),
                difference(run.both_difference),
            ]
        })
        .collect();
    let caption = format!(
        "AUC in per cent. Differences: points above {first}, both resampled over the same groups; bounds that \
         hold 0 show no difference. One seed of training says nothing about another."
    );
    table(&caption, &columns, &rows)
}
