//! One line on standard error that tells how far long work is.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::style::printable;

const FIRST_AFTER: Duration = Duration::from_millis(700);
const THEN_EVERY: Duration = Duration::from_millis(200);
/// Pause between lines where there is no terminal to draw on.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Tells people something on standard error.
pub fn tell(text: &str) {
    // Nobody is there to be told that nobody is there.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// A line that is rewritten in place. Where standard error is no terminal it is silent, or an
/// ordinary line now and then. Erases itself when dropped.
pub struct StatusLine {
    terminal: bool,
    /// Between lines where there is no terminal; `None` for none.
    line_every: Option<Duration>,
    shown: bool,
    next: Instant,
}

impl Default for StatusLine {
    fn default() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            line_every: None,
            shown: false,
            next: Instant::now() + FIRST_AFTER,
        }
    }
}

impl StatusLine {
    /// One that writes a line every now and then where there is no terminal: for work that ends,
    /// not for a service, whose journal it would fill.
    pub fn with_lines() -> Self {
        let mut line = Self {
            line_every: Some(LINE_EVERY),
            ..Self::default()
        };
        if !line.terminal {
            line.next = Instant::now() + LINE_EVERY;
        }
        line
    }

    /// Shows what `text` says, if it is time for it.
    pub fn update(&mut self, text: impl FnOnce() -> String) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        if !self.terminal {
            if let Some(pause) = self.line_every {
                self.next = now + pause;
                tell(&format!("{}\n", printable(&text())));
            }
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
pub struct FileProgress {
    name: String,
    total: Option<u64>,
    start: Instant,
    line: StatusLine,
}

impl FileProgress {
    /// `total` frames, where that is known.
    pub fn new(name: &str, total: Option<u64>) -> Self {
        let total = total.filter(|&n| n > 0);
        Self {
            name: name.into(),
            total,
            start: Instant::now(),
            line: StatusLine::with_lines(),
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
