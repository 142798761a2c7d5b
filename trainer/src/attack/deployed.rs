//! The exported bundle, run by tract as on the device, as a victim.

use anyhow::{Context, Result, ensure};
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;
use unmask_shared::bundle::Bundle;
use unmask_shared::engine::{Engine, EngineError, Session};

use super::Victim;

/// A bundle in the engine that devices use. Every clip starts without a past.
#[derive(Debug)]
pub struct Deployed {
    engine: Engine,
}

impl Deployed {
    /// Loads the network of a bundle.
    ///
    /// # Errors
    /// When tract cannot run it.
    pub fn load(bundle: &Bundle) -> Result<Self> {
        let engine = Engine::load(bundle).context("the bundle does not load")?;
        Ok(Self { engine })
    }

    /// Side of the crops that the network takes.
    pub fn crop_side(&self) -> usize {
        self.engine.crop_side()
    }

    /// Mean logit of a clip's decisions.
    fn clip(&self, session: &mut Session, clip: &[f32], frame: usize) -> Result<f32> {
        session.reset()?;
        let steps = clip
            .chunks_exact(frame)
            .filter_map(|image| session.step(image).transpose())
            .collect::<Result<Vec<_>, EngineError>>()?;
        let last = session.finish()?;
        let logits: Vec<f32> = steps.iter().chain(&last).map(|step| step.logit).collect();
        ensure!(!logits.is_empty(), "a clip without frames has no score");
        Ok(logits.iter().sum::<f32>() / logits.len() as f32)
    }
}

impl Victim for Deployed {
    fn logits(&self, images: Tensor<4>, frames: usize) -> Result<Tensor<1>> {
        let [n, c, h, w] = images.dims();
        let device = images.device();
        let frames = frames.max(1);
        let values = images
            .into_data()
            .try_to_vec::<f32>()
            .map_err(|error| anyhow::anyhow!("images are not f32: {error:?}"))?;
        let logits = values
            .par_chunks_exact(frames * c * h * w)
            .map_init(
                || self.engine.session(),
                |session, clip| match session {
                    Ok(session) => self.clip(session, clip, c * h * w),
                    Err(error) => anyhow::bail!("no session in tract: {error}"),
                },
            )
            .collect::<Result<Vec<f32>>>()?;
        Ok(Tensor::from_data(
            TensorData::new(logits, [n / frames]),
            &device,
        ))
    }
}
