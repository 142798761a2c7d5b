//! Share of right decisions.

/// Share of scores that are on the right side of a threshold, where a score at the
/// threshold is called fake. In [0, 1]; `None` without scores or with a NaN.
pub fn accuracy(scores: &[f32], labels: &[bool], threshold: f32) -> Option<f64> {
    let unusable = scores.is_empty() || scores.len() != labels.len();
    if unusable || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let right = scores.iter().zip(labels);
    let right = right.filter(|(score, fake)| (**score >= threshold) == **fake);
    Some(right.count() as f64 / scores.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::tests::{LABELS, SCORES};

    /// from sklearn.metrics import accuracy_score
    /// accuracy_score(y, s >= .4) # 0.4, s and y as in sweep.rs
    #[test]
    fn agrees_with_scikit_learn() {
        assert_eq!(accuracy(&SCORES, &LABELS, 0.4), Some(0.4));
        assert_eq!(accuracy(&[], &[], 0.4), None);
        assert_eq!(accuracy(&[f32::NAN], &[true], 0.4), None);
    }
}
