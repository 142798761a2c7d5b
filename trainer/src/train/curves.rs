//! Curves of a run as one picture.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::progress::Measured;

type Point = (f32, f32);

/// Draws loss parts and AUC on held-out and on training pairs against epochs, as an SVG document.
///
/// # Errors
/// When there is nothing to draw.
pub fn draw_curves(lines: &[Measured]) -> Result<String> {
    let last = lines.last().ok_or_else(|| anyhow!("no metrics to draw"))?;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (900, 640)).into_drawing_area();
        area.fill(&WHITE).map_err(drawing)?;
        let (upper, lower) = area.split_vertically(320);
        let series = |value: fn(&Measured) -> Option<f32>| -> Vec<Point> {
            lines
                .iter()
                .filter_map(|line| Some((line.epoch, value(line)?)))
                .collect()
        };
        chart(
            &upper,
            "AUC",
            last.epoch,
            0.0..1.0,
            &[
                (
                    "held out",
                    BLUE,
                    series(|line| line.auc.map(|auc| auc as f32)),
                ),
                (
                    "training",
                    GREEN,
                    series(|line| line.auc_training.map(|auc| auc as f32)),
                ),
                (
                    "held out, PGD-10, both classes",
                    RED,
                    series(|line| line.auc_attacked.map(|auc| auc as f32)),
                ),
            ],
        )?;
        let mut losses = vec![("loss", BLACK, series(|line| Some(line.loss)))];
        for (name, colour) in last.terms.keys().zip([BLUE, RED, GREEN, MAGENTA]) {
            let points = lines
                .iter()
                .filter_map(|line| Some((line.epoch, *line.terms.get(name)?)))
                .collect();
            losses.push((name, colour, points));
        }
        let values = losses
            .iter()
            .flat_map(|(_, _, points)| points.iter().map(|point| point.1));
        let (low, high) = values.fold((0f32, 0.1f32), |(l, h), v| (l.min(v), h.max(v)));
        chart(&lower, "loss", last.epoch, low..high * 1.05, &losses)?;
        area.present().map_err(drawing)?;
    }
    Ok(svg)
}

fn chart(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
    epochs: f32,
    range: std::ops::Range<f32>,
    series: &[(&str, RGBColor, Vec<Point>)],
) -> Result<()> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(48)
        .build_cartesian_2d(0f32..epochs.max(0.1), range)
        .map_err(drawing)?;
    chart
        .configure_mesh()
        .x_desc("epoch")
        .draw()
        .map_err(drawing)?;
    for (name, colour, points) in series {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), style))
            .map_err(drawing)?
            .label(*name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()
        .map_err(drawing)
}

fn drawing(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw the curves: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_names_its_curves() {
        let lines: Vec<Measured> = (0..5)
            .map(|i| Measured {
                epoch: i as f32,
                loss: 0.6,
                terms: [("dcl".to_string(), 0.5), ("asl".to_string(), 0.1)].into(),
                auc: Some(0.7),
                ..Default::default()
            })
            .collect();
        let svg = draw_curves(&lines).unwrap();
        assert!(svg.contains("<svg") && svg.contains("asl") && svg.contains("PGD-10"));
        assert!(svg.contains("held out") && svg.contains("training"));
        assert!(draw_curves(&[]).is_err());
    }
}
