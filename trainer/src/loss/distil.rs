//! Distillation: a student learns what teachers say of clean faces.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{Terms, binary_kl};
use crate::network::Features;

/// `L = (1 - w) L_method + w T^2 KL(p_T || q_T) + f L_sp`: logits softened by a temperature `T`
/// (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015), and similarities between
/// the faces of a batch (Tung and Mori, "Similarity-Preserving Knowledge Distillation", ICCV
/// 2019), which networks with embeddings of other lengths can share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistilConfig {
    /// Runs or bundles whose mean is taught; none by default. Their input has the side of the
    /// network's own.
    pub teachers: Vec<PathBuf>,
    /// Share of what the teachers say in the loss, 0 to 1; the rest is the method's own.
    pub weight: f32,
    /// Both logits are divided by it, above 0.
    pub temperature: f32,
    /// Weight of the similarities between faces, 0 or more.
    pub features: f32,
}

impl Default for DistilConfig {
    fn default() -> Self {
        Self {
            teachers: vec![],
            weight: 0.7,
            temperature: 2.0,
            features: 0.0,
        }
    }
}

/// What teachers say of a batch, off the autodiff graph.
#[derive(Clone, Debug)]
pub struct Taught {
    /// Mean over the teachers, `[n]`.
    pub logit: Tensor<1>,
    /// Mean over the teachers of [`similarities`], `[n, n]`.
    pub similarity: Tensor<2>,
}

impl Taught {
    /// Puts together what each teacher says; `None` of none.
    pub fn mean(teachers: impl IntoIterator<Item = Features>) -> Option<Self> {
        let each = teachers.into_iter().map(|said| Self {
            similarity: similarities(said.embedding),
            logit: said.logit,
        });
        let (mut count, mut sum) = (0.0f32, None::<Self>);
        for said in each {
            count += 1.0;
            sum = Some(match sum {
                None => said,
                Some(sum) => Self {
                    logit: sum.logit + said.logit,
                    similarity: sum.similarity + said.similarity,
                },
            });
        }
        sum.map(|sum| Self {
            logit: sum.logit / count,
            similarity: sum.similarity / count,
        })
    }
}

/// Inner products of all embeddings of a batch, each row of length one.
///
/// # Shapes
/// - `embedding`: `[n, d]`; output `[n, n]`
pub fn similarities(embedding: Tensor<2>) -> Tensor<2> {
    let products = embedding.clone().matmul(embedding.transpose());
    let length = (products.clone() * products.clone()).sum_dim(1).sqrt();
    products / length.clamp_min(1e-12)
}

impl DistilConfig {
    /// Refuses values that cannot work, naming the key.
    ///
    /// # Errors
    /// The first key that is out of its range.
    pub fn check(&self) -> Result<()> {
        ensure!(
            (0.0..=1.0).contains(&self.weight),
            "distil.weight is {}: it must be 0 to 1",
            self.weight
        );
        ensure!(
            self.temperature.is_finite() && self.temperature > 0.0,
            "distil.temperature is {}: it must be a positive number",
            self.temperature
        );
        ensure!(
            self.features.is_finite() && self.features >= 0.0,
            "distil.features is {}: it must be 0 or more",
            self.features
        );
        Ok(())
    }

    /// The loss of a method with what is taught.
    ///
    /// # Shapes
    /// - `clean`: `n` features of clean faces
    pub fn add(&self, terms: Terms, clean: &Features, taught: &Taught) -> Terms {
        let softened = |logit: &Tensor<1>| logit.clone() / self.temperature;
        let kl = binary_kl(softened(&taught.logit), softened(&clean.logit)).mean();
        let kl = kl * self.temperature.powi(2);
        let mut total = terms.total * (1.0 - self.weight) + kl.clone() * self.weight;
        let mut parts = terms.parts;
        parts.push(("distil", kl));
        if self.features > 0.0 {
            let apart = similarities(clean.embedding.clone()) - taught.similarity.clone();
            let similarity = (apart.clone() * apart).mean();
            total = total + similarity.clone() * self.features;
            parts.push(("similarity", similarity));
        }
        Terms { total, parts }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::loss::{classification, oracle};

    fn said<const D: usize>(logit: [f32; 4], rows: [[f32; D]; 4], device: &Device) -> Features {
        Features {
            embedding: Tensor::from_floats(rows, device),
            logit: Tensor::from_floats(logit, device),
        }
    }

    /// import torch, torch.nn.functional as F
    /// z = torch.tensor([-1.5, .8, 2., -.3], requires_grad=True); y = torch.tensor([0., 1, 1, 0])
    /// e = torch.tensor([[1., 2], [0, -1], [.5, .5], [-2, 1]], requires_grad=True)
    /// t = (torch.tensor([.4, -.6, 1., .9]) + torch.tensor([-1., .2, 3., .1])) / 2
    /// g = lambda e: F.normalize(e @ e.T, dim=1)
    /// G = (g(torch.tensor([[1., 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 2]]))
    ///      + g(torch.tensor([[2., 1], [1, 1], [-1, 0], [0, 3]]))) / 2
    /// h = F.binary_cross_entropy_with_logits; p = torch.sigmoid(t / 2)
    /// kl = 4 * (h(z / 2, p) - h(t / 2, p)); sp = ((g(e) - G) ** 2).mean()
    /// l = .3 * h(z, y) + .7 * kl + 5 * sp; l.backward(); print(l, kl, sp, z.grad, e.grad)
    #[test]
    fn agrees_with_pytorch() {
        let device = Device::flex().autodiff();
        let config = DistilConfig {
            features: 5.0,
            ..DistilConfig::default()
        };
        let clean = said(
            [-1.5, 0.8, 2.0, -0.3],
            [[1.0, 2.0], [0.0, -1.0], [0.5, 0.5], [-2.0, 1.0]],
            &device,
        );
        let clean = Features {
            embedding: clean.embedding.require_grad(),
            logit: clean.logit.require_grad(),
        };
        let first = said(
            [0.4, -0.6, 1.0, 0.9],
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0; 3], [0.0, 0.0, 2.0]],
            &device,
        );
        let second = said(
            [-1.0, 0.2, 3.0, 0.1],
            [[2.0, 1.0], [1.0, 1.0], [-1.0, 0.0], [0.0, 3.0]],
            &device,
        );
        let taught = Taught::mean([first, second]).unwrap();
        let truth = oracle::truth([0.0, 1.0, 1.0, 0.0], &device);
        let terms = config.add(classification(&clean, &truth), &clean, &taught);
        let mut grads = terms.total.backward();
        let number = |tensor: &Tensor<1>| tensor.clone().into_scalar::<f32>();
        assert!((number(&terms.total) - 1.531_611_4).abs() < 1e-5);
        let parts: Vec<f32> = terms.parts.iter().map(|(_, term)| number(term)).collect();
        oracle::close(parts[1..].to_vec(), &[0.094_452_4, 0.274_292], 1e-5);
        let by_logit = clean.logit.grad_remove(&mut grads).unwrap().into_data();
        let want = [-0.035_930_2, 0.020_031_5, -0.008_940_2, -0.002_945_4];
        oracle::close(by_logit.try_to_vec().unwrap(), &want, 1e-5);
        let by_embedding = clean.embedding.grad_remove(&mut grads).unwrap();
        let want = [
            0.077_768_3,
            -0.000_042,
            0.098_913_5,
            0.043_959_8,
            0.065_829_6,
            -0.216_598_6,
            -0.056_239_8,
            -0.070_819_7,
        ];
        let by_embedding = by_embedding.into_data().try_to_vec().unwrap();
        oracle::close(by_embedding, &want, 1e-5);
    }

    #[test]
    fn a_student_that_agrees_has_nothing_to_learn() {
        let device = Device::flex();
        let said = said(
            [-3.0, 0.5, 20.0, -64.0],
            [[1.0, 2.0], [0.0, -1.0], [0.5, 0.5], [-2.0, 1.0]],
            &device,
        );
        let taught = Taught::mean([said.clone(), said.clone()]).unwrap();
        let config = DistilConfig {
            weight: 1.0,
            features: 1.0,
            ..DistilConfig::default()
        };
        let truth = oracle::truth([0.0, 1.0, 1.0, 0.0], &device);
        let terms = config.add(classification(&said, &truth), &said, &taught);
        assert!(terms.total.into_scalar::<f32>().abs() < 1e-5);
        assert!(Taught::mean([]).is_none());
    }
}
