//! Checks of the detector itself.

use anyhow::Result;

use super::super::clips::host;
use super::super::objective::Goal;
use super::super::queries::images;
use super::super::{Objective, ObjectiveGradient};
use super::{Check, CheckedDetector, percent, share};

/// Forward passes that must agree.
const REPEATS: usize = 5;
/// Clips that are scored alone.
const ALONE: usize = 8;
/// Where the slope of cross entropy is zero in f32.
const SATURATED: f32 = 17.0;

/// All of them.
pub(super) fn checks(subject: &CheckedDetector<'_>) -> Result<Vec<Check>> {
    let logits = subject.logits(subject.faces.images.clone())?;
    let slope = gradient(subject)?;
    Ok(vec![
        deterministic(subject, &logits)?,
        independent(subject, &logits)?,
        same_detector(&slope, &logits)?,
        unsaturated(&logits),
        gradients(subject, &slope)?,
        downhill(subject, &slope)?,
    ])
}

/// Largest difference of two lists of logits, relative to logits above 1.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    let each = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs() / a.abs().max(1.0));
    // A NaN counts as far apart.
    each.fold(
        0.0,
        |most: f32, x| if x > most || x.is_nan() { x } else { most },
    )
}

fn deterministic(subject: &CheckedDetector<'_>, logits: &[f32]) -> Result<Check> {
    let mut most: f32 = 0.0;
    for _ in 1..REPEATS {
        let again = subject.logits(subject.faces.images.clone())?;
        most = most.max(apart(logits, &again));
    }
    Ok(Check::new(
        "deterministic",
        most <= 1e-4,
        format!("{REPEATS} runs on the same clips differ by {most:.1e}"),
        "random scores hide the way of gradients; attack their expectation instead",
    ))
}

/// A score that depends on other clips would come of adaptation at inference.
fn independent(subject: &CheckedDetector<'_>, logits: &[f32]) -> Result<Check> {
    let frames = subject.faces.frames.max(1);
    let count = logits.len().min(ALONE);
    let mut most: f32 = 0.0;
    for clip in (0..count).rev() {
        let images = subject.faces.images.clone();
        let alone = subject.logits(images.narrow(0, clip * frames, frames))?;
        most = most.max(apart(&logits[clip..=clip], &alone));
    }
    Ok(Check::new(
        "no adaptation at inference",
        most <= 1e-3,
        format!("{count} clips scored alone differ from the batch by {most:.1e}"),
        "the detector adapts to what it sees, and an attack on one clip says little",
    ))
}

fn gradient(subject: &CheckedDetector<'_>) -> Result<ObjectiveGradient> {
    let faces = subject.faces;
    let goal = Goal::new(
        Objective::Margin,
        subject.net,
        &faces.images,
        faces.label.clone(),
        faces.frames,
    );
    Ok(ObjectiveGradient::of(
        subject.net,
        &goal,
        &faces.images,
        faces,
    ))
}

fn same_detector(slope: &ObjectiveGradient, logits: &[f32]) -> Result<Check> {
    let most = apart(&host(slope.logit.clone())?, logits);
    Ok(Check::new(
        "gradients are of the detector",
        most <= 0.02,
        format!(
            "the network that gives gradients and the detector that is scored differ by {most:.1e}"
        ),
        "white-box attacks fool another network than the one that is scored",
    ))
}

fn unsaturated(logits: &[f32]) -> Check {
    let mut distinct: Vec<u32> = logits.iter().map(|logit| (logit + 0.0).to_bits()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let tied = distinct.len() * 2 <= logits.len();
    let probability = logits.iter().all(|logit| (0.0..=1.0).contains(logit));
    let flat = share(logits.iter().map(|logit| logit.abs() > SATURATED));
    let seen = match (tied, probability) {
        (true, _) => format!("{} clips have {} scores", logits.len(), distinct.len()),
        (false, true) => "all scores lie in [0, 1]".to_string(),
        (false, false) => format!(
            "scores are distinct logits, {} of them where cross entropy is flat in f32, which the margin is not",
            percent(flat)
        ),
    };
    Check::new(
        "output not saturated",
        !tied && !probability,
        seen,
        "the output seems to be squashed and has no slope; take the logit before the squashing",
    )
}

fn gradients(subject: &CheckedDetector<'_>, slope: &ObjectiveGradient) -> Result<Check> {
    let all = images(&slope.gradient)?;
    let length = all.len() / subject.faces.clips().max(1);
    let logits = host(slope.logit.clone())?;
    let scale = logits.iter().fold(0f32, |most, z| most.max(z.abs()));
    let (mut zero, mut small, mut non_zero) = (0usize, 0usize, 0usize);
    let chosen = subject.chosen()?;
    for clip in &chosen {
        let gradient = &all[clip * length..][..length];
        let size: f32 = gradient.iter().map(|slope| slope.abs()).sum();
        non_zero += gradient.iter().filter(|slope| **slope != 0.0).count();
        zero += usize::from(size == 0.0);
        // To first order the ball does not even move the score by a thousandth.
        small += usize::from(subject.epsilon * size < 1e-3 * scale || !size.is_finite());
    }
    let count = chosen.len();
    let share = non_zero as f32 / (count * length).max(1) as f32;
    Ok(Check::new(
        "gradients",
        zero == 0 && small * 20 <= count && share > 0.1,
        format!(
            "{} of gradients are non-zero; of {count} clips {zero} have none at all and {small} a negligible one",
            percent(share)
        ),
        "gradients are masked and white-box attacks see nothing",
    ))
}

/// A short way against the gradient must lower the victim's margin.
fn downhill(subject: &CheckedDetector<'_>, slope: &ObjectiveGradient) -> Result<Check> {
    let before = subject.margins(subject.faces.images.clone())?;
    let step = slope.gradient.clone().sign() * (subject.epsilon / 10.0);
    let moved = (subject.faces.images.clone() + step).clamp(0.0, 1.0);
    let after = subject.margins(moved)?;
    let falls = share(
        before
            .iter()
            .zip(&after)
            .map(|(before, after)| after < before),
    );
    Ok(Check::new(
        "gradients point downhill",
        falls >= 0.9,
        format!(
            "a tenth of epsilon along the gradient lowers the margin of {} of the clips",
            percent(falls)
        ),
        "gradients do not describe the detector",
    ))
}
