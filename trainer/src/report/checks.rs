//! What must hold of the attack of the evaluation itself (Carlini et al., On Evaluating
//! Adversarial Robustness, 2019), as far as a sweep over radii shows it.

use super::schema::{AttackCheck, CheckResult, RadiusFigures, ReportFigure};

/// Least share of non-zero gradients that is taken for usual.
const GRADIENT_SHARE_MIN: f64 = 0.5;
/// How much AUC may rise from one radius to a larger one: random starts differ.
const RISE_MAX: f64 = 0.01;
/// From this radius on nothing without a defence should be better than chance.
const LARGE: f64 = 8.0 / 255.0;

/// Checks a sweep that begins with the radius zero.
pub fn checks_of_radii(radii: &[RadiusFigures]) -> Vec<AttackCheck> {
    let attacked: Vec<&RadiusFigures> = radii.iter().filter(|r| r.epsilon > 0.0).collect();
    if attacked.is_empty() {
        return Vec::new();
    }
    vec![gradients(&attacked), monotone(radii), chance(&attacked)]
}

fn gradients(attacked: &[&RadiusFigures]) -> AttackCheck {
    let shares = attacked.iter().filter_map(|radius| radius.gradient_share);
    let least = shares.min_by(f64::total_cmp);
    AttackCheck {
        name: "Input gradients are not zero".into(),
        verdict: match least {
            Some(share) if share >= GRADIENT_SHARE_MIN => CheckResult::Passed,
            Some(_) => CheckResult::Failed,
            None => CheckResult::Open,
        },
        finding: least.map_or("no gradients were seen".into(), |share| {
            format!(
                "{:.1} % of the pixels have a gradient in the batch with the fewest",
                share * 100.0
            )
        }),
    }
}

fn monotone(radii: &[RadiusFigures]) -> AttackCheck {
    let values: Vec<(f64, f64)> = radii
        .iter()
        .filter_map(|radius| Some((radius.epsilon, radius.both?.value)))
        .collect();
    let worst = values
        .windows(2)
        .filter_map(|pair| match pair {
            [(_, before), (epsilon, after)] => Some((after - before, *epsilon)),
            _ => None,
        })
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let (verdict, finding) = match worst {
        Some((rise, epsilon)) if rise > RISE_MAX => (
            CheckResult::Failed,
            format!(
                "AUC with both classes attacked rises by {:.1} points at {}",
                rise * 100.0,
                pixels(epsilon)
            ),
        ),
        Some(_) => (
            CheckResult::Passed,
            format!(
                "AUC with both classes attacked does not rise from no attack to {}",
                pixels(values.last().map_or(0.0, |last| last.0))
            ),
        ),
        None => (CheckResult::Open, "there is no AUC to compare".into()),
    };
    AttackCheck {
        name: "A larger radius does more harm".into(),
        verdict,
        finding,
    }
}

fn chance(attacked: &[&RadiusFigures]) -> AttackCheck {
    let largest = attacked
        .iter()
        .max_by(|a, b| a.epsilon.total_cmp(&b.epsilon));
    let both = largest.and_then(|radius| Some((radius.epsilon, radius.both?)));
    let (verdict, finding) = match both {
        Some((epsilon, ReportFigure { value, .. })) => (
            match (value < 0.5, epsilon >= LARGE - 1e-6) {
                (true, _) => CheckResult::Passed,
                (false, true) => CheckResult::Failed,
                (false, false) => CheckResult::Open,
            },
            format!(
                "AUC is {:.1} % with both classes attacked at {}{}",
                value * 100.0,
                pixels(epsilon),
                match value < 0.5 || epsilon >= LARGE - 1e-6 {
                    true => "",
                    false => ": try a larger radius, such as 16/255",
                }
            ),
        ),
        None => (CheckResult::Open, "there is no AUC".into()),
    };
    AttackCheck {
        name: "A large radius beats the detector".into(),
        verdict,
        finding,
    }
}

/// A radius in pixel units.
pub(super) fn pixels(epsilon: f64) -> String {
    format!("{}/255", (epsilon * 255.0 * 1e3).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(both: &[(f64, f64)], gradient_share: f64) -> Vec<CheckResult> {
        let radius = |(k, value): &(f64, f64)| {
            let figure = Some(ReportFigure {
                value: *value,
                bounds: None,
            });
            RadiusFigures {
                epsilon: k / 255.0,
                fakes: figure,
                reals: figure,
                both: figure,
                gradient_share: (*k > 0.0).then_some(gradient_share),
            }
        };
        let radii: Vec<RadiusFigures> = both.iter().map(radius).collect();
        checks_of_radii(&radii).iter().map(|c| c.verdict).collect()
    }

    #[test]
    fn a_sound_sweep_passes_and_a_masked_one_fails() {
        use CheckResult::{Failed, Open, Passed};
        assert_eq!(
            sweep(&[(0.0, 0.9), (2.0, 0.6), (8.0, 0.1)], 0.99),
            [Passed; 3]
        );
        assert_eq!(
            sweep(&[(0.0, 0.9), (2.0, 0.7), (8.0, 0.8)], 0.01),
            [Failed; 3]
        );
        assert_eq!(
            sweep(&[(0.0, 0.9), (2.0, 0.7)], 0.9),
            [Passed, Passed, Open]
        );
        assert!(sweep(&[(0.0, 0.9)], 0.9).is_empty());
    }
}
