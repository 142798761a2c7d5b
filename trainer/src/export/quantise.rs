//! Weights as int8, one scale per output channel, symmetric.

use anyhow::Result;
use burn::tensor::{Device, Tensor, TensorData};

use crate::network::{Affine, Blueprint, Frozen, FusedConv, FusedNet, Kernel, PlainHead, PlainNet};

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

/// A convolution of the streaming network.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedConv {
    /// `[out, in + past, k, k]`
    pub kernel: QuantisedKernel<4>,
    /// Spatial stride.
    pub stride: usize,
    /// Zero padding on each side.
    pub padding: usize,
    /// Channels of the previous frame; 0 = none.
    pub past: usize,
}

/// From the embedding to the logit; stays f32: it is one vector.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedHead {
    /// Cosine: the unit vector times the scale; linear: the weights.
    pub weight: Vec<f32>,
    /// Of the linear head; `None` = cosine.
    pub bias: Option<f32>,
}

/// The streaming network with int8 kernels.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedStream {
    /// The stem and the body, in order.
    pub convs: Vec<QuantisedConv>,
    /// Factor of the pooled features.
    pub embed_scale: Vec<f32>,
    /// Offset of the pooled features.
    pub embed_bias: Vec<f32>,
    /// From the embedding to the logit.
    pub head: QuantisedHead,
}

/// A network of plain layers with int8 kernels.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedPlain {
    /// What is computed.
    pub blueprint: Blueprint,
    /// One for each convolution, in order.
    pub kernels: Vec<QuantisedKernel<5>>,
    /// Factors and offsets of each [`crate::network::Op::Affine`], in order.
    pub affines: Vec<[Vec<f32>; 2]>,
    /// From the embedding to the logit.
    pub head: QuantisedHead,
}

/// A network as it ships.
#[derive(Clone, Debug, PartialEq)]
pub enum Quantised {
    /// One frame per step, with memory.
    Stream(QuantisedStream),
    /// Single frames, or whole clips, without memory.
    Plain(QuantisedPlain),
}

/// Rounds each output channel's weights to the nearest of 255 levels of its own range.
///
/// # Errors
/// When a weight is not finite: the training has diverged.
pub fn quantise(net: &Frozen) -> Result<Quantised> {
    match net {
        Frozen::Stream(net) => Ok(Quantised::Stream(QuantisedStream {
            convs: collect(&net.convs, |conv| {
                Ok(QuantisedConv {
                    kernel: QuantisedKernel::new(&conv.weight, &conv.bias)?,
                    stride: conv.stride,
                    padding: conv.padding,
                    past: conv.past,
                })
            })?,
            embed_scale: values(&net.embed_scale)?,
            embed_bias: values(&net.embed_bias)?,
            head: QuantisedHead::new(&net.head)?,
        })),
        Frozen::Plain(net) => Ok(Quantised::Plain(QuantisedPlain {
            blueprint: net.blueprint.clone(),
            kernels: collect(&net.kernels, |kernel| {
                QuantisedKernel::new(&kernel.weight, &kernel.bias)
            })?,
            affines: collect(&net.affines, |affine| {
                Ok([values(&affine.scale)?, values(&affine.bias)?])
            })?,
            head: QuantisedHead::new(&net.head)?,
        })),
    }
}

fn collect<T, Q>(list: &[T], each: impl Fn(&T) -> Result<Q>) -> Result<Vec<Q>> {
    list.iter().map(each).collect()
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Result<Vec<f32>> {
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

fn vector(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

impl<const D: usize> QuantisedKernel<D> {
    fn new(weight: &Tensor<D>, bias: &Tensor<1>) -> Result<Self> {
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

    fn dequantise(&self, device: &Device) -> (Tensor<D>, Tensor<1>) {
        let weight = TensorData::new(self.weights(), self.shape);
        (
            Tensor::from_data(weight, device),
            vector(&self.bias, device),
        )
    }

    fn parameters(&self) -> usize {
        self.values.len() + self.bias.len()
    }
}

impl QuantisedHead {
    fn new(head: &PlainHead) -> Result<Self> {
        let bias = head.bias.as_ref().map(values).transpose()?;
        Ok(Self {
            weight: values(&head.weight)?,
            bias: bias.and_then(|bias| bias.first().copied()),
        })
    }

    fn dequantise(&self, device: &Device) -> PlainHead {
        PlainHead {
            weight: vector(&self.weight, device),
            bias: self.bias.map(|bias| vector(&[bias], device)),
        }
    }

    fn parameters(&self) -> usize {
        self.weight.len() + usize::from(self.bias.is_some())
    }
}

impl Quantised {
    /// The network that the exported file computes, in f32.
    pub fn dequantise(&self, device: &Device) -> Frozen {
        match self {
            Self::Stream(net) => Frozen::Stream(net.dequantise(device)),
            Self::Plain(net) => Frozen::Plain(net.dequantise(device)),
        }
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> u64 {
        let count = match self {
            Self::Stream(net) => {
                let convs = net.convs.iter().map(|conv| conv.kernel.parameters());
                convs.sum::<usize>() + 2 * net.embed_scale.len() + net.head.parameters()
            }
            Self::Plain(net) => {
                let kernels = net.kernels.iter().map(QuantisedKernel::parameters);
                let affines = net.affines.iter().map(|[scale, _]| 2 * scale.len());
                kernels.sum::<usize>() + affines.sum::<usize>() + net.head.parameters()
            }
        };
        count as u64
    }
}

impl QuantisedStream {
    fn dequantise(&self, device: &Device) -> FusedNet {
        let conv = |conv: &QuantisedConv| {
            let (weight, bias) = conv.kernel.dequantise(device);
            FusedConv {
                weight,
                bias,
                stride: conv.stride,
                padding: conv.padding,
                past: conv.past,
            }
        };
        FusedNet {
            convs: self.convs.iter().map(conv).collect(),
            embed_scale: vector(&self.embed_scale, device),
            embed_bias: vector(&self.embed_bias, device),
            head: self.head.dequantise(device),
        }
    }
}

impl QuantisedPlain {
    fn dequantise(&self, device: &Device) -> PlainNet {
        let kernel = |kernel: &QuantisedKernel<5>| {
            let (weight, bias) = kernel.dequantise(device);
            Kernel { weight, bias }
        };
        let affine = |[scale, bias]: &[Vec<f32>; 2]| Affine {
            scale: vector(scale, device),
            bias: vector(bias, device),
        };
        PlainNet {
            blueprint: self.blueprint.clone(),
            kernels: self.kernels.iter().map(kernel).collect(),
            affines: self.affines.iter().map(affine).collect(),
            head: self.head.dequantise(device),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Architecture, Detector, NetworkConfig, Size};

    fn folded(architecture: Architecture) -> Frozen {
        let device = Device::flex();
        device.seed(1);
        let config = NetworkConfig {
            architecture,
            size: Size::Tiny,
            depth: 14,
            input: 32,
            ..Default::default()
        };
        Detector::new(&config, &device).fold()
    }

    fn kernels(net: &Frozen) -> Vec<Tensor<1>> {
        match net {
            Frozen::Stream(net) => net
                .convs
                .iter()
                .map(|conv| conv.weight.clone().flatten(0, 3))
                .collect(),
            Frozen::Plain(net) => net
                .kernels
                .iter()
                .map(|kernel| kernel.weight.clone().flatten(0, 4))
                .collect(),
        }
    }

    fn steps(net: &Quantised) -> Vec<&[f32]> {
        match net {
            Quantised::Stream(net) => net
                .convs
                .iter()
                .map(|conv| conv.kernel.scales.as_slice())
                .collect(),
            Quantised::Plain(net) => net
                .kernels
                .iter()
                .map(|kernel| kernel.scales.as_slice())
                .collect(),
        }
    }

    #[test]
    fn error_is_at_most_half_a_step_of_the_channel() {
        for architecture in [Architecture::Stream, Architecture::Csn] {
            let net = folded(architecture);
            let quantised = quantise(&net).unwrap();
            let back = quantised.dequantise(&Device::flex());
            let (want, got) = (kernels(&net), kernels(&back));
            for ((want, got), scales) in want.iter().zip(&got).zip(steps(&quantised)) {
                let (want, got) = (values(want).unwrap(), values(got).unwrap());
                let row = want.len() / scales.len();
                for (i, (w, g)) in want.iter().zip(&got).enumerate() {
                    assert!((w - g).abs() <= scales[i / row] * 0.501, "{w} became {g}");
                }
            }
            assert_eq!(
                quantise(&back).unwrap(),
                quantised,
                "quantising twice changes nothing"
            );
        }
    }

    #[test]
    fn weights_that_are_not_finite_are_refused() {
        for architecture in [Architecture::Stream, Architecture::Meso4] {
            let mut net = folded(architecture);
            let head = match &mut net {
                Frozen::Stream(net) => &mut net.head,
                Frozen::Plain(net) => &mut net.head,
            };
            head.weight = head.weight.clone() * f32::NAN;
            assert!(quantise(&net).unwrap_err().to_string().contains("diverged"));
        }
    }
}
