//! How far stated probabilities are from what happens.

/// Expected calibration error (Naeini et al., AAAI 2015) of probabilities of being fake:
/// the mean distance between a bin's mean probability and its share of fakes, weighted by
/// the bin's size. Bins have equal width. In [0, 1]; `None` without samples, without bins,
/// or where a probability is outside [0, 1].
pub fn calibration_error(probabilities: &[f64], labels: &[bool], bins: usize) -> Option<f64> {
    let unusable = probabilities.is_empty() || probabilities.len() != labels.len() || bins == 0;
    if unusable || probabilities.iter().any(|p| !(0.0..=1.0).contains(p)) {
        return None;
    }
    let mut gaps = vec![0.0; bins];
    for (p, fake) in probabilities.iter().zip(labels) {
        let bin = ((p * bins as f64) as usize).min(bins - 1);
        if let Some(gap) = gaps.get_mut(bin) {
            *gap += p - f64::from(u8::from(*fake));
        }
    }
    // A bin's size times the difference of two means over it is a difference of sums.
    Some(gaps.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / labels.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// import numpy as np
    /// p=np.array([.05,.1,.12,.3,.35,.38,.55,.6,.72,.8,.95,1.]); y=np.array([0,0,1,0,1,0,1,0,1,1,1,1])
    /// b=np.minimum((p*5).astype(int),4)
    /// sum(abs(p[b==i].mean()-y[b==i].mean())*(b==i).mean() for i in range(5) if (b==i).any()) # 0.14833
    #[test]
    fn agrees_with_numpy() {
        let p = [
            0.05, 0.1, 0.12, 0.3, 0.35, 0.38, 0.55, 0.6, 0.72, 0.8, 0.95, 1.0,
        ];
        let labels = [0, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1].map(|label| label == 1);
        let found = calibration_error(&p, &labels, 5).unwrap();
        assert!((found - 0.148_333_333).abs() < 1e-8, "{found}");
    }

    #[test]
    fn certainty_costs_what_is_wrong() {
        assert_eq!(
            calibration_error(&[0.0, 1.0], &[false, true], 15),
            Some(0.0)
        );
        assert_eq!(
            calibration_error(&[1.0, 1.0], &[false, true], 15),
            Some(0.5)
        );
        assert_eq!(calibration_error(&[1.1], &[true], 15), None);
        assert_eq!(calibration_error(&[], &[], 15), None);
    }
}
