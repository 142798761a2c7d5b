//! Results of an attack suite, from the file that `unmask-trainer attack` writes.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::schema::{AttackCheck, AttackFigures, AttackRow, CheckResult};
use crate::attack::AttackResult;
use crate::metric::roc_auc;

/// The parts of the file that a report shows.
#[derive(Debug, Deserialize)]
struct Suite {
    #[serde(alias = "target_name")]
    subject: Option<String>,
    pairs: usize,
    labels: Vec<bool>,
    clean: Vec<f32>,
    results: Vec<AttackResult>,
    worst: Option<AttackResult>,
    #[serde(default)]
    checks: Vec<SuiteCheck>,
}

#[derive(Debug, Deserialize)]
struct SuiteCheck {
    name: String,
    verdict: String,
    finding: String,
}

/// Reads the results of a suite with its checks.
///
/// # Errors
/// When the file cannot be read, holds no such results, or results of another number of
/// clips than it names.
pub fn read_attacks(path: &Path) -> Result<(AttackFigures, Vec<AttackCheck>)> {
    let shown = path.display();
    let bytes = std::fs::read(path)
        .with_context(|| format!("cannot read {shown}: make it with `unmask-trainer attack`"))?;
    let suite: Suite = serde_json::from_slice(&bytes)
        .with_context(|| format!("{shown} holds no results of `unmask-trainer attack`"))?;
    let clips = suite.labels.len();
    let all = suite.results.iter().chain(&suite.worst);
    let fits = all.map(|result| (result.name.as_str(), result.logits.len()));
    for (name, found) in fits.chain([("clean", suite.clean.len())]) {
        ensure!(
            found == clips,
            "{shown} is damaged: {name} has {found} scores of {clips} clips; make it again"
        );
    }
    let auc = |result: &AttackResult| roc_auc(&result.logits, &suite.labels);
    let figures = AttackFigures {
        target: suite.subject.clone().unwrap_or_default(),
        pairs: suite.pairs,
        clean_auc: roc_auc(&suite.clean, &suite.labels),
        worst_auc: suite
            .worst
            .as_ref()
            .filter(|w| w.passes > 0.0)
            .and_then(auc),
        rows: suite
            .results
            .iter()
            .map(|result| AttackRow {
                name: result.name.clone(),
                conditions: result.conditions.clone(),
                access: result.access,
                target: result.target,
                norm: result.norm.clone(),
                epsilon: result.epsilon,
                auc: auc(result),
                median_change: result.median_change(),
                gradient_share: result.gradient_share,
                passes: result.passes,
                seconds: result.seconds,
            })
            .collect(),
    };
    let checks = suite.checks.into_iter().map(|check| AttackCheck {
        verdict: verdict(&check.verdict),
        name: check.name,
        finding: check.finding,
    });
    Ok((figures, checks.collect()))
}

fn verdict(word: &str) -> CheckResult {
    match word.to_ascii_lowercase().as_str() {
        "pass" | "passed" | "ok" | "good" => CheckResult::Passed,
        "fail" | "failed" | "suspicious" | "bad" => CheckResult::Failed,
        _ => CheckResult::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::{Access, Target};

    fn result(name: &str, logits: [f32; 4]) -> AttackResult {
        AttackResult {
            name: name.into(),
            conditions: "l_inf 2/255".into(),
            access: Access::WhiteBox,
            target: Target::Fakes,
            norm: "l_inf".into(),
            epsilon: Some(2.0 / 255.0),
            logits: logits.to_vec(),
            changes: vec![0.0, 0.007, 0.0, 0.005],
            gradient_share: Some(1.0),
            passes: 11.0,
            seconds: 1.5,
        }
    }

    fn suite(worst: [f32; 4]) -> serde_json::Value {
        serde_json::json!({
            "schema": 1, "subject": "tiny in burn", "target": "fakes", "pairs": 2,
            "epsilon": 0.0078, "frames": 1, "seed": 1,
            "labels": [false, true, false, true], "clean": [-1.0, 1.0, -2.0, 2.0],
            "results": [result("PGD-10", [-1.0, 0.5, -2.0, -1.5])],
            "worst": result("worst case", worst),
            "checks": [{"name": "a", "verdict": "passed", "finding": "b"},
                       {"name": "c", "verdict": "failed", "finding": "d"}],
        })
    }

    /// By hand: of the four pairs of a real and a fake score, one is out of order.
    #[test]
    fn a_suite_is_read_with_its_checks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("attacks.json");
        let text = suite([-1.0, -1.5, -2.0, -3.0]).to_string();
        std::fs::write(&path, text).unwrap();
        let (found, checks) = read_attacks(&path).unwrap();
        assert_eq!((found.clean_auc, found.worst_auc), (Some(1.0), Some(0.25)));
        assert_eq!(
            (found.rows[0].auc, found.rows[0].median_change),
            (Some(0.75), Some(0.007))
        );
        assert_eq!(checks[0].verdict, CheckResult::Passed);
        assert_eq!(checks[1].verdict, CheckResult::Failed);
    }

    #[test]
    fn what_is_no_suite_or_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("attacks.json");
        let error = || format!("{:#}", read_attacks(&path).unwrap_err());
        assert!(error().contains("unmask-trainer attack"), "{}", error());
        let mut short = suite([0.0; 4]);
        short["clean"] = serde_json::json!([1.0]);
        for text in ["{}", "[", &short.to_string()] {
            std::fs::write(&path, text).unwrap();
            assert!(error().contains("attacks.json"), "{}", error());
        }
        assert!(error().contains("clean has 1 scores of 4"), "{}", error());
    }
}
