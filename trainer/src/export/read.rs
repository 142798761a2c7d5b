//! A bundle back into the network that it was written from.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use prost::Message;
use tract_onnx::pb;
use unmask_shared::bundle::Bundle;
use unmask_shared::manifest::{Manifest, ModelKind};
use unmask_shared::synthetic::{FaceModel, golden_clip};

use super::bundle::clip_logits;
use super::check::ENGINE_TOLERANCE;
use super::int8::{QuantisedHead, QuantisedKernel};
use super::quantise::{Quantised, QuantisedPlain, QuantisedStream, quantise};
use crate::network::{Architecture, Detector, HeadKind, NetworkConfig, Op, Size};

/// Most blocks of `lite`.
const BLOCKS_MAX: usize = 16;
/// Depths of `csn`.
const DEPTHS: [usize; 4] = [14, 50, 101, 152];
/// Below this a factor says nothing of what it was multiplied with.
const TINY: f32 = 1e-12;

/// The network of a bundle that `unmask-trainer export` wrote, and what its architecture is: the
/// first one that has just its weights and gives its golden logits.
///
/// # Errors
/// When the file was written by another program, or is damaged.
pub fn read_bundle(bundle: &Bundle, device: &Device) -> Result<(NetworkConfig, Quantised)> {
    let file = OnnxFile::read(&bundle.model)?;
    let people = FaceModel::builtin().context("the built-in synthetic people are damaged")?;
    for config in candidates(&bundle.manifest, &file) {
        if config.check().is_err() || config.macs() != bundle.manifest.graph.macs {
            continue;
        }
        let Ok(net) = file.network(&config, device) else {
            continue;
        };
        let frozen = net.dequantise(device);
        let mut apart = 0.0_f32;
        for clip in &bundle.manifest.golden {
            let crop = &bundle.manifest.crop;
            let frames = golden_clip(&people, crop, clip.seed, clip.swapped, clip.frames.into());
            let logits = clip_logits(&frozen, &config, &frames, device)?;
            ensure!(logits.len() == clip.logits.len(), "the bundle is damaged");
            let pairs = logits.iter().zip(&clip.logits);
            apart = pairs.fold(apart, |apart, (a, b)| apart.max((a - b).abs()));
        }
        if apart <= ENGINE_TOLERANCE {
            return Ok((config, net));
        }
    }
    anyhow::bail!(
        "the bundle {} is of no architecture that this program knows, so that it can be run, but not measured \
         or trained further",
        bundle.manifest.name
    )
}

/// Architectures that the manifest does not rule out.
fn candidates(manifest: &Manifest, file: &OnnxFile) -> Vec<NetworkConfig> {
    let states = &manifest.graph.states;
    let base = NetworkConfig {
        head: match file.nodes.iter().any(|name| name == "head.map") {
            true => HeadKind::Cosine,
            false => HeadKind::Linear,
        },
        input: manifest.crop.size.into(),
        temporal: !states.is_empty(),
        past_channels: states.first().map_or(16, |state| state.shape[1].into()),
        ..NetworkConfig::default()
    };
    let sizes = [Size::Tiny, Size::Small, Size::Medium, Size::Large];
    let plain: Vec<NetworkConfig> = match (manifest.kind, states.is_empty()) {
        (ModelKind::Clip { frames }, _) => {
            let of = |depth, temporal_stride| NetworkConfig {
                architecture: Architecture::Csn,
                frames: frames.into(),
                depth,
                temporal_stride,
                ..base.clone()
            };
            let both = |depth| [of(depth, false), of(depth, true)];
            DEPTHS.into_iter().flat_map(both).collect()
        }
        (_, false) => Vec::new(),
        (_, true) => {
            let lite = (1..=BLOCKS_MAX).map(|cut| NetworkConfig {
                architecture: Architecture::Lite,
                cut,
                ..base.clone()
            });
            let meso = NetworkConfig {
                architecture: Architecture::Meso4,
                ..base.clone()
            };
            let xception = sizes.map(|size| NetworkConfig {
                architecture: Architecture::Xception,
                size,
                ..base.clone()
            });
            lite.chain([meso]).chain(xception).collect()
        }
    };
    let with_views = |config: NetworkConfig| {
        [(false, false), (true, false), (false, true), (true, true)].map(|(luminance, mirror)| {
            NetworkConfig {
                luminance,
                mirror,
                ..config.clone()
            }
        })
    };
    let stream = sizes.map(|size| NetworkConfig {
        architecture: Architecture::Stream,
        size,
        ..base.clone()
    });
    let is_frame = !matches!(manifest.kind, ModelKind::Clip { .. });
    let stream = stream.into_iter().filter(|_| is_frame);
    let scale = |config: NetworkConfig| NetworkConfig {
        scale: file.scale(&config).unwrap_or(config.scale),
        ..config
    };
    let plain = plain.into_iter().flat_map(with_views);
    stream.chain(plain).map(scale).collect()
}

/// Tensors and nodes of a file.
struct OnnxFile {
    tensors: BTreeMap<String, pb::TensorProto>,
    nodes: Vec<String>,
}

impl OnnxFile {
    fn read(bytes: &[u8]) -> Result<Self> {
        let model = pb::ModelProto::decode(bytes).context("the bundle's network is damaged")?;
        ensure!(
            model.producer_name == "unmask-trainer",
            "the bundle's network was not written by unmask-trainer, so that its weights cannot be read"
        );
        let graph = model.graph.context("the bundle's network is empty")?;
        let tensors = graph.initializer.into_iter();
        Ok(Self {
            tensors: tensors.map(|one| (one.name.clone(), one)).collect(),
            nodes: graph.node.into_iter().map(|node| node.name).collect(),
        })
    }

    /// Numbers of a tensor that must have so many.
    fn floats(&self, name: &str, count: usize) -> Result<Vec<f32>> {
        let tensor = self.tensors.get(name);
        let tensor = tensor.with_context(|| format!("there is no tensor {name}"))?;
        let bytes = tensor.raw_data.chunks_exact(4);
        let values: Vec<f32> = bytes
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        ensure!(
            values.len() == count && values.iter().all(|value| value.is_finite()),
            "{name} has {} numbers, not {count}, or some that are not finite",
            values.len()
        );
        Ok(values)
    }

    /// Takes the numbers of a kernel of the same shape.
    fn fill<const D: usize>(&self, place: &str, kernel: &mut QuantisedKernel<D>) -> Result<()> {
        let name = format!("{place}.int8");
        let tensor = self.tensors.get(&name);
        let tensor = tensor.with_context(|| format!("there is no tensor {name}"))?;
        // A network of single frames has no frames in its kernels' shapes.
        let sides = |sides: &mut dyn Iterator<Item = usize>| -> Vec<usize> {
            sides.filter(|side| *side != 1).collect()
        };
        let found = sides(&mut tensor.dims.iter().map(|side| *side as usize));
        ensure!(
            found == sides(&mut kernel.shape.iter().copied())
                && tensor.raw_data.len() == kernel.values.len(),
            "{name} has another shape"
        );
        kernel.values = tensor.raw_data.iter().map(|byte| *byte as i8).collect();
        kernel.scales = self.floats(&format!("{place}.scale"), kernel.scales.len())?;
        kernel.bias = self.floats(&format!("{place}.bias"), kernel.bias.len())?;
        Ok(())
    }

    /// Length of the vector of a cosine head.
    fn scale(&self, config: &NetworkConfig) -> Option<f32> {
        let weight = self.floats("head.weight", config.embedding()).ok()?;
        let weight = match config.architecture {
            Architecture::Stream => {
                let factor = self.floats("embed.scale", config.embedding()).ok()?;
                divided(&weight, &factor)
            }
            _ => weight,
        };
        let square: f32 = weight.iter().map(|w| w * w).sum();
        (config.head == HeadKind::Cosine && square > 0.0).then(|| square.sqrt())
    }

    /// The weights in a network of this architecture.
    fn network(&self, config: &NetworkConfig, device: &Device) -> Result<Quantised> {
        let mut net = quantise(&Detector::new(config, device).fold())?;
        let kernels = match &mut net {
            Quantised::Stream(net) => self.fill_stream(net)?,
            Quantised::Plain(net) => self.fill_plain(net)?,
        };
        let all = self.tensors.keys().filter(|name| name.ends_with(".int8"));
        ensure!(all.count() == kernels, "it has other convolutions");
        Ok(net)
    }

    fn fill_stream(&self, net: &mut QuantisedStream) -> Result<usize> {
        for (index, conv) in net.convs.iter_mut().enumerate() {
            self.fill(&format!("conv_{index}"), &mut conv.kernel)?;
        }
        net.embed_scale = self.floats("embed.scale", net.embed_scale.len())?;
        net.embed_bias = self.floats("embed.bias", net.embed_bias.len())?;
        // Written were the products with the embedding's factors, see `write_onnx`.
        let product = self.floats("head.weight", net.head.weight.len())?;
        net.head.weight = divided(&product, &net.embed_scale);
        let offset = net.head.weight.iter().zip(&net.embed_bias);
        let offset: f32 = offset.map(|(w, b)| w * b).sum();
        self.fill_bias(&mut net.head, offset)?;
        Ok(net.convs.len())
    }

    fn fill_plain(&self, net: &mut QuantisedPlain) -> Result<usize> {
        let (mut kernels, mut affines) = (net.kernels.iter_mut(), net.affines.iter_mut());
        for (index, layer) in net.blueprint.layers.iter().enumerate() {
            let place = format!("layer_{index}");
            match layer.op {
                Op::Conv(_) => {
                    if let Some(kernel) = kernels.next() {
                        self.fill(&place, kernel)?;
                    }
                }
                Op::Affine => {
                    if let Some([scale, bias]) = affines.next() {
                        *scale = self.floats(&format!("{place}.scale"), scale.len())?;
                        *bias = self.floats(&format!("{place}.bias"), bias.len())?;
                    }
                }
                _ => {}
            }
        }
        net.head.weight = self.floats("head.weight", net.head.weight.len())?;
        self.fill_bias(&mut net.head, 0.0)?;
        Ok(net.kernels.len())
    }

    fn fill_bias(&self, head: &mut QuantisedHead, offset: f32) -> Result<()> {
        if head.bias.is_some() {
            let found = self.floats("head.bias", 1)?;
            head.bias = found.first().map(|bias| bias - offset);
        }
        Ok(())
    }
}

fn divided(product: &[f32], factor: &[f32]) -> Vec<f32> {
    let pairs = product.iter().zip(factor);
    let one = |(p, f): (&f32, &f32)| if f.abs() > TINY { p / f } else { 0.0 };
    pairs.map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burn::tensor::Tensor;

    use super::super::onnx::write_onnx;
    use super::*;
    use crate::test_numbers::{redrawn, uniform};

    #[test]
    fn what_was_written_is_read_back() {
        let device = Device::flex();
        for (architecture, head) in [
            (Architecture::Stream, HeadKind::Cosine),
            (Architecture::Stream, HeadKind::Linear),
            (Architecture::Lite, HeadKind::Linear),
            (Architecture::Csn, HeadKind::Cosine),
            (Architecture::Meso4, HeadKind::Linear),
        ] {
            let config = NetworkConfig {
                architecture,
                head,
                size: Size::Tiny,
                depth: 14,
                input: 32,
                cut: 3,
                frames: 3,
                ..Default::default()
            };
            let net = redrawn(Detector::new(&config, &device), 3).fold();
            let net = quantise(&net).unwrap();
            let file = OnnxFile::read(&write_onnx(&net, &config, "0")).unwrap();
            let back = file.network(&config, &device).unwrap();
            let images: Tensor<4> = uniform([6, 3, 32, 32], 5, &device);
            let logits = |net: &Quantised| {
                let logit = net.dequantise(&device).forward(images.clone(), 3).logit;
                logit.into_data().try_to_vec::<f32>().unwrap()
            };
            for (got, want) in logits(&back).iter().zip(logits(&net)) {
                let apart = (got - want).abs();
                assert!(apart < 1e-4, "{architecture:?} {head:?}: {apart}");
            }
            let other = NetworkConfig {
                cut: 4,
                size: Size::Small,
                depth: 50,
                architecture: match architecture {
                    Architecture::Meso4 => Architecture::Lite,
                    same => same,
                },
                ..config
            };
            assert!(file.network(&other, &device).is_err(), "{architecture:?}");
        }
    }

    #[test]
    fn the_released_bundles_are_the_networks_that_they_say() {
        let models = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../models"));
        for name in ["afsl-lite", "afsl-stream-m"] {
            let bundle = Bundle::open(&models.join(name)).unwrap();
            let (config, net) = read_bundle(&bundle, &Device::flex()).unwrap();
            assert_eq!(config.input, usize::from(bundle.manifest.crop.size));
            assert_eq!(net.parameters(), bundle.manifest.graph.parameters);
        }
    }

    #[test]
    fn a_file_of_another_program_is_refused() {
        let other = pb::ModelProto {
            producer_name: "pytorch".into(),
            ..Default::default()
        };
        let Err(error) = OnnxFile::read(&other.encode_to_vec()) else {
            panic!("it was read");
        };
        assert!(error.to_string().contains("not written by"), "{error}");
    }
}
