//! The frontier between clean and robust AUC as one picture.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::rows::RowKind;
use super::summary::{StudySummary, SummaryRow};

/// A defence in the picture: clean and robust AUC with their deviations, in per cent.
struct Mark<'a> {
    row: &'a SummaryRow,
    clean: (f64, f64),
    robust: (f64, f64),
}

/// Draws clean AUC against AUC with both classes attacked at `epsilon`, as an SVG document:
/// a defence is better where it lies further up and to the right; moving along the line that
/// the rivals make is no gain. The undefended row and the ablation lie far off and are left out.
///
/// # Errors
/// When there is nothing to draw.
pub fn draw_frontier(summary: &StudySummary, epsilon: &str) -> Result<String> {
    let key = format!("both@{epsilon}");
    let marks: Vec<Mark<'_>> = summary
        .rows
        .iter()
        .filter(|row| row.name != "none" && row.kind != RowKind::Ablation)
        .filter_map(|row| {
            let (clean, robust) = (row.trained.get("clean")?, row.trained.get(&key)?);
            Some(Mark {
                row,
                clean: (clean.mean, clean.deviation),
                robust: (robust.mean, robust.deviation),
            })
        })
        .collect();
    let reach = |value: fn(&Mark<'_>) -> (f64, f64)| {
        let ends = marks.iter().map(value);
        let (low, high) = ends.fold((100.0, 0.0), |(low, high): (f64, f64), (mean, spread)| {
            (low.min(mean - spread), high.max(mean + spread))
        });
        (low - 1.5)..(high + 1.5)
    };
    if marks.is_empty() {
        return Err(anyhow!("no defended run to draw"));
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (960, 620)).into_drawing_area();
        area.fill(&WHITE).map_err(drawing)?;
        let (plot, legend) = area.split_horizontally(600);
        let mut chart = ChartBuilder::on(&plot)
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(reach(|mark| mark.clean), reach(|mark| mark.robust))
            .map_err(drawing)?;
        chart
            .configure_mesh()
            .x_desc("AUC on clean faces, per cent")
            .y_desc(format!("AUC, both classes attacked at {epsilon}, per cent"))
            .label_style(("sans-serif", 15))
            .light_line_style(WHITE)
            .draw()
            .map_err(drawing)?;
        for (number, mark) in marks.iter().enumerate() {
            let style = colour(mark.row.kind).stroke_width(2);
            let (x, dx) = mark.clean;
            let (y, dy) = mark.robust;
            chart
                .draw_series([
                    PathElement::new(vec![(x - dx, y), (x + dx, y)], style),
                    PathElement::new(vec![(x, y - dy), (x, y + dy)], style),
                ])
                .map_err(drawing)?;
            chart
                .draw_series([EmptyElement::at((x, y))
                    + Circle::new((0, 0), 5, colour(mark.row.kind).filled())
                    + Text::new(format!("{}", number + 1), (8, -16), ("sans-serif", 16))])
                .map_err(drawing)?;
        }
        for (number, mark) in marks.iter().enumerate() {
            let at = (0, 40 + 30 * number as i32);
            legend
                .draw(&Circle::new(
                    (at.0 + 6, at.1 + 7),
                    5,
                    colour(mark.row.kind).filled(),
                ))
                .map_err(drawing)?;
            let label = format!("{} {}", number + 1, mark.row.title);
            legend
                .draw(&Text::new(label, (at.0 + 18, at.1), ("sans-serif", 14)))
                .map_err(drawing)?;
        }
        area.present().map_err(drawing)?;
    }
    Ok(svg)
}

/// Colours that stay apart for colour-blind eyes (Okabe and Ito).
fn colour(kind: RowKind) -> RGBColor {
    match kind {
        RowKind::Paper => RGBColor(0, 114, 178),
        RowKind::Rival => RGBColor(120, 120, 120),
        RowKind::Ablation => RGBColor(230, 159, 0),
        RowKind::Ours => RGBColor(213, 94, 0),
    }
}

fn drawing(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw the frontier: {error}")
}
