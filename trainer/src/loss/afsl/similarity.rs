//! `L_asl` and `L_srl` as functions of embeddings.

use burn::tensor::Tensor;

use super::config::{PairCosine, Pairing};
use crate::network::{cosine_similarity, l2_norm};

/// `L_asl = mean(1 - cos(f, f'))`: attacked faces keep the features of clean ones.
///
/// # Shapes
/// - `clean`, `attacked`: `[n, embedding]`; output `[1]`, in [0, 2]
pub fn adversarial_similarity(clean: Tensor<2>, attacked: Tensor<2>) -> Tensor<1> {
    (cosine_similarity(clean, attacked) * -1.0 + 1.0).mean()
}

/// `L_srl`: mean cosine over pairs of a real and a fake face.
///
/// # Shapes
/// - `real`: `[r, embedding]`, `fake`: `[k, embedding]`, `r = k` for own pairs; output
///   `[1]`, in [-1, 1]
pub fn similarity_regularisation(
    real: Tensor<2>,
    fake: Tensor<2>,
    pairing: Pairing,
    cosine: PairCosine,
) -> Tensor<1> {
    let cosines = match pairing {
        Pairing::Own => cosine_similarity(real, fake), // [r]
        Pairing::All => {
            let real = real.clone() / l2_norm(real);
            let fake = fake.clone() / l2_norm(fake);
            real.matmul(fake.transpose()).flatten(0, 1) // [r * k]
        }
    };
    match cosine {
        PairCosine::Plain => cosines.mean(),
        PairCosine::Clamped => cosines.clamp_min(0.0).mean(),
        PairCosine::Absolute => cosines.abs().mean(),
    }
}

/// Splits embeddings of clips that alternate real, fake.
pub(super) fn by_label(embedding: Tensor<2>, per_clip: usize) -> (Tensor<2>, Tensor<2>) {
    let [n, length] = embedding.dims();
    let pairs = n / (2 * per_clip);
    let shaped = embedding.reshape([pairs, 2, per_clip, length]);
    let side = |label: usize| {
        let rows = shaped.clone().narrow(1, label, 1);
        rows.reshape([pairs * per_clip, length])
    };
    (side(0), side(1))
}
