//! The undefended network from which a run began, kept as it was.

use anyhow::{Context, Result};
use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor};

use super::checkpoint::RunFolder;
use crate::config::{Method, RunConfig};
use crate::network::{Detector, Frozen};

const FILE: &str = "teacher.bpk";

/// A network that gives the features which attacked faces are pulled to.
#[derive(Debug)]
pub struct Teacher(Frozen);

impl Teacher {
    /// The teacher of a run, where its configuration asks for one: the network that it
    /// starts from, which the run folder keeps for resuming.
    ///
    /// # Errors
    /// When a new run has no network to start from, or the kept one is damaged.
    pub fn of(
        folder: &RunFolder,
        config: &RunConfig,
        init: Option<&Detector>,
        device: &Device,
    ) -> Result<Option<Self>> {
        if config.train.method != Method::Afsl || !config.afsl.needs_teacher() {
            return Ok(None);
        }
        let path = folder.file(FILE);
        if let Some(init) = init {
            let bytes = init.clone().into_record().into_bytes()?;
            folder.write(FILE, &bytes)?;
        }
        let bytes = std::fs::read(&path).context(
            "afsl.anchor asks for a teacher: name an undefended run to start from with --init, or set afsl.anchor to own",
        )?;
        let damaged = || format!("{} is damaged: start the run again", path.display());
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes));
        let net = Detector::new(&config.network, device)
            .try_load_record(record.with_context(damaged)?)
            .with_context(damaged)?;
        Ok(Some(Self(net.fold())))
    }

    /// Embeddings of clean faces, shapes as [`Frozen::forward`].
    pub fn embeddings(&self, images: Tensor<4>, frames: usize) -> Tensor<2> {
        self.0.forward(images, frames).embedding
    }
}
