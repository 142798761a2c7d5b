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

/// One video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
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
    /// Why it could not be attacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Outcome {
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
pub struct Row {
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

/// Everything that was measured on one bundle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VideoAttackReport {
    /// Name and release of the bundle.
    pub bundle: String,
    /// Steps, draws, kind of perturbation.
    pub conditions: String,
    /// By class, radius and coding.
    pub rows: Vec<Row>,
    /// The smallest radius that flips, and how many fakes flip at it or below: the search ends at
    /// the last one.
    pub least: Vec<(u8, usize)>,
    /// All videos.
    pub outcomes: Vec<Outcome>,
}

impl VideoAttackReport {
    /// Sums up at these radii; `most` is where the search for the smallest one ended.
    pub fn of(
        bundle: String,
        conditions: String,
        outcomes: Vec<Outcome>,
        epsilons: &[u8],
        most: u8,
    ) -> Self {
        let mut rows = Vec::new();
        for fake in [true, false] {
            let tried: Vec<&Outcome> = outcomes
                .iter()
                .filter(|outcome| outcome.fake == fake && outcome.is_right())
                .collect();
            for &epsilon in epsilons.iter().filter(|_| !tried.is_empty()) {
                rows.extend(rows_at(&tried, fake, epsilon));
            }
        }
        let right = outcomes.iter().filter(|o| o.fake && o.is_right());
        let flips: Vec<u8> = right.filter_map(Outcome::flipped_at).collect();
        let up_to = |most: u8| flips.iter().filter(|at| **at <= most).count();
        Self {
            least: (1..=most).map(|at| (at, up_to(at))).collect(),
            bundle,
            conditions,
            rows,
            outcomes,
        }
    }
}

/// Without loss, then coded.
fn rows_at(tried: &[&Outcome], fake: bool, epsilon: u8) -> Vec<Row> {
    let attempts: Vec<(&Outcome, &Attempt)> = tried
        .iter()
        .filter_map(|outcome| Some((*outcome, outcome.at(epsilon)?)))
        .collect();
    let factors = attempts.first().map(|(_, attempt)| &attempt.coded);
    let factors = factors
        .into_iter()
        .flatten()
        .map(|(factor, _)| Some(*factor));
    let row = |rate_factor: Option<u8>| {
        let mut people: Vec<&str> = Vec::new();
        let mut verdicts = VerdictRates::default();
        for (outcome, attempt) in &attempts {
            let coded = |factor| attempt.coded.iter().find(|(known, _)| *known == factor);
            let verdict = match rate_factor {
                None => attempt.verdict,
                Some(factor) => coded(factor)
                    .map(|(_, verdict)| *verdict)
                    .unwrap_or_default(),
            };
            verdicts.files += 1;
            verdicts.genuine += usize::from(verdict == Verdict::Genuine);
            verdicts.manipulated += usize::from(verdict == Verdict::Manipulated);
            people.push(&outcome.person);
        }
        people.sort_unstable();
        people.dedup();
        verdicts.people = people.len();
        let mut decisions: Vec<u32> = match rate_factor {
            None => attempts.iter().filter_map(|(_, a)| a.decisions).collect(),
            Some(_) => Vec::new(),
        };
        decisions.sort_unstable();
        Row {
            fake,
            epsilon,
            rate_factor,
            verdicts,
            decisions: decisions.get(decisions.len() / 2).copied(),
        }
    };
    std::iter::once(None).chain(factors).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(person: &str, before: Verdict, verdicts: [Verdict; 2]) -> Outcome {
        let attempts = [1, 4].into_iter().zip(verdicts);
        Outcome {
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
        let of = VideoAttackReport::of("b".into(), "c".into(), outcomes, &[1, 4], 4);
        assert_eq!(of.rows.len(), 4);
        let four = &of.rows[2];
        assert_eq!((four.epsilon, four.rate_factor), (4, None));
        let verdicts = four.verdicts;
        assert_eq!((verdicts.files, verdicts.people), (3, 2));
        assert_eq!((verdicts.genuine, verdicts.manipulated), (2, 0));
        assert_eq!(four.decisions, Some(12));
        assert_eq!(of.rows[3].verdicts.manipulated, 3, "coded");
        assert_eq!(of.least, [(1, 1), (2, 1), (3, 1), (4, 2)]);
    }
}
