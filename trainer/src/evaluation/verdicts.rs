//! Shares of verdicts, with bounds over people.

use serde::{Deserialize, Serialize};

use crate::metric::{Interval, clopper_pearson};

/// What became of some files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictRates {
    /// Videos or pictures.
    pub files: usize,
    /// People in them.
    pub people: usize,
    /// Called genuine.
    pub genuine: usize,
    /// Called manipulated.
    pub manipulated: usize,
}

impl VerdictRates {
    /// Neither.
    pub fn undecided(&self) -> usize {
        self.files.saturating_sub(self.genuine + self.manipulated)
    }

    /// Share of the files, and bounds at 95 % as if every person had given one (Clopper and
    /// Pearson): videos of one person are no new people. Where the share is no whole number
    /// of people, the bounds are those of the numbers on either side of it.
    pub fn rate(&self, of: usize) -> (f64, Interval) {
        let share = of as f64 / self.files.max(1) as f64;
        let people = share * self.people as f64;
        let low = clopper_pearson(people.floor() as usize, self.people, 0.95);
        let high = clopper_pearson(people.ceil() as usize, self.people, 0.95);
        let bounds = Interval {
            low: low.low,
            high: high.high,
        };
        (share, bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy: beta.ppf(.975, 1, 20), beta.ppf([.025, .975], [2, 3], [19, 18])
    #[test]
    fn bounds_count_people_and_not_files() {
        let rates = VerdictRates {
            files: 200,
            people: 20,
            genuine: 175,
            manipulated: 25,
        };
        let (share, bounds) = rates.rate(0);
        assert_eq!((share, bounds.low, rates.undecided()), (0.0, 0.0, 0));
        assert!((bounds.high - 0.168_433).abs() < 1e-5, "{bounds:?}");
        // 25 of 200 are 2.5 of 20: between those of 2 and of 3.
        let (share, bounds) = rates.rate(25);
        assert_eq!(share, 0.125);
        assert!((bounds.low - 0.012_349).abs() < 1e-5, "{bounds:?}");
        assert!((bounds.high - 0.378_927).abs() < 1e-5, "{bounds:?}");
        assert_eq!(VerdictRates::default().rate(0).1.high, 1.0);
    }
}
