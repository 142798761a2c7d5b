//! The report as one page of HTML: no scripts, nothing loaded from elsewhere.

mod comparison;
mod distortions;
mod filters;
mod overview;
mod rates;
mod robustness;
mod samples;
mod table;
mod tested;
mod unseen;
mod words;

use super::schema::EvaluationReport;

pub(crate) use table::{Column, table};
pub(crate) use words::escape;

const STYLE: &str = include_str!("style.css");

/// One chapter: its anchor, its title, its body.
pub(crate) type Chapter = (&'static str, &'static str, String);

/// Draws a report. All text from outside is escaped.
pub fn write_html(report: &EvaluationReport) -> String {
    let chapters: Vec<Chapter> = [
        ("tested", "What was tested", tested::what(report)),
        ("conditions", "Conditions", tested::conditions(report)),
        ("levels", "Results: levels", rates::levels(report)),
        (
            "manipulations",
            "Results: kinds of manipulation",
            rates::manipulations(report),
        ),
        (
            "radii",
            "Results: robustness against the radius",
            robustness::radii(report),
        ),
        ("attacks", "Results: attacks", robustness::attacks(report)),
        (
            "checks",
            "Checks of the attacks",
            robustness::checks(report),
        ),
        (
            "distortions",
            "Results: distortions",
            distortions::chapter(report),
        ),
        (
            "filters",
            "Results: everyday filters",
            filters::chapter(report),
        ),
        (
            "comparison",
            "Results: comparison of runs",
            comparison::chapter(report),
        ),
        (
            "unseen",
            "Results: people, sources and kinds unseen",
            unseen::chapter(report),
        ),
        ("samples", "Sample faces", samples::chapter(report)),
        ("limits", "Limits", tested::limits(report)),
    ]
    .into_iter()
    .filter(|(_, _, body)| !body.is_empty())
    .collect();
    let title = format!("Evaluation of {}", report.detector.run);
    let (subtitle, tiles) = (overview::subtitle(report), overview::tiles(report));
    sheet(&title, &subtitle, &tiles, &chapters)
}

/// A page of chapters with a list of them: no scripts, light and dark, readable on paper. The
/// title is text; everything else is HTML already.
pub(crate) fn sheet(title: &str, subtitle: &str, tiles: &str, chapters: &[Chapter]) -> String {
    let links: String = chapters
        .iter()
        .map(|(anchor, title, _)| {
            let short = title.strip_prefix("Results: ").unwrap_or(title);
            let (first, rest) = short.split_at(1);
            format!("<a href=\"#{anchor}\">{}{rest}</a>", first.to_uppercase())
        })
        .collect();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\
         <title>{0}</title><style>\n{STYLE}</style></head>\n<body><header><h1>{0}</h1>{subtitle}</header>\
         <nav aria-label=\"Contents\">{links}</nav>\n<main>{tiles}",
        escape(title),
    );
    for (number, (anchor, title, body)) in chapters.iter().enumerate() {
        let number = number + 1;
        page += &format!("\n<section id=\"{anchor}\"><h2>{number}. {title}</h2>{body}</section>");
    }
    page + "</main></body></html>\n"
}
