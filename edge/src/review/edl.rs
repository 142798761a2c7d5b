//! Flagged spans as an edit list (CMX 3600), for editing systems.

use std::collections::HashMap;
use std::io::{self, Write};

use super::span::{Counted, Span};
use super::timecode::Rate;
use crate::log::Decision;
use crate::report::style::printable;

/// Most events of a list: their numbers have three digits.
pub const EVENTS_MAX: usize = 999;
/// Highest rate whose frames have two digits.
const NOMINAL_MAX: u64 = 99;
/// Letters of a reel's name.
const REEL_LETTERS: usize = 8;

/// Why there can be no edit list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EdlError {
    /// Nobody knows at what rate the timecode counts.
    #[error("entry {0} does not tell the rate of its frames: give it with --rate")]
    NoRate(u64),
    /// Frames have two digits in an edit list.
    #[error("an edit list has no rate of {0} frames per second: give another one with --rate")]
    Rate(u64),
    /// Events have three digits.
    #[error(
        "an edit list has at most {EVENTS_MAX} events, there are {0}: look through fewer entries with --entries, or take csv"
    )]
    TooMany(usize),
}

/// Writes the spans in the order in which they are given, one after the other on the record side
/// from 00:00:00:00 on; source timecodes are those of the stream, the out points the frames after
/// the last ones. A span whose end is not known has one frame and says so.
///
/// # Errors
/// When the spans do not fit into an edit list; nothing was written then. Or the writer refuses.
pub fn write_edl<'a>(
    spans: impl Iterator<Item = &'a Span>,
    out: &mut dyn Write,
) -> io::Result<Result<(), EdlError>> {
    let mut events = Vec::new();
    for span in spans {
        let Some(edges) = span.counted else {
            return Ok(Err(EdlError::NoRate(span.entry)));
        };
        if edges.rate.nominal() > NOMINAL_MAX {
            return Ok(Err(EdlError::Rate(edges.rate.nominal())));
        }
        events.push((span, edges));
    }
    if events.len() > EVENTS_MAX {
        return Ok(Err(EdlError::TooMany(events.len())));
    }
    write_events(&events, out).map(Ok)
}

fn write_events(events: &[(&Span, Counted)], out: &mut dyn Write) -> io::Result<()> {
    write!(out, "TITLE: UNMASK FLAGGED SPANS\r\n")?;
    let mut reels = Reels::default();
    let mut at: Option<(Rate, u64)> = None;
    for (number, (span, edges)) in events.iter().enumerate() {
        let rate = edges.rate;
        // Where the rate changes, the record side begins anew.
        let recorded = match at {
            Some((last, frame)) if last == rate => frame,
            _ => {
                let mode = if rate.is_drop() { "DROP" } else { "NON-DROP" };
                write!(out, "FCM: {mode} FRAME\r\n")?;
                0
            }
        };
        let after = edges.after.unwrap_or(edges.first + 1);
        let until = recorded + after.saturating_sub(edges.first);
        write!(
            out,
            "{:03}  {:<8} V     C        {} {} {} {}\r\n",
            number + 1,
            reels.name(&span.source),
            rate.timecode(edges.first),
            rate.timecode(after),
            rate.timecode(recorded),
            rate.timecode(until),
        )?;
        write!(out, "* FROM CLIP NAME: {}\r\n", printable(&span.source))?;
        write!(out, "* COMMENT: {}\r\n", comment(span))?;
        at = Some((rate, until));
    }
    Ok(())
}

fn comment(span: &Span) -> String {
    let mut text = format!("MANIPULATED PERSON {} ENTRY {}", span.track, span.entry);
    if let Some(score) = span.score {
        text += &format!(" SCORE {score:.2}");
    }
    if span.last_frame.is_none() {
        text += " END NOT KNOWN";
    }
    if let Some(found) = &span.review {
        text += match found.decision {
            Decision::Confirmed => " CONFIRMED",
            Decision::Dismissed => " DISMISSED",
        };
        if !found.note.is_empty() {
            text += &format!(": {}", printable(&found.note));
        }
    }
    text
}

/// Names of sources in letters and digits, each its own.
#[derive(Default)]
struct Reels(HashMap<String, String>);

impl Reels {
    fn name(&mut self, source: &str) -> &str {
        if !self.0.contains_key(source) {
            let name = self.fresh(source);
            self.0.insert(source.to_owned(), name);
        }
        self.0.get(source).map_or("AX", String::as_str)
    }

    fn fresh(&self, source: &str) -> String {
        let file = source.rsplit('/').next().unwrap_or(source);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let letters = stem.chars().filter(char::is_ascii_alphanumeric);
        let mut name: String = letters.take(REEL_LETTERS).collect();
        name.make_ascii_uppercase();
        if name.is_empty() {
            name = "SOURCE".into();
        }
        let mut tried = name.clone();
        let mut number = 2;
        while self.0.values().any(|taken| *taken == tried) {
            let digits = number.to_string();
            let kept = name.len().min(REEL_LETTERS.saturating_sub(digits.len()));
            tried = format!("{}{digits}", name.get(..kept).unwrap_or_default());
            number += 1;
        }
        tried
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reels_have_eight_letters_and_are_not_mixed_up() {
        let mut reels = Reels::default();
        for (source, name) in [
            ("/feeds/evening news 20.ts", "EVENINGN"),
            ("/feeds/evening news 21.ts", "EVENING2"),
            ("/feeds/evening news 20.ts", "EVENINGN"),
            ("door", "DOOR"),
            ("\u{0416}.mp4", "SOURCE"),
        ] {
            assert_eq!(reels.name(source), name, "{source}");
        }
    }
}
