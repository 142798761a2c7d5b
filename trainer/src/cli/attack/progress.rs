//! How far a suite is.

use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use crate::attack::suite::Done;

/// Pause between lines where there is no terminal to draw on.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// A bar in units of estimated milliseconds.
pub(super) struct Progress {
    pub bar: ProgressBar,
    last_line: std::cell::Cell<Instant>,
}

impl Progress {
    pub fn new(seconds: f64) -> Result<Self> {
        let bar = ProgressBar::new((seconds * 1e3) as u64);
        let style = "{bar:24} {percent} %  {msg}  {elapsed} gone, {eta} left";
        bar.set_style(ProgressStyle::with_template(style)?);
        Ok(Self {
            bar,
            last_line: std::cell::Cell::new(Instant::now()),
        })
    }

    /// Counts a step that took `seconds` by the estimate.
    pub fn advance(&self, done: &Done<'_>, seconds: f64, batches: usize) {
        self.bar.inc((seconds * 1e3) as u64);
        if done.resumed {
            self.bar.reset_eta();
        }
        let text = format!("batch {}/{batches}, {}", done.batch + 1, done.member.1);
        self.bar.set_message(text.clone());
        if self.bar.is_hidden() && self.last_line.get().elapsed() > LINE_EVERY {
            self.last_line.set(Instant::now());
            let left = self.bar.eta().as_secs().div_ceil(60);
            tracing::info!("{text}  {left} min left");
        }
    }
}

/// Seconds in the unit that suits them.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
