//! Numbers and names as a report writes them.

use crate::attack::{Access, Target};
use crate::metric::{Interval, Rate};
use crate::report::schema::{ReportFigure, ScoreLevel};

/// Text from outside, safe inside elements and quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            // Control characters are no HTML and could hide something.
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// A share in per cent with one decimal.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

/// The same, or a dash.
pub(super) fn percent_or_dash(share: Option<f64>) -> String {
    share.map_or("–".into(), percent)
}

/// Two bounds in per cent.
pub(super) fn bounds(bounds: Interval) -> String {
    format!("{}–{}", percent(bounds.low), percent(bounds.high))
}

/// A figure in per cent over its bounds, as HTML.
pub(super) fn figure(figure: Option<ReportFigure>) -> String {
    match figure {
        None => "–".into(),
        Some(ReportFigure {
            value,
            bounds: None,
        }) => percent(value),
        Some(ReportFigure {
            value,
            bounds: Some(found),
        }) => format!("{}<small>{}</small>", percent(value), bounds(found)),
    }
}

/// A difference of shares in points over its bounds, as HTML.
pub(super) fn difference(figure: Option<ReportFigure>) -> String {
    let points = |value: f64| format!("{:+.1}", value * 100.0).replace('-', "−");
    match figure {
        None => "–".into(),
        Some(found) => match found.bounds {
            None => points(found.value),
            Some(Interval { low, high }) => format!(
                "{}<small>{} to {}</small>",
                points(found.value),
                points(low),
                points(high)
            ),
        },
    }
}

/// A counted rate in per cent over its bounds and its counts, as HTML.
pub(super) fn rate(rate: &Rate) -> String {
    if rate.of == 0 {
        return "–".into();
    }
    format!(
        "{}<small>{}<br>{} of {}</small>",
        percent(rate.value),
        bounds(rate.bounds),
        count(rate.wrong as u64),
        count(rate.of as u64)
    )
}

/// The same, or a dash.
pub(super) fn rate_or_dash(found: Option<&Rate>) -> String {
    found.map_or("–".into(), rate)
}

/// Text that begins with a capital letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

/// A whole number with thin spaces between thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A number of things, in the plural unless it is one.
pub(super) fn counted(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {thing}{ending}", count(number as u64))
}

/// Seconds as people say them.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

pub(super) fn level(level: ScoreLevel) -> &'static str {
    match level {
        ScoreLevel::Frame => "frame",
        ScoreLevel::Clip => "clip",
        ScoreLevel::Video => "video",
    }
}

pub(super) fn access(access: Access) -> &'static str {
    match access {
        Access::WhiteBox => "gradients",
        Access::Scores => "scores",
        Access::Decisions => "decisions",
        Access::Transfer => "another detector",
        Access::Nothing => "nothing",
    }
}

pub(super) fn target(target: Target) -> &'static str {
    match target {
        Target::Fakes => "fakes",
        Target::Reals => "reals",
        Target::Both => "both",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_ends_an_element_or_an_attribute() {
        assert_eq!(
            escape("<b a=\"1\" c='2'>&\n"),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp; "
        );
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(123), "123");
        assert_eq!(counted(1, "pair"), "1 pair");
        assert_eq!((capital("été"), capital("")), ("Été".into(), String::new()));
        assert_eq!(
            (duration(4.25), duration(600.0)),
            ("4.2 s".into(), "10 min".into())
        );
        let found = ReportFigure {
            value: -0.021,
            bounds: Some(Interval {
                low: -0.03,
                high: 0.001,
            }),
        };
        assert_eq!(difference(Some(found)), "−2.1<small>−3.0 to +0.1</small>");
        assert_eq!(rate(&Rate::new(0, 0)), "–");
    }
}
