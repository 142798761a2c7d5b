//! Lines over two axes.

use super::{Axis, STYLES, escape, marker, open, px};

/// A line, or a staircase given by its corners.
#[derive(Clone, Debug, Default)]
pub(in crate::report) struct Line {
    /// Points in order.
    pub points: Vec<(f64, f64)>,
    /// Lower and upper bound at some of its places.
    pub bounds: Vec<(f64, f64, f64)>,
    /// Whether each point has a marker.
    pub marked: bool,
}

/// What lies around the lines.
#[derive(Clone, Debug)]
pub(in crate::report) struct Plot<'a> {
    /// What screen readers say.
    pub title: &'a str,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// A thin line of reference with its name.
    pub reference: Option<([(f64, f64); 2], &'a str)>,
    /// Small multiples have less room and smaller margins.
    pub small: bool,
}

/// Width, height and margins in the drawing's own units.
struct Room {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Room {
    fn of(plot: &Plot<'_>) -> Self {
        match plot.small {
            false => Self {
                width: 400.0,
                height: 330.0,
                left: 52.0,
                right: 14.0,
                top: 12.0,
                bottom: 46.0,
            },
            true => Self {
                width: 220.0,
                height: 186.0,
                left: 34.0,
                right: 10.0,
                top: 24.0,
                bottom: 40.0,
            },
        }
    }

    fn x(&self, share: f64) -> f64 {
        self.left + share * (self.width - self.left - self.right)
    }

    fn y(&self, share: f64) -> f64 {
        self.height - self.bottom - share * (self.height - self.top - self.bottom)
    }
}

/// Draws the lines.
pub(in crate::report) fn lines(plot: &Plot<'_>, lines: &[Line]) -> String {
    let room = Room::of(plot);
    let at = |(x, y): (f64, f64)| (room.x(plot.x.share(x)), room.y(plot.y.share(y)));
    let mut svg = open(room.width, room.height, plot.title);
    svg += &grid(plot, &room);
    if let Some(([from, to], name)) = plot.reference {
        let ((x0, y0), (x1, y1)) = (at(from), at(to));
        let path = format!("M{} {}L{} {}", px(x0), px(y0), px(x1), px(y1));
        svg += &format!("<path class=\"ref\" d=\"{path}\"/>");
        if !name.is_empty() {
            let (x, y) = (px(x0 + 5.0), px(y0 - 5.0));
            svg += &format!(
                "<text class=\"quiet\" x=\"{x}\" y=\"{y}\">{}</text>",
                escape(name)
            );
        }
    }
    for (style, line) in lines.iter().enumerate() {
        let class = style % STYLES;
        for (x, low, high) in &line.bounds {
            let ((x, low), (_, high)) = (at((*x, *low)), at((*x, *high)));
            // Bounds of lines over the same place stand beside each other.
            let x = x + (style as f64 - (lines.len() as f64 - 1.0) / 2.0) * 3.0;
            let (x, low, high) = (px(x), px(low), px(high));
            svg += &format!("<path class=\"bound s{class}\" d=\"M{x} {low}V{high}\"/>");
        }
        let mut path = String::new();
        for (place, point) in line.points.iter().enumerate() {
            let (x, y) = at(*point);
            let step = if place == 0 { 'M' } else { 'L' };
            path += &format!("{step}{} {}", px(x), px(y));
        }
        svg += &format!("<path class=\"l s{class}\" d=\"{path}\"/>");
        if line.marked {
            for point in &line.points {
                let (x, y) = at(*point);
                svg += &marker(style, x, y);
            }
        }
    }
    svg + "</svg>"
}

/// Grid, ticks and the names of the axes.
fn grid(plot: &Plot<'_>, room: &Room) -> String {
    let (left, right) = (room.x(0.0), room.x(1.0));
    let (bottom, top) = (room.y(0.0), room.y(1.0));
    let mut svg = String::new();
    let mut free = f64::NEG_INFINITY;
    for (value, label) in &plot.x.ticks {
        let x = room.x(plot.x.share(*value));
        let (shown, low, high) = (px(x), px(bottom), px(top));
        svg += &format!("<path class=\"grid\" d=\"M{shown} {low}V{high}\"/>");
        // A label that would touch the one before it is left out.
        let half = 3.8 * label.chars().count() as f64;
        if x - half > free {
            let y = px(bottom + 16.0);
            svg += &format!(
                "<text class=\"mid\" x=\"{shown}\" y=\"{y}\">{}</text>",
                escape(label)
            );
            free = x + half + 3.0;
        }
    }
    for (value, label) in &plot.y.ticks {
        let y = room.y(plot.y.share(*value));
        let (low, high, shown) = (px(left), px(right), px(y));
        svg += &format!("<path class=\"grid\" d=\"M{low} {shown}H{high}\"/>");
        let (x, y) = (px(left - 6.0), px(y + 4.0));
        svg += &format!(
            "<text class=\"end\" x=\"{x}\" y=\"{y}\">{}</text>",
            escape(label)
        );
    }
    let (low, high, base, roof) = (px(left), px(right), px(bottom), px(top));
    svg += &format!("<path class=\"axis\" d=\"M{low} {roof}V{base}H{high}\"/>");
    let (x_label, y_label) = (escape(&plot.x.label), escape(&plot.y.label));
    let (middle, y) = (px((left + right) / 2.0), px(room.height - 8.0));
    svg += &format!("<text class=\"mid\" x=\"{middle}\" y=\"{y}\">{x_label}</text>");
    if plot.small {
        svg += &format!("<text x=\"2\" y=\"12\">{y_label}</text>");
    } else {
        let middle = px((top + bottom) / 2.0);
        svg += &format!(
            "<text class=\"mid\" transform=\"translate(14 {middle}) rotate(-90)\">{y_label}</text>"
        );
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(ticks: &[f64]) -> Plot<'static> {
        Plot {
            title: "a < b",
            x: Axis {
                label: "x".into(),
                range: (0.0, 10.0),
                ticks: ticks.iter().map(|t| (*t, format!("{t}"))).collect(),
            },
            y: Axis::percent("y", (0.0, 1.0)),
            reference: None,
            small: false,
        }
    }

    #[test]
    fn points_lie_where_the_axes_say() {
        let line = Line {
            points: vec![(0.0, 0.0), (10.0, 1.0), (99.0, -5.0)],
            ..Default::default()
        };
        let svg = lines(&plot(&[0.0]), &[line]);
        // The last point is outside and is kept at the edge.
        assert!(svg.contains("d=\"M52 284L386 12L386 284\""), "{svg}");
        assert!(svg.contains("a &lt; b"));
    }

    #[test]
    fn labels_that_would_touch_are_left_out() {
        let svg = lines(&plot(&[0.0, 0.1, 5.0]), &[]);
        assert!(svg.contains(">0</text>") && svg.contains(">5</text>"));
        assert!(!svg.contains(">0.1</text>"));
    }
}
