//! AFSL: `L = L_dcl + b1 L_asl + b2 L_srl` (Khan et al., MMM 2024).
//!
//! What the paper leaves open is an option here, with the reading that agrees best with
//! its figures as the default.

mod config;
mod similarity;

use burn::tensor::Tensor;

use super::{Terms, Truth, logit_adjusted_bce};
use crate::network::Features;
use similarity::by_label;

pub use config::{AfslConfig, Anchor, Classified, Detach, PairCosine, Pairing, Regularised};
pub use similarity::{adversarial_similarity, similarity_regularisation};

impl AfslConfig {
    /// The loss of a batch of clips that alternate real, fake, where a fake follows the
    /// real it was made from.
    ///
    /// # Shapes
    /// - `clean`, `attacked`: `n` features, `truth`: `n` labels
    pub fn terms(&self, clean: &Features, attacked: &Features, truth: &Truth) -> Terms {
        let dcl = self.classify(clean, attacked, truth);
        let asl = self.pull(clean, attacked, truth);
        let srl = self.regularise(clean, attacked, truth.per_clip);
        let weighted = [
            (self.dcl, 1.0, &dcl),
            (self.asl, self.b1, &asl),
            (self.srl, self.b2, &srl),
        ];
        let total = weighted
            .into_iter()
            .filter(|(counts, ..)| *counts)
            .map(|(_, weight, term)| term.clone() * weight)
            .reduce(|sum, term| sum + term)
            .unwrap_or_else(|| dcl.zeros_like());
        Terms {
            total,
            parts: vec![("dcl", dcl), ("asl", asl), ("srl", srl)],
        }
    }

    fn pull(&self, clean: &Features, attacked: &Features, truth: &Truth) -> Tensor<1> {
        let own = || match self.detach {
            Detach::None => clean.embedding.clone(),
            Detach::Clean => clean.embedding.clone().detach(),
        };
        let to = |anchor: Tensor<2>| adversarial_similarity(anchor, attacked.embedding.clone());
        match (self.anchor, &truth.anchor) {
            (Anchor::Own, _) | (_, None) => to(own()),
            (Anchor::Teacher, Some(taught)) => to(taught.clone()),
            (Anchor::TeacherForBoth, Some(taught)) => {
                let kept = adversarial_similarity(taught.clone(), clean.embedding.clone());
                (to(taught.clone()) + kept) * 0.5
            }
        }
    }

    fn classify(&self, clean: &Features, attacked: &Features, truth: &Truth) -> Tensor<1> {
        let bce = |features: &Features| {
            logit_adjusted_bce(
                features.logit.clone(),
                truth.label.clone(),
                truth.adjustment,
            )
        };
        match self.classified {
            Classified::Clean => bce(clean),
            Classified::Attacked => bce(attacked),
            Classified::CleanAndAttacked => (bce(clean) + bce(attacked)) * 0.5,
        }
    }

    fn regularise(&self, clean: &Features, attacked: &Features, per_clip: usize) -> Tensor<1> {
        let apart = |features: &Features| {
            let (real, fake) = by_label(features.embedding.clone(), per_clip);
            similarity_regularisation(real, fake, self.pairing, self.cosine)
        };
        match self.regularised {
            Regularised::Clean => apart(clean),
            Regularised::Attacked => apart(attacked),
            Regularised::CleanAndAttacked => (apart(clean) + apart(attacked)) * 0.5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::oracle;
    use crate::network::cosine_similarity;
    use burn::tensor::Device;

    fn embeddings(device: &Device) -> (Tensor<2>, Tensor<2>) {
        let clean = [
            [1.0, 2.0, -1.0],
            [0.5, -1.0, 2.0],
            [2.0, 0.3, 0.1],
            [-1.0, 1.0, 1.0],
        ];
        let attacked = [
            [1.1, 1.7, -0.5],
            [0.9, -0.8, 1.5],
            [1.5, 0.6, 0.4],
            [-0.7, 1.3, 0.6],
        ];
        (
            Tensor::from_floats(clean, device).require_grad(),
            Tensor::from_floats(attacked, device).require_grad(),
        )
    }

    /// Features whose logit is that of a cosine head of scale 16.
    fn features(embedding: &Tensor<2>) -> Features {
        let head = Tensor::<2>::from_floats([[0.6, -0.2, 1.1]], &embedding.device());
        Features {
            logit: cosine_similarity(embedding.clone(), head.repeat_dim(0, 4)) * 16.0,
            embedding: embedding.clone(),
        }
    }

    fn loss_and_gradients(config: &AfslConfig) -> (f32, Vec<f32>, Vec<f32>) {
        let device = Device::flex().autodiff();
        let (clean, attacked) = embeddings(&device);
        let truth = oracle::truth([0.0, 1.0, 0.0, 1.0], &device);
        let total = config
            .terms(&features(&clean), &features(&attacked), &truth)
            .total;
        let mut grads = total.backward();
        let mut of = |leaf: Tensor<2>| leaf.grad_remove(&mut grads).unwrap().into_data();
        (
            total.into_scalar(),
            of(clean).try_to_vec().unwrap(),
            of(attacked).try_to_vec().unwrap(),
        )
    }

    /// import torch, torch.nn.functional as F
    /// f = torch.tensor([[1., 2., -1.], [.5, -1., 2.], [2., .3, .1], [-1., 1., 1.]], requires_grad=True)
    /// g = torch.tensor([[1.1, 1.7, -.5], [.9, -.8, 1.5], [1.5, .6, .4], [-.7, 1.3, .6]], requires_grad=True)
    /// w = torch.tensor([.6, -.2, 1.1]); y = torch.tensor([0., 1., 0., 1.]); n = F.normalize
    /// z, b = (16 * F.cosine_similarity(t, w[None]) for t in (f, g))
    /// bce = lambda u: F.binary_cross_entropy_with_logits(u, y)
    /// r = lambda t: (n(t[0::2]) @ n(t[1::2]).T).mean()
    /// asl = (1 - F.cosine_similarity(f, g)).mean()
    /// l = (bce(z) + bce(b)) / 2 + asl + .1 * (r(f) + r(g)) / 2; l.backward()
    /// print(l, f.grad, g.grad)
    #[test]
    fn the_default_agrees_with_pytorch() {
        let (value, clean, attacked) = loss_and_gradients(&AfslConfig::default());
        assert!((value - 2.303_015_5).abs() < 1e-5, "{value}");
        let want = [
            -0.008_935, 0.002_306, -0.004_323, -0.019_964, 0.003_699, 0.006_841, -0.002_962,
            -0.252_714, 0.817_390, -0.071_381, -0.002_757, -0.068_624,
        ];
        oracle::close(clean, &want, 1e-5);
        let want = [
            0.112_048, -0.016_752, 0.189_547, 0.039_015, 0.012_725, -0.016_622, -0.079_264,
            -0.408_363, 0.909_786, -0.279_168, 0.138_298, -0.625_341,
        ];
        oracle::close(attacked, &want, 1e-5);
    }

    /// own = lambda t: F.cosine_similarity(t[0::2], t[1::2]).abs().mean()
    /// l = bce(z) + 2 * (1 - F.cosine_similarity(f.detach(), g)).mean() + .5 * own(g); l.backward()
    #[test]
    fn the_options_agree_with_pytorch() {
        let (value, clean, attacked) = loss_and_gradients(&AfslConfig {
            b1: 2.0,
            b2: 0.5,
            classified: Classified::Clean,
            pairing: Pairing::Own,
            cosine: PairCosine::Absolute,
            regularised: Regularised::Attacked,
            detach: Detach::Clean,
            ..AfslConfig::default()
        });
        assert!((value - 2.127_736).abs() < 1e-5, "{value}");
        let want = [
            0.009_296, 0.001_239, 0.011_775, 0.0, 0.0, 0.0, -0.015_183, -0.453_585, 1.664_409,
            -0.128_920, 0.055_251, -0.184_171,
        ];
        oracle::close(clean, &want, 1e-5);
        let want = [
            -0.047_859, 0.018_077, -0.043_828, -0.024_968, -0.081_647, -0.028_565, 0.026_415,
            -0.064_166, -0.002_807, -0.089_252, 0.001_904, -0.108_253,
        ];
        oracle::close(attacked, &want, 1e-5);
    }

    #[test]
    fn ablation_leaves_a_part_out() {
        let whole = AfslConfig::default();
        let value = |config: &AfslConfig| loss_and_gradients(config).0;
        let without_asl = AfslConfig {
            asl: false,
            ..whole.clone()
        };
        let without_srl = AfslConfig {
            srl: false,
            ..whole.clone()
        };
        // asl and srl as printed by the recipe above.
        assert!((value(&whole) - value(&without_asl) - 0.039_911).abs() < 1e-5);
        assert!((value(&whole) - value(&without_srl) + 0.004_677).abs() < 1e-5);
    }

    /// m = n(a) @ n(b).T; print(m.mean(), m.clamp(min=0).mean(), m.abs().mean())
    #[test]
    fn cosines_of_pairs_agree_with_pytorch() {
        let device = Device::flex();
        let a = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, -1.0]], &device);
        let b = Tensor::<2>::from_floats([[2.0, 1.0], [-1.0, 0.5]], &device);
        for (cosine, want) in [
            (PairCosine::Plain, 0.129_289),
            (PairCosine::Clamped, 0.376_777),
            (PairCosine::Absolute, 0.624_264),
        ] {
            let got: f32 =
                similarity_regularisation(a.clone(), b.clone(), Pairing::All, cosine).into_scalar();
            assert!((got - want).abs() < 1e-5, "{cosine:?}: {got}");
        }
    }

    #[test]
    fn reals_and_fakes_are_told_apart_by_place() {
        let device = Device::flex();
        // Two pairs of clips of two frames: r r f f r r f f.
        let embedding = Tensor::<1>::from_floats([0., 0., 1., 1., 0., 0., 1., 1.], &device);
        let (real, fake) = by_label(embedding.reshape([8, 1]), 2);
        assert_eq!(real.into_data().try_to_vec::<f32>().unwrap(), [0.0; 4]);
        assert_eq!(fake.into_data().try_to_vec::<f32>().unwrap(), [1.0; 4]);
    }
}
