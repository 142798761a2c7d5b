//! Cosine head: `logit = s * cos(f, w)`, with no bias and no margin.

use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Tensor};

/// What the network says of a batch of frames.
#[derive(Clone, Debug)]
pub struct Features {
    /// Embedding of each frame, `[frames, embedding]`.
    pub embedding: Tensor<2>,
    /// Logit of each frame, `[frames]`; grows with manipulation.
    pub logit: Tensor<1>,
}

/// Euclidean norm of each row, at least 1e-6.
///
/// # Shapes
/// - `x`: `[n, d]`, output `[n, 1]`
pub fn l2_norm(x: Tensor<2>) -> Tensor<2> {
    ((x.clone() * x).sum_dim(1) + 1e-12).sqrt()
}

/// Cosine of the rows of `a` with the rows of `b`, in [-1, 1].
///
/// # Shapes
/// - `a`, `b`: `[n, d]`, output `[n]`
pub fn cosine_similarity(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    let [n, _] = a.dims();
    let norms = l2_norm(a.clone()) * l2_norm(b.clone());
    ((a * b).sum_dim(1) / norms).reshape([n])
}

/// One weight vector on the sphere, as in RealForensics (Haliassos et al., CVPR 2022).
#[derive(Module, Debug)]
pub struct CosineHead {
    weight: Param<Tensor<1>>,
    scale: f32,
}

impl CosineHead {
    /// A head for embeddings of `length`, with scale `s`.
    pub fn new(length: usize, scale: f32, device: &Device) -> Self {
        let bound = 1.0 / (length as f64).sqrt();
        let weight = Tensor::random([length], Distribution::Uniform(-bound, bound), device);
        Self {
            weight: Param::from_tensor(weight),
            scale,
        }
    }

    /// The unit vector times the scale, `[embedding]`.
    pub fn direction(&self) -> Tensor<1> {
        let weight = self.weight.val();
        let norm = ((weight.clone() * weight.clone()).sum() + 1e-12).sqrt();
        weight / norm * self.scale
    }

    /// # Shapes
    /// - `embedding`: `[n, embedding]`, output `[n]`, in `[-s, s]`
    pub fn forward(&self, embedding: Tensor<2>) -> Tensor<1> {
        let [n, length] = embedding.dims();
        let norm = l2_norm(embedding.clone());
        let dot = (embedding * self.direction().reshape([1, length])).sum_dim(1);
        (dot / norm).reshape([n])
    }
}
