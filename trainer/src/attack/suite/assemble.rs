//! From the scores of all batches to a report.

use anyhow::Result;

use super::super::check::{Check, CheckedDetector, ensemble_checks, probe_checks};
use super::super::{AttackResult, Faces, Norm};
use super::report::{SCHEMA, SuiteReport, worst_case};
use super::run::Found;
use super::{Cell, Member, Suite};

impl Suite<'_> {
    /// Puts results and checks together.
    pub(super) fn report(&self, found: Found, first: &Faces) -> Result<SuiteReport> {
        let all: Vec<AttackResult> = self
            .members
            .iter()
            .zip(&found.members)
            .map(|(member, cells)| self.result(member, cells))
            .collect();
        let still = |(member, result): (&Member<'_>, &AttackResult)| {
            !member.minimal && result.changes.iter().all(|change| *change == 0.0)
        };
        let silent: Vec<bool> = self.members.iter().zip(&all).map(still).collect();
        let names = all.iter().zip(&silent).filter(|pair| *pair.1);
        let mut checks = vec![Check::silent(names.map(|(result, _)| result.name.as_str()))];
        let results: Vec<AttackResult> = all
            .into_iter()
            .zip(&silent)
            .filter(|pair| !*pair.1)
            .map(|(result, _)| result)
            .collect();
        let kept: Vec<&AttackResult> = results.iter().collect();
        // An attack with a limit of its own says nothing about this one.
        let within = |result: &&&AttackResult| {
            let limit = self.epsilon * 1.0001;
            result.norm == Norm::Linf.to_string()
                && result.epsilon.is_some_and(|epsilon| epsilon <= limit)
        };
        let comparable: Vec<&AttackResult> = kept.iter().filter(within).copied().collect();
        let worst = worst_case(
            &found.clean,
            &found.labels,
            &comparable,
            self.epsilon,
            self.target,
        );
        checks.extend(ensemble_checks(&found.clean, &found.labels, &comparable));
        let subject = CheckedDetector {
            net: self.net,
            victim: self.victim,
            faces: first,
            target: self.target,
            epsilon: self.epsilon,
            seed: self.seed,
        };
        checks.extend(probe_checks(&subject)?);
        Ok(SuiteReport {
            schema: SCHEMA,
            subject: self.subject.clone(),
            target: self.target,
            pairs: found.labels.iter().filter(|fake| **fake).count(),
            epsilon: self.epsilon,
            frames: first.frames,
            seed: self.seed,
            labels: found.labels,
            clean: found.clean,
            results,
            worst,
            checks,
        })
    }

    /// A member's batches as one.
    fn result(&self, member: &Member<'_>, cells: &[Cell]) -> AttackResult {
        let attack = member.named_attack();
        let clips: f32 = cells.iter().map(|cell| cell.logits.len() as f32).sum();
        let weighted = |cell: &Cell| cell.passes * cell.logits.len() as f32 / clips.max(1.0);
        let share = cells.iter().map(|cell| cell.gradient_share);
        AttackResult {
            name: attack.name(),
            conditions: attack.conditions(),
            access: member.access,
            target: self.target,
            norm: member.norm.to_string(),
            epsilon: Some(member.epsilon),
            logits: cells.iter().flat_map(|cell| cell.logits.clone()).collect(),
            changes: cells.iter().flat_map(|cell| cell.changes.clone()).collect(),
            gradient_share: (member.cost.gradients > 0.0).then(|| share.fold(1.0, f32::min)),
            passes: cells.iter().map(weighted).sum(),
            seconds: cells.iter().map(|cell| cell.seconds).sum(),
        }
    }
}
