//! The report for people.

use std::io::{self, Write};

use unmask_shared::verdict::Verdict;

use crate::console::style::{
    Style, frames_text, judged_text, printable, reason_text, verdict_word,
};
use crate::source::MediaKind;

use super::{MediaReport, PathReport, TrackReport};

/// Where there are more faces, only the manipulated ones get a line.
const FACES_MAX: usize = 8;

/// Writes one line per path, and one per face where there are several.
#[derive(Debug, Default)]
pub(super) struct TextReport {
    style: Style,
    counts: [u64; 4],
}

impl TextReport {
    pub(super) fn write(&mut self, report: &PathReport, out: &mut dyn Write) -> io::Result<()> {
        match report {
            PathReport::Failed { path, error, .. } => {
                self.counts[3] += 1;
                let word = self.style.red("ERROR      ");
                let names_it = error.contains(path.as_str());
                let (path, error) = (printable(path), printable(error));
                if names_it {
                    return writeln!(out, "{word}  {error}");
                }
                writeln!(out, "{word}  {path}: {error}")
            }
            PathReport::Done(done) => {
                self.counts[done.verdict as usize] += 1;
                self.write_done(done, out)
            }
        }
    }

    fn write_done(&self, done: &MediaReport, out: &mut dyn Write) -> io::Result<()> {
        let word = verdict_word(&self.style, done.verdict);
        write!(
            out,
            "{word}  {}  {}",
            score_text(done.score),
            printable(&done.path)
        )?;
        match done.kind {
            MediaKind::Image => write!(out, "  picture")?,
            MediaKind::Video => write!(out, "  {}", frames_text(done.frames))?,
        }
        match done.faces {
            0 => {}
            1 => write!(out, ", 1 face")?,
            n => write!(out, ", {n} faces")?,
        }
        match (done.decided_by, done.faces, &done.tracks[..]) {
            (Some(face), 2.., _) => write!(out, ", decided by face {face}")?,
            (_, _, [track]) if done.kind == MediaKind::Video => {
                write!(out, "{}", judged_text(track.coverage))?;
            }
            _ => {}
        }
        match done.reason {
            Some(reason) => writeln!(out, ": {}", reason_text(reason))?,
            None => writeln!(out)?,
        }
        if let Some(damage) = &done.damage {
            writeln!(out, "  damaged: {}", printable(damage))?;
        }
        match done.tracks.len() {
            0 | 1 => Ok(()),
            _ => self.write_tracks(done, out),
        }
    }

    fn write_tracks(&self, done: &MediaReport, out: &mut dyn Write) -> io::Result<()> {
        let few = done.tracks.len() <= FACES_MAX;
        let worth_a_line = |track: &&TrackReport| few || track.verdict == Verdict::Manipulated;
        let mut lines = 0;
        for track in done.tracks.iter().filter(worth_a_line).take(FACES_MAX) {
            self.write_track(done.kind, track, out)?;
            lines += 1;
        }
        match done.faces.saturating_sub(lines) {
            0 => Ok(()),
            others => writeln!(out, "  and {others} more faces; --format jsonl lists them"),
        }
    }

    fn write_track(
        &self,
        kind: MediaKind,
        track: &TrackReport,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let word = verdict_word(&self.style, track.verdict);
        write!(
            out,
            "  {word}  {}  face {}",
            score_text(track.score),
            track.id
        )?;
        if kind == MediaKind::Video {
            let (first, last) = (track.first_frame, track.last_frame);
            let judged = judged_text(track.coverage);
            write!(out, ", frames {first} to {last}{judged}")?;
        }
        match track.reason {
            Some(reason) => writeln!(out, ": {}", reason_text(reason)),
            None => writeln!(out),
        }
    }

    /// A line that sums up, where there was more than one path.
    pub(super) fn end(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.counts.iter().sum::<u64>() < 2 {
            return Ok(());
        }
        let count = |verdict: Verdict| self.counts[verdict as usize];
        write!(
            out,
            "\n{} manipulated, {} genuine, {} undecided",
            count(Verdict::Manipulated),
            count(Verdict::Genuine),
            count(Verdict::Undecided)
        )?;
        match self.counts[3] {
            0 => writeln!(out),
            errors => writeln!(out, ", {errors} could not be read"),
        }
    }
}

fn score_text(score: Option<f32>) -> String {
    score.map_or_else(|| "  - ".into(), |s| format!("{s:.2}"))
}
