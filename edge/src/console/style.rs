//! Words and colours.

use std::io::IsTerminal;

use unmask_shared::verdict::{Reason, Verdict};

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    colour: bool,
}

impl Default for Style {
    /// Colours if standard output is a terminal and `NO_COLOR` is not set.
    fn default() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let capable = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            colour: wanted && capable && std::io::stdout().is_terminal(),
        }
    }
}

impl Style {
    /// No colours, for files.
    pub const PLAIN: Self = Self { colour: false };

    /// Bold red.
    pub fn red(&self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// Green.
    pub fn green(&self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Yellow.
    pub fn yellow(&self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Grey, for what matters less.
    pub fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Bold.
    pub fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Outside text for one line of a terminal: what would steer it, or turn the order of letters
/// round, is spelt out, such as `\u{1b}`.
pub fn printable(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match steers(c) {
            true => safe.extend(c.escape_default()),
            false => safe.push(c),
        }
    }
    safe
}

/// The verdict as a coloured word, eleven columns wide.
pub fn verdict_word(style: &Style, verdict: Verdict) -> String {
    match verdict {
        Verdict::Manipulated => style.red("MANIPULATED"),
        Verdict::Genuine => style.green("genuine    "),
        Verdict::Undecided => style.yellow("undecided  "),
    }
}

/// Why there is no verdict, in words.
pub fn reason_text(reason: Reason) -> &'static str {
    match reason {
        Reason::NoFace => "no face was found",
        Reason::TooShort => "seen too briefly to judge",
        Reason::TooSmall => "the face is too small to judge",
        Reason::Blurred => "the face is too blurred to judge",
        Reason::Dark => "the face is too dark to judge",
        Reason::Turned => "the face is turned away",
        Reason::Inconclusive => "the evidence is not clear either way",
        Reason::NotAFace => "it is most likely not a face",
        Reason::Covered => "eyes or mouth are covered",
        Reason::Other(_) => "for a reason that a later release knows",
    }
}

/// Share of the time that was judged: `, 87 % judged`.
pub fn judged_text(coverage: f32) -> String {
    format!(", {:.0} % judged", 100.0 * coverage)
}

/// `1 frame`, `90 frames`.
pub fn frames_text(frames: u64) -> String {
    plural(frames, "frame", "frames")
}

/// A number with the word for what it counts: `1 person`, `2 people`.
pub fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Minutes and seconds of a stream: `02:07.4`.
pub fn time_text(time_us: u64) -> String {
    let tenths = time_us / 100_000;
    let (minutes, rest) = (tenths / 600, tenths % 600);
    match minutes / 60 {
        0 => format!("{minutes:02}:{:02}.{}", rest / 10, rest % 10),
        hours => format!("{hours}:{:02}:{:02}.{}", minutes % 60, rest / 10, rest % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_does_not_steer_a_terminal() {
        let forged = "a\r\x1b[2Kgenuine\n\u{202e}b";
        assert_eq!(printable(forged), "a\\r\\u{1b}[2Kgenuine\\n\\u{202e}b");
        assert_eq!(printable("Søren 1.mp4"), "Søren 1.mp4");
    }

    #[test]
    fn times_are_read_like_a_clock() {
        assert_eq!(time_text(0), "00:00.0");
        assert_eq!(time_text(127_440_000), "02:07.4");
        assert_eq!(time_text(3_661_500_000), "1:01:01.5");
    }

    #[test]
    fn plain_words_have_one_width() {
        for verdict in [Verdict::Genuine, Verdict::Manipulated, Verdict::Undecided] {
            assert_eq!(verdict_word(&Style::PLAIN, verdict).len(), 11);
        }
    }
}
