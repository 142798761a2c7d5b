//! The trade between false alarms and misses: ROC and DET.

use statrs::function::erf::erfc_inv;

use super::{Axis, Line, Plot, lines};
use crate::report::schema::Curve;

/// Least rate that a DET curve shows, and one less it the largest.
const RATE_MIN: f64 = 0.001;
/// Rates with a tick on normal deviate axes.
const RATES: [f64; 9] = [0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999];

/// The receiver operating characteristic.
pub(in crate::report) fn roc(curves: &[Curve]) -> String {
    let line = |curve: &Curve| Line {
        points: curve.points.iter().map(|[x, y]| (*x, *y)).collect(),
        ..Default::default()
    };
    let plot = Plot {
        title: "ROC: true positive rate against false positive rate",
        x: Axis::percent("false positive rate, %", (0.0, 1.0)),
        y: Axis::percent("true positive rate, %", (0.0, 1.0)),
        reference: Some(([(0.0, 0.0), (1.0, 1.0)], "")),
        small: false,
    };
    lines(&plot, &curves.iter().map(line).collect::<Vec<_>>())
}

/// The detection error trade-off on normal deviate axes (Martin et al., Eurospeech 1997):
/// curves of normally distributed scores are straight lines.
pub(in crate::report) fn det(curves: &[Curve]) -> String {
    let line = |curve: &Curve| Line {
        points: curve
            .points
            .iter()
            .map(|[fpr, tpr]| (deviate(*fpr), deviate(1.0 - tpr)))
            .collect(),
        ..Default::default()
    };
    let axis = |label: &str| Axis {
        label: label.into(),
        range: (deviate(RATE_MIN), deviate(1.0 - RATE_MIN)),
        ticks: RATES
            .iter()
            .map(|rate| (deviate(*rate), format!("{}", (rate * 1e4).round() / 100.0)))
            .collect(),
    };
    let plot = Plot {
        title: "DET: fakes missed against reals called fake",
        x: axis("BPCER (false positive rate), %"),
        y: axis("APCER (fakes missed), %"),
        reference: Some((
            [
                (deviate(RATE_MIN), deviate(RATE_MIN)),
                (deviate(1.0 - RATE_MIN), deviate(1.0 - RATE_MIN)),
            ],
            "",
        )),
        small: false,
    };
    lines(&plot, &curves.iter().map(line).collect::<Vec<_>>())
}

/// Quantile of the normal distribution, of rates kept inside the axes.
fn deviate(rate: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * rate.clamp(RATE_MIN, 1.0 - RATE_MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// from scipy.stats import norm; norm.ppf([.001,.01,.05,.2,.5,.95])
    #[test]
    fn deviates_agree_with_scipy() {
        let known = [
            (0.001, -3.090_232_31),
            (0.01, -2.326_347_87),
            (0.05, -1.644_853_63),
            (0.2, -0.841_621_23),
            (0.5, 0.0),
            (0.95, 1.644_853_63),
        ];
        for (rate, wanted) in known {
            assert!((deviate(rate) - wanted).abs() < 1e-7, "{rate}");
        }
        assert_eq!(deviate(0.0), deviate(RATE_MIN));
    }
}
