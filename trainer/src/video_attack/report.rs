//! Attacked videos summed up.

use serde::{Deserialize, Serialize};
use unmask_shared::verdict::Verdict;

use super::outcome::{Attempt, ChangedVerdict, VideoOutcome, right};
use crate::evaluation::VerdictRates;

/// Verdicts at one radius on the videos of one class that were judged rightly before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseRow {
    /// Whether they are fakes.
    pub fake: bool,
    /// In steps of 1/255.
    pub epsilon: u8,
    /// Rate factor of the H.264 between attack and program; `None` without loss.
    pub rate_factor: Option<u8>,
    /// The verdicts after the attack.
    pub verdicts: VerdictRates,
    /// Median of the decisions until the flip, of those that flipped.
    pub decisions: Option<u32>,
}

/// Verdicts after one change on the files of one class that were judged rightly before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// Whether they are fakes.
    pub fake: bool,
    /// As [`ChangedVerdict::change`]; `any filter` for whichever does most to each file.
    pub change: String,
    /// The verdicts after it.
    pub verdicts: VerdictRates,
}

/// Everything that was measured on one bundle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VideoAttackReport {
    /// Name and release of the bundle.
    pub bundle: String,
    /// Steps, draws, kind of perturbation.
    pub conditions: String,
    /// By class, radius and coding.
    pub rows: Vec<NoiseRow>,
    /// By class and change.
    pub changes: Vec<ChangeRow>,
    /// Radii up to where the search for the smallest one ended, and how many fakes flip at each or
    /// below; empty without a search.
    pub least: Vec<(u8, usize)>,
    /// All videos.
    pub outcomes: Vec<VideoOutcome>,
}

impl VideoAttackReport {
    /// Sums up at these radii; `searched_to` is where the search for the smallest one ended.
    pub fn of(
        bundle: String,
        conditions: String,
        outcomes: Vec<VideoOutcome>,
        epsilons: &[u8],
        searched_to: Option<u8>,
    ) -> Self {
        let (mut rows, mut changes) = (Vec::new(), Vec::new());
        for fake in [true, false] {
            let tried: Vec<&VideoOutcome> = outcomes
                .iter()
                .filter(|outcome| outcome.fake == fake && outcome.is_right())
                .collect();
            for &epsilon in epsilons.iter().filter(|_| !tried.is_empty()) {
                rows.extend(rows_at(&tried, fake, epsilon));
            }
            changes.extend(change_rows(&tried, fake));
        }
        let right = outcomes.iter().filter(|o| o.fake && o.is_right());
        let flips: Vec<u8> = right.filter_map(VideoOutcome::flipped_at).collect();
        let up_to = |most: u8| flips.iter().filter(|at| **at <= most).count();
        Self {
            least: (1..=searched_to.unwrap_or(0))
                .map(|at| (at, up_to(at)))
                .collect(),
            bundle,
            conditions,
            rows,
            changes,
            outcomes,
        }
    }
}

/// Without loss, then coded.
fn rows_at(tried: &[&VideoOutcome], fake: bool, epsilon: u8) -> Vec<NoiseRow> {
    let attempts: Vec<(&VideoOutcome, &Attempt)> = tried
        .iter()
        .filter_map(|outcome| Some((*outcome, outcome.at(epsilon)?)))
        .collect();
    let factors = attempts.first().map(|(_, attempt)| &attempt.coded);
    let factors = factors
        .into_iter()
        .flatten()
        .map(|(factor, _)| Some(*factor));
    let row = |rate_factor: Option<u8>| {
        let said = attempts.iter().map(|(outcome, attempt)| {
            let coded = |factor| attempt.coded.iter().find(|(known, _)| *known == factor);
            let verdict = match rate_factor {
                None => attempt.verdict,
                Some(factor) => coded(factor)
                    .map(|(_, verdict)| *verdict)
                    .unwrap_or_default(),
            };
            (outcome.person.as_str(), verdict)
        });
        let mut decisions: Vec<u32> = match rate_factor {
            None => attempts.iter().filter_map(|(_, a)| a.decisions).collect(),
            Some(_) => Vec::new(),
        };
        decisions.sort_unstable();
        NoiseRow {
            fake,
            epsilon,
            rate_factor,
            verdicts: rates(said),
            decisions: decisions.get(decisions.len() / 2).copied(),
        }
    };
    std::iter::once(None).chain(factors).map(row).collect()
}

/// Each filter, then whichever does most; then each patch.
fn change_rows(tried: &[&VideoOutcome], fake: bool) -> Vec<ChangeRow> {
    let mut rows = rows_of(tried, fake, |outcome| &outcome.filtered);
    if !rows.is_empty() {
        let worst = tried.iter().filter_map(|outcome| {
            let said = |verdict: &Verdict| outcome.filtered.iter().any(|of| of.verdict == *verdict);
            let order = [right(!fake), Verdict::Undecided, right(fake)];
            Some((outcome.person.as_str(), order.into_iter().find(said)?))
        });
        rows.push(ChangeRow {
            fake,
            change: "any filter".into(),
            verdicts: rates(worst),
        });
    }
    rows.extend(rows_of(tried, fake, |outcome| &outcome.printed));
    rows
}

/// A row for each change that the first file was tried with.
fn rows_of(
    tried: &[&VideoOutcome],
    fake: bool,
    changed: impl Fn(&VideoOutcome) -> &Vec<ChangedVerdict>,
) -> Vec<ChangeRow> {
    let first = tried.iter().find(|outcome| !changed(outcome).is_empty());
    let all = first.into_iter().flat_map(|outcome| changed(outcome));
    all.map(|ChangedVerdict { change, .. }| {
        let said = tried.iter().filter_map(|outcome| {
            let found = changed(outcome).iter().find(|of| of.change == *change)?;
            Some((outcome.person.as_str(), found.verdict))
        });
        ChangeRow {
            fake,
            change: change.clone(),
            verdicts: rates(said),
        }
    })
    .collect()
}

/// Counts verdicts, and the people that they are on.
fn rates<'a>(said: impl Iterator<Item = (&'a str, Verdict)>) -> VerdictRates {
    let mut people: Vec<&str> = Vec::new();
    let mut rates = VerdictRates::default();
    for (person, verdict) in said {
        rates.files += 1;
        rates.genuine += usize::from(verdict == Verdict::Genuine);
        rates.manipulated += usize::from(verdict == Verdict::Manipulated);
        people.push(person);
    }
    people.sort_unstable();
    people.dedup();
    rates.people = people.len();
    rates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(person: &str, before: Verdict, verdicts: [Verdict; 2]) -> VideoOutcome {
        let attempts = [1, 4].into_iter().zip(verdicts);
        VideoOutcome {
            path: format!("{person}.mp4"),
            fake: true,
            kind: "swap".into(),
            person: person.into(),
            frames: 50,
            before,
            attempts: attempts
                .map(|(epsilon, verdict)| Attempt {
                    epsilon,
                    verdict,
                    decisions: (verdict == Verdict::Genuine).then_some(u32::from(epsilon) * 3),
                    coded: vec![(23, Verdict::Manipulated)],
                })
                .collect(),
            filtered: [("grey 1", before), ("grey 2", verdicts[0])]
                .map(|(change, verdict)| ChangedVerdict {
                    change: change.into(),
                    verdict,
                })
                .to_vec(),
            printed: vec![ChangedVerdict {
                change: "printed glasses".into(),
                verdict: verdicts[1],
            }],
            error: None,
        }
    }

    #[test]
    fn only_what_was_judged_rightly_counts() {
        use Verdict::{Genuine, Manipulated, Undecided};
        let outcomes = vec![
            outcome("a", Manipulated, [Manipulated, Genuine]),
            outcome("a", Manipulated, [Genuine, Genuine]),
            outcome("b", Manipulated, [Undecided, Undecided]),
            outcome("c", Undecided, [Genuine, Genuine]),
        ];
        let of = VideoAttackReport::of("b".into(), "c".into(), outcomes, &[1, 4], Some(4));
        assert_eq!(of.rows.len(), 4);
        let four = &of.rows[2];
        assert_eq!((four.epsilon, four.rate_factor), (4, None));
        let verdicts = four.verdicts;
        assert_eq!((verdicts.files, verdicts.people), (3, 2));
        assert_eq!((verdicts.genuine, verdicts.manipulated), (2, 0));
        assert_eq!(four.decisions, Some(12));
        assert_eq!(of.rows[3].verdicts.manipulated, 3, "coded");
        let genuine = |row: &ChangeRow| (row.change.clone(), row.verdicts.genuine);
        let changes: Vec<_> = of.changes.iter().map(genuine).collect();
        let named = [
            ("grey 1", 0),
            ("grey 2", 1),
            ("any filter", 1),
            ("printed glasses", 2),
        ];
        assert_eq!(
            changes,
            named.map(|(name, count)| (name.to_string(), count))
        );
        let any = of.changes[2].verdicts;
        assert_eq!(any.manipulated, 1, "b is undecided under one");
        assert_eq!(of.least, [(1, 1), (2, 1), (3, 1), (4, 2)]);
    }
}
