//! Training losses on one logit, fake = 1; one method per file.

mod adversarial;
mod afsl;
mod classification;
mod distil;
mod mart;
mod trades;

pub use adversarial::adversarial_training;
pub use afsl::{
    AfslConfig, Anchor, Classified, Detach, PairCosine, Pairing, Regularised,
    adversarial_similarity, similarity_regularisation,
};
pub use classification::{classification, logit_adjusted_bce, logit_adjustment, softplus};
pub use distil::{DistilConfig, Taught, similarities};
pub use mart::MartConfig;
pub use trades::{TradesConfig, binary_kl};

use burn::tensor::Tensor;

/// A loss and its parts, before they are weighted.
#[derive(Clone, Debug)]
pub struct Terms {
    /// `[1]`, to be minimised.
    pub total: Tensor<1>,
    /// What it is made of, by name.
    pub parts: Vec<(&'static str, Tensor<1>)>,
}

/// What every method's loss is given.
#[derive(Clone, Debug)]
pub struct Truth {
    /// 0 (real) or 1 (fake), `[n]`
    pub label: Tensor<1>,
    /// Log prior odds of a fake among the training samples; see [`logit_adjustment`].
    pub adjustment: f32,
    /// Scores that each clip has: reals and fakes alternate in runs of this length.
    pub per_clip: usize,
    /// Embeddings that a teacher gives the clean faces, `[n, embedding]`.
    pub anchor: Option<Tensor<2>>,
}

#[cfg(test)]
pub(crate) mod oracle {
    use burn::tensor::{Device, Tensor};

    use super::Truth;
    use crate::network::Features;

    pub(crate) fn truth(label: [f32; 4], device: &Device) -> Truth {
        Truth {
            label: Tensor::from_floats(label, device),
            adjustment: 0.0,
            per_clip: 1,
            anchor: None,
        }
    }

    /// Features of which only the logits matter.
    pub(crate) fn logits(logit: &Tensor<1>) -> Features {
        let [n] = logit.dims();
        Features {
            embedding: Tensor::ones([n, 1], &logit.device()),
            logit: logit.clone(),
        }
    }

    pub(crate) fn close(got: Vec<f32>, want: &[f32], tolerance: f32) {
        assert_eq!(got.len(), want.len());
        for (g, w) in got.iter().zip(want) {
            assert!((g - w).abs() < tolerance, "{got:?}, expected {want:?}");
        }
    }
}
