//! Platt scaling: from logits to calibrated log odds.

/// `log odds of fake = scale * logit + bias`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Platt {
    /// Factor of the logit; positive when scores grow with manipulation.
    pub scale: f64,
    /// Offset.
    pub bias: f64,
}

/// Fits the two numbers by Newton's method on the logistic likelihood, each class
/// weighing the same, so that the result is a log-likelihood ratio (no prior), with
/// Platt's smoothed targets (Platt, 1999; Lin et al., 2007).
///
/// `None` when a class is empty or a logit is not finite.
pub fn fit_platt(logits: &[f32], labels: &[bool]) -> Option<Platt> {
    let fakes = labels.iter().filter(|fake| **fake).count() as f64;
    let reals = labels.len() as f64 - fakes;
    if fakes == 0.0 || reals == 0.0 || logits.iter().any(|logit| !logit.is_finite()) {
        return None;
    }
    let spread = logits
        .iter()
        .fold(0f64, |a, z| a.max(f64::from(*z).abs()))
        .max(1e-6);
    let samples: Vec<(f64, f64, f64)> = logits
        .iter()
        .zip(labels)
        .map(|(logit, fake)| {
            let z = f64::from(*logit) / spread;
            if *fake {
                (z, (fakes + 1.0) / (fakes + 2.0), 1.0 / fakes)
            } else {
                (z, 1.0 / (reals + 2.0), 1.0 / reals)
            }
        })
        .collect();
    let (mut a, mut b) = (0.0, 0.0);
    let mut loss = negative_log_likelihood(&samples, a, b);
    for _ in 0..100 {
        let (da, db) = newton_step(&samples, a, b);
        let mut step = 1.0;
        // Halve the step until the likelihood grows: Newton alone may overshoot.
        let next = loop {
            let next = negative_log_likelihood(&samples, a - step * da, b - step * db);
            if next <= loss || step < 1e-10 {
                break next;
            }
            step /= 2.0;
        };
        a -= step * da;
        b -= step * db;
        if (loss - next).abs() < 1e-12 {
            break;
        }
        loss = next;
    }
    Some(Platt {
        scale: a / spread,
        bias: b,
    })
}

fn negative_log_likelihood(samples: &[(f64, f64, f64)], a: f64, b: f64) -> f64 {
    let term = |&(z, target, weight): &(f64, f64, f64)| {
        let u = a * z + b;
        weight * (u.max(0.0) - u * target + (-u.abs()).exp().ln_1p())
    };
    samples.iter().map(term).sum()
}

fn newton_step(samples: &[(f64, f64, f64)], a: f64, b: f64) -> (f64, f64) {
    let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 1e-12, 0.0, 1e-12);
    for &(z, target, weight) in samples {
        let p = 1.0 / (1.0 + (-(a * z + b)).exp());
        let (g, h) = (weight * (p - target), weight * p * (1.0 - p));
        ga += g * z;
        gb += g;
        haa += h * z * z;
        hab += h * z;
        hbb += h;
    }
    let det = haa * hbb - hab * hab;
    ((hbb * ga - hab * gb) / det, (haa * gb - hab * ga) / det)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// import numpy as np; from sklearn.linear_model import LogisticRegression
    /// z=np.array([-2,-1,.5,.2,1,3,-.5,2.5]); y=np.array([0,0,0,1,1,1,0,1]); t=np.where(y,5/6,1/6)
    /// X=np.r_[z,z][:,None]; Y=np.r_[np.ones(8),np.zeros(8)]; W=np.r_[t,1-t]
    /// m=LogisticRegression(C=1e9,tol=1e-10).fit(X,Y,sample_weight=W); print(m.coef_,m.intercept_)
    #[test]
    fn agrees_with_scikit_learn() {
        let logits = [-2.0, -1.0, 0.5, 0.2, 1.0, 3.0, -0.5, 2.5];
        let labels = [0, 0, 0, 1, 1, 1, 0, 1].map(|label| label == 1);
        let fit = fit_platt(&logits, &labels).unwrap();
        assert!((fit.scale - 0.806_311).abs() < 1e-4, "{fit:?}");
        assert!((fit.bias + 0.343_154).abs() < 1e-4, "{fit:?}");
    }

    #[test]
    fn gaussian_logits_give_their_closed_form_ratio() {
        // N(+1, 1) against N(-1, 1): the log-likelihood ratio is exactly 2 z.
        let quantile: Vec<f32> = (1..2000).map(|i| probit(f64::from(i) / 2000.0)).collect();
        let logits: Vec<f32> = quantile
            .iter()
            .map(|q| q + 1.0)
            .chain(quantile.iter().map(|q| q - 1.0))
            .collect();
        let labels: Vec<bool> = (0..logits.len()).map(|i| i < quantile.len()).collect();
        let fit = fit_platt(&logits, &labels).unwrap();
        assert!(
            (fit.scale - 2.0).abs() < 0.03 && fit.bias.abs() < 1e-3,
            "{fit:?}"
        );
    }

    /// Inverse normal distribution by bisection of its series.
    fn probit(p: f64) -> f32 {
        let (mut low, mut high) = (-6.0f64, 6.0f64);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if normal(middle) < p {
                low = middle;
            } else {
                high = middle;
            }
        }
        low as f32
    }

    fn normal(x: f64) -> f64 {
        let (mut sum, mut term) = (x, x);
        for i in 1..200 {
            term *= x * x / f64::from(2 * i + 1);
            sum += term;
        }
        0.5 + sum * (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt()
    }
}
