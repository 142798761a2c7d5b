//! Detectors between clean and robust: who lies above whom.

use super::{Axis, Line, Plot, escape, lines, marker};
use crate::report::schema::ReportFigure;

/// One detector, or one method as the mean of its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct FrontierPoint {
    /// Its name.
    pub name: String,
    /// AUC without attack.
    pub clean: ReportFigure,
    /// AUC under attack.
    pub robust: ReportFigure,
}

/// Draws robust against clean AUC as one figure of HTML with its key. A detector is better
/// than another only where it lies above and to the right of it.
///
/// `robust`: what the upper axis measures, such as `AUC under PGD-10 at 2/255, both, %`.
pub fn frontier(points: &[FrontierPoint], robust: &str) -> String {
    let around = |values: &[f64]| {
        let low = values.iter().copied().fold(1.0, f64::min);
        let high = values.iter().copied().fold(0.0, f64::max);
        let margin = ((high - low) * 0.12).max(0.01);
        ((low - margin).max(0.0), (high + margin).min(1.0))
    };
    let clean: Vec<f64> = points.iter().map(|p| p.clean.value).collect();
    let attacked: Vec<f64> = points.iter().map(|p| p.robust.value).collect();
    let plot = Plot {
        title: "Robust against clean AUC",
        x: axis("clean AUC, %", around(&clean)),
        y: axis(robust, around(&attacked)),
        reference: None,
        small: false,
    };
    let line = |point: &FrontierPoint| Line {
        points: vec![(point.clean.value, point.robust.value)],
        marked: true,
        ..Default::default()
    };
    let drawn: Vec<Line> = points.iter().map(line).collect();
    let key = |(style, point): (usize, &FrontierPoint)| {
        format!(
            "<li><svg viewBox=\"0 0 14 12\" class=\"key dot\" aria-hidden=\"true\">{}</svg>{}</li>",
            marker(style, 7.0, 6.0),
            escape(&point.name)
        )
    };
    let keys: String = points.iter().enumerate().map(key).collect();
    format!(
        "<figure><ul class=\"legend\">{keys}</ul>{}</figure>",
        lines(&plot, &drawn)
    )
}

/// An axis with four to eight ticks at round values.
fn axis(label: &str, range: (f64, f64)) -> Axis {
    let wanted = (range.1 - range.0) / 8.0;
    let steps = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
    let step = steps.into_iter().find(|s| *s >= wanted).unwrap_or(0.2);
    let (first, last) = ((range.0 / step).ceil(), (range.1 / step + 1e-9).floor());
    let tick = |n: i64| {
        let value = n as f64 * step;
        (value, format!("{}", (value * 1e4).round() / 100.0))
    };
    Axis {
        label: label.into(),
        range,
        ticks: (first as i64..=last as i64).map(tick).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detector_is_named_and_marked() {
        let figure = |value| ReportFigure {
            value,
            bounds: None,
        };
        let point = |name: &str, clean, robust| FrontierPoint {
            name: name.into(),
            clean: figure(clean),
            robust: figure(robust),
        };
        let html = frontier(
            &[point("at", 0.90, 0.77), point("<afsl>", 0.95, 0.82)],
            "robust AUC, %",
        );
        assert_eq!(html.matches("class=\"m s1\"").count(), 2, "{html}");
        assert!(html.contains("&lt;afsl&gt;") && html.contains(">92</text>"));
    }
}
