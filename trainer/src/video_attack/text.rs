//! Attacked videos in words and tables.

use unmask_shared::verdict::Verdict;

use super::outcome::{VideoOutcome, right};
use super::report::{NoiseRow, VideoAttackReport};
use crate::evaluation::VerdictRates;

/// Title of the section of a card.
const TITLE: &str = "## Videos under attack";

/// One video in a line.
pub(super) fn line(outcome: &VideoOutcome) -> String {
    let path = &outcome.path;
    if let Some(error) = &outcome.error {
        return format!("{path}: not attacked: {error}");
    }
    if !outcome.is_right() {
        return format!("{path}: {} before any attack", outcome.before);
    }
    let wrong = right(!outcome.fake);
    let noise = outcome
        .flipped_at()
        .map(|epsilon| format!("noise of {epsilon}/255"));
    let changes = outcome.filtered.iter().chain(&outcome.printed);
    let changes = changes.filter(|of| of.verdict == wrong);
    let all = noise.into_iter().chain(changes.map(|of| of.change.clone()));
    match all.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => format!("{path}: never {wrong}"),
        all => format!("{path}: {wrong} by {all}"),
    }
}

/// The rows for a terminal.
pub fn table(report: &VideoAttackReport) -> String {
    let mut text = format!(
        "{}: {}\nvideos that were judged rightly before, per cent, bounds at 95 % over people\n\n\
         {:6} {:>8} {:>8} {:>6} {:>6}  {:>20} {:>20} {:>20} {:>10}\n",
        report.bundle,
        report.conditions,
        "class",
        "epsilon",
        "H.264",
        "videos",
        "people",
        "manipulated",
        "undecided",
        "genuine",
        "decisions"
    );
    for row in &report.rows {
        let [manipulated, undecided, genuine] = verdicts(&row.verdicts);
        text += &format!(
            "{:6} {:>8} {:>8} {:>6} {:>6}  {manipulated:>20} {undecided:>20} {genuine:>20} {:>10}\n",
            class(row.fake),
            format!("{}/255", row.epsilon),
            coding(row),
            row.verdicts.files,
            row.verdicts.people,
            decisions(row)
        );
    }
    for row in &report.changes {
        let [manipulated, undecided, genuine] = verdicts(&row.verdicts);
        text += &format!(
            "{:6} {:>17} {:>6} {:>6}  {manipulated:>20} {undecided:>20} {genuine:>20}\n",
            class(row.fake),
            row.change,
            row.verdicts.files,
            row.verdicts.people
        );
    }
    text + &least(report)
}

/// What the card of a bundle says.
pub fn card_of_video_attack(report: &VideoAttackReport) -> String {
    let mut text = format!(
        "{TITLE}\n\nFrames were changed before the program found, cut and judged the faces in them, and \
         `unmask-edge analyze` judged the files. The attacker knows the network, not where the program \
         cuts. {}. Videos that were judged rightly before; per cent, bounds at 95 % over people. \
         *Decisions*: the median until the verdict was what the attacker wanted, where it was.\n\n\
         | class | epsilon | H.264 | videos | people | manipulated | undecided | genuine | decisions |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        report.conditions
    );
    for row in &report.rows {
        text += &format!(
            "| {} | {}/255 | {} | {} | {} | {} | {} |\n",
            class(row.fake),
            row.epsilon,
            coding(row),
            row.verdicts.files,
            row.verdicts.people,
            verdicts(&row.verdicts).join(" | "),
            decisions(row)
        );
    }
    if !report.changes.is_empty() {
        text += "\nFilters are of the whole picture, patches on every face:\n\n\
                 | class | change | files | people | manipulated | undecided | genuine |\n\
                 |---|---|---|---|---|---|---|\n";
    }
    for row in &report.changes {
        text += &format!(
            "| {} | {} | {} | {} | {} |\n",
            class(row.fake),
            row.change,
            row.verdicts.files,
            row.verdicts.people,
            verdicts(&row.verdicts).join(" | ")
        );
    }
    text + &least(report)
}

/// Within which radius how many can be made to pass; nothing without a search.
fn least(report: &VideoAttackReport) -> String {
    if report.least.is_empty() {
        return String::new();
    }
    let right = report.outcomes.iter().filter(|o| o.fake && o.is_right());
    let steps: Vec<String> = report
        .least
        .iter()
        .map(|(epsilon, count)| format!("{count} at {epsilon}/255"))
        .collect();
    format!(
        "\nOf {} flagged fakes, so many can be made genuine within a radius: {}.\n",
        right.count(),
        steps.join(", ")
    )
}

fn class(fake: bool) -> &'static str {
    match fake {
        true => "fake",
        false => "real",
    }
}

fn coding(row: &NoiseRow) -> String {
    row.rate_factor
        .map_or("-".into(), |factor| format!("crf {factor}"))
}

fn decisions(row: &NoiseRow) -> String {
    row.decisions.map_or("-".into(), |count| count.to_string())
}

fn verdicts(rates: &VerdictRates) -> [String; 3] {
    [Verdict::Manipulated, Verdict::Undecided, Verdict::Genuine].map(|verdict| {
        let of = match verdict {
            Verdict::Manipulated => rates.manipulated,
            Verdict::Undecided => rates.undecided(),
            Verdict::Genuine => rates.genuine,
        };
        let (share, bounds) = rates.rate(of);
        let [share, low, high] = [share, bounds.low, bounds.high].map(|rate| 100.0 * rate);
        format!("{share:.1} ({low:.1} to {high:.1})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video_attack::{ChangeRow, ChangedVerdict};

    #[test]
    fn every_row_has_its_columns() {
        let verdicts = VerdictRates {
            files: 8,
            people: 4,
            genuine: 2,
            manipulated: 5,
        };
        let row = NoiseRow {
            fake: true,
            epsilon: 2,
            rate_factor: Some(23),
            verdicts,
            decisions: Some(7),
        };
        let report = VideoAttackReport {
            bundle: "b release 4".into(),
            rows: vec![row],
            changes: vec![ChangeRow {
                fake: true,
                change: "any filter".into(),
                verdicts,
            }],
            least: vec![(1, 0), (2, 2)],
            ..VideoAttackReport::default()
        };
        let card = card_of_video_attack(&report);
        assert!(card.starts_with(TITLE));
        assert!(
            card.contains("| fake | 2/255 | crf 23 | 8 | 4 | 62.5 ("),
            "{card}"
        );
        assert!(
            card.contains("| fake | any filter | 8 | 4 | 62.5 ("),
            "{card}"
        );
        for table in card.split("\n\n").filter(|part| part.starts_with('|')) {
            let columns = |line: &str| line.matches('|').count();
            let first = table.lines().next().map(columns);
            let mut rows = table.lines().take_while(|line| line.starts_with('|'));
            assert!(rows.all(|line| Some(columns(line)) == first), "{table}");
        }
        assert!(table(&report).contains("0 at 1/255, 2 at 2/255"));
    }

    #[test]
    fn a_line_names_what_turns_a_verdict_round() {
        let changed = |change: &str, verdict| ChangedVerdict {
            change: change.into(),
            verdict,
        };
        let mut outcome = VideoOutcome {
            path: "a.mp4".into(),
            fake: true,
            kind: "swap".into(),
            person: "a".into(),
            frames: 9,
            before: Verdict::Manipulated,
            attempts: Vec::new(),
            filtered: vec![changed("grey 3", Verdict::Genuine)],
            printed: vec![changed("printed glasses", Verdict::Undecided)],
            error: None,
        };
        assert_eq!(line(&outcome), "a.mp4: genuine by grey 3");
        outcome.filtered.clear();
        assert_eq!(line(&outcome), "a.mp4: never genuine");
        outcome.before = Verdict::Undecided;
        assert_eq!(line(&outcome), "a.mp4: undecided before any attack");
        outcome.error = Some("no face is seen".into());
        assert_eq!(line(&outcome), "a.mp4: not attacked: no face is seen");
    }
}
