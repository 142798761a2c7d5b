//! One line on standard error that tells how far long work is.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::style::printable;

const FIRST_AFTER: Duration = Duration::from_millis(700);
const THEN_EVERY: Duration = Duration::from_millis(200);

/// Tells people something on standard error.
pub fn tell(text: &str) {
    // Nobody is there to be told that nobody is there.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// A line that is rewritten in place. Silent where standard error is no
/// terminal. Erases itself when dropped.
pub struct StatusLine {
    terminal: bool,
    shown: bool,
    next: Instant,
}

impl Default for StatusLine {
    fn default() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            shown: false,
            next: Instant::now() + FIRST_AFTER,
        }
    }
}

impl StatusLine {
    /// Shows what `text` says, if it is time for it.
    pub fn update(&mut self, text: impl FnOnce() -> String) {
        let now = Instant::now();
        if !self.terminal || now < self.next {
            return;
        }
        self.next = now + THEN_EVERY;
        self.shown = true;
        let line: String = printable(&text()).chars().take(100).collect();
        let mut stderr = std::io::stderr().lock();
        // Nobody is there to be told that nobody is there.
        let _ = write!(stderr, "\r\x1b[2K{line}");
        let _ = stderr.flush();
    }

    /// Takes the line away, so that something else can be printed.
    pub fn clear(&mut self) {
        if self.shown {
            self.shown = false;
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.clear();
    }
}

/// How far a file is.
pub struct Progress {
    name: String,
    total: Option<u64>,
    start: Instant,
    line: StatusLine,
}

impl Progress {
    /// `total` frames, where that is known.
    pub fn new(name: &str, total: Option<u64>) -> Self {
        let total = total.filter(|&n| n > 0);
        Self {
            name: name.into(),
            total,
            start: Instant::now(),
            line: StatusLine::default(),
        }
    }

    /// So many frames are done.
    pub fn update(&mut self, frames: u64) {
        let (name, total, start) = (&self.name, self.total, self.start);
        self.line.update(|| {
            let seconds = start.elapsed().as_secs_f64().max(1e-3);
            let rate = frames as f64 / seconds;
            match total {
                None => format!("{name}: {frames} frames, {rate:.0} a second"),
                Some(total) => {
                    let left = total.saturating_sub(frames) as f64 / rate;
                    let percent = (100 * frames / total).min(100);
                    format!("{name}: {percent} %, {rate:.0} frames a second, {left:.0} s left")
                }
            }
        });
    }
}
