//! Held-out pairs as batches of a suite.

use anyhow::Result;
use burn::tensor::Device;
use rayon::prelude::*;

use super::super::Faces;
use super::Batches;
use crate::dataset::{Batch, Epoch, MakePlan, Pairs, PreparedPair};
use crate::evaluation::{VALIDATION_SEED, Validation};
use crate::train::to_tensors;

/// Frames of one class in a batch.
const BATCH_FRAMES: usize = 32;

/// The pairs that validation scores, in its order.
pub struct HeldOut<'a> {
    pairs: &'a Pairs<'a>,
    epoch: Epoch,
    plan: MakePlan,
    count: usize,
    device: Device,
}

impl<'a> HeldOut<'a> {
    /// The first `request.pairs` pairs.
    pub fn new(pairs: &'a Pairs<'a>, request: &Validation, device: &Device) -> Self {
        let epoch = pairs.epoch(VALIDATION_SEED, 0);
        Self {
            pairs,
            count: request.pairs.min(epoch.len()),
            epoch,
            plan: MakePlan {
                frames: request.frames,
                ..MakePlan::frame(request.side)
            },
            device: device.clone(),
        }
    }

    /// Number of clips, real and fake.
    pub fn clips(&self) -> usize {
        2 * self.count
    }

    fn batch_pairs(&self) -> usize {
        (BATCH_FRAMES / self.plan.frames.max(1)).max(1)
    }
}

impl Batches for HeldOut<'_> {
    fn count(&self) -> usize {
        self.count.div_ceil(self.batch_pairs())
    }

    fn batch(&self, index: usize) -> Result<Faces> {
        let first = index * self.batch_pairs();
        let made: Vec<PreparedPair> = (first..(first + self.batch_pairs()).min(self.count))
            .into_par_iter()
            .map(|index| self.pairs.make(&self.epoch, index, &self.plan))
            .collect::<Result<_>>()?;
        let batch = Batch::collect(&made, self.plan.frames, self.plan.side);
        let (images, label) = to_tensors(&batch, &self.device);
        Ok(Faces {
            images,
            label,
            frames: batch.frames,
        })
    }
}
