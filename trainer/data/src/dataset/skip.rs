//! What gave no record, or less than hoped for, and why.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a file gave no record, or a note on one that did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// No face was found.
    NoFace,
    /// The largest face is smaller than asked for.
    TooSmall,
    /// The picture or video is damaged; the detail says what the decoder said.
    Unreadable,
    /// The video has no frames where they were looked for.
    NoFrames,
    /// The annotations name the file, but it is not there.
    MissingFile,
    /// Nothing says whether the file is real or fake.
    NoLabel,
    /// The official splits do not place the file.
    NoSplit,
    /// Preparing it stopped by a fault of the program.
    Crashed,
    /// Note: in some windows of the video no face was found.
    NoteFewerWindows,
    /// Note: real and fake differ in length; the frames after the end of the shorter are
    /// not used.
    NoteShorter,
    /// Note: real and fake differ in shape; the fake's face was looked for on its own.
    NoteShape,
    /// Note: the mask is not there or cannot be read; the face was chosen without it.
    NoteMaskMissing,
    /// Note: the mask ends before its video does; later faces were chosen without it.
    NoteMaskShort,
}

impl SkipReason {
    /// Whether the file did give records.
    pub fn is_note(self) -> bool {
        matches!(
            self,
            Self::NoteFewerWindows
                | Self::NoteShorter
                | Self::NoteShape
                | Self::NoteMaskMissing
                | Self::NoteMaskShort
        )
    }

    /// The code in `skipped.tsv`.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoFace => "no_face",
            Self::TooSmall => "too_small",
            Self::Unreadable => "unreadable",
            Self::NoFrames => "no_frames",
            Self::MissingFile => "missing_file",
            Self::NoLabel => "no_label",
            Self::NoSplit => "no_split",
            Self::Crashed => "crashed",
            Self::NoteFewerWindows => "note_fewer_windows",
            Self::NoteShorter => "note_shorter",
            Self::NoteShape => "note_shape",
            Self::NoteMaskMissing => "note_mask_missing",
            Self::NoteMaskShort => "note_mask_short",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One line of `skipped.tsv`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// The file, named as in [`super::Meta::file`].
    pub file: String,
    /// Why.
    pub reason: SkipReason,
    /// In words.
    pub detail: String,
}

impl Skip {
    pub(super) fn new(file: &str, reason: SkipReason, detail: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            reason,
            detail: detail.into(),
        }
    }
}

/// The text of `skipped.tsv`: a head line, then one line per skip.
pub(super) fn table<'a>(skips: impl Iterator<Item = &'a Skip>) -> String {
    let clean = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    let mut text = String::from("file\treason\tdetail\n");
    for skip in skips {
        text.push_str(&format!(
            "{}\t{}\t{}\n",
            clean(&skip.file),
            skip.reason,
            clean(&skip.detail)
        ));
    }
    text
}

/// How often each reason occurs.
pub(super) fn count<'a>(skips: impl Iterator<Item = &'a Skip>) -> BTreeMap<SkipReason, usize> {
    let mut counts = BTreeMap::new();
    for skip in skips {
        *counts.entry(skip.reason).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_one_line_per_skip_whatever_the_names_are() {
        let skips = [
            Skip::new("a\tb.mp4", SkipReason::Unreadable, "two\nlines"),
            Skip::new("c.mp4", SkipReason::NoteMaskShort, ""),
        ];
        assert_eq!(
            table(skips.iter()),
            "file\treason\tdetail\na b.mp4\tunreadable\ttwo lines\nc.mp4\tnote_mask_short\t\n"
        );
        assert_eq!(count(skips.iter())[&SkipReason::Unreadable], 1);
    }

    #[test]
    fn codes_are_the_stored_names() {
        for reason in [
            SkipReason::NoFace,
            SkipReason::NoteFewerWindows,
            SkipReason::MissingFile,
        ] {
            let stored = serde_json::to_string(&reason).unwrap();
            assert_eq!(stored, format!("\"{}\"", reason.code()));
        }
    }
}
