//! One step: the loss of a batch, with the attack inside.

use burn::tensor::{Device, Tensor, TensorData};

use crate::attack::Pgd;
use crate::config::{AfslConfig, Classified};
use crate::dataset::Batch;
use crate::loss::{adversarial_similarity, logit_adjusted_bce, similarity_regularisation};
use crate::network::{Detector, Features};

/// What a step of the method needs beyond its batch.
#[derive(Clone, Copy, Debug)]
pub struct StepOptions<'a> {
    /// Weights and inner attack.
    pub afsl: &'a AfslConfig,
    /// Radius of this step's attack, in [0, 1]; zero = none.
    pub epsilon: f32,
}

/// The loss and its parts, before they are weighted.
#[derive(Clone, Debug)]
pub struct LossParts {
    /// `[1]`, to be minimised.
    pub total: Tensor<1>,
    /// `L_dcl`
    pub dcl: Tensor<1>,
    /// `L_asl`; absent without an attack.
    pub asl: Option<Tensor<1>>,
    /// `L_srl`; absent without an attack.
    pub srl: Option<Tensor<1>>,
    /// Logits of the clean faces, `[2 * pairs * frames]`.
    pub logit: Tensor<1>,
}

/// Moves a batch to the device: images `[clips * frames, 3, side, side]` and one label
/// per frame.
pub fn to_tensors(batch: &Batch, device: &Device) -> (Tensor<4>, Tensor<1>) {
    let frames = batch.clips() * batch.frames;
    let shape = [frames, 3, batch.side, batch.side];
    let images = Tensor::from_data(TensorData::new(batch.images.clone(), shape), device);
    let labels: Vec<f32> = batch
        .labels
        .iter()
        .flat_map(|label| std::iter::repeat_n(*label, batch.frames))
        .collect();
    (
        images,
        Tensor::from_data(TensorData::new(labels, [frames]), device),
    )
}

/// Loss of a batch. With an attack the clean and the attacked faces go through the
/// network together, so that batch normalisation sees both.
///
/// # Shapes
/// - `images`: `[n, 3, side, side]`, `label`: `[n]`, both off the autodiff graph
pub fn loss(
    net: &Detector,
    images: Tensor<4>,
    label: Tensor<1>,
    frames: usize,
    options: &StepOptions<'_>,
) -> LossParts {
    let target = label.clone().autodiff();
    if options.epsilon <= 0.0 {
        let features = net.forward(images.autodiff(), frames);
        let dcl = logit_adjusted_bce(features.logit.clone(), target, 0.0);
        let (total, logit) = (dcl.clone(), features.logit);
        return LossParts {
            total,
            dcl,
            asl: None,
            srl: None,
            logit,
        };
    }
    let afsl = options.afsl;
    let attack = Pgd::training(options.epsilon, afsl.steps, afsl.objective);
    let attacked = attack
        .attack(&net.fold(), images.clone(), label.clone(), frames)
        .images;
    let both = net.forward(Tensor::cat(vec![images, attacked], 0).autodiff(), frames);
    let (clean, adversarial) = split(both);
    let logit = clean.logit.clone();
    // Pairs put as many fakes as reals into every batch: the prior is one half.
    let dcl_clean = logit_adjusted_bce(clean.logit.clone(), target.clone(), 0.0);
    let dcl = match afsl.classified {
        Classified::Clean => dcl_clean,
        Classified::CleanAndAttacked => {
            (dcl_clean + logit_adjusted_bce(adversarial.logit.clone(), target, 0.0)) * 0.5
        }
    };
    let asl = adversarial_similarity(clean.embedding.clone(), adversarial.embedding.clone());
    let apart = |embedding: Tensor<2>| {
        let (real, fake) = by_label(embedding, frames);
        similarity_regularisation(real, fake, afsl.pairs)
    };
    let srl = (apart(clean.embedding) + apart(adversarial.embedding)) * 0.5;
    let total = dcl.clone() + asl.clone() * afsl.b1 + srl.clone() * afsl.b2;
    LossParts {
        total,
        dcl,
        asl: Some(asl),
        srl: Some(srl),
        logit,
    }
}

fn split(both: Features) -> (Features, Features) {
    let [n, _] = both.embedding.dims();
    let half = |from: usize, to: usize| Features {
        embedding: both.embedding.clone().narrow(0, from, to - from),
        logit: both.logit.clone().narrow(0, from, to - from),
    };
    (half(0, n / 2), half(n / 2, n))
}

/// Splits embeddings of clips that alternate real, fake.
fn by_label(embedding: Tensor<2>, frames: usize) -> (Tensor<2>, Tensor<2>) {
    let [n, length] = embedding.dims();
    let pairs = n / (2 * frames);
    let shaped = embedding.reshape([pairs, 2, frames, length]);
    let side = |label: usize| {
        shaped
            .clone()
            .slice([0..pairs, label..label + 1])
            .reshape([pairs * frames, length])
    };
    (side(0), side(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reals_and_fakes_are_told_apart_by_place() {
        let device = Device::flex();
        // Two pairs of clips of two frames: r r f f r r f f.
        let rows: Vec<f32> = [0., 0., 1., 1., 0., 0., 1., 1.].to_vec();
        let embedding = Tensor::<1>::from_data(TensorData::new(rows, [8]), &device).reshape([8, 1]);
        let (real, fake) = by_label(embedding, 2);
        assert_eq!(real.into_data().try_to_vec::<f32>().unwrap(), [0.0; 4]);
        assert_eq!(fake.into_data().try_to_vec::<f32>().unwrap(), [1.0; 4]);
    }
}
