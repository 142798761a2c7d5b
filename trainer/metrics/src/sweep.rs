//! All thresholds that tell scores apart, from the highest to the lowest.

use super::auc::sorted_pairs;

/// What is called fake at one threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// Scores at or above it are called fake.
    pub threshold: f32,
    /// Real ones among them.
    pub alarms: usize,
    /// Fakes among them.
    pub hits: usize,
}

/// One cut for each distinct score.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// Real scores, at least one.
    pub reals: usize,
    /// Fake scores, at least one.
    pub fakes: usize,
    /// From the highest threshold to the lowest, at which everything is called fake.
    pub cuts: Vec<Cut>,
}

impl Sweep {
    /// Sorts the scores, O(n log n). `None` when a class is empty or a score is NaN.
    pub fn new(scores: &[f32], labels: &[bool]) -> Option<Self> {
        let mut sorted = sorted_pairs(scores, labels)?;
        let fakes = labels.iter().filter(|fake| **fake).count();
        let reals = labels.len() - fakes;
        if fakes == 0 || reals == 0 {
            return None;
        }
        sorted.reverse();
        let (mut alarms, mut hits) = (0, 0);
        let cuts = sorted
            .chunk_by(|a, b| a.0 == b.0)
            .map(|tie| {
                let tied = tie.iter().filter(|pair| pair.1).count();
                hits += tied;
                alarms += tie.len() - tied;
                Cut {
                    threshold: tie.first().map_or(f32::NAN, |pair| pair.0),
                    alarms,
                    hits,
                }
            })
            .collect();
        Some(Self { reals, fakes, cuts })
    }

    /// Share of reals that a cut calls fake.
    pub fn fpr(&self, cut: &Cut) -> f64 {
        cut.alarms as f64 / self.reals as f64
    }

    /// Share of fakes that a cut calls fake.
    pub fn tpr(&self, cut: &Cut) -> f64 {
        cut.hits as f64 / self.fakes as f64
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub const SCORES: [f32; 10] = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.9, 0.1, 0.7, 0.65];
    pub const LABELS: [bool; 10] = [
        false, false, true, true, true, false, true, true, false, false,
    ];

    /// from sklearn.metrics import roc_curve
    /// s=[.1,.4,.35,.8,.4,.4,.9,.1,.7,.65]; y=[0,0,1,1,1,0,1,1,0,0]
    /// roc_curve(y, s, drop_intermediate=False)
    /// # [0,0,0,.2,.4,.8,.8,1], [0,.2,.4,.4,.4,.6,.8,1]
    #[test]
    fn agrees_with_scikit_learn() {
        let sweep = Sweep::new(&SCORES, &LABELS).unwrap();
        let fpr: Vec<f64> = sweep.cuts.iter().map(|cut| sweep.fpr(cut)).collect();
        let tpr: Vec<f64> = sweep.cuts.iter().map(|cut| sweep.tpr(cut)).collect();
        assert_eq!(fpr, [0.0, 0.0, 0.2, 0.4, 0.8, 0.8, 1.0]);
        assert_eq!(tpr, [0.2, 0.4, 0.4, 0.4, 0.6, 0.8, 1.0]);
        assert!(Sweep::new(&[1.0], &[true]).is_none());
        assert!(Sweep::new(&[1.0, f32::NAN], &[true, false]).is_none());
    }
}
