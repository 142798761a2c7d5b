//! Checks that compare the attacks of a suite.

use super::super::suite::{is_target, margin};
use super::super::{Access, AttackResult};
use super::{Check, mean, percent, share};

/// Share of clips that a weaker attack may win.
const WINS_MAX: f32 = 0.05;
/// What counts as winning, as a share of the mean fall of margins.
const SLACK: f32 = 0.02;
/// Fall of accuracy by black-box attacks that AutoAttack lets pass.
const ACCURACY_SLACK: f32 = 0.002;

/// Black box against white box, and random noise against both.
pub fn ensemble_checks(clean: &[f32], labels: &[bool], results: &[&AttackResult]) -> Vec<Check> {
    let white = lowest(clean, labels, results, |access| access == Access::WhiteBox);
    let black = lowest(clean, labels, results, |access| {
        !matches!(access, Access::WhiteBox | Access::Nothing)
    });
    let noise = lowest(clean, labels, results, |access| access == Access::Nothing);
    let target = results.first().map(|result| result.target);
    let before: Vec<f32> = clean
        .iter()
        .zip(labels)
        .filter(|(_, fake)| target.is_some_and(|target| is_target(target, **fake)))
        .map(|(clean, fake)| margin(*clean, *fake))
        .collect();
    vec![
        versus(&before, white.as_deref(), black.as_deref(), &BLACK),
        versus(&before, white.as_deref(), noise.as_deref(), &NOISE),
    ]
}

/// Words of a comparison.
struct Words {
    name: &'static str,
    absent: &'static str,
    rival: &'static str,
}

const BLACK: Words = Words {
    name: "white box beats black box",
    absent: "it takes a white-box and a black-box attack",
    rival: "black-box attacks",
};
const NOISE: Words = Words {
    name: "attacks beat random noise",
    absent: "it takes a white-box attack and the noise floor",
    rival: "random noise",
};

/// Lowest margin of every attacked clip over attacks of some access, clean margins included.
fn lowest(
    clean: &[f32],
    labels: &[bool],
    results: &[&AttackResult],
    of: impl Fn(Access) -> bool,
) -> Option<Vec<f32>> {
    let mut lowest: Option<Vec<f32>> = None;
    for result in results.iter().filter(|result| of(result.access)) {
        let pairs = clean.iter().zip(&result.logits).zip(labels);
        let margins: Vec<f32> = pairs
            .filter(|(_, fake)| is_target(result.target, **fake))
            .map(|((clean, after), fake)| margin(*clean, *fake).min(margin(*after, *fake)))
            .collect();
        lowest = Some(match lowest {
            None => margins,
            Some(old) => old.iter().zip(&margins).map(|(a, b)| a.min(*b)).collect(),
        });
    }
    lowest
}

/// The white box must be at least as strong per clip and in accuracy.
fn versus(before: &[f32], white: Option<&[f32]>, rival: Option<&[f32]>, words: &Words) -> Check {
    let (Some(white), Some(rival)) = (white, rival) else {
        return Check::not_run(words.name, words.absent);
    };
    let fall = (mean(before) - mean(white)).max(mean(before) - mean(rival));
    let slack = (SLACK * fall).max(1e-6);
    let wins = share(
        white
            .iter()
            .zip(rival)
            .map(|(white, rival)| *rival < white - slack),
    );
    let right = |margins: &[f32]| share(margins.iter().map(|margin| *margin > 0.0));
    let both: Vec<f32> = white.iter().zip(rival).map(|(a, b)| a.min(*b)).collect();
    let lost = right(white) - right(&both);
    Check::new(
        words.name,
        wins <= WINS_MAX && lost <= ACCURACY_SLACK,
        format!(
            "{} of {} clips fall further under {}, and accuracy by another {}",
            percent(wins),
            white.len(),
            words.rival,
            percent(lost)
        ),
        "gradients are masked, or the white-box attacks are too short",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Target;
    use crate::attack::check::CheckOutcome;
    use crate::attack::suite::worst_case;

    const LABELS: [bool; 4] = [false, true, false, true];
    const CLEAN: [f32; 4] = [-4.0, 4.0, -4.0, 4.0];

    fn result(access: Access, margins: [f32; 4]) -> AttackResult {
        let mut result = worst_case(&CLEAN, &LABELS, &[], 0.1, Target::Both);
        let signed = margins.iter().zip(LABELS).map(|(m, fake)| margin(*m, fake));
        result.logits = signed.collect();
        result.access = access;
        result
    }

    #[test]
    fn a_black_box_that_wins_once_too_often_is_flagged() {
        let white = result(Access::WhiteBox, [-1.0, -2.0, 1.0, -1.0]);
        let weak = result(Access::Scores, [0.0, 0.0, 1.0, 0.0]);
        let strong = result(Access::Decisions, [0.0, 0.0, -1.0, 0.0]);
        let noise = result(Access::Nothing, [3.0, 3.0, 3.0, 3.0]);
        let verdicts = |results: &[&AttackResult]| {
            let checks = ensemble_checks(&CLEAN, &LABELS, results);
            [checks[0].verdict, checks[1].verdict]
        };
        assert_eq!(
            verdicts(&[&white, &weak, &noise]),
            [CheckOutcome::Passed, CheckOutcome::Passed]
        );
        assert_eq!(
            verdicts(&[&white, &weak, &strong]),
            [CheckOutcome::Failed, CheckOutcome::NotRun]
        );
        let loud = result(Access::Nothing, [-2.0, 3.0, 3.0, 3.0]);
        assert_eq!(
            verdicts(&[&white, &loud]),
            [CheckOutcome::NotRun, CheckOutcome::Failed]
        );
    }
}
