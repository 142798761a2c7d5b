//! Fakes found at a stated rate of false alarms.

use super::sweep::Sweep;

/// Largest share of fakes found by a threshold that calls at most `fpr` of the reals
/// fake; thresholds are the scores themselves, nothing is interpolated. With fewer than
/// `1 / fpr` reals that is the share found without any false alarm. `None` when a class is
/// empty or a score is NaN.
pub fn tpr_at_fpr(scores: &[f32], labels: &[bool], fpr: f64) -> Option<f64> {
    let sweep = Sweep::new(scores, labels)?;
    let allowed = sweep.cuts.iter().take_while(|cut| sweep.fpr(cut) <= fpr);
    Some(allowed.last().map_or(0.0, |cut| sweep.tpr(cut)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::tests::{LABELS, SCORES};

    /// f,t,_=roc_curve(y,s,drop_intermediate=False) # s and y as in sweep.rs
    /// [t[f<=x].max() for x in (0,.1,.2,.5,.8,1)] # [.4,.4,.4,.4,.8,1]
    #[test]
    fn agrees_with_scikit_learn() {
        let found = [0.0, 0.1, 0.2, 0.5, 0.8, 1.0].map(|fpr| tpr_at_fpr(&SCORES, &LABELS, fpr));
        assert_eq!(found, [0.4, 0.4, 0.4, 0.4, 0.8, 1.0].map(Some));
    }

    #[test]
    fn none_is_found_when_a_real_scores_highest() {
        assert_eq!(tpr_at_fpr(&[1.0, 0.0], &[false, true], 0.01), Some(0.0));
    }
}
