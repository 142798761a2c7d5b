//! One step shared by several devices: data parallel training.

use anyhow::{Result, ensure};
use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};

use super::checkpoint::Checkpoint;
use super::descend::{Descent, advance, finite};
use super::step::Loss;
use crate::config::{InnerAttack, RunConfig};
use crate::dataset::Batch;
use crate::loss::Terms;
use crate::network::Detector;

/// Refuses what only works on one device.
///
/// # Errors
/// Names the setting.
pub(super) fn check(config: &RunConfig) -> Result<()> {
    ensure!(
        config.attack.kind != InnerAttack::Free,
        "attack.kind is free: its noise stays on one device; use pgd or fgsm_rs with several"
    );
    ensure!(
        config.awp.gamma == 0.0,
        "awp.gamma is {}: weights are perturbed on one device only; set it to 0 with several",
        config.awp.gamma
    );
    Ok(())
}

/// One optimiser step down the mean loss of a batch, of which every device takes as many
/// pairs. Each device normalises its own part; running statistics are those of the first,
/// and `L_srl` compares faces of one part, as is usual for data parallel training.
///
/// # Errors
/// When the loss is no longer finite.
pub(super) fn descend_together(
    state: &mut Checkpoint,
    descent: &Descent,
    batch: &Batch,
    devices: &[Device],
    loss: impl Fn(&Detector, &Batch, &Device) -> Loss,
) -> Result<Loss> {
    // All devices are set to work before the first result is waited for.
    let mut found = Vec::with_capacity(devices.len());
    for (index, (part, device)) in batch.divided(devices.len()).iter().zip(devices).enumerate() {
        let net = match index {
            0 => state.net.clone(),
            _ => state.net.clone().fork(&device.clone().autodiff()),
        };
        let weight = part.clips() as f32 / batch.clips() as f32;
        let loss = loss(&net, part, device);
        let gradients = (loss.terms.total.clone() * weight).backward();
        let gradients = GradientsParams::from_grads(gradients, &net);
        found.push((loss, weight, gradients));
    }
    let first = devices.first().cloned().unwrap_or_default();
    let mut sum = GradientsAccumulator::new();
    let mut losses = Vec::with_capacity(found.len());
    for (loss, weight, gradients) in found {
        finite(&loss, state.step)?;
        sum.accumulate(&state.net, gradients.to_device(&first, &state.net));
        losses.push((loss, weight));
    }
    advance(state, descent, sum.grads());
    Ok(mean(&losses, &first))
}

/// The loss of the whole batch, on the first device and off the graph.
fn mean(losses: &[(Loss, f32)], device: &Device) -> Loss {
    let here = |tensor: &Tensor<1>| tensor.clone().inner().to_device(device);
    let add = |pick: &dyn Fn(&Loss) -> Option<Tensor<1>>| {
        let weighted = losses
            .iter()
            .filter_map(|(loss, weight)| Some(pick(loss)? * *weight));
        weighted.reduce(|sum, term| sum + term)
    };
    let names: Vec<&'static str> = losses.first().map_or_else(Vec::new, |(loss, _)| {
        loss.terms.parts.iter().map(|(name, _)| *name).collect()
    });
    let parts = names.iter().enumerate().filter_map(|(at, name)| {
        let sum = add(&|loss: &Loss| Some(here(&loss.terms.parts.get(at)?.1)))?;
        Some((*name, sum))
    });
    let logits = losses.iter().map(|(loss, _)| here(&loss.logit)).collect();
    Loss {
        terms: Terms {
            parts: parts.collect(),
            total: add(&|loss: &Loss| Some(here(&loss.terms.total)))
                .unwrap_or_else(|| Tensor::zeros([1], device)),
        },
        logit: Tensor::cat(logits, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::descend::{descend, optimizer};
    use super::super::step::{Guide, loss};
    use super::*;
    use crate::evaluation::to_tensors;
    use crate::network::Size;
    use crate::test_numbers::redrawn;

    fn small() -> RunConfig {
        let mut config = RunConfig::default();
        config.network.size = Size::Tiny;
        config.network.input = 32;
        config.network.temporal = false;
        config
    }

    fn state(net: &Detector, config: &RunConfig) -> Checkpoint {
        let device = Device::flex().autodiff();
        let net = Detector::new(&config.network, &device).load_record(net.clone().into_record());
        Checkpoint {
            step: 0,
            seconds: 0.0,
            average: net.valid(),
            net,
            optimizer: optimizer(&config.train),
            trend: Default::default(),
            noise: None,
        }
    }

    fn clean_loss(net: &Detector, part: &Batch, device: &Device, config: &RunConfig) -> Loss {
        let (images, label) = to_tensors(part, device);
        loss(
            net,
            images.autodiff(),
            None,
            label,
            1,
            config,
            &Guide::default(),
        )
    }

    /// The mean gradient over two equal halves is that of one half, batch statistics
    /// included: a step on both with two devices is a step on one half with one.
    #[test]
    fn two_equal_halves_step_like_one() {
        let (config, device) = (small(), Device::flex());
        let net = redrawn(
            Detector::new(&config.network, &device.clone().autodiff()),
            4,
        );
        let values = |i: usize| (i * 7919 % 1000) as f32 / 1000.0;
        let half = Batch {
            images: (0..8 * 3 * 32 * 32).map(values).collect(),
            labels: [0.0, 1.0].repeat(4),
            frames: 1,
            side: 32,
        };
        let whole = Batch {
            images: [half.images.clone(), half.images.clone()].concat(),
            labels: [half.labels.clone(), half.labels.clone()].concat(),
            ..half
        };
        let descent = Descent {
            learning_rate: 0.01,
            gamma: 0.0,
            ema_decay: 0.9,
        };
        let (mut one, mut two) = (state(&net, &config), state(&net, &config));
        let logit = |state: &Checkpoint| clean_loss(&state.net, &half, &device, &config).logit;
        let far = |a: Tensor<1>, b: Tensor<1>| -> f32 { (a - b).abs().max().into_scalar() };
        let before = logit(&one);
        assert_eq!(far(before.clone(), logit(&two)), 0.0);
        let (alone, _) = descend(&mut one, &descent, None, |net| {
            clean_loss(net, &half, &device, &config)
        })
        .unwrap();
        let devices = [device.clone(), device.clone()];
        let shared = descend_together(&mut two, &descent, &whole, &devices, |net, part, at| {
            clean_loss(net, part, at, &config)
        })
        .unwrap();
        let number = |loss: &Loss| loss.terms.total.clone().into_scalar::<f32>();
        assert!((number(&alone) - number(&shared)).abs() < 1e-6);
        assert_eq!(shared.logit.dims(), [16]);
        assert!(far(logit(&one), before) > 1e-3, "the step changed nothing");
        let apart = far(logit(&one), logit(&two));
        assert!(apart < 1e-4, "logits differ by {apart}");
    }
}
