//! What became of attacked videos.

use serde::{Deserialize, Serialize};
use unmask_shared::verdict::Verdict;

use crate::evaluation::VerdictRates;

/// One video at one radius.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// In steps of 1/255.
    pub epsilon: u8,
    /// Of the program on the attacked frames, without loss.
    pub verdict: Verdict,
    /// Decisions until the program's test said what the attacker wanted; `None` where it never did.
    pub decisions: Option<u32>,
    /// After H.264, with the rate factor of each.
    pub coded: Vec<(u8, Verdict)>,
}

/// One video under one filter, or with one patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilteredVerdict {
    /// Its name.
    pub name: String,
    /// 1 to 3.
    pub strength: u8,
    /// Of the program.
    pub verdict: Verdict,
}

/// One video or picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoOutcome {
    /// The file.
    pub path: String,
    /// Whether it is a fake.
    pub fake: bool,
    /// Kind of manipulation.
    pub kind: String,
    /// Who is seen.
    pub person: String,
    /// Frames that were attacked.
    pub frames: usize,
    /// Of the program before the attack; attacked are those that it judges rightly.
    pub before: Verdict,
    /// At the radii asked for, and those between that the search went through.
    pub attempts: Vec<Attempt>,
    /// Under everyday filters of the whole picture.
    #[serde(default)]
    pub filtered: Vec<FilteredVerdict>,
    /// With patches printed on every face.
    #[serde(default)]
    pub printed: Vec<FilteredVerdict>,
    /// Why it could not be attacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl VideoOutcome {
    /// What the program ought to say.
    pub fn right(&self) -> Verdict {
        right(self.fake)
    }

    /// Whether it was judged rightly, so that there is something to attack.
    pub fn is_right(&self) -> bool {
        self.error.is_none() && self.before == self.right()
    }

    /// At a radius.
    pub fn at(&self, epsilon: u8) -> Option<&Attempt> {
        self.attempts
            .iter()
            .find(|attempt| attempt.epsilon == epsilon)
    }

    /// The smallest radius tried that makes the verdict the opposite one.
    pub fn flipped_at(&self) -> Option<u8> {
        let flipped = |attempt: &&Attempt| attempt.verdict == right(!self.fake);
        let found = self.attempts.iter().filter(flipped);
        found.map(|attempt| attempt.epsilon).min()
    }
}

/// What a program ought to say of a fake, or of a real video.
pub(super) fn right(fake: bool) -> Verdict {
    match fake {
        true => Verdict::Manipulated,
        false => Verdict::Genuine,
    }
}

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

/// Verdicts under one filter on the files of one class that were judged rightly before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilterRow {
    /// Whether they are fakes.
    pub fake: bool,
    /// Name and strength, or the patch; `any` where a file counts as turned round by whichever filter does it.
    pub filter: String,
    /// The verdicts under it.
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
    /// By class and filter.
    pub filters: Vec<FilterRow>,
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
        let (mut rows, mut filters) = (Vec::new(), Vec::new());
        for fake in [true, false] {
            let tried: Vec<&VideoOutcome> = outcomes
                .iter()
                .filter(|outcome| outcome.fake == fake && outcome.is_right())
                .collect();
            for &epsilon in epsilons.iter().filter(|_| !tried.is_empty()) {
                rows.extend(rows_at(&tried, fake, epsilon));
            }
            filters.extend(filter_rows(&tried, fake));
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
            filters,
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
fn filter_rows(tried: &[&VideoOutcome], fake: bool) -> Vec<FilterRow> {
    let mut rows = rows_of(
        tried,
        fake,
        |outcome| &outcome.filtered,
        |of| format!("{} {}", of.name, of.strength),
    );
    if !rows.is_empty() {
        rows.push(FilterRow {
            fake,
            filter: "any".into(),
            verdicts: rates(tried.iter().filter_map(|outcome| {
                let said = |verdict| outcome.filtered.iter().any(|of| of.verdict == verdict);
                let worst = [right(!fake), Verdict::Undecided, right(fake)];
                let verdict = worst.into_iter().find(|verdict| said(*verdict))?;
                Some((outcome.person.as_str(), verdict))
            })),
        });
    }
    rows.extend(rows_of(
        tried,
        fake,
        |outcome| &outcome.printed,
        |of| of.name.clone(),
    ));
    rows
}

/// A row for each that the first file was tried with.
fn rows_of(
    tried: &[&VideoOutcome],
    fake: bool,
    all: impl Fn(&VideoOutcome) -> &Vec<FilteredVerdict>,
    name: impl Fn(&FilteredVerdict) -> String,
) -> Vec<FilterRow> {
    let first = tried.iter().find(|outcome| !all(outcome).is_empty());
    let names = first
        .into_iter()
        .flat_map(|outcome| all(outcome))
        .map(&name);
    names
        .map(|filter| {
            let said = tried.iter().filter_map(|outcome| {
                let found = all(outcome).iter().find(|of| name(of) == filter)?;
                Some((outcome.person.as_str(), found.verdict))
            });
            FilterRow {
                fake,
                verdicts: rates(said),
                filter,
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
            filtered: [("grey", 1), ("grey", 2)]
                .map(|(name, strength)| FilteredVerdict {
                    name: name.into(),
                    strength,
                    verdict: match strength {
                        1 => before,
                        _ => verdicts[0],
                    },
                })
                .to_vec(),
            printed: Vec::new(),
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
        let genuine = |row: &FilterRow| (row.filter.clone(), row.verdicts.genuine);
        let filters: Vec<_> = of.filters.iter().map(genuine).collect();
        let named = [("grey 1", 0), ("grey 2", 1), ("any", 1)];
        assert_eq!(
            filters,
            named.map(|(name, count)| (name.to_string(), count))
        );
        assert_eq!(
            of.filters[2].verdicts.manipulated, 1,
            "b is undecided under one"
        );
        assert_eq!(of.least, [(1, 1), (2, 1), (3, 1), (4, 2)]);
    }
}
