//! Networks with int8 weights.

use anyhow::Result;
use burn::tensor::Device;

use super::int8::{QuantisedHead, QuantisedKernel, values, vector};
use crate::network::{Affine, Blueprint, Frozen, FusedConv, FusedNet, Kernel, PlainNet};

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
    use crate::test_numbers::redrawn;
    use burn::tensor::Tensor;

    fn folded(architecture: Architecture) -> Frozen {
        let device = Device::flex();
        let config = NetworkConfig {
            architecture,
            size: Size::Tiny,
            depth: 14,
            input: 32,
            ..Default::default()
        };
        redrawn(Detector::new(&config, &device), 1).fold()
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

    /// The largest weight of each channel that is not zero becomes 127 or -127.
    #[test]
    fn every_channel_uses_the_whole_range() {
        for architecture in [Architecture::Stream, Architecture::Csn] {
            let quantised = quantise(&folded(architecture)).unwrap();
            let values: Vec<&[i8]> = match &quantised {
                Quantised::Stream(net) => {
                    let kernels = net.convs.iter().map(|conv| &conv.kernel);
                    kernels.map(|kernel| kernel.values.as_slice()).collect()
                }
                Quantised::Plain(net) => {
                    let kernels = net.kernels.iter();
                    kernels.map(|kernel| kernel.values.as_slice()).collect()
                }
            };
            for (values, scales) in values.into_iter().zip(steps(&quantised)) {
                let row = values.len() / scales.len();
                for (channel, scale) in values.chunks(row).zip(scales) {
                    let largest = channel.iter().map(|value| value.unsigned_abs()).max();
                    // Nothing but zeros needs no scale.
                    let wanted = if *scale == 1.0 { 0 } else { 127 };
                    assert_eq!(largest, Some(wanted));
                }
            }
        }
    }

    /// Weights and biases of the convolutions, a factor and an offset of each pooled feature, and
    /// the head.
    #[test]
    fn parameters_are_those_of_the_network() {
        let Frozen::Stream(net) = folded(Architecture::Stream) else {
            panic!("no stream");
        };
        let convs = net.convs.iter().map(|conv| {
            let [outputs, inputs, height, width] = conv.weight.dims();
            outputs * (inputs * height * width + 1)
        });
        let [features] = net.embed_scale.dims();
        let bias = usize::from(net.head.bias.is_some());
        let wanted = convs.sum::<usize>() + 3 * features + bias;
        let quantised = quantise(&Frozen::Stream(net)).unwrap();
        assert_eq!(quantised.parameters(), wanted as u64);
    }
}
