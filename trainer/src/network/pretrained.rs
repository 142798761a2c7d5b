//! Weights that others have trained: a PyTorch file into a network.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use burn_store::pytorch_reader::{DType, PytorchReader};

use super::config::{Architecture, NetworkConfig};
use super::detector::Detector;
use super::layered::{LayeredNet, Released};
use super::lite;

/// A network with the weights of a PyTorch file of the same backbone and a fresh head; seed
/// the device first for a repeatable one. What the file holds besides is left alone.
///
/// Names are those of `efficientnet_lite_pytorch`, all behind one prefix or none, as
/// checkpoints of other programs have it (`state_dict.`, `module.`).
///
/// # Errors
/// When the architecture has no released weights, the file cannot be read, or a tensor is
/// missing or has another shape: the first of these is named.
pub fn read_weights(path: &Path, config: &NetworkConfig, device: &Device) -> Result<Detector> {
    let (Architecture::Lite, Some(blueprint)) = (config.architecture, config.blueprint()) else {
        bail!("weights of PyTorch can be read for network.architecture = \"lite\" alone");
    };
    let reader = PytorchReader::new(path)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .with_context(|| format!("cannot read {} as weights of PyTorch", path.display()))?;
    let names = lite::names(config.cut);
    let source = Source {
        prefix: prefix(&reader, &names),
        reader,
        path,
        device,
    };
    let mut net = LayeredNet::new(blueprint, config, device);
    for (index, [conv, norm]) in names.iter().enumerate() {
        let [out, inputs, _, rows, columns] = net.shape(index);
        let weight = source.tensor(&format!("{conv}.weight"), [out, inputs, rows, columns])?;
        let vector = |part: &str| source.tensor(&format!("{norm}.{part}"), [out]);
        net.take(
            index,
            Released {
                weight: weight.reshape([out, inputs, 1, rows, columns]),
                gamma: vector("weight")?,
                beta: vector("bias")?,
                mean: vector("running_mean")?,
                variance: vector("running_var")?,
                epsilon: lite::epsilon(),
            },
        );
    }
    Ok(Detector::Layered(net))
}

/// What stands in front of the names in this file.
fn prefix(reader: &PytorchReader, names: &[[String; 2]]) -> String {
    let first = names.first().map_or("", |[conv, _]| conv);
    let first = format!("{first}.weight");
    let found = reader.keys().into_iter().find(|key| {
        let before = key.strip_suffix(&first);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    });
    let found = found.unwrap_or_default();
    found.strip_suffix(&first).unwrap_or_default().to_owned()
}

struct Source<'a> {
    reader: PytorchReader,
    prefix: String,
    path: &'a Path,
    device: &'a Device,
}

impl Source<'_> {
    fn tensor<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Tensor<D>> {
        let name = format!("{}{name}", self.prefix);
        let path = self.path.display();
        let Some(found) = self.reader.get(&name) else {
            bail!("{path} does not fit the network: it has no tensor {name}");
        };
        ensure!(
            found.shape() == shape,
            "{path} does not fit the network: {name} is {:?}, not {shape:?}",
            found.shape()
        );
        ensure!(
            found.dtype() == DType::F32,
            "{path} does not fit the network: {name} holds {:?}, not F32",
            found.dtype()
        );
        let bytes = found
            .read()
            .with_context(|| format!("{path} is damaged: load it anew"))?;
        let numbers = bytes.chunks_exact(4);
        let numbers = numbers.map(|b| f32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
        let numbers: Vec<f32> = numbers.collect();
        ensure!(
            numbers.iter().all(|x| x.is_finite()),
            "{path} is damaged: {name} holds a number that is not finite"
        );
        Ok(Tensor::from_data(
            TensorData::new(numbers, shape),
            self.device,
        ))
    }
}
