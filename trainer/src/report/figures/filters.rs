//! Verdicts under everyday filters.

use super::{SEED, auc};
use crate::evaluation::{FilteredScores, Scores};
use crate::metric::Bootstrap;
use crate::report::schema::FilterFigures;

/// Share of unfiltered fakes below which a face is called genuine.
const MISSED: f64 = 0.1;

/// AUC and verdicts under each filter against those without. `clean` begins with the same pairs;
/// `threshold` flags. Empty without filters.
pub fn filter_figures(
    clean: &Scores,
    filtered: &[FilteredScores],
    threshold: f32,
    resamples: usize,
) -> Vec<FilterFigures> {
    let count = filtered.first().map_or(0, |first| first.scores.clean.len());
    let (Some(before), Some(fake)) = (clean.clean.get(..count), clean.fake.get(..count)) else {
        return Vec::new();
    };
    if count == 0 {
        return Vec::new();
    }
    let origins = clean.origins.iter().take(count);
    let groups: Vec<&str> = origins.map(|origin| origin.group.as_str()).collect();
    let bootstrap = Bootstrap::new(&groups, resamples, SEED);
    let verdicts = Verdicts {
        before,
        fake,
        threshold,
        genuine_below: genuine_below(before, fake).min(threshold),
    };
    let row = |name: &str, strength, after: &[f32]| FilterFigures {
        auc: auc(after, fake, &bootstrap),
        ..verdicts.figures(name, strength, after)
    };
    let mut rows = vec![row("none", 0, before)];
    rows.extend(
        filtered
            .iter()
            .map(|of| row(of.name, of.strength, &of.scores.clean)),
    );
    // The worst of all filters, face by face.
    let worst: Vec<f32> = (0..count)
        .map(|i| {
            let scores = filtered
                .iter()
                .filter_map(|of| of.scores.clean.get(i).copied());
            match fake[i] {
                true => scores.fold(before[i], f32::min),
                false => scores.fold(before[i], f32::max),
            }
        })
        .collect();
    rows.push(row("any", 0, &worst));
    rows
}

/// The score below which a tenth of the fakes lie.
fn genuine_below(scores: &[f32], fake: &[bool]) -> f32 {
    let mut fakes: Vec<f32> = scores
        .iter()
        .zip(fake)
        .filter(|(_, f)| **f)
        .map(|(s, _)| *s)
        .collect();
    fakes.sort_by(f32::total_cmp);
    let at = (fakes.len() as f64 * MISSED).floor() as usize;
    fakes.get(at).copied().unwrap_or(f32::NEG_INFINITY)
}

struct Verdicts<'a> {
    before: &'a [f32],
    fake: &'a [bool],
    threshold: f32,
    genuine_below: f32,
}

impl Verdicts<'_> {
    fn figures(&self, name: &str, strength: u8, after: &[f32]) -> FilterFigures {
        let is_flagged = |score: f32| score >= self.threshold;
        let faces = || self.before.iter().zip(after).zip(self.fake);
        let count = |keep: &dyn Fn(f32, f32, bool) -> bool| {
            faces()
                .filter(|((before, after), fake)| keep(**before, **after, **fake))
                .count()
        };
        FilterFigures {
            name: name.into(),
            strength,
            auc: None,
            flagged: count(&|before, _, fake| fake && is_flagged(before)),
            lost: count(&|before, after, fake| fake && is_flagged(before) && !is_flagged(after)),
            turned: count(&|before, after, fake| {
                fake && is_flagged(before) && after < self.genuine_below
            }),
            unflagged: count(&|before, _, fake| !fake && !is_flagged(before)),
            alarms: count(&|before, after, fake| !fake && !is_flagged(before) && is_flagged(after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::Origin;

    fn scores(clean: &[f32]) -> Scores {
        let pairs = clean.len() / 2;
        Scores {
            clean: clean.into(),
            fake: (0..clean.len()).map(|i| i % 2 == 1).collect(),
            kinds: vec!["swap".into(); pairs],
            origins: (0..clean.len())
                .map(|i| Origin {
                    group: format!("{}", i / 2),
                    ..Origin::default()
                })
                .collect(),
            ..Scores::default()
        }
    }

    #[test]
    fn verdicts_that_turn_are_counted() {
        // Real and fake by turns; flagged from 1.0, genuine below the lowest of four fakes.
        let clean = scores(&[-1.0, 2.0, -2.0, 3.0, 1.5, 0.5, -1.0, 1.0]);
        let filtered = |name, strength, clean: &[f32]| FilteredScores {
            name,
            strength,
            scores: scores(clean),
        };
        let all = [
            filtered("grey", 1, &[-1.0, 0.7, -2.0, 3.0, 1.5, 0.5, 1.2, 0.2]),
            filtered("grey", 2, &[-1.0, 2.0, -2.0, -5.0, 0.0, 0.5, -1.0, 1.0]),
        ];
        let rows = filter_figures(&clean, &all, 1.0, 100);
        let names: Vec<_> = rows.iter().map(|r| (r.name.as_str(), r.strength)).collect();
        assert_eq!(names, [("none", 0), ("grey", 1), ("grey", 2), ("any", 0)]);
        let counts =
            |row: &FilterFigures| [row.flagged, row.lost, row.turned, row.unflagged, row.alarms];
        assert_eq!(counts(&rows[0]), [3, 0, 0, 3, 0]);
        assert_eq!(counts(&rows[1]), [3, 2, 1, 3, 1]);
        assert_eq!(counts(&rows[2]), [3, 1, 1, 3, 0]);
        assert_eq!(counts(&rows[3]), [3, 3, 2, 3, 1]);
        // 14 of 16 combinations stand in the right order without a filter.
        let auc = |row: &FilterFigures| row.auc.unwrap().value;
        assert_eq!(auc(&rows[0]), 14.0 / 16.0);
        assert!(auc(&rows[3]) < auc(&rows[1]));
        assert!(filter_figures(&clean, &[], 1.0, 100).is_empty());
    }
}
