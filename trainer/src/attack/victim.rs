//! What black-box attacks see of a detector.

use anyhow::Result;
use burn::tensor::Tensor;

use super::gradient::per_clip;
use crate::network::Frozen;

/// A detector that only answers.
pub trait Victim {
    /// Mean logit of each clip, `[clips]`; grows with manipulation.
    ///
    /// # Shapes
    /// - `images`: `[clips * frames, 3, h, w]`, RGB in [0, 1]
    ///
    /// # Errors
    /// When the detector fails.
    fn logits(&self, images: Tensor<4>, frames: usize) -> Result<Tensor<1>>;
}

impl Victim for Frozen {
    fn logits(&self, images: Tensor<4>, frames: usize) -> Result<Tensor<1>> {
        let [n, ..] = images.dims();
        Ok(per_clip(
            self.forward(images, frames).logit,
            n / frames.max(1),
        ))
    }
}
