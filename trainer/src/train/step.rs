//! One step: the attack inside and the loss of the method.

use burn::tensor::{Device, Tensor};

use crate::attack::{Begin, Faces, Objective, Pgd, Target, spread};
use crate::config::{AttackConfig, InnerAttack, Method, RunConfig};
use crate::loss::{Taught, Terms, Truth, adversarial_training, classification, logit_adjustment};
use crate::network::{Detector, Features};

/// Deviation of the noise that TRADES starts its attack from, in pixel units.
const TRADES_NOISE: f32 = 0.001;

/// A loss with the logits it was computed from.
#[derive(Clone, Debug)]
pub struct Loss {
    /// The loss and its parts.
    pub terms: Terms,
    /// Logits, clean ones first where the method looks at clean faces.
    pub logit: Tensor<1>,
}

/// What other networks say of the clean faces of a batch, off the autodiff graph.
#[derive(Clone, Debug, Default)]
pub struct Guide {
    /// Embeddings that attacked faces are pulled to, `[n, embedding]`.
    pub anchor: Option<Tensor<2>>,
    /// What teachers say.
    pub taught: Option<Taught>,
}

impl Guide {
    /// The same on another device.
    pub fn to_device(self, device: &Device) -> Self {
        Self {
            anchor: self.anchor.map(|anchor| anchor.to_device(device)),
            taught: self.taught.map(|taught| Taught {
                logit: taught.logit.to_device(device),
                similarity: taught.similarity.to_device(device),
            }),
        }
    }

    fn teach(&self, terms: Terms, clean: &Features, config: &RunConfig) -> Terms {
        let Some(taught) = &self.taught else {
            return terms;
        };
        let taught = Taught {
            logit: taught.logit.clone().autodiff(),
            similarity: taught.similarity.clone().autodiff(),
        };
        config.distil.add(terms, clean, &taught)
    }
}

/// The attack that a run's configuration asks for, but for `free`, which has none of its own.
pub fn inner_attack(attack: &AttackConfig, method: Method, epsilon: f32) -> Pgd {
    let objective = attack.objective(method);
    if attack.kind == InnerAttack::FgsmRs {
        return Pgd {
            objective,
            ..Pgd::fgsm_rs(epsilon)
        };
    }
    let share = if attack.step_share > 0.0 {
        attack.step_share
    } else {
        2.0 / attack.steps.max(1) as f32
    };
    Pgd {
        step: epsilon * share,
        steps: attack.steps,
        begin: if objective == Objective::Kl {
            Begin::Gaussian(TRADES_NOISE)
        } else {
            Begin::Uniform
        },
        objective,
        ..Pgd::ten(epsilon, Target::Both)
    }
}

/// Attacked faces of a batch, made on the network in evaluation mode.
///
/// # Shapes
/// - `images`: `[clips * frames, 3, side, side]`, `label`: `[clips]`, both off the autodiff
///   graph; output as `images`
pub fn attacked(
    net: &Detector,
    images: Tensor<4>,
    label: Tensor<1>,
    frames: usize,
    config: &RunConfig,
    epsilon: f32,
) -> Tensor<4> {
    let attack = inner_attack(&config.attack, config.train.method, epsilon);
    let faces = Faces {
        images,
        label,
        frames,
    };
    attack.run(&net.fold(), &faces).images
}

/// Loss of a batch; without attacked faces, that of method `none`. Where a method looks at
/// clean and attacked faces they go through the network together, so that batch
/// normalisation sees both.
///
/// # Shapes
/// - `images`, `attacked`: `[clips * frames, 3, side, side]` on the autodiff graph
/// - `label`: `[clips]`, off it
/// - `guide`: what is known of `images` from others, off it
pub fn loss(
    net: &Detector,
    images: Tensor<4>,
    attacked: Option<Tensor<4>>,
    label: Tensor<1>,
    frames: usize,
    config: &RunConfig,
    guide: &Guide,
) -> Loss {
    let truth = |scores: usize| {
        let [clips] = label.dims();
        Truth {
            label: spread(label.clone(), scores).autodiff(),
            adjustment: logit_adjustment(config.train.fake_prior),
            per_clip: scores / clips.max(1),
            anchor: guide.anchor.clone().map(Tensor::autodiff),
        }
    };
    let count = |features: &Features| features.logit.dims()[0];
    let Some(attacked) = attacked else {
        let clean = net.forward(images, frames);
        let terms = classification(&clean, &truth(count(&clean)));
        return Loss {
            terms: guide.teach(terms, &clean, config),
            logit: clean.logit,
        };
    };
    if config.train.method == Method::At {
        let attacked = net.forward(attacked, frames);
        return Loss {
            terms: adversarial_training(&attacked, &truth(count(&attacked))),
            logit: attacked.logit,
        };
    }
    let both = net.forward(Tensor::cat(vec![images, attacked], 0), frames);
    let logit = both.logit.clone();
    let (clean, attacked) = halves(both);
    let truth = truth(count(&clean));
    let terms = match config.train.method {
        Method::None => classification(&clean, &truth),
        Method::At => adversarial_training(&attacked, &truth),
        Method::Trades => config.trades.terms(&clean, &attacked, &truth),
        Method::Mart => config.mart.terms(&clean, &attacked, &truth),
        Method::Afsl => config.afsl.terms(&clean, &attacked, &truth),
    };
    Loss {
        terms: guide.teach(terms, &clean, config),
        logit,
    }
}

fn halves(both: Features) -> (Features, Features) {
    let half = both.logit.dims()[0] / 2;
    let part = |from: usize| Features {
        embedding: both.embedding.clone().narrow(0, from, half),
        logit: both.logit.clone().narrow(0, from, half),
    };
    (part(0), part(half))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::attack::Victim;
    use crate::attack::toy::{Linear, grey_faces};

    /// Both classes, with the whole radius: a linear detector's margin falls by `e |w|_1`.
    #[test]
    fn real_faces_are_attacked_as_fakes_are() {
        let device = Device::flex();
        let net = Linear::random(8, &device);
        let faces = grey_faces(6, 1, 8, &device);
        for method in [Method::At, Method::Afsl] {
            let found = inner_attack(&AttackConfig::default(), method, 0.02).run(&net, &faces);
            let before = net.logits(faces.images.clone(), 1).unwrap();
            let after = net.logits(found.images, 1).unwrap();
            let lost = (before - after) * faces.sign();
            let best = net.weight.clone().abs().sum() * 0.02;
            let share: f32 = (lost.min() / best).into_scalar();
            assert!(share > 0.99 && share < 1.001, "{method:?}: {share}");
        }
    }

    #[test]
    fn methods_attack_as_their_authors_do() {
        let config = AttackConfig::default();
        let trades = inner_attack(&config, Method::Trades, 0.02);
        assert_eq!(trades.begin, Begin::Gaussian(TRADES_NOISE));
        assert_eq!(trades.objective, Objective::Kl);
        let at = inner_attack(&config, Method::At, 0.02);
        assert_eq!(at.objective, Objective::CrossEntropy);
        assert_eq!((at.steps, at.step), (2, 0.02));
        let fast = AttackConfig {
            kind: InnerAttack::FgsmRs,
            objective: Some(Objective::Feature),
            ..config
        };
        let fast = inner_attack(&fast, Method::Afsl, 0.02);
        assert_eq!((fast.steps, fast.objective), (1, Objective::Feature));
        assert!((fast.step - 0.025).abs() < 1e-6);
    }
}
