//! Error rates of ISO/IEC 30107-3 at a stated threshold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::interval::{Interval, clopper_pearson};
use super::sweep::Sweep;

/// Confidence of a rate's bounds.
const CONFIDENCE: f64 = 0.95;

/// A share that was counted, with its exact 95 % bounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// How many were judged wrongly.
    pub wrong: usize,
    /// Of how many.
    pub of: usize,
    /// Their share, in [0, 1]; 0 of none.
    pub value: f64,
    /// Clopper-Pearson bounds, which take the scores for independent.
    pub bounds: Interval,
}

impl Rate {
    /// Of so many wrong ones of so many.
    pub fn new(wrong: usize, of: usize) -> Self {
        Self {
            wrong,
            of,
            value: wrong as f64 / of.max(1) as f64,
            bounds: clopper_pearson(wrong, of, CONFIDENCE),
        }
    }
}

/// Share of reals that score at or above the threshold: bona fide presentation
/// classification error rate.
pub fn bpcer(scores: &[f32], labels: &[bool], threshold: f32) -> Rate {
    let reals = scores.iter().zip(labels).filter(|(_, fake)| !**fake);
    count(reals.map(|(score, _)| *score >= threshold))
}

/// Share of fakes that score below the threshold, or are NaN: attack presentation
/// classification error rate.
pub fn apcer(scores: &[f32], labels: &[bool], threshold: f32) -> Rate {
    let fakes = scores.iter().zip(labels).filter(|(_, fake)| **fake);
    count(fakes.map(|(score, _)| is_missed(*score, threshold)))
}

/// [`apcer`] for each kind of manipulation. The standard reports the highest of them.
///
/// `kinds`: one for each score; those of reals are not looked at.
pub fn apcer_by<K: Ord + Clone>(
    scores: &[f32],
    labels: &[bool],
    kinds: &[K],
    threshold: f32,
) -> BTreeMap<K, Rate> {
    let mut missed: BTreeMap<K, Vec<bool>> = BTreeMap::new();
    for ((score, fake), kind) in scores.iter().zip(labels).zip(kinds) {
        if *fake {
            let list = missed.entry(kind.clone()).or_default();
            list.push(is_missed(*score, threshold));
        }
    }
    let rates = missed.into_iter();
    rates
        .map(|(kind, list)| (kind, count(list.into_iter())))
        .collect()
}

/// The lowest score that, taken as threshold, keeps BPCER at or below `limit`; just above
/// all scores when none does. `None` when a class is empty or a score is NaN.
pub fn threshold_at_bpcer(scores: &[f32], labels: &[bool], limit: f64) -> Option<f32> {
    let sweep = Sweep::new(scores, labels)?;
    let allowed = sweep.cuts.iter().take_while(|cut| sweep.fpr(cut) <= limit);
    match allowed.last() {
        Some(cut) => Some(cut.threshold),
        None => sweep.cuts.first().map(|cut| cut.threshold.next_up()),
    }
}

fn is_missed(score: f32, threshold: f32) -> bool {
    score < threshold || score.is_nan()
}

fn count(wrong: impl Iterator<Item = bool>) -> Rate {
    let (wrong, of) = wrong.fold((0, 0), |(wrong, of), is| (wrong + usize::from(is), of + 1));
    Rate::new(wrong, of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::tests::{LABELS, SCORES};
    use proptest::prelude::*;

    /// Counted by hand: reals .1 .4 .4 .7 and .65, fakes .35 .8 .4 .9 .1.
    #[test]
    fn errors_are_counted_on_their_own_side() {
        let reals = bpcer(&SCORES[..9], &LABELS[..9], 0.4);
        assert_eq!((reals.wrong, reals.of, reals.value), (3, 4, 0.75));
        let fakes = apcer(&SCORES, &LABELS, 0.4);
        assert_eq!((fakes.wrong, fakes.of), (2, 5));
        let none = apcer(&[], &[], 0.4);
        assert_eq!((none.value, none.bounds.high), (0.0, 1.0));
    }

    #[test]
    fn kinds_are_counted_apart() {
        let kinds = [
            "r", "r", "swap", "swap", "blend", "r", "blend", "swap", "r", "r",
        ];
        let found = apcer_by(&SCORES, &LABELS, &kinds, 0.4);
        let counts: Vec<_> = found.iter().map(|(k, r)| (*k, r.wrong, r.of)).collect();
        assert_eq!(counts, [("blend", 0, 2), ("swap", 2, 3)]);
    }

    #[test]
    fn a_threshold_above_all_scores_is_found_where_reals_lead() {
        let threshold = threshold_at_bpcer(&[1.0, 0.0], &[false, true], 0.01).unwrap();
        assert!(threshold > 1.0);
        assert_eq!(bpcer(&[1.0, 0.0], &[false, true], threshold).wrong, 0);
    }

    proptest! {
        #[test]
        fn the_threshold_keeps_the_rate_and_no_lower_one_does(
            pairs in prop::collection::vec((0u8..30, any::<bool>()), 2..60),
            limit in 0.0f64..1.0
        ) {
            let scores: Vec<f32> = pairs.iter().map(|pair| f32::from(pair.0)).collect();
            let labels: Vec<bool> = pairs.iter().map(|pair| pair.1).collect();
            if let Some(threshold) = threshold_at_bpcer(&scores, &labels, limit) {
                prop_assert!(bpcer(&scores, &labels, threshold).value <= limit);
                let lower = scores.iter().copied().filter(|score| *score < threshold);
                if let Some(next) = lower.max_by(f32::total_cmp) {
                    prop_assert!(bpcer(&scores, &labels, next).value > limit);
                }
            }
        }
    }
}
