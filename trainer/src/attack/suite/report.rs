//! What a suite found.

use serde::{Deserialize, Serialize};

use super::super::check::Check;
use super::super::{Access, AttackResult, Target};
use crate::metric::roc_auc;

/// Version of the layout of [`SuiteReport`].
pub const SCHEMA: u32 = 1;

/// A suite's results on one detector, as `attacks.json` keeps them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuiteReport {
    /// [`SCHEMA`] at the time of writing.
    pub schema: u32,
    /// The detector and the clips, in words.
    pub subject: String,
    /// Whose clips were attacked.
    pub target: Target,
    /// Pairs of a real and a fake clip.
    pub pairs: usize,
    /// Radius in l_inf, [0, 1].
    pub epsilon: f32,
    /// Frames of a clip.
    pub frames: usize,
    /// Seed of every random choice.
    pub seed: u64,
    /// Of each clip, true = fake.
    pub labels: Vec<bool>,
    /// Mean logit of each clip without attack.
    pub clean: Vec<f32>,
    /// One per attack that changed anything.
    pub results: Vec<AttackResult>,
    /// Of every clip the score of the attack that lowered its margin most.
    pub worst: AttackResult,
    /// Whether the figures can be trusted.
    pub checks: Vec<Check>,
}

impl SuiteReport {
    /// AUC with the clips of `attacked` under this attack and the others clean; `None` where
    /// they were not attacked.
    pub fn auc(&self, result: &AttackResult, attacked: Target) -> Option<f64> {
        if result.target != Target::Both && result.target != attacked {
            return None;
        }
        let clips = self.clean.iter().zip(&result.logits).zip(&self.labels);
        let scores = clips.map(|((clean, after), fake)| match is_target(attacked, *fake) {
            true => *after,
            false => *clean,
        });
        roc_auc(&scores.collect::<Vec<_>>(), &self.labels)
    }

    /// AUC without attack.
    pub fn clean_auc(&self) -> Option<f64> {
        roc_auc(&self.clean, &self.labels)
    }

    /// Share of the attacked clips on the right side of logit 0 that the attack moved to the
    /// wrong one; `None` without any.
    pub fn success(&self, result: &AttackResult) -> Option<f64> {
        let (mut right, mut fooled) = (0usize, 0usize);
        for ((clean, after), fake) in self.clean.iter().zip(&result.logits).zip(&self.labels) {
            if is_target(self.target, *fake) && margin(*clean, *fake) > 0.0 {
                right += 1;
                fooled += usize::from(margin(*after, *fake) <= 0.0);
            }
        }
        (right > 0).then(|| fooled as f64 / right as f64)
    }
}

/// `(2y - 1) z`: positive where a detector is right.
pub(in crate::attack) fn margin(logit: f32, fake: bool) -> f32 {
    if fake { logit } else { -logit }
}

/// Whether `target` names a clip of this label.
pub(in crate::attack) fn is_target(target: Target, fake: bool) -> bool {
    match target {
        Target::Fakes => fake,
        Target::Reals => !fake,
        Target::Both => true,
    }
}

/// The attack of lowest margin on every clip; no attack is one of them.
pub fn worst_case(
    clean: &[f32],
    labels: &[bool],
    results: &[&AttackResult],
    epsilon: f32,
    target: Target,
) -> AttackResult {
    let mut worst = AttackResult {
        name: "worst case".into(),
        conditions: "per clip the lowest margin over all attacks of the suite".into(),
        access: Access::WhiteBox,
        target,
        norm: "l_inf".into(),
        epsilon: Some(epsilon),
        logits: clean.to_vec(),
        changes: vec![0.0; clean.len()],
        gradient_share: None,
        passes: 0.0,
        seconds: 0.0,
    };
    for result in results {
        let found = result.logits.iter().zip(&result.changes).zip(labels);
        let kept = worst.logits.iter_mut().zip(&mut worst.changes);
        for ((logit, change), ((new, moved), fake)) in kept.zip(found) {
            if margin(*new, *fake) < margin(*logit, *fake) {
                (*logit, *change) = (*new, *moved);
            }
        }
        worst.passes += result.passes;
        worst.seconds += result.seconds;
        worst.gradient_share = match (worst.gradient_share, result.gradient_share) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(logits: [f32; 4]) -> AttackResult {
        let clean = [-1.0, 1.0, -2.0, 2.0];
        let mut result = worst_case(&clean, &[], &[], 0.1, Target::Both);
        result.logits = logits.to_vec();
        result.changes = vec![0.1; 4];
        result
    }

    #[test]
    fn every_clip_keeps_its_lowest_margin() {
        let clean = [-1.0, 1.0, -2.0, 2.0];
        let labels = [false, true, false, true];
        let (a, b) = (
            result([3.0, 1.5, -1.0, 1.0]),
            result([0.0, -4.0, -3.0, 0.5]),
        );
        let worst = worst_case(&clean, &labels, &[&a, &b], 0.1, Target::Both);
        assert_eq!(worst.logits, [3.0, -4.0, -1.0, 0.5]);
        assert_eq!(worst.changes, [0.1; 4]);
        let weak = result([-9.0, 9.0, -9.0, 9.0]);
        let worst = worst_case(&clean, &labels, &[&weak], 0.1, Target::Both);
        assert_eq!(worst.logits, clean);
        assert_eq!(worst.changes, [0.0; 4]);
    }

    #[test]
    fn figures_are_composed_from_clean_and_attacked_scores() {
        let worst = result([0.5, -0.5, -2.0, 2.0]);
        let report = SuiteReport {
            schema: SCHEMA,
            subject: "test".into(),
            target: Target::Both,
            pairs: 2,
            epsilon: 0.1,
            frames: 1,
            seed: 1,
            labels: vec![false, true, false, true],
            clean: vec![-1.0, 1.0, -2.0, 2.0],
            results: vec![worst.clone()],
            worst: worst.clone(),
            checks: Vec::new(),
        };
        assert_eq!(report.clean_auc(), Some(1.0));
        // Of the four pairs of a real and a fake score, one is out of order.
        assert_eq!(report.auc(&worst, Target::Both), Some(0.75));
        assert_eq!(report.auc(&worst, Target::Fakes), Some(1.0));
        assert_eq!(report.success(&worst), Some(0.5));
        let one_sided = AttackResult {
            target: Target::Fakes,
            ..worst
        };
        assert_eq!(report.auc(&one_sided, Target::Both), None);
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<SuiteReport>(&text).unwrap(), report);
    }
}
