//! Average precision.

use super::sweep::Sweep;

/// Mean precision over the fakes, each at its own score: the step-wise area under the
/// precision-recall curve, as scikit-learn has it. It depends on the share of fakes.
/// `None` when a class is empty or a score is NaN.
pub fn average_precision(scores: &[f32], labels: &[bool]) -> Option<f64> {
    let sweep = Sweep::new(scores, labels)?;
    let mut hits_before = 0;
    let mut sum = 0.0;
    for cut in &sweep.cuts {
        let precision = cut.hits as f64 / (cut.hits + cut.alarms) as f64;
        sum += precision * (cut.hits - hits_before) as f64;
        hits_before = cut.hits;
    }
    Some(sum / sweep.fakes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::tests::{LABELS, SCORES};

    /// from sklearn.metrics import average_precision_score
    /// average_precision_score(y, s) # 0.6857142857142857, s and y as in sweep.rs
    #[test]
    fn agrees_with_scikit_learn() {
        let found = average_precision(&SCORES, &LABELS).unwrap();
        assert!((found - 0.685_714_285_714).abs() < 1e-9, "{found}");
    }

    #[test]
    fn of_scores_that_say_nothing_is_the_share_of_fakes() {
        let labels = [true, false, false, false];
        assert_eq!(average_precision(&[0.0; 4], &labels), Some(0.25));
        assert_eq!(average_precision(&[0.0; 4], &[true; 4]), None);
    }
}
