//! Percentiles of what was measured.

/// The smallest value that at least this share of all, 0 to 1, does not exceed (nearest rank);
/// `None` of nothing.
pub fn percentile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    let last = sorted.len().checked_sub(1)?;
    sorted.get(rank.saturating_sub(1).min(last)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// numpy.percentile(range(1, 201), [0, 50, 99, 100], method="inverted_cdf")
    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let values: Vec<u32> = (1..=200).collect();
        let of = |share| percentile(&values, share).unwrap();
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(of), [1, 100, 198, 200]);
        assert_eq!(percentile(&[7.5], 0.99), Some(7.5));
        assert_eq!(percentile::<f32>(&[], 0.5), None);
    }
}
