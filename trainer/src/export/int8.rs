//! Kernels of int8 values, one scale per output channel, symmetric.

use anyhow::Result;
use burn::tensor::{Device, Tensor, TensorData};

use crate::network::PlainHead;

/// Kernel of a convolution; `weight = value * scale[out]`.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedKernel<const D: usize> {
    /// Row major, in -127..=127; the output channel comes first.
    pub values: Vec<i8>,
    /// Shape of `values`.
    pub shape: [usize; D],
    /// One positive scale per output channel.
    pub scales: Vec<f32>,
    /// `[out]`, kept in f32: it is added once per output.
    pub bias: Vec<f32>,
}

/// From the embedding to the logit; stays f32: it is one vector.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedHead {
    /// Cosine: the unit vector times the scale; linear: the weights.
    pub weight: Vec<f32>,
    /// Of the linear head; `None` = cosine.
    pub bias: Option<f32>,
}

impl<const D: usize> QuantisedKernel<D> {
    pub(super) fn new(weight: &Tensor<D>, bias: &Tensor<1>) -> Result<Self> {
        let shape = weight.dims();
        let weights = values(weight)?;
        let row = weights.len() / shape[0];
        let mut quantised = Vec::with_capacity(weights.len());
        let mut scales = Vec::with_capacity(shape[0]);
        for channel in weights.chunks(row) {
            let peak = channel.iter().fold(0f32, |peak, w| peak.max(w.abs()));
            let scale = if peak > 0.0 { peak / 127.0 } else { 1.0 };
            let round = |w: &f32| (w / scale).round().clamp(-127.0, 127.0) as i8;
            quantised.extend(channel.iter().map(round));
            scales.push(scale);
        }
        Ok(Self {
            values: quantised,
            shape,
            scales,
            bias: values(bias)?,
        })
    }

    /// The f32 weights that the int8 ones stand for.
    pub fn weights(&self) -> Vec<f32> {
        let row = self.values.len() / self.shape[0];
        self.values
            .chunks(row)
            .zip(&self.scales)
            .flat_map(|(channel, scale)| channel.iter().map(move |v| f32::from(*v) * scale))
            .collect()
    }

    pub(super) fn dequantise(&self, device: &Device) -> (Tensor<D>, Tensor<1>) {
        let weight = TensorData::new(self.weights(), self.shape);
        (
            Tensor::from_data(weight, device),
            vector(&self.bias, device),
        )
    }

    pub(super) fn parameters(&self) -> usize {
        self.values.len() + self.bias.len()
    }
}

impl QuantisedHead {
    pub(super) fn new(head: &PlainHead) -> Result<Self> {
        let bias = head.bias.as_ref().map(values).transpose()?;
        Ok(Self {
            weight: values(&head.weight)?,
            bias: bias.and_then(|bias| bias.first().copied()),
        })
    }

    pub(super) fn dequantise(&self, device: &Device) -> PlainHead {
        PlainHead {
            weight: vector(&self.weight, device),
            bias: self.bias.map(|bias| vector(&[bias], device)),
        }
    }

    pub(super) fn parameters(&self) -> usize {
        self.weight.len() + usize::from(self.bias.is_some())
    }
}

pub(super) fn values<const D: usize>(tensor: &Tensor<D>) -> Result<Vec<f32>> {
    let values = tensor
        .to_data()
        .try_to_vec::<f32>()
        .map_err(|error| anyhow::anyhow!("weights are not f32: {error:?}"))?;
    anyhow::ensure!(
        values.iter().all(|value| value.is_finite()),
        "a weight is not finite: the training diverged; lower the learning rate or export an earlier checkpoint"
    );
    Ok(values)
}

pub(super) fn vector(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}
