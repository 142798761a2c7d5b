//! What `run` prints.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use unmask_shared::event::{Event, EventKind};
use unmask_shared::verdict::Verdict;

use crate::console::style::{
    Style, frames_text, judged_text, plural, printable, reason_text, time_text, verdict_word,
};

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON event record per line.
    Jsonl,
}

/// What became of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StreamSummary {
    /// Frames that were looked at.
    pub frames: u64,
    /// Frames that were left out because they came too late (`--realtime`).
    pub frames_dropped: u64,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Shots: one more than cuts.
    pub shots: u64,
    /// Microseconds of the streams that were watched, by their time stamps.
    pub watched_us: u64,
    /// Times that somebody was called manipulated.
    pub spans: u64,
    /// People called manipulated in the end, or for a while
    /// ([`crate::person::HELD_S_MIN`]).
    pub manipulated: u64,
    /// People found genuine in the end.
    pub genuine: u64,
    /// People that could not be judged.
    pub undecided: u64,
}

/// Writes events as they come.
#[derive(Debug)]
pub struct EventPrinter {
    format: EventFormat,
    style: Style,
}

impl EventPrinter {
    /// Colours are used where standard output is a terminal.
    pub fn new(format: EventFormat) -> Self {
        Self {
            format,
            style: Style::default(),
        }
    }

    /// Writes one event.
    pub fn event(&self, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            EventFormat::Jsonl => {
                serde_json::to_writer(&mut *out, event)?;
                out.write_all(b"\n")?;
            }
            EventFormat::Text => self.line(event, out)?,
        }
        out.flush()
    }

    fn line(&self, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        let time = self.style.dim(&time_text(event.time_us));
        if let Some(what) = camera_text(event.kind) {
            let text = format!("camera {}: {what}", printable(&event.source));
            return writeln!(out, "{time}  {}", self.style.red(&text));
        }
        write!(out, "{time}  person {:<3} ", event.track)?;
        let score = event
            .score
            .map_or_else(String::new, |s| format!("score {s:.2}, "));
        match event.kind {
            EventKind::TrackStarted => writeln!(out, "{}", self.style.dim("comes into view")),
            EventKind::VerdictChanged => {
                let after = event.frame - event.first_frame + 1;
                let word = verdict_word(&self.style, event.verdict);
                writeln!(out, "{word}  {score}after {}", frames_text(after))
            }
            EventKind::TrackEnded => {
                let word = event.verdict.to_string();
                let why = event
                    .reason
                    .map_or_else(String::new, |r| format!(": {}", reason_text(r)));
                let judged = event.coverage.map(judged_text).unwrap_or_default();
                let text = format!("leaves       {score}{word}{judged}{why}");
                writeln!(out, "{}", self.style.dim(&text))
            }
            // Told above.
            _ => Ok(()),
        }
    }

    /// A line that sums the stream up; nothing in JSON.
    pub fn end(&self, summary: &StreamSummary, out: &mut dyn Write) -> io::Result<()> {
        if self.format == EventFormat::Jsonl {
            return Ok(());
        }
        let people = summary.manipulated + summary.genuine + summary.undecided;
        let rate = summary.frames as f64 / summary.seconds.max(1e-3);
        let who = match people {
            0 => "Nobody was seen".to_owned(),
            n => plural(n, "person", "people"),
        };
        write!(
            out,
            "\n{who} in {} of {} ({} watched in {:.1} s, {rate:.0} frames a second)",
            frames_text(summary.frames),
            plural(summary.shots, "shot", "shots"),
            time_text(summary.watched_us),
            summary.seconds
        )?;
        if summary.frames_dropped > 0 {
            write!(
                out,
                ", {} left out to keep up",
                frames_text(summary.frames_dropped)
            )?;
        }
        if people == 0 {
            return writeln!(out, ".");
        }
        let manipulated = format!("{} manipulated", summary.manipulated);
        let manipulated = if summary.manipulated > 0 {
            verdict_colour(&self.style, Verdict::Manipulated, &manipulated)
        } else {
            manipulated
        };
        writeln!(
            out,
            ": {manipulated}, {} genuine, {} undecided; {} flagged.",
            summary.genuine,
            summary.undecided,
            plural(summary.spans, "span", "spans")
        )
    }
}

/// What happened to a camera, where it is about one.
fn camera_text(kind: EventKind) -> Option<&'static str> {
    match kind {
        EventKind::TrackStarted
        | EventKind::VerdictChanged
        | EventKind::TrackEnded
        | EventKind::Other(_) => None,
        EventKind::CameraLost => Some("delivers nothing; nobody is in view"),
        EventKind::CameraBack => Some("delivers again"),
        EventKind::CameraNotEnrolled => Some("possible injection: it is not enrolled"),
        EventKind::CameraVirtual => Some("possible injection: it may be made by software"),
        EventKind::CameraReplaced => Some("possible injection: it is another one than before"),
    }
}

fn verdict_colour(style: &Style, verdict: Verdict, text: &str) -> String {
    match verdict {
        Verdict::Manipulated => style.red(text),
        Verdict::Genuine => style.green(text),
        Verdict::Undecided => style.yellow(text),
    }
}
