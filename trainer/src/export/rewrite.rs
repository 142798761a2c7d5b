//! A bundle whose manifest or card is to say more than when it was exported.

use std::path::Path;

use anyhow::{Context, Result};
use unmask_shared::bundle::{Bundle, CARD_FILE, SIGNATURE_FILE};
use unmask_shared::manifest::Manifest;

use crate::evaluation::{PartRow, Unseen, VerdictRates};

/// Title of the section that [`card_of_unseen`] writes.
const TITLE: &str = "## People, sources and kinds that training did not see";

/// Writes a bundle again with another manifest, and with a section of its card replaced or
/// added. The network stays. A signature, which no longer fits, is removed.
///
/// # Errors
/// When the bundle cannot be read or written.
pub fn rewrite(folder: &Path, manifest: &Manifest, section: Option<&str>) -> Result<()> {
    let bundle = Bundle::open(folder)?;
    let path = folder.join(CARD_FILE);
    let card = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let card = match section {
        Some(section) => with_section(&card, section),
        None => card,
    };
    let signature = folder.join(SIGNATURE_FILE);
    if signature.exists() {
        std::fs::remove_file(&signature)?;
        tracing::warn!(
            "{} no longer fits and was removed: sign the bundle again",
            SIGNATURE_FILE
        );
    }
    Bundle::write(folder, manifest, &bundle.model, &card)?;
    Ok(())
}

/// Replaces the section of the same title, or puts it before the training.
fn with_section(card: &str, section: &str) -> String {
    let title = section.lines().next().unwrap_or_default();
    let mut kept = String::new();
    let mut inside = false;
    for line in card.lines() {
        if line.starts_with("## ") {
            inside = line == title;
        }
        if !inside {
            kept += line;
            kept.push('\n');
        }
    }
    let at = kept.find("## Training").unwrap_or(kept.len());
    let (before, after) = kept.split_at(at);
    format!("{before}{section}\n{after}")
}

/// What the card says of files that the program judged.
pub fn card_of_unseen(unseen: &Unseen) -> String {
    let mut text = format!(
        "{TITLE}\n\nMeasured through `unmask-edge analyze`; per cent, bounds at 95 % over people. \
         Parts: `train` was trained on, `test` are other people, `unseen` are other sources or \
         kinds.\n\n| kind | part | fakes | people | AUC | manipulated | undecided | genuine |\n\
         |---|---|---|---|---|---|---|---|\n"
    );
    for row in &unseen.kinds {
        for part in &row.parts {
            text += &format!(
                "| {} ({}) | {} | {} | {} | {} | {} |\n",
                row.kind,
                row.medium,
                part.part,
                part.fakes.files,
                part.fakes.people,
                auc(part),
                verdicts(&part.fakes)
            );
        }
    }
    text += "\n| real files of | part | files | people | manipulated | undecided | genuine | \
             undecided from 80 px |\n|---|---|---|---|---|---|---|---|\n";
    for row in &unseen.reals {
        text += &format!(
            "| {} ({}) | {} | {} | {} | {} | {} |\n",
            row.source,
            row.medium,
            row.part,
            row.verdicts.files,
            row.verdicts.people,
            verdicts(&row.verdicts),
            percent(&row.large, row.large.undecided())
        );
    }
    let [files, judged] = unseen.noface;
    if files > 0 {
        text += &format!("\n{judged} of {files} pictures without a face got a verdict.\n");
    }
    text
}

fn auc(part: &PartRow) -> String {
    let bounds = part.bounds.map_or(String::new(), |bounds| {
        format!(" ({:.1} to {:.1})", bounds.low * 100.0, bounds.high * 100.0)
    });
    let auc = part.auc.map(|auc| format!("{:.1}{bounds}", auc * 100.0));
    auc.unwrap_or("-".into())
}

fn verdicts(rates: &VerdictRates) -> String {
    [rates.manipulated, rates.undecided(), rates.genuine]
        .map(|of| percent(rates, of))
        .join(" | ")
}

fn percent(rates: &VerdictRates, of: usize) -> String {
    if rates.files == 0 {
        return "-".into();
    }
    let (share, bounds) = rates.rate(of);
    let [share, low, high] = [share, bounds.low, bounds.high].map(|rate| rate * 100.0);
    format!("{share:.1} ({low:.1} to {high:.1})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::KindRow;

    #[test]
    fn a_section_is_replaced_and_stands_before_the_training() {
        let card = "# a\n\n## Figures\n\nx\n\n## Training\n\ny\n";
        let once = with_section(card, "## New\n\none\n");
        assert_eq!(
            once,
            "# a\n\n## Figures\n\nx\n\n## New\n\none\n\n## Training\n\ny\n"
        );
        let twice = with_section(&once, "## New\n\ntwo\n");
        assert_eq!(
            twice,
            "# a\n\n## Figures\n\nx\n\n## New\n\ntwo\n\n## Training\n\ny\n"
        );
        assert!(with_section("# a\n", "## New\n").ends_with("# a\n## New\n\n"));
    }

    #[test]
    fn every_row_has_its_columns() {
        let rates = VerdictRates {
            files: 8,
            people: 4,
            genuine: 2,
            manipulated: 5,
        };
        let unseen = Unseen {
            kinds: vec![KindRow {
                kind: "swap".into(),
                medium: "video".into(),
                parts: vec![PartRow {
                    part: "test".into(),
                    fakes: rates,
                    reals: 9,
                    auc: Some(0.875),
                    bounds: None,
                }],
            }],
            ..Unseen::default()
        };
        let card = card_of_unseen(&unseen);
        assert!(
            card.contains("| swap (video) | test | 8 | 4 | 87.5 | 62.5 ("),
            "{card}"
        );
        for table in card.split("\n\n").filter(|part| part.starts_with('|')) {
            let columns = |line: &str| line.matches('|').count();
            let first = table.lines().next().map(columns);
            assert!(
                table.lines().all(|line| Some(columns(line)) == first),
                "{table}"
            );
        }
    }
}
