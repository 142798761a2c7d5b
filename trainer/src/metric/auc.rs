//! Area under the ROC curve, exact with ties.

/// Probability that a fake scores above a real one, ties counting half
/// (Mann-Whitney U), in O(n log n). `None` when a class is empty or a score is NaN.
///
/// `labels`: true = fake.
pub fn roc_auc(scores: &[f32], labels: &[bool]) -> Option<f64> {
    let sorted = sorted_pairs(scores, labels)?;
    let fakes = labels.iter().filter(|fake| **fake).count() as f64;
    let reals = labels.len() as f64 - fakes;
    if fakes == 0.0 || reals == 0.0 {
        return None;
    }
    let mut wins = 0.0;
    let mut reals_below = 0.0;
    for tie in sorted.chunk_by(|a, b| a.0 == b.0) {
        let tied_fakes = tie.iter().filter(|pair| pair.1).count() as f64;
        let tied_reals = tie.len() as f64 - tied_fakes;
        wins += tied_fakes * (reals_below + tied_reals / 2.0);
        reals_below += tied_reals;
    }
    Some(wins / (fakes * reals))
}

/// Points `(false positive rate, true positive rate)` from (0, 0) to (1, 1), one
/// per distinct score. Empty when a class is empty or a score is NaN.
pub fn roc_curve(scores: &[f32], labels: &[bool]) -> Vec<(f64, f64)> {
    let Some(mut sorted) = sorted_pairs(scores, labels) else {
        return Vec::new();
    };
    sorted.reverse();
    let fakes = labels.iter().filter(|fake| **fake).count() as f64;
    let reals = labels.len() as f64 - fakes;
    if fakes == 0.0 || reals == 0.0 {
        return Vec::new();
    }
    let mut points = vec![(0.0, 0.0)];
    let (mut hits, mut alarms) = (0.0, 0.0);
    for tie in sorted.chunk_by(|a, b| a.0 == b.0) {
        let tied_fakes = tie.iter().filter(|pair| pair.1).count() as f64;
        hits += tied_fakes;
        alarms += tie.len() as f64 - tied_fakes;
        points.push((alarms / reals, hits / fakes));
    }
    points
}

fn sorted_pairs(scores: &[f32], labels: &[bool]) -> Option<Vec<(f32, bool)>> {
    if scores.len() != labels.len() || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let mut pairs: Vec<_> = scores.iter().copied().zip(labels.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    // total_cmp separates the zeros; they are one score.
    Some(
        pairs
            .into_iter()
            .map(|(score, fake)| (score + 0.0, fake))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// from sklearn.metrics import roc_auc_score
    /// s=[0.1,0.4,0.35,0.8,0.4,0.4,0.9,0.1]; y=[0,0,1,1,1,0,1,1]; roc_auc_score(y,s) # 0.6333333333333333
    #[test]
    fn agrees_with_scikit_learn_on_ties() {
        let scores = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.9, 0.1];
        let labels = [0, 0, 1, 1, 1, 0, 1, 1].map(|label| label == 1);
        let auc = roc_auc(&scores, &labels).unwrap();
        assert!((auc - 0.633_333_333).abs() < 1e-9, "{auc}");
    }

    #[test]
    fn one_class_or_nan_has_no_auc() {
        assert_eq!(roc_auc(&[0.1, 0.2], &[true, true]), None);
        assert_eq!(roc_auc(&[0.1, f32::NAN], &[true, false]), None);
        assert_eq!(roc_auc(&[], &[]), None);
    }

    proptest! {
        #[test]
        fn equals_the_area_under_the_curve(
            pairs in prop::collection::vec((0u8..9, any::<bool>()), 2..60)
        ) {
            let scores: Vec<f32> = pairs.iter().map(|pair| f32::from(pair.0)).collect();
            let labels: Vec<bool> = pairs.iter().map(|pair| pair.1).collect();
            let curve = roc_curve(&scores, &labels);
            let area: f64 = curve
                .windows(2)
                .map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0)
                .sum();
            if let Some(auc) = roc_auc(&scores, &labels) {
                prop_assert!((auc - area).abs() < 1e-9);
            } else {
                prop_assert!(curve.is_empty());
            }
        }
    }
}
