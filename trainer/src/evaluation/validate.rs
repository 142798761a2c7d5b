//! Scores on held-out pairs, clean and under PGD-10.

use anyhow::{Context, Result, anyhow};
use burn::tensor::{Device, Tensor};

use super::held_out::{HeldOut, VALIDATION_SEED};
use super::{Origin, Scores};
use crate::attack::{Faces, Pgd, Target, Victim};
use crate::dataset::{MakePlan, Pairs};
use crate::distortion::Perturbation;
use crate::network::{Differentiable, Frozen, NetworkConfig};

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validation {
    /// Pairs at most.
    pub pairs: usize,
    /// Side of the crops in pixels.
    pub side: usize,
    /// Frames of a clip; its score is the mean logit.
    pub frames: usize,
    /// Radius of PGD-10 in [0, 1]; `None` = clean only.
    pub epsilon: Option<f32>,
    /// See [`NetworkConfig::stacked`].
    pub stacked: bool,
}

impl Validation {
    /// For a network as it is shipped: single frames, or clips for a clip network. An
    /// `epsilon` of zero means clean only.
    pub fn of(network: &NetworkConfig, pairs: usize, epsilon: f32) -> Self {
        Self {
            pairs,
            side: network.input,
            frames: network.clip_frames().unwrap_or(1),
            epsilon: (epsilon > 0.0).then_some(epsilon),
            stacked: network.stacked,
        }
    }

    /// How the pairs are made.
    pub fn plan(&self) -> MakePlan {
        MakePlan {
            frames: self.frames,
            stacked: self.stacked,
            ..MakePlan::frame(self.side)
        }
    }
}

/// Scores held-out pairs, each a real and a fake frame or clip.
///
/// # Errors
/// When a stored face is damaged, or an attack changed nothing.
pub fn validate(
    net: &Frozen,
    pairs: &Pairs<'_>,
    request: &Validation,
    device: &Device,
) -> Result<Scores> {
    validate_told(net, pairs, request, device, |_, _| {})
}

/// [`validate`] that tells after each batch how many of how many are done.
///
/// # Errors
/// As [`validate`].
pub fn validate_told(
    net: &Frozen,
    pairs: &Pairs<'_>,
    request: &Validation,
    device: &Device,
    told: impl FnMut(usize, usize),
) -> Result<Scores> {
    score_batches(net, net, pairs, request, None, device, told)
}

/// [`validate`] of a `victim` that `net` is attacked in place of, on pairs whose stored crops are
/// perturbed where that is asked for.
///
/// # Errors
/// When a stored face is damaged, an attack changed nothing, or the victim does not answer.
pub fn validate_on(
    net: &Frozen,
    victim: &dyn Victim,
    pairs: &Pairs<'_>,
    request: &Validation,
    perturbation: Option<&Perturbation>,
    device: &Device,
) -> Result<Scores> {
    score_batches(net, victim, pairs, request, perturbation, device, |_, _| {})
}

fn score_batches(
    net: &Frozen,
    victim: &dyn Victim,
    pairs: &Pairs<'_>,
    request: &Validation,
    perturbation: Option<&Perturbation>,
    device: &Device,
    mut told: impl FnMut(usize, usize),
) -> Result<Scores> {
    let held_out = HeldOut::new(pairs, request, device);
    let mut scores = Scores {
        gradient_share: 1.0,
        ..Default::default()
    };
    device.seed(VALIDATION_SEED);
    for batch in 0..held_out.batches() {
        let made = held_out.made(batch, perturbation)?;
        for pair in &made {
            scores.kinds.push(pair.kind.to_string());
            for record in pair.records {
                let record = pairs.record(record).context("a pair without a record")?;
                scores.origins.push(Origin::of(record));
            }
        }
        let faces = held_out.faces(&made);
        score_faces(net, victim, &faces, request.epsilon, &mut scores)?;
        told(batch + 1, held_out.batches());
    }
    Ok(scores)
}

fn score_faces(
    net: &impl Differentiable,
    victim: &dyn Victim,
    faces: &Faces,
    epsilon: Option<f32>,
    scores: &mut Scores,
) -> Result<()> {
    let logits = victim.logits(faces.images.clone(), faces.frames)?;
    scores.clean.extend(values(logits)?);
    let labels = values(faces.label.clone())?;
    scores.fake.extend(labels.iter().map(|label| *label > 0.5));
    if let Some(epsilon) = epsilon {
        let attacked = Pgd::ten(epsilon, Target::Both).run(net, faces);
        attacked.change(faces)?;
        scores.gradient_share = scores.gradient_share.min(attacked.gradient_share);
        let logits = victim.logits(attacked.images, faces.frames)?;
        scores.attacked.extend(values(logits)?);
    }
    Ok(())
}

/// A tensor's numbers.
pub(super) fn values(tensor: Tensor<1>) -> Result<Vec<f32>> {
    let values = tensor.into_data().try_to_vec::<f32>();
    values.map_err(|error| anyhow!("logits are not f32: {error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::toy::{Linear, grey_faces};

    /// On a linear detector PGD-10 moves each logit by the whole radius, `e |w|_1`: that of a
    /// fake down, that of a real face up.
    #[test]
    fn both_classes_are_attacked_with_the_whole_radius() {
        let device = Device::flex();
        let net = Linear::random(8, &device);
        let faces = grey_faces(6, 2, 8, &device);
        let mut scores = Scores::default();
        let epsilon = 3.0 / 255.0;
        score_faces(&net, &net, &faces, Some(epsilon), &mut scores).unwrap();
        let reach: f32 = net.weight.abs().sum().into_scalar::<f32>() * epsilon;
        assert_eq!(scores.fake, [false, true, false, true, false, true]);
        let pairs = scores.clean.iter().zip(&scores.attacked);
        for ((clean, attacked), fake) in pairs.zip(&scores.fake) {
            let wanted = if *fake { -reach } else { reach };
            let moved = attacked - clean;
            assert!(
                (moved - wanted).abs() < 1e-3 * reach,
                "{moved}, not {wanted}"
            );
        }
    }
}
