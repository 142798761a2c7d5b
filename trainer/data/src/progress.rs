//! How far long work is: a bar on a terminal, a line now and then elsewhere.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// Pause between lines where there is no terminal to draw on.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Counts what is done, with the time left. May be shared between threads.
pub struct Bar {
    bar: ProgressBar,
    what: String,
    unit: &'static str,
    /// When the last line was told.
    told: Mutex<Instant>,
}

impl Bar {
    /// `what` is being done with so many of `unit`, such as `files`.
    ///
    /// # Errors
    /// Never, in practice: when the style of the bar is refused.
    pub fn new(what: &str, total: usize, unit: &'static str) -> Result<Self> {
        let style = format!("{what}  {{bar:24}} {{pos}}/{{len}} {unit}  {{eta}} left");
        let bar = ProgressBar::new(total as u64);
        Ok(Self {
            bar: bar.with_style(ProgressStyle::with_template(&style)?),
            what: what.to_owned(),
            unit,
            told: Mutex::new(Instant::now()),
        })
    }

    /// So many were done before, by a run that was stopped.
    pub fn resume(&self, done: usize) {
        self.bar.set_position(done as u64);
        self.bar.reset_eta();
    }

    /// So many more are done.
    pub fn advance(&self, count: usize) {
        self.bar.inc(count as u64);
        self.tell();
    }

    /// So many are done.
    pub fn reach(&self, done: usize) {
        self.bar.set_position(done as u64);
        self.tell();
    }

    /// So many of so many are done.
    pub fn reach_of(&self, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.reach(done);
    }

    fn tell(&self) {
        if self.bar.is_hidden()
            && let Ok(mut told) = self.told.lock()
            && told.elapsed() >= LINE_EVERY
        {
            *told = Instant::now();
            tracing::info!("{}", self.line());
        }
    }

    /// Tells something beside the bar.
    pub fn say(&self, text: &str) {
        say_beside(&self.bar, text);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self) -> String {
        let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
        let left = time_left(self.bar.eta());
        format!("{}: {done} of {all} {}, {left} left", self.what, self.unit)
    }
}

/// Tells something above a bar, or as a line where there is none.
pub fn say_beside(bar: &ProgressBar, text: &str) {
    if bar.is_hidden() {
        tracing::info!("{text}");
    } else {
        bar.println(text);
    }
}

/// `40 s`, `12 min`, `3.5 h`.
pub fn time_left(left: Duration) -> String {
    match left.as_secs_f64() {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_done_and_how_long_it_takes() {
        let bar = Bar::new("analysing", 40, "files").unwrap();
        bar.resume(10);
        bar.advance(5);
        let line = bar.line();
        assert!(line.starts_with("analysing: 15 of 40 files, "), "{line}");
        assert!(line.ends_with(" left") && !line.contains('\x1b'), "{line}");
    }

    #[test]
    fn times_are_in_the_unit_that_suits_them() {
        let told = |s| time_left(Duration::from_secs(s));
        assert_eq!(told(40), "40 s");
        assert_eq!(told(720), "12 min");
        assert_eq!(told(12_600), "3.5 h");
    }
}
