//! Trained networks in one file.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::net::Autoencoder;
use super::shape::Shape;
use crate::dataset::PairConfig;
use crate::device::DeviceKind;
use crate::fake::{Picture, Reconstruct};
use crate::files::write_atomic;

/// Networks in a bank, at most.
const NETS_MAX: usize = 256;
/// A larger member is no network of a bank.
const MEMBER_BYTES_MAX: u64 = 64 << 20;
const LIST: &str = "bank.json";

/// Networks that draw a face anew. A bank is a tar archive of `bank.json`, which lists the
/// shapes, and the weights of each network.
#[derive(Clone, Debug, Default)]
pub struct Bank {
    nets: Vec<Autoencoder>,
    entries: Vec<BankEntry>,
}

/// What a bank tells of a network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BankEntry {
    /// What it looks like.
    #[serde(flatten)]
    pub shape: Shape,
    /// Mean error per value at the end of its training, of [0, 1].
    pub error: f32,
}

impl Bank {
    /// Reads a bank.
    ///
    /// # Errors
    /// When the file is missing, or no bank.
    pub fn read(path: &Path, device: &Device) -> Result<Self> {
        let wrong = || {
            format!(
                "{} is no bank of reconstructing networks: make one with `unmask-trainer reconstruct`",
                path.display()
            )
        };
        let file = File::open(path).with_context(wrong)?;
        let mut archive = tar::Archive::new(file);
        let mut bank = Self::default();
        for (number, member) in archive.entries().with_context(wrong)?.enumerate() {
            let mut member = member.with_context(wrong)?;
            ensure!(
                number <= NETS_MAX && member.size() <= MEMBER_BYTES_MAX,
                wrong()
            );
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).with_context(wrong)?;
            if number == 0 {
                bank.entries = serde_json::from_slice(&bytes).with_context(wrong)?;
                continue;
            }
            let entry = bank.entries.get(number - 1).with_context(wrong)?;
            let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes));
            let net = Autoencoder::new(entry.shape, device);
            let net = net.try_load_record(record.with_context(wrong)?);
            bank.nets.push(net.with_context(wrong)?);
        }
        ensure!(
            bank.nets.len() == bank.entries.len() && !bank.is_empty(),
            wrong()
        );
        Ok(bank)
    }

    /// Writes it so that it appears complete or not at all.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut add = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            archive.append_data(&mut header, name, bytes)
        };
        add(LIST, &serde_json::to_vec_pretty(&self.entries)?)?;
        for (number, net) in self.nets.iter().enumerate() {
            let bytes = net.clone().into_record().into_bytes()?;
            add(&format!("{number:03}.bpk"), &bytes)?;
        }
        write_atomic(path, &archive.into_inner()?)
    }

    /// Takes in a network.
    pub fn push(&mut self, net: Autoencoder, error: f32) {
        let shape = net.shape();
        self.entries.push(BankEntry { shape, error });
        self.nets.push(net);
    }

    /// What is known of its networks, in order.
    pub fn entries(&self) -> &[BankEntry] {
        &self.entries
    }

    /// Number of networks.
    pub fn len(&self) -> usize {
        self.nets.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.nets.is_empty()
    }
}

/// The bank that a configuration names, where it asks for reconstructions.
///
/// # Errors
/// As [`Bank::read`].
pub fn bank_of(config: &PairConfig) -> Result<Option<Arc<dyn Reconstruct>>> {
    let path = config.reconstruct_bank.as_ref();
    let Some(path) = path.filter(|_| config.reconstruct_share > 0.0) else {
        return Ok(None);
    };
    let bank = Bank::read(path, &DeviceKind::Flex.open()?)?;
    Ok(Some(Arc::new(bank)))
}

impl Reconstruct for Bank {
    fn count(&self) -> usize {
        self.nets.len()
    }

    fn reconstruct(&self, number: usize, picture: &Picture, side: usize) -> Picture {
        let Some(net) = self.nets.get(number % self.nets.len().max(1)) else {
            return picture.clone();
        };
        let side = side.next_multiple_of(net.shape().stride());
        let input = match side == picture.side {
            true => picture.planar(),
            false => picture.resize(side).planar(),
        };
        let data = TensorData::new(input, [1, 3, side, side]);
        let input = Tensor::from_data(data, &net.device());
        let planes = net.forward(input).images.into_data().try_into_vec::<f32>();
        let Ok(planes) = planes else {
            return picture.clone();
        };
        let mut made = Picture::from_planar(side, &planes);
        made.clamp();
        match side == picture.side {
            true => made,
            false => made.resize(picture.side),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::train::tests::{TINY, picture};
    use super::*;

    fn bank() -> Bank {
        let mut bank = Bank::default();
        for book in [0, 8] {
            let shape = Shape { book, ..TINY };
            bank.push(Autoencoder::new(shape, &Device::flex()), 0.25);
        }
        bank
    }

    #[test]
    fn a_bank_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.tar");
        let (bank, picture) = (bank(), picture(48));
        bank.write(&path).unwrap();
        let read = Bank::read(&path, &Device::flex()).unwrap();
        assert_eq!(read.entries(), bank.entries());
        for net in 0..2 {
            let made = read.reconstruct(net, &picture, 32);
            assert_eq!(made.side, 48);
            assert_eq!(made, bank.reconstruct(net, &picture, 32));
            assert_eq!(made, bank.reconstruct(net + 2, &picture, 31));
            assert_ne!(made, picture);
        }
    }

    #[test]
    fn what_is_no_bank_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.tar");
        let error = |path: &Path| format!("{:#}", Bank::read(path, &Device::flex()).unwrap_err());
        assert!(
            error(&path).contains("unmask-trainer reconstruct"),
            "{}",
            error(&path)
        );
        bank().write(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in [0, 100, 600, whole.len() / 2] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(error(&path).contains("bank.tar"), "{}", error(&path));
        }
    }
}
