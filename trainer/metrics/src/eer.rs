//! Equal error rate.

use super::sweep::Sweep;

/// Where as many reals are called fake as fakes are missed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EqualError {
    /// Both error rates, in [0, 1].
    pub rate: f64,
    /// The highest score at which no more fakes are missed than reals are called fake.
    pub threshold: f32,
}

/// Crosses the ROC curve, its points joined by straight lines, with the line of equal
/// errors. `None` when a class is empty or a score is NaN.
pub fn equal_error(scores: &[f32], labels: &[bool]) -> Option<EqualError> {
    let sweep = Sweep::new(scores, labels)?;
    let mut before = (0.0, 1.0);
    for cut in &sweep.cuts {
        let (fpr, fnr) = (sweep.fpr(cut), 1.0 - sweep.tpr(cut));
        if fpr >= fnr {
            let (gap, next) = (before.0 - before.1, fpr - fnr);
            let share = -gap / (next - gap);
            return Some(EqualError {
                rate: before.0 + share * (fpr - before.0),
                threshold: cut.threshold,
            });
        }
        before = (fpr, fnr);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::tests::{LABELS, SCORES};
    use proptest::prelude::*;

    /// from scipy.optimize import brentq; from scipy.interpolate import interp1d
    /// f,t,_=roc_curve(y,s,drop_intermediate=False) # s and y as in sweep.rs
    /// brentq(lambda x: 1-x-interp1d(f,t)(x), 0, 1) # 0.5333333333333333
    #[test]
    fn agrees_with_scipy() {
        let found = equal_error(&SCORES, &LABELS).unwrap();
        assert!((found.rate - 0.533_333_333_333).abs() < 1e-9, "{found:?}");
        assert_eq!(found.threshold, 0.4);
    }

    #[test]
    fn a_perfect_detector_has_none_and_its_opposite_is_always_wrong() {
        let labels = [false, false, true, true];
        let rate = |scores: [f32; 4]| equal_error(&scores, &labels).unwrap().rate;
        assert_eq!(rate([0.1, 0.2, 0.3, 0.4]), 0.0);
        assert_eq!(rate([0.4, 0.3, 0.2, 0.1]), 1.0);
        assert_eq!(rate([0.5; 4]), 0.5);
    }

    proptest! {
        #[test]
        fn swapping_the_classes_and_the_sign_changes_nothing(
            pairs in prop::collection::vec((0u8..40, any::<bool>()), 2..60)
        ) {
            let scores: Vec<f32> = pairs.iter().map(|pair| f32::from(pair.0)).collect();
            let turned: Vec<f32> = scores.iter().map(|score| -score).collect();
            let labels: Vec<bool> = pairs.iter().map(|pair| pair.1).collect();
            let other: Vec<bool> = labels.iter().map(|fake| !fake).collect();
            match (equal_error(&scores, &labels), equal_error(&turned, &other)) {
                (Some(a), Some(b)) => {
                    prop_assert!((0.0..=1.0).contains(&a.rate));
                    prop_assert!((a.rate - b.rate).abs() < 1e-9, "{a:?} {b:?}");
                }
                (a, b) => prop_assert!(a.is_none() && b.is_none()),
            }
        }
    }
}
