//! Weights as int8, one scale per output channel, symmetric.

use burn::tensor::{Device, Tensor, TensorData};

use crate::network::{FusedConv, FusedNet};

/// A convolution with int8 weights; `weight = value * scale[out]`.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedConv {
    /// `[out, in + past, k, k]`, row major, in -127..=127.
    pub values: Vec<i8>,
    /// Shape of `values`.
    pub shape: [usize; 4],
    /// One positive scale per output channel.
    pub scales: Vec<f32>,
    /// `[out]`, kept in f32: it is added once per output.
    pub bias: Vec<f32>,
    /// Spatial stride.
    pub stride: usize,
    /// Zero padding on each side.
    pub padding: usize,
    /// Channels of the previous frame; 0 = none.
    pub past: usize,
}

/// A network whose convolution weights are int8. The head stays f32: it is one vector.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedNet {
    /// The stem and the body, in order.
    pub convs: Vec<QuantisedConv>,
    /// Factor of the pooled features.
    pub embed_scale: Vec<f32>,
    /// Offset of the pooled features.
    pub embed_bias: Vec<f32>,
    /// Unit weight vector times its scale.
    pub head: Vec<f32>,
}

/// Rounds each output channel's weights to the nearest of 255 levels of its own range.
///
/// # Errors
/// When a weight is not finite: the training has diverged.
pub fn quantise(net: &FusedNet) -> anyhow::Result<QuantisedNet> {
    Ok(QuantisedNet {
        convs: net
            .convs
            .iter()
            .map(quantise_conv)
            .collect::<Result<_, _>>()?,
        embed_scale: values(net.embed_scale.clone())?,
        embed_bias: values(net.embed_bias.clone())?,
        head: values(net.head.clone())?,
    })
}

fn quantise_conv(conv: &FusedConv) -> anyhow::Result<QuantisedConv> {
    let shape = conv.weight.dims();
    let weights = values(conv.weight.clone())?;
    let row = weights.len() / shape[0];
    let mut quantised = Vec::with_capacity(weights.len());
    let mut scales = Vec::with_capacity(shape[0]);
    for channel in weights.chunks(row) {
        let peak = channel.iter().fold(0f32, |peak, w| peak.max(w.abs()));
        let scale = if peak > 0.0 { peak / 127.0 } else { 1.0 };
        quantised.extend(
            channel
                .iter()
                .map(|w| (w / scale).round().clamp(-127.0, 127.0) as i8),
        );
        scales.push(scale);
    }
    Ok(QuantisedConv {
        values: quantised,
        shape,
        scales,
        bias: values(conv.bias.clone())?,
        stride: conv.stride,
        padding: conv.padding,
        past: conv.past,
    })
}

fn values<const D: usize>(tensor: Tensor<D>) -> anyhow::Result<Vec<f32>> {
    let values = tensor
        .into_data()
        .try_to_vec::<f32>()
        .map_err(|error| anyhow::anyhow!("weights are not f32: {error:?}"))?;
    anyhow::ensure!(
        values.iter().all(|value| value.is_finite()),
        "a weight is not finite: the training diverged; lower the learning rate or export an earlier checkpoint"
    );
    Ok(values)
}

impl QuantisedNet {
    /// The network that the exported file computes, in f32.
    pub fn dequantise(&self, device: &Device) -> FusedNet {
        let one = |values: &[f32]| {
            Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
        };
        let conv = |conv: &QuantisedConv| FusedConv {
            weight: Tensor::from_data(TensorData::new(conv.weights(), conv.shape), device),
            bias: one(&conv.bias),
            stride: conv.stride,
            padding: conv.padding,
            past: conv.past,
        };
        FusedNet {
            convs: self.convs.iter().map(conv).collect(),
            embed_scale: one(&self.embed_scale),
            embed_bias: one(&self.embed_bias),
            head: one(&self.head),
        }
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> u64 {
        let convs: usize = self
            .convs
            .iter()
            .map(|c| c.values.len() + c.bias.len())
            .sum();
        (convs + 3 * self.head.len()) as u64
    }
}

impl QuantisedConv {
    /// The f32 weights that the int8 ones stand for.
    pub fn weights(&self) -> Vec<f32> {
        let row = self.values.len() / self.shape[0];
        self.values
            .chunks(row)
            .zip(&self.scales)
            .flat_map(|(channel, scale)| channel.iter().map(move |v| f32::from(*v) * scale))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{NetworkConfig, Size, StreamNet};

    #[test]
    fn error_is_at_most_half_a_step_of_the_channel() {
        let device = Device::flex();
        device.seed(1);
        let config = NetworkConfig {
            size: Size::Tiny,
            input: 32,
            ..Default::default()
        };
        let net = StreamNet::new(&config, &device).fuse();
        let quantised = quantise(&net).unwrap();
        let back = quantised.dequantise(&device);
        for ((conv, restored), q) in net.convs.iter().zip(&back.convs).zip(&quantised.convs) {
            let want = values(conv.weight.clone()).unwrap();
            let got = values(restored.weight.clone()).unwrap();
            let row = want.len() / q.shape[0];
            for (i, (w, g)) in want.iter().zip(&got).enumerate() {
                assert!((w - g).abs() <= q.scales[i / row] * 0.501, "{w} became {g}");
            }
        }
        assert_eq!(
            quantise(&back).unwrap(),
            quantised,
            "quantising twice changes nothing"
        );
    }

    #[test]
    fn weights_that_are_not_finite_are_refused() {
        let device = Device::flex();
        let config = NetworkConfig {
            size: Size::Tiny,
            input: 32,
            ..Default::default()
        };
        let mut net = StreamNet::new(&config, &device).fuse();
        net.head = net.head * f32::NAN;
        assert!(quantise(&net).unwrap_err().to_string().contains("diverged"));
    }
}
