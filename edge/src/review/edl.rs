//! Flagged spans as an edit list (CMX 3600), for editing systems.

use std::collections::HashMap;
use std::io::{self, Write};

use super::span::{Counted, Span};
use super::timecode::FrameRate;
use crate::console::style::printable;
use crate::log::Decision;

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
    let mut at: Option<(FrameRate, u64)> = None;
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

    fn span(source: &str, entry: u64, hz: f64, edges: (u64, Option<u64>)) -> Span {
        let rate = FrameRate::new(hz).expect("a rate");
        let (first, after) = edges;
        Span {
            entry,
            source: source.into(),
            track: 1,
            first_frame: first,
            flagged_frame: first + 3,
            last_frame: after.map(|after| after - 1),
            rate_hz: Some(rate.hz()),
            timecode_in: Some(rate.timecode(first)),
            timecode_out: after.map(|after| rate.timecode(after)),
            utc_in: None,
            utc_out: None,
            score: Some(0.99),
            still: None,
            review: None,
            counted: Some(Counted {
                rate,
                first,
                after,
                start: 0,
            }),
        }
    }

    fn edl(spans: &[Span]) -> String {
        let mut out = Vec::new();
        write_edl(spans.iter(), &mut out)
            .expect("it is written")
            .expect("it fits");
        String::from_utf8(out).expect("text")
    }

    /// OpenTimelineIO 0.18.1 with otio-cmx3600-adapter 1.0.0 (`edge/tests/oracles/edl.py`) reads the
    /// text below, whose spans are given here, as
    ///
    /// /feeds/news.ts 1798 4
    /// /feeds/news.ts 17982 100
    /// /feeds/late.ts 107892 1
    #[test]
    fn an_edit_list_says_the_frames_that_are_flagged() {
        let spans = [
            span("/feeds/news.ts", 4, 29.97, (1_798, Some(1_802))),
            span("/feeds/news.ts", 9, 29.97, (17_982, Some(18_082))),
            span("/feeds/late.ts", 12, 29.97, (107_892, None)),
        ];
        let text = edl(&spans);
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(
            lines,
            [
                "TITLE: UNMASK FLAGGED SPANS",
                "FCM: DROP FRAME",
                "001  NEWS     V     C        00:00:59;28 00:01:00;04 00:00:00;00 00:00:00;04",
                "* FROM CLIP NAME: /feeds/news.ts",
                "* COMMENT: MANIPULATED PERSON 1 ENTRY 4 SCORE 0.99",
                "002  NEWS     V     C        00:10:00;00 00:10:03;10 00:00:00;04 00:00:03;14",
                "* FROM CLIP NAME: /feeds/news.ts",
                "* COMMENT: MANIPULATED PERSON 1 ENTRY 9 SCORE 0.99",
                "003  LATE     V     C        01:00:00;00 01:00:00;01 00:00:03;14 00:00:03;15",
                "* FROM CLIP NAME: /feeds/late.ts",
                "* COMMENT: MANIPULATED PERSON 1 ENTRY 12 SCORE 0.99 END NOT KNOWN",
                "",
            ]
        );
    }

    /// The record side stays at zero: where in the programme the list is used is for who edits.
    #[test]
    fn timecodes_of_the_source_count_from_where_the_tape_begins() {
        let mut spans = [
            span("/feeds/news.ts", 4, 29.97, (0, Some(1_800))),
            span("/feeds/news.ts", 9, 29.97, (17_982, None)),
        ];
        let start = "01:00:00;00".parse().expect("a timecode");
        for span in &mut spans {
            span.start_at(start).expect("a frame");
        }
        assert_eq!(spans[0].timecode_in.as_deref(), Some("01:00:00;00"));
        assert_eq!(spans[0].timecode_out.as_deref(), Some("01:01:00;02"));
        let text = edl(&spans);
        for line in [
            "001  NEWS     V     C        01:00:00;00 01:01:00;02 00:00:00;00 00:01:00;02",
            "002  NEWS     V     C        01:10:00;00 01:10:00;01 00:01:00;02 00:01:00;03",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let mut slow = span("a", 3, 25.0, (0, None));
        assert!(slow.start_at(start).is_err());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |spans: &[Span]| {
            let mut out = Vec::new();
            let error = write_edl(spans.iter(), &mut out).expect("a vector").err();
            assert!(out.is_empty());
            error
        };
        let nowhere = Span {
            counted: None,
            ..span("a", 3, 25.0, (0, Some(1)))
        };
        assert_eq!(refused(&[nowhere]), Some(EdlError::NoRate(3)));
        let fast = span("a", 3, 240.0, (0, Some(1)));
        assert_eq!(refused(&[fast]), Some(EdlError::Rate(240)));
        let many = vec![span("a", 3, 25.0, (0, Some(1))); EVENTS_MAX + 1];
        assert_eq!(refused(&many), Some(EdlError::TooMany(1000)));
    }
}
