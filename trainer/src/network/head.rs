//! From an embedding to a logit: the cosine head of the paper, or a linear one.

use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Tensor};

use super::config::HeadKind;

/// What the network says of a batch.
#[derive(Clone, Debug)]
pub struct Features {
    /// Embedding of each frame, or of each clip for a clip network, `[n, embedding]`.
    pub embedding: Tensor<2>,
    /// Logit of each, `[n]`; grows with manipulation.
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

/// One weight vector: `s * cos(f, w)` with no bias and no margin, as in RealForensics
/// (Haliassos et al., CVPR 2022), or `f . w + b`.
#[derive(Module, Debug)]
pub struct Head {
    weight: Param<Tensor<1>>,
    /// Of the linear head only.
    bias: Option<Param<Tensor<1>>>,
    scale: f32,
}

impl Head {
    /// A head for embeddings of `length`; the cosine has scale `s`.
    pub fn new(length: usize, kind: HeadKind, scale: f32, device: &Device) -> Self {
        let bound = 1.0 / (length as f64).sqrt();
        let uniform = Distribution::Uniform(-bound, bound);
        let draw = |length: usize| Param::from_tensor(Tensor::random([length], uniform, device));
        Self {
            weight: draw(length),
            bias: (kind == HeadKind::Linear).then(|| draw(1)),
            scale,
        }
    }

    /// A head that computes the same as one with fixed weights; its scale stays.
    pub(super) fn take(&mut self, plain: &PlainHead) {
        self.weight = Param::from_tensor(plain.weight.clone());
        if let (Some(own), Some(bias)) = (&mut self.bias, &plain.bias) {
            *own = Param::from_tensor(bias.clone());
        }
    }

    /// The same function with the vector brought to its length.
    fn plain(&self) -> PlainHead {
        let weight = self.weight.val();
        let Some(bias) = &self.bias else {
            let norm = ((weight.clone() * weight.clone()).sum() + 1e-12).sqrt();
            return PlainHead {
                weight: weight / norm * self.scale,
                bias: None,
            };
        };
        PlainHead {
            weight,
            bias: Some(bias.val()),
        }
    }

    /// The same function off the autodiff graph.
    pub fn fold(&self) -> PlainHead {
        self.plain().map(Tensor::inner)
    }

    /// # Shapes
    /// - `embedding`: `[n, embedding]`, output `[n]`; a cosine lies in `[-s, s]`
    pub fn forward(&self, embedding: Tensor<2>) -> Tensor<1> {
        self.plain().forward(embedding)
    }
}

/// A head with fixed weights.
#[derive(Clone, Debug)]
pub struct PlainHead {
    /// Cosine: the unit vector times the scale; linear: the weights. `[embedding]`
    pub weight: Tensor<1>,
    /// `[1]` of the linear head; `None` = cosine.
    pub bias: Option<Tensor<1>>,
}

impl PlainHead {
    /// # Shapes
    /// - `embedding`: `[n, embedding]`, output `[n]`
    pub fn forward(&self, embedding: Tensor<2>) -> Tensor<1> {
        let [n, length] = embedding.dims();
        let weight = self.weight.clone().reshape([1, length]);
        let dot = (embedding.clone() * weight).sum_dim(1); // [n, 1]
        let logit = match &self.bias {
            Some(bias) => dot + bias.clone().reshape([1, 1]),
            None => dot / l2_norm(embedding),
        };
        logit.reshape([n])
    }

    /// Scale `s` of the cosine; 1 for the linear head.
    pub fn scale(&self) -> f32 {
        match self.bias {
            Some(_) => 1.0,
            None => {
                let square = self.weight.clone() * self.weight.clone();
                square.sum().sqrt().into_scalar()
            }
        }
    }

    pub(super) fn map(&self, one: impl Fn(Tensor<1>) -> Tensor<1>) -> Self {
        Self {
            weight: one(self.weight.clone()),
            bias: self.bias.clone().map(one),
        }
    }
}
