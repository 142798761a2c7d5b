//! Charts as small SVG elements without scripts. Colours come from the page's style sheet,
//! so that they follow light, dark and paper; lines differ in dash and marker as well.

mod bars;
mod frontier;
mod lines;
mod rates;

use std::fmt::Display;

use super::page::escape;

pub(crate) use bars::{Bar, BarGroup, bars};
pub use frontier::{FrontierPoint, frontier};
pub(super) use lines::{Line, Plot, lines};
pub(super) use rates::{det, roc};

/// Line styles that can be told apart; more lines repeat them.
const STYLES: usize = 6;

/// A straight axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// Quantity with its unit.
    pub label: String,
    /// Values at its two ends.
    pub range: (f64, f64),
    /// Where its ticks are, and what stands beside them.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Shares in [0, 1] written in per cent.
    pub fn percent(label: &str, range: (f64, f64)) -> Self {
        let step = if range.1 - range.0 > 0.5 { 0.2 } else { 0.1 };
        let first = (range.0 / step).ceil() as i32;
        let last = (range.1 / step + 1e-9).floor() as i32;
        let tick = |n: i32| {
            let value = f64::from(n) * step;
            (value, format!("{:.0}", value * 100.0))
        };
        Self {
            label: label.into(),
            range,
            ticks: (first..=last).map(tick).collect(),
        }
    }

    /// Share of the way from one end to the other.
    fn share(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        ((value - low) / (high - low)).clamp(0.0, 1.0)
    }
}

/// A pixel coordinate.
fn px(value: f64) -> impl Display {
    (value * 10.0).round() / 10.0
}

/// Opens an SVG element with its title for screen readers.
fn open(width: f64, height: f64, title: &str) -> String {
    let title = escape(title);
    format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>"
    )
}

/// A marker of a line's style.
fn marker(style: usize, x: f64, y: f64) -> String {
    let (x, y) = (px(x), px(y));
    let class = style % STYLES;
    let shape = match class {
        0 => "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0z",
        1 => "M-3.2-3.2h6.4v6.4h-6.4z",
        2 => "M0-4.2L4 3.2H-4z",
        3 => "M0-4.4L4.4 0L0 4.4L-4.4 0z",
        4 => "M0 4.2L4-3.2H-4z",
        _ => "M-4-1.3h2.7V-4h2.6v2.7H4v2.6H1.3V4h-2.6V1.3H-4z",
    };
    format!("<path class=\"m s{class}\" d=\"{shape}\" transform=\"translate({x} {y})\"/>")
}

/// The key of some lines, as a list that wraps on small screens.
pub(super) fn legend<'a>(names: impl Iterator<Item = &'a str>, marked: bool) -> String {
    let entry = |(style, name): (usize, &str)| {
        let dot = match marked {
            true => marker(style, 17.0, 6.0),
            false => String::new(),
        };
        format!(
            "<li><svg viewBox=\"0 0 34 12\" class=\"key\" aria-hidden=\"true\"><path class=\"l s{}\" d=\"M1 6H33\"/>{dot}</svg>{}</li>",
            style % STYLES,
            escape(name)
        )
    };
    let entries: String = names.enumerate().map(entry).collect();
    format!("<ul class=\"legend\">{entries}</ul>")
}
