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

pub(super) fn sorted_pairs(scores: &[f32], labels: &[bool]) -> Option<Vec<(f32, bool)>> {
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

/// Scores sorted once, for AUC under many weights: each costs O(n).
#[derive(Clone, Debug)]
pub struct Ranking {
    /// Indices from the lowest score to the highest, tied ones together.
    ties: Vec<Vec<(usize, bool)>>,
}

impl Ranking {
    /// `None` when a score is NaN.
    pub fn new(scores: &[f32], labels: &[bool]) -> Option<Self> {
        if scores.len() != labels.len() || scores.iter().any(|score| score.is_nan()) {
            return None;
        }
        let all = scores.iter().zip(labels).enumerate();
        let mut order: Vec<(f32, usize, bool)> = all
            .map(|(index, (score, fake))| (score + 0.0, index, *fake))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let ties = order.chunk_by(|a, b| a.0 == b.0);
        Some(Self {
            ties: ties
                .map(|tie| tie.iter().map(|(_, index, fake)| (*index, *fake)).collect())
                .collect(),
        })
    }

    /// [`roc_auc`] of scores of which each counts so many times. `None` when a class is
    /// empty.
    pub fn auc(&self, times: &[u32]) -> Option<f64> {
        let (mut wins, mut reals, mut fakes) = (0.0, 0.0, 0.0);
        for tie in &self.ties {
            let (mut tied_reals, mut tied_fakes) = (0.0, 0.0);
            for (index, fake) in tie {
                let times = f64::from(times.get(*index).copied().unwrap_or(0));
                if *fake {
                    tied_fakes += times;
                } else {
                    tied_reals += times;
                }
            }
            wins += tied_fakes * (reals + tied_reals / 2.0);
            reals += tied_reals;
            fakes += tied_fakes;
        }
        (reals > 0.0 && fakes > 0.0).then(|| wins / (fakes * reals))
    }
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

    /// s=np.array([.1,.4,.35,.8,.4,.4,.9,.1,.7,.65]); y=np.array([0,0,1,1,1,0,1,1,0,0])
    /// roc_auc_score(y, s, sample_weight=[1,0,2,1,3,0,1,1,2,0]) # 0.47916666666666674
    #[test]
    fn weights_agree_with_scikit_learn() {
        use crate::sweep::tests::{LABELS, SCORES};
        let ranking = Ranking::new(&SCORES, &LABELS).unwrap();
        let auc = ranking.auc(&[1, 0, 2, 1, 3, 0, 1, 1, 2, 0]).unwrap();
        assert!((auc - 0.479_166_666_666).abs() < 1e-9, "{auc}");
        assert_eq!(ranking.auc(&[1; 10]), roc_auc(&SCORES, &LABELS));
        assert_eq!(ranking.auc(&[0; 10]), None);
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
