//! Held-out pairs in batches, in the order in which every measurement takes them.

use anyhow::Result;
use burn::tensor::Device;
use rayon::prelude::*;

use super::Validation;
use crate::attack::Faces;
use crate::attack::suite::Batches;
use crate::dataset::{Batch, Epoch, MakePlan, Pairs, PreparedPair};
use crate::distortion::Perturbation;
use crate::evaluation::to_tensors;

/// Order and pseudo-fakes of validation, the same for every run.
pub const VALIDATION_SEED: u64 = 0x5EED;
/// Real frames at a time, and as many fake ones.
const BATCH_FRAMES: usize = 32;

/// The first of the held-out pairs, each a real and a fake frame or clip.
pub struct HeldOut<'a> {
    pairs: &'a Pairs<'a>,
    epoch: Epoch,
    plan: MakePlan,
    count: usize,
    device: Device,
}

impl<'a> HeldOut<'a> {
    /// The first `request.pairs` pairs, as batches on `device`.
    pub fn new(pairs: &'a Pairs<'a>, request: &Validation, device: &Device) -> Self {
        let epoch = pairs.epoch(VALIDATION_SEED, 0);
        Self {
            pairs,
            count: request.pairs.min(epoch.len()),
            epoch,
            plan: request.plan(),
            device: device.clone(),
        }
    }

    /// Number of clips, real and fake.
    pub fn clips(&self) -> usize {
        2 * self.count
    }

    /// Number of batches.
    pub fn batches(&self) -> usize {
        self.count.div_ceil(self.batch_pairs())
    }

    fn batch_pairs(&self) -> usize {
        (BATCH_FRAMES / self.plan.frames.max(1)).max(1)
    }

    /// The pairs of a batch, their stored crops perturbed where that is asked for.
    ///
    /// # Errors
    /// When a stored face is damaged.
    pub fn made(
        &self,
        batch: usize,
        perturbation: Option<&Perturbation>,
    ) -> Result<Vec<PreparedPair>> {
        let first = batch * self.batch_pairs();
        (first..(first + self.batch_pairs()).min(self.count))
            .into_par_iter()
            .map(|index| match perturbation {
                Some(perturbation) => {
                    self.pairs
                        .make_perturbed(&self.epoch, index, &self.plan, perturbation)
                }
                None => self.pairs.make(&self.epoch, index, &self.plan),
            })
            .collect()
    }

    /// The clips of a batch's pairs: the real and the fake one of each.
    pub fn faces(&self, made: &[PreparedPair]) -> Faces {
        let batch = Batch::collect(made, self.plan.frames, self.plan.side);
        let (images, label) = to_tensors(&batch, &self.device);
        Faces {
            images,
            label,
            frames: batch.frames,
        }
    }
}

impl Batches for HeldOut<'_> {
    fn count(&self) -> usize {
        self.batches()
    }

    fn batch(&self, index: usize) -> Result<Faces> {
        Ok(self.faces(&self.made(index, None)?))
    }
}
