//! Checks that vary an attack: its steps, its radius, what it may see.

use anyhow::Result;
use rand::SeedableRng;

use super::super::queries::{distance, images};
use super::super::suite::is_target;
use super::super::{BlackBox, HopSkipJump, Norm, Target};
use super::{Check, CheckedDetector, mean, percent, share};
use crate::metric::roc_auc;
use crate::random::Random;

/// Steps of the attack whose doubling should change little.
const STEPS: usize = 50;
/// Change that is little, as a share of the fall of margins.
const LITTLE: f32 = 0.05;
/// Radii of the ladder, as shares of epsilon.
const LADDER: [f32; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];
/// A radius that nothing withstands: any picture becomes grey.
const LARGE: f32 = 0.5;
/// Clips for the attack that sees decisions alone.
const DECIDED: usize = 8;
/// Its steps.
const DECISION_STEPS: usize = 10;

/// All of them.
pub(super) fn checks(subject: &CheckedDetector<'_>) -> Result<Vec<Check>> {
    let epsilon = subject.epsilon;
    let before = subject.margins(subject.faces.images.clone())?;
    let single = subject.pgd(epsilon, epsilon, 1)?;
    let many = subject.pgd(epsilon, epsilon / 8.0, STEPS)?;
    let double = subject.pgd(epsilon, epsilon / 8.0, 2 * STEPS)?;
    Ok(vec![
        iterative(&before, &single, &many),
        converged(&before, &many, &double),
        monotone(subject, &before)?,
        unbounded(subject)?,
        decisions(subject, &double)?,
    ])
}

fn iterative(before: &[f32], single: &[f32], many: &[f32]) -> Check {
    let fall = |after: &[f32]| mean(before) - mean(after);
    let slack = (0.02 * fall(many).max(fall(single))).max(1e-6);
    let wins = share(
        single
            .iter()
            .zip(many)
            .map(|(one, many)| *one < many - slack),
    );
    Check::new(
        "many steps beat one",
        wins <= 0.05 && fall(many) >= fall(single) - slack,
        format!(
            "{STEPS} steps lower margins by {:.3}, one step by {:.3}; it wins on {} of the clips",
            fall(many),
            fall(single),
            percent(wins)
        ),
        "the surface is so rough that small steps get lost",
    )
}

fn converged(before: &[f32], many: &[f32], double: &[f32]) -> Check {
    let (short, long) = (mean(before) - mean(many), mean(before) - mean(double));
    Check::new(
        "more steps change little",
        long > 0.0 && long - short <= LITTLE * long,
        format!(
            "margins fall by {short:.3} in {STEPS} steps and by {long:.3} in {}",
            2 * STEPS
        ),
        "the attack has not converged, and longer ones will find more",
    )
}

fn monotone(subject: &CheckedDetector<'_>, before: &[f32]) -> Result<Check> {
    let mut ladder = vec![mean(before)];
    let mut wrong = vec![share(before.iter().map(|margin| *margin <= 0.0))];
    for factor in LADDER {
        let epsilon = subject.epsilon * factor;
        let after = subject.pgd(epsilon, epsilon / 8.0, 20)?;
        ladder.push(mean(&after));
        wrong.push(share(after.iter().map(|margin| *margin <= 0.0)));
    }
    let most = ladder
        .first()
        .zip(ladder.last())
        .map_or(0.0, |(a, b)| a - b);
    let slack = (0.01 * most).max(0.0);
    let falls = ladder.windows(2).all(|pair| pair[1] <= pair[0] + slack);
    let shown: Vec<String> = wrong.iter().map(|share| percent(*share)).collect();
    Ok(Check::new(
        "success grows with epsilon",
        falls && most > 0.0,
        format!(
            "at 0, 1/4, 1/2, 1, 2 and 4 times epsilon {} of the clips are misjudged",
            shown.join(", ")
        ),
        "a larger ball holds the smaller one, so the attack fails where it should not",
    ))
}

fn unbounded(subject: &CheckedDetector<'_>) -> Result<Check> {
    let images = subject.attacked(LARGE, LARGE / 25.0, STEPS)?;
    let fooled = share(subject.margins(images.clone())?.iter().map(|m| *m <= 0.0));
    let fake = subject.fake()?;
    let clean = subject.logits(subject.faces.images.clone())?;
    let attacked = subject.logits(images)?;
    let scores: Vec<f32> = (0..fake.len())
        .map(|clip| match is_target(subject.target, fake[clip]) {
            true => attacked[clip],
            false => clean[clip],
        })
        .collect();
    let auc = roc_auc(&scores, &fake);
    Ok(Check::new(
        "a large epsilon always succeeds",
        fooled >= 0.99 && auc.is_none_or(|auc| auc <= 0.5),
        format!(
            "at {LARGE} of the range {} of the clips are misjudged, AUC {}",
            percent(fooled),
            auc.map_or("-".into(), |auc| format!("{auc:.2}"))
        ),
        "no detector can withstand that, so the attack is what fails",
    ))
}

/// HopSkipJump on a few clips that the detector gets right: what it fools within epsilon,
/// gradients must fool too.
fn decisions(subject: &CheckedDetector<'_>, white: &[f32]) -> Result<Check> {
    const NAME: &str = "decisions alone find nothing more";
    let before = subject.margins(subject.faces.images.clone())?;
    let fake = subject.fake()?;
    let right = subject.chosen()?.into_iter().zip(white).zip(before);
    let right: Vec<(usize, f32)> = right
        .filter(|(_, before)| *before > 0.0)
        .map(|((clip, white), _)| (clip, *white))
        .collect();
    let (mut distances, mut more, mut by_white, mut count) = (Vec::new(), 0usize, 0usize, 0usize);
    for class in [true, false] {
        let few = right.iter().filter(|(clip, _)| fake[*clip] == class);
        let few: Vec<(usize, f32)> = few.take(DECIDED / 2).copied().collect();
        if few.is_empty() {
            continue;
        }
        let clips: Vec<usize> = few.iter().map(|(clip, _)| *clip).collect();
        for (moved, (_, white)) in smallest(subject, &clips, &fake)?.iter().zip(&few) {
            count += 1;
            by_white += usize::from(*white <= 0.0);
            more += usize::from(*moved <= subject.epsilon && *white > 0.0);
            distances.push(*moved);
        }
    }
    if count == 0 {
        return Ok(Check::not_run(NAME, "the detector gets no clip right"));
    }
    distances.sort_by(f32::total_cmp);
    let median = match distances[count / 2] {
        moved if moved.is_finite() => format!("{:.1}/255", moved * 255.0),
        _ => "out of reach".into(),
    };
    Ok(Check::new(
        NAME,
        more == 0,
        format!(
            "of {count} clips gradients fool {by_white} within epsilon and HopSkipJump {more} others; its median distance is {median}"
        ),
        "gradients are masked",
    ))
}

/// Sizes of the changes that HopSkipJump finds for clips of one class, infinite where it finds
/// none. Clips of the other class are its beginnings.
fn smallest(subject: &CheckedDetector<'_>, clips: &[usize], fake: &[bool]) -> Result<Vec<f32>> {
    let class = clips.first().is_some_and(|clip| fake[*clip]);
    let others = (0..fake.len()).filter(|clip| fake[*clip] != class);
    let all: Vec<usize> = clips.iter().copied().chain(others).collect();
    let faces = subject.pick(&all);
    let attack = HopSkipJump {
        steps: DECISION_STEPS,
        ..HopSkipJump::new(
            Norm::Linf,
            if class { Target::Fakes } else { Target::Reals },
        )
    };
    let mut random = Random::seed_from_u64(subject.seed);
    let found = attack.attack(subject.victim, &faces, &mut random)?;
    let (before, after) = (images(&faces.images)?, images(&found.images)?);
    let length = (before.len() / all.len().max(1)).max(1);
    let pairs = before.chunks(length).zip(after.chunks(length));
    let moved = pairs.map(|(a, b)| match distance(Norm::Linf, b, a) {
        0.0 => f32::INFINITY,
        moved => moved,
    });
    Ok(moved.take(clips.len()).collect())
}
