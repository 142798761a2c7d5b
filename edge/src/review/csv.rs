//! Flagged spans for a spreadsheet (RFC 4180).

use std::io::{self, Write};

use super::span::Span;
use crate::log::Decision;

const HEADER: &str = "entry,source,track,first_frame,flagged_frame,last_frame,rate_hz,\
     timecode_in,timecode_out,utc_in,utc_out,score,still_sha256,decision,note,reviewed_utc";

/// One line per span, after a line with the names of the columns.
///
/// # Errors
/// When it cannot be written.
pub fn write_csv(spans: &[Span], out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{HEADER}\r\n")?;
    for span in spans {
        let review = span.review.as_ref();
        let decision = review.map(|found| match found.decision {
            Decision::Confirmed => "confirmed",
            Decision::Dismissed => "dismissed",
        });
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let fields = [
            span.entry.to_string(),
            span.source.clone(),
            span.track.to_string(),
            span.first_frame.to_string(),
            span.flagged_frame.to_string(),
            span.last_frame.map_or(String::new(), |n| n.to_string()),
            span.rate_hz.map_or(String::new(), |hz| format!("{hz:.5}")),
            text(&span.timecode_in),
            text(&span.timecode_out),
            text(&span.utc_in),
            text(&span.utc_out),
            span.score
                .map_or(String::new(), |score| format!("{score:.4}")),
            text(&span.still),
            decision.unwrap_or_default().to_owned(),
            review.map_or(String::new(), |found| found.note.clone()),
            review
                .and_then(|found| found.utc.clone())
                .unwrap_or_default(),
        ];
        let fields = fields.map(|field| quoted(&field));
        write!(out, "{}\r\n", fields.join(","))?;
    }
    Ok(())
}

/// A field; quoted where that is needed. Text that a spreadsheet would take for a
/// formula is kept from that by an apostrophe.
fn quoted(field: &str) -> String {
    let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let field = if is_formula {
        format!("'{field}")
    } else {
        field.to_owned()
    };
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_are_no_formulae() {
        for (field, wanted) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("", ""),
        ] {
            assert_eq!(quoted(field), wanted);
        }
    }
}
