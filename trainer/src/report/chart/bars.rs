//! Horizontal bars in groups, each group under its name.

use super::{Axis, STYLES, escape, open, px};
use crate::report::schema::ReportFigure;

/// Bars of one thing.
#[derive(Clone, Debug)]
pub(crate) struct BarGroup {
    /// Its name.
    pub name: String,
    /// Its bars.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    /// Number of its colour.
    pub style: usize,
    /// A share in [0, 1].
    pub figure: Option<ReportFigure>,
}

const WIDTH: f64 = 400.0;
const LEFT: f64 = 6.0;
/// Room for the value behind a full bar.
const RIGHT: f64 = 52.0;
const NAME: f64 = 19.0;
const BAR: f64 = 15.0;
const GAP: f64 = 11.0;
const BOTTOM: f64 = 42.0;

/// Draws groups of bars from 0 to 100 %.
pub(crate) fn bars(title: &str, label: &str, groups: &[BarGroup]) -> String {
    let axis = Axis::percent(label, (0.0, 1.0));
    let tall = |group: &BarGroup| NAME + BAR * group.bars.len() as f64 + GAP;
    let base = groups.iter().map(tall).sum::<f64>() + 4.0;
    let x = |value: f64| LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT);
    let mut svg = open(WIDTH, base + BOTTOM, title);
    for (value, name) in &axis.ticks {
        let (at, low) = (px(x(*value)), px(base));
        svg += &format!("<path class=\"grid\" d=\"M{at} 4V{low}\"/>");
        let y = px(base + 16.0);
        svg += &format!(
            "<text class=\"mid\" x=\"{at}\" y=\"{y}\">{}</text>",
            escape(name)
        );
    }
    let mut top = 4.0;
    for group in groups {
        let (left, y) = (px(LEFT + 4.0), px(top + 14.0));
        svg += &format!(
            "<text class=\"strong halo\" x=\"{left}\" y=\"{y}\">{}</text>",
            escape(&group.name)
        );
        top += NAME;
        for bar in &group.bars {
            svg += &one(bar, top, &x);
            top += BAR;
        }
        top += GAP;
    }
    let (left, low) = (px(LEFT), px(base));
    svg += &format!("<path class=\"axis\" d=\"M{left} 4V{low}\"/>");
    let (middle, y) = (px(x(0.5)), px(base + BOTTOM - 6.0));
    svg += &format!(
        "<text class=\"mid\" x=\"{middle}\" y=\"{y}\">{}</text>",
        escape(label)
    );
    svg + "</svg>"
}

fn one(bar: &Bar, top: f64, x: &impl Fn(f64) -> f64) -> String {
    let middle = top + BAR / 2.0;
    let Some(figure) = bar.figure else {
        let (left, y) = (px(LEFT + 4.0), px(middle + 4.0));
        return format!("<text class=\"quiet\" x=\"{left}\" y=\"{y}\">not measured</text>");
    };
    let (left, width) = (px(LEFT), px((x(figure.value) - LEFT).max(0.8)));
    let (y, height, class) = (px(top + 1.5), px(BAR - 3.0), bar.style % STYLES);
    let mut svg = format!(
        "<rect class=\"bar s{class}\" x=\"{left}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"
    );
    let mut end = x(figure.value);
    if let Some(bounds) = figure.bounds {
        let (low, high) = (x(bounds.low), x(bounds.high));
        end = end.max(high);
        let (low, high, at) = (px(low), px(high), px(middle));
        svg += &format!("<path class=\"whisker\" d=\"M{low} {at}H{high}\"/>");
    }
    let (at, y) = (px(end + 6.0), px(middle + 4.0));
    svg += &format!(
        "<text class=\"halo\" x=\"{at}\" y=\"{y}\">{:.1}</text>",
        figure.value * 100.0
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_is_half_as_long_as_the_whole() {
        let bar = |value| Bar {
            style: 0,
            figure: Some(ReportFigure {
                value,
                bounds: None,
            }),
        };
        let group = BarGroup {
            name: "a&b".into(),
            bars: vec![
                bar(0.5),
                bar(1.0),
                Bar {
                    style: 1,
                    figure: None,
                },
            ],
        };
        let svg = bars("title", "AUC, %", &[group]);
        assert!(
            svg.contains("width=\"171\"") && svg.contains("width=\"342\""),
            "{svg}"
        );
        assert!(svg.contains("a&amp;b") && svg.contains("not measured"));
    }
}
