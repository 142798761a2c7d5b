//! Whether figures under attack can be trusted: AutoAttack's flags (Croce and Hein, ICML 2020)
//! and the checklist of "On Evaluating Adversarial Robustness" (Carlini et al., 2019) as tests
//! with a verdict.

mod detector;
mod ensemble;
mod steps;
mod subject;
#[cfg(test)]
mod tests;

use anyhow::Result;
use serde::{Deserialize, Serialize};

pub use ensemble::ensemble_checks;
pub use subject::CheckedDetector;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// Nothing suspicious was found.
    Passed,
    /// Figures under attack may look better than the detector is.
    Failed,
    /// What it needs was not there.
    NotRun,
}

impl std::fmt::Display for CheckOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::NotRun => "not run",
        })
    }
}

/// A check of an evaluation under attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What is checked.
    pub name: String,
    /// How it came out: `passed`, `failed` or `open`.
    pub verdict: CheckOutcome,
    /// What was found and what that means, in one sentence.
    pub finding: String,
}

impl Check {
    /// Passed when `good`; `seen` is what was found, `meaning` what it means when it is bad.
    fn new(name: &str, good: bool, seen: String, meaning: &str) -> Self {
        Self {
            name: name.into(),
            verdict: if good {
                CheckOutcome::Passed
            } else {
                CheckOutcome::Failed
            },
            finding: match good {
                true => format!("{seen}."),
                false => format!("{seen}: {meaning}."),
            },
        }
    }

    fn not_run(name: &str, why: &str) -> Self {
        Self {
            name: name.into(),
            verdict: CheckOutcome::NotRun,
            finding: format!("{why}."),
        }
    }

    /// Names attacks that changed no pixel of any clip: they have no result.
    pub fn silent<'n>(attacks: impl Iterator<Item = &'n str>) -> Self {
        let names: Vec<&str> = attacks.collect();
        let seen = match names.is_empty() {
            true => "every attack changed the clips".to_string(),
            false => format!("{} changed no pixel", names.join(", ")),
        };
        Self::new(
            "attacks change the clips",
            names.is_empty(),
            seen,
            "no robustness can be read from them, and they are left out of the table",
        )
    }
}

/// The checks that make passes of their own, on a few clips.
///
/// # Errors
/// When the detector fails.
pub fn probe_checks(subject: &CheckedDetector<'_>) -> Result<Vec<Check>> {
    if subject.chosen()?.is_empty() {
        return Ok(vec![Check::not_run(
            "checks on the first batch",
            "it has no clip of the class under attack",
        )]);
    }
    let mut checks = detector::checks(subject)?;
    checks.extend(steps::checks(subject)?);
    Ok(checks)
}

/// A share in per cent.
fn percent(share: f32) -> String {
    format!("{:.1} %", share * 100.0)
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

/// Share of values for which something holds.
fn share(values: impl Iterator<Item = bool>) -> f32 {
    let (hits, all) = values.fold((0usize, 0usize), |(hits, all), hit| {
        (hits + usize::from(hit), all + 1)
    });
    hits as f32 / all.max(1) as f32
}
