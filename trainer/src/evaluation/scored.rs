//! Scores as a table for other programs.

use std::io::{self, Write};

use super::{Scores, Stored};

/// Columns of the table.
pub const COLUMNS: &str = "path,person,kind,frame,logit,logit_attacked,label,source,set";

/// Writes one line per decision, after one with the names of the columns: first the held-out pairs
/// (`set` is `pairs`), then the decisions on stored videos (`videos`).
///
/// `path` is the file that a face was cut from, `person` who must not be split, `kind` what was done
/// to a fake (a pseudo-fake of a face of the data has the path of that face), `label` 1 for fakes,
/// `frame` the number of the decision within its clip, and logits grow with manipulation;
/// `logit_attacked` is empty without an attack.
///
/// # Errors
/// When it cannot be written.
pub fn write_scores(pairs: &Scores, stored: &Stored, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{COLUMNS}")?;
    for (at, (logit, fake)) in pairs.clean.iter().zip(&pairs.fake).enumerate() {
        let origin = pairs.origins.get(at).cloned().unwrap_or_default();
        let kind = match (fake, pairs.kinds.get(at / 2)) {
            (true, Some(kind)) => kind.as_str(),
            _ => "",
        };
        let attacked = pairs.attacked.get(at);
        let row = Row {
            set: "pairs",
            path: &origin.file,
            person: &origin.group,
            source: &origin.source,
            kind,
            fake: *fake,
            frame: 0,
            logit: *logit,
            attacked: attacked.copied(),
        };
        row.write(out)?;
    }
    let decisions = &stored.decisions;
    let mut at = 0;
    for clip in &stored.logits {
        for (frame, logit) in clip.iter().enumerate() {
            let origin = decisions.origins.get(at).cloned().unwrap_or_default();
            let fake = decisions.fake.get(at).copied().unwrap_or_default();
            let kind = origin.kind.as_ref().or(origin.method.as_ref());
            let row = Row {
                set: "videos",
                path: &origin.file,
                person: &origin.group,
                source: &origin.source,
                kind: kind.filter(|_| fake).map_or("", String::as_str),
                fake,
                frame,
                logit: *logit,
                attacked: decisions.attacked.get(at).copied(),
            };
            row.write(out)?;
            at += 1;
        }
    }
    Ok(())
}

struct Row<'a> {
    set: &'a str,
    path: &'a str,
    person: &'a str,
    source: &'a str,
    kind: &'a str,
    fake: bool,
    frame: usize,
    logit: f32,
    attacked: Option<f32>,
}

impl Row<'_> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let attacked = self
            .attacked
            .map_or(String::new(), |logit| logit.to_string());
        let texts = [self.path, self.person, self.kind].map(quoted);
        writeln!(
            out,
            "{},{},{},{attacked},{},{},{}",
            texts.join(","),
            self.frame,
            self.logit,
            u8::from(self.fake),
            quoted(self.source),
            self.set
        )
    }
}

/// A field after RFC 4180.
pub(crate) fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::{Origin, ScoreSet};

    fn origin(file: &str, kind: Option<&str>) -> Origin {
        Origin {
            group: "ann".into(),
            source: "ours".into(),
            file: file.into(),
            kind: kind.map(str::to_owned),
            ..Origin::default()
        }
    }

    #[test]
    fn every_decision_has_a_line() {
        let pairs = Scores {
            clean: vec![-1.5, 2.25],
            attacked: vec![-1.0, 0.5],
            fake: vec![false, true],
            kinds: vec!["swap".into()],
            origins: vec![origin("a, b.mp4", None), origin("a, b.mp4", None)],
            ..Scores::default()
        };
        let decisions = ScoreSet {
            clean: vec![0.5, 1.0, 3.0],
            fake: vec![true; 3],
            origins: vec![origin("c.mp4", Some("lip-sync")); 3],
            ..ScoreSet::default()
        };
        let stored = Stored {
            decisions,
            logits: vec![vec![0.5, 1.0], vec![3.0]],
            ..Stored::default()
        };
        let mut out = Vec::new();
        write_scores(&pairs, &stored, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                COLUMNS,
                "\"a, b.mp4\",ann,,0,-1.5,-1,0,ours,pairs",
                "\"a, b.mp4\",ann,swap,0,2.25,0.5,1,ours,pairs",
                "c.mp4,ann,lip-sync,0,0.5,,1,ours,videos",
                "c.mp4,ann,lip-sync,1,1,,1,ours,videos",
                "c.mp4,ann,lip-sync,0,3,,1,ours,videos",
            ]
        );
    }
}
