//! Gradients of a step, and the step.

use anyhow::{Result, ensure};
use burn::grad_clipping::GradientClippingConfig;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::Tensor;

use super::awp::perturb;
use super::checkpoint::Checkpoint;
use super::ema::average;
use super::step::Loss;
use crate::config::{Optimizer, TrainConfig};
use crate::network::Detector;

/// The optimiser of a configuration, without moments yet.
pub(super) fn optimizer(train: &TrainConfig) -> ModuleOptimizer {
    let clipping = Some(GradientClippingConfig::Norm(train.clip_norm));
    match train.optimizer {
        Optimizer::Adamw => AdamWConfig::new()
            .with_epsilon(1e-8)
            .with_weight_decay(train.weight_decay)
            .with_grad_clipping(clipping)
            .init(),
        Optimizer::Sgd => {
            let momentum = MomentumConfig::new()
                .with_momentum(train.momentum)
                .with_dampening(0.0);
            let decay = WeightDecayConfig::new(train.weight_decay);
            SgdConfig::new()
                .with_momentum((train.momentum > 0.0).then_some(momentum))
                .with_weight_decay(Some(decay))
                .with_gradient_clipping(clipping)
                .init()
        }
    }
}

/// What a descent needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descent {
    pub(super) learning_rate: f64,
    /// Size of the weight perturbation; 0 = none.
    pub(super) gamma: f32,
    pub(super) ema_decay: f64,
}

/// One optimiser step down `loss`. `noise` is a leaf that `loss` uses; its gradient comes
/// back with the loss.
///
/// # Errors
/// When the loss is no longer finite.
pub(super) fn descend(
    state: &mut Checkpoint,
    descent: &Descent,
    noise: Option<&Tensor<4>>,
    loss: impl Fn(&Detector) -> Loss,
) -> Result<(Loss, Option<Tensor<4>>)> {
    let mut found = loss(&state.net);
    finite(&found, state.step)?;
    let mut gradients = found.terms.total.backward();
    let params = if descent.gamma > 0.0 {
        let ascent = GradientsParams::from_grads(gradients, &state.net);
        let there = perturb(state.net.clone(), &ascent, descent.gamma);
        found = loss(&there);
        finite(&found, state.step)?;
        gradients = found.terms.total.backward();
        let by_noise = noise.and_then(|leaf| leaf.grad_remove(&mut gradients));
        (GradientsParams::from_grads(gradients, &there), by_noise)
    } else {
        let by_noise = noise.and_then(|leaf| leaf.grad_remove(&mut gradients));
        (GradientsParams::from_grads(gradients, &state.net), by_noise)
    };
    let (params, by_noise) = params;
    advance(state, descent, params);
    Ok((found, by_noise))
}

/// The step itself, and the average after it.
pub(super) fn advance(state: &mut Checkpoint, descent: &Descent, params: GradientsParams) {
    state.net = state
        .optimizer
        .step(descent.learning_rate, state.net.clone(), params);
    // Young averages forget faster, or they would remember the initialisation.
    let young = (1.0 + state.step as f64) / (10.0 + state.step as f64);
    state.average = average(
        state.average.clone(),
        &state.net,
        descent.ema_decay.min(young),
    );
}

/// Refuses a loss that is not a number.
pub(super) fn finite(loss: &Loss, step: usize) -> Result<()> {
    ensure!(
        loss.terms.total.clone().into_scalar::<f32>().is_finite(),
        "the loss is no longer finite after {step} steps: lower train.learning_rate"
    );
    Ok(())
}
