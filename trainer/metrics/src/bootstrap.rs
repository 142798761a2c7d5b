//! Intervals by resampling groups.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

use super::interval::Interval;
use unmask_data::random::Random;
use unmask_data::random::mix;

/// Confidence of the intervals.
const CONFIDENCE: f64 = 0.95;

/// Draws groups, such as people, with replacement: their scores come and go together, as
/// they would in another collection (Efron and Tibshirani, An Introduction to the
/// Bootstrap, 1993, chapter 8). Resampling single scores would take the frames of one
/// person for as many people and give intervals that are too narrow.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// Indices of each group's scores.
    groups: Vec<Vec<usize>>,
    scores: usize,
    resamples: usize,
    seed: u64,
}

impl Bootstrap {
    /// `groups`: that of each score.
    pub fn new<G: Ord>(groups: &[G], resamples: usize, seed: u64) -> Self {
        let mut members: BTreeMap<&G, Vec<usize>> = BTreeMap::new();
        for (index, group) in groups.iter().enumerate() {
            members.entry(group).or_default().push(index);
        }
        Self {
            groups: members.into_values().collect(),
            scores: groups.len(),
            resamples,
            seed,
        }
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The 95 % percentile interval of a statistic, which is given how often each score
    /// was drawn. The same seed gives the same interval, whatever the number of threads.
    ///
    /// `None` with fewer than two groups, or where more than half of the resamples have no
    /// such statistic, for example because a class is missing.
    pub fn interval(&self, statistic: impl Fn(&[u32]) -> Option<f64> + Sync) -> Option<Interval> {
        if self.groups.len() < 2 {
            return None;
        }
        let mut found: Vec<f64> = (0..self.resamples as u64)
            .into_par_iter()
            .filter_map(|number| statistic(&self.draw(number)))
            .collect();
        if found.is_empty() || found.len() * 2 < self.resamples {
            return None;
        }
        found.sort_by(f64::total_cmp);
        let tail = (1.0 - CONFIDENCE) / 2.0;
        Some(Interval {
            low: quantile(&found, tail)?,
            high: quantile(&found, 1.0 - tail)?,
        })
    }

    fn draw(&self, number: u64) -> Vec<u32> {
        let mut random = Random::seed_from_u64(mix(self.seed, number));
        let mut times = vec![0; self.scores];
        for _ in 0..self.groups.len() {
            let group = random.random_range(0..self.groups.len());
            for member in self.groups.get(group).into_iter().flatten() {
                if let Some(count) = times.get_mut(*member) {
                    *count += 1;
                }
            }
        }
        times
    }
}

/// Quantile of sorted values, linear between neighbours.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * (sorted.len().checked_sub(1)?) as f64;
    let low = sorted.get(place.floor() as usize)?;
    let high = sorted.get(place.ceil() as usize)?;
    Some(low + (high - low) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64]) -> impl Fn(&[u32]) -> Option<f64> + Sync + '_ {
        |times| {
            let count: u32 = times.iter().sum();
            let sum: f64 = values
                .iter()
                .zip(times)
                .map(|(v, n)| v * f64::from(*n))
                .sum();
            Some(sum / f64::from(count))
        }
    }

    /// np.percentile(np.arange(11)**2, [2.5, 97.5]) # [0.25, 95.25]
    #[test]
    fn quantiles_agree_with_numpy() {
        let squares: Vec<f64> = (0..11).map(|i| f64::from(i * i)).collect();
        assert!((quantile(&squares, 0.025).unwrap() - 0.25).abs() < 1e-9);
        assert!((quantile(&squares, 0.975).unwrap() - 95.25).abs() < 1e-9);
        assert_eq!(quantile(&[], 0.5), None);
    }

    /// Of a mean the interval is 1.96 standard errors on either side: values 0 to 99 have a
    /// standard deviation of 28.87, so 2.887 of their mean.
    #[test]
    fn a_mean_has_its_standard_error() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let groups: Vec<usize> = (0..100).collect();
        let found = Bootstrap::new(&groups, 4000, 7)
            .interval(mean(&values))
            .unwrap();
        let (low, high) = (49.5 - 1.96 * 2.887, 49.5 + 1.96 * 2.887);
        assert!(
            (found.low - low).abs() < 0.5 && (found.high - high).abs() < 0.5,
            "{found:?}"
        );
    }

    #[test]
    fn copies_of_a_person_do_not_narrow_the_interval() {
        let values: Vec<f64> = (0..30).map(|i| f64::from(i * 7 % 30)).collect();
        let groups: Vec<usize> = (0..30).collect();
        let copied: Vec<f64> = values.iter().flat_map(|v| [*v; 9]).collect();
        let people: Vec<usize> = groups.iter().flat_map(|g| [*g; 9]).collect();
        let once = Bootstrap::new(&groups, 500, 3)
            .interval(mean(&values))
            .unwrap();
        let often = Bootstrap::new(&people, 500, 3)
            .interval(mean(&copied))
            .unwrap();
        let same = (once.low - often.low).abs() + (once.high - often.high).abs();
        assert!(same < 1e-9, "{once:?} {often:?}");
        let scores: Vec<usize> = (0..copied.len()).collect();
        let naive = Bootstrap::new(&scores, 500, 3)
            .interval(mean(&copied))
            .unwrap();
        assert!(naive.high - naive.low < 0.5 * (once.high - once.low));
    }

    #[test]
    fn one_person_has_no_interval() {
        assert_eq!(
            Bootstrap::new(&["a", "a"], 100, 1).interval(|_| Some(1.0)),
            None
        );
        assert_eq!(Bootstrap::new(&["a", "b"], 100, 1).interval(|_| None), None);
    }
}
