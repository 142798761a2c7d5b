//! Bounds of rates that were counted.

use serde::{Deserialize, Serialize};
use statrs::function::{beta, gamma};

/// Two bounds of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// Exact bounds of a probability after `wrong` of `of` trials (Clopper and Pearson,
/// Biometrika 1934): each is passed with a probability of at most half of
/// `1 - confidence`. [0, 1] without trials.
pub fn clopper_pearson(wrong: usize, of: usize, confidence: f64) -> Interval {
    let tail = (1.0 - confidence) / 2.0;
    let wrong = wrong.min(of);
    let (k, n) = (wrong as f64, of as f64);
    let low = match wrong {
        0 => 0.0,
        // P(X >= k) at p is the regularised incomplete beta function I_p(k, n - k + 1).
        _ => solve(1.0, |p| beta::beta_reg(k, n - k + 1.0, p), tail),
    };
    let high = if wrong == of {
        1.0
    } else {
        solve(1.0, |p| beta::beta_reg(k + 1.0, n - k, p), 1.0 - tail)
    };
    Interval { low, high }
}

/// Exact bounds of the mean of a Poisson count of which `count` were seen (Garwood,
/// Biometrika 1936).
pub fn poisson(count: usize, confidence: f64) -> Interval {
    let tail = (1.0 - confidence) / 2.0;
    let k = count as f64;
    let reach = k + 1.0 + 40.0 * (k + 1.0).sqrt();
    // P(X >= k) at a mean of m is the regularised incomplete gamma function P(k, m).
    let low = match count {
        0 => 0.0,
        _ => solve(reach, |m| gamma::gamma_lr(k, m), tail),
    };
    let high = solve(reach, |m| gamma::gamma_lr(k + 1.0, m), 1.0 - tail);
    Interval { low, high }
}

/// Where a function that grows over [0, reach] takes a value, by bisection.
fn solve(reach: f64, growing: impl Fn(f64) -> f64, value: f64) -> f64 {
    let (mut low, mut high) = (0.0, reach);
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if growing(middle) < value {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// from scipy.stats import beta
    /// [(0 if k==0 else beta.ppf(.025,k,n-k+1), 1 if k==n else beta.ppf(.975,k+1,n-k)) for k, n in ...]
    #[test]
    fn agrees_with_scipy() {
        for (k, n, low, high) in [
            (0, 10, 0.0, 0.308_497_107_818_760_7),
            (10, 10, 0.691_502_892_181_239_2, 1.0),
            (3, 40, 0.015_742_179_851_041_53, 0.203_864_748_732_898_95),
            (1, 1000, 2.531_748_749_129_404e-5, 0.005_558_924_279_826_672),
            (
                50,
                5000,
                0.007_431_046_999_410_098,
                0.013_162_738_260_201_26,
            ),
            (
                12,
                541,
                0.011_512_610_687_373_498,
                0.038_425_203_914_483_154,
            ),
        ] {
            let found = clopper_pearson(k, n, 0.95);
            assert!((found.low - low).abs() < 1e-9, "{k} of {n}: {found:?}");
            assert!((found.high - high).abs() < 1e-9, "{k} of {n}: {found:?}");
        }
        let nothing = clopper_pearson(0, 0, 0.95);
        assert_eq!((nothing.low, nothing.high), (0.0, 1.0));
    }

    /// from scipy.stats import chi2
    /// [(0 if k==0 else chi2.ppf(.025,2*k)/2, chi2.ppf(.975,2*k+2)/2) for k in (0,1,7,300)]
    #[test]
    fn poisson_agrees_with_scipy() {
        for (k, low, high) in [
            (0, 0.0, 3.688_879_454_113_935_4),
            (1, 0.025_317_807_984_289_876, 5.571_643_390_938_898),
            (7, 2.814_363_051_519_865_4, 14.422_675_361_702_376),
            (300, 267.009_275_232_946_66, 335.941_125_552_570_67),
        ] {
            let found = poisson(k, 0.95);
            assert!((found.low - low).abs() < 1e-5, "{k}: {found:?}");
            assert!((found.high - high).abs() < 1e-5, "{k}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn bounds_hold_the_share_and_mirror(of in 1usize..3000, part in 0.0f64..=1.0) {
            let wrong = (of as f64 * part) as usize;
            let found = clopper_pearson(wrong, of, 0.95);
            let mirrored = clopper_pearson(of - wrong, of, 0.95);
            let share = wrong as f64 / of as f64;
            prop_assert!(found.low <= share && share <= found.high, "{found:?}");
            prop_assert!((found.low - (1.0 - mirrored.high)).abs() < 1e-9);
        }
    }
}
