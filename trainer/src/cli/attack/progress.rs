//! How far a suite is.

use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use crate::attack::suite::Done;
use crate::progress::time_left;

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
            let left = time_left(self.bar.eta());
            tracing::info!("{text}  {left} left");
        }
    }
}
