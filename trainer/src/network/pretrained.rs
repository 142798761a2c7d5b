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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Architecture, HeadKind};

    /// As many blocks as the file of the tests has; `tests/oracles/lite_two_blocks.py` makes it.
    const BLOCKS: usize = 2;

    fn file() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/lite-two-blocks.pth")
    }

    fn lite(cut: usize, fold: bool) -> NetworkConfig {
        NetworkConfig {
            architecture: Architecture::Lite,
            cut,
            fold,
            ..Default::default()
        }
    }

    /// `picture` of the same script.
    fn picture(side: usize, device: &Device) -> Tensor<4> {
        let mut values = Vec::new();
        for c in 0..3 {
            for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
                values.push(((y * (7 + c) + x * (11 - 2 * c)) % 64) as f32 / 64.0);
            }
        }
        Tensor::from_data(TensorData::new(values, [1, 3, side, side]), device)
    }

    fn assert_features(path: &Path, config: &NetworkConfig, side: usize, want: [f32; 8]) {
        let device = Device::flex();
        let net = read_weights(path, config, &device).unwrap();
        for found in [
            net.forward(picture(side, &device), 1).embedding,
            net.fold().forward(picture(side, &device), 1).embedding,
        ] {
            let found = found.into_data().try_to_vec::<f32>().unwrap();
            for (got, want) in found.iter().zip(want) {
                assert!((got - want).abs() < 1e-4, "{config:?}: {found:?}");
            }
        }
    }

    /// What the script prints.
    #[test]
    fn features_are_those_of_pytorch() {
        let want = [
            1.56543, 0.41549, -0.31296, -0.55172, 0.15326, 2.16881, -0.48915, -0.83548,
        ];
        for fold in [true, false] {
            assert_features(&file(), &lite(BLOCKS, fold), 32, want);
        }
    }

    /// What the script prints of the released weights with 11 and with all 16 blocks, and what
    /// `efficientnet_lite_pytorch` makes of the same picture.
    #[test]
    fn features_of_the_released_weights_are_those_of_pytorch() {
        let Some(path) = std::env::var_os("UNMASK_LITE0") else {
            eprintln!("SKIPPED: set UNMASK_LITE0 to the file that experiments/lite0.sh fetches");
            return;
        };
        let path = Path::new(&path);
        let cut_11 = [
            4.98943, 3.81870, 4.65058, 6.02767, 14.31044, 4.41121, 3.86261, 8.77050,
        ];
        let whole = [
            1.84080, 2.42863, 0.41626, 2.71970, 2.33884, 3.79623, 2.73746, 0.33890,
        ];
        for fold in [true, false] {
            assert_features(path, &lite(11, fold), 112, cut_11);
            assert_features(path, &lite(16, fold), 112, whole);
        }
    }

    #[test]
    fn a_file_that_does_not_fit_is_refused_by_its_first_tensor() {
        let device = Device::flex();
        let refuse = |path: &Path, config: &NetworkConfig, words: &[&str]| {
            let error = format!("{:#}", read_weights(path, config, &device).unwrap_err());
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        };
        let file = file();
        let missing = "state_dict._blocks.2._expand_conv.weight";
        refuse(
            &file,
            &lite(BLOCKS + 1, true),
            &["lite-two-blocks.pth", missing],
        );
        let linear = NetworkConfig {
            architecture: Architecture::Xception,
            head: HeadKind::Linear,
            ..Default::default()
        };
        refuse(&file, &linear, &["lite"]);
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other.pth");
        std::fs::write(&other, "no weights").unwrap();
        refuse(&other, &lite(BLOCKS, true), &["other.pth"]);
        let cut = std::fs::read(&file).unwrap();
        for length in [0, 100, cut.len() / 2, cut.len() - 1] {
            std::fs::write(&other, &cut[..length]).unwrap();
            refuse(&other, &lite(BLOCKS, true), &["other.pth"]);
        }
    }
}
