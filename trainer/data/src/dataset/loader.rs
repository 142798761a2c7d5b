//! Batches made ahead of the step that needs them.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use anyhow::{Context, Result};
use rayon::prelude::*;

use super::pairs::{Epoch, MakePlan, Pairs, PreparedPair};

/// Batches that wait at most.
const QUEUE_BATCHES: usize = 2;

/// Clips with their labels: real and fake of each pair one after the other.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[2 * pairs, frames, 3, side, side]`
    pub images: Vec<f32>,
    /// `[2 * pairs]`, 1 = fake: `0, 1, 0, 1, ...`
    pub labels: Vec<f32>,
    /// Frames per clip.
    pub frames: usize,
    /// Side in pixels.
    pub side: usize,
}

impl Batch {
    /// Puts pairs together.
    pub fn collect(pairs: &[PreparedPair], frames: usize, side: usize) -> Self {
        let mut images = Vec::with_capacity(pairs.len() * 2 * frames * 3 * side * side);
        for pair in pairs {
            images.extend_from_slice(&pair.real);
            images.extend_from_slice(&pair.fake);
        }
        let labels = (0..2 * pairs.len()).map(|i| (i % 2) as f32).collect();
        Self {
            images,
            labels,
            frames,
            side,
        }
    }

    /// At most `parts` batches with about as many pairs each, in order; never an empty one.
    pub fn divided(&self, parts: usize) -> Vec<Self> {
        let pairs = self.labels.len() / 2;
        let clip = self.images.len() / self.labels.len().max(1);
        let parts = parts.clamp(1, pairs.max(1));
        let part = |index: usize| {
            let clips = 2 * (index * pairs / parts)..2 * ((index + 1) * pairs / parts);
            Self {
                images: self.images[clips.start * clip..clips.end * clip].to_vec(),
                labels: self.labels[clips].to_vec(),
                ..*self
            }
        };
        (0..parts).map(part).collect()
    }

    /// Clips in the batch.
    pub fn clips(&self) -> usize {
        self.labels.len()
    }
}

/// What a step needs to know of its batch before it is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchPlan {
    /// Epoch, from 0.
    pub epoch: u64,
    /// First pair within the epoch.
    pub first: usize,
    /// Pairs.
    pub pairs: usize,
    /// How the pairs are made.
    pub make: MakePlan,
}

/// Makes batches in a thread of its own.
pub struct Loader {
    receiver: Receiver<Result<Batch>>,
}

impl Loader {
    /// Starts making the planned batches in order. The thread
    /// ends with the plans, or when the loader is dropped.
    pub fn start<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        source: &'env Pairs<'env>,
        seed: u64,
        plans: impl Iterator<Item = BatchPlan> + Send + 'scope,
    ) -> Self {
        let (sender, receiver) = sync_channel(QUEUE_BATCHES);
        scope.spawn(move || {
            let mut order: Option<(u64, Epoch)> = None;
            for plan in plans {
                let epoch = match order.take() {
                    Some((number, epoch)) if number == plan.epoch => epoch,
                    _ => source.epoch(seed, plan.epoch),
                };
                let batch = make(source, &epoch, &plan);
                order = Some((plan.epoch, epoch));
                if sender.send(batch).is_err() {
                    return;
                }
            }
        });
        Self { receiver }
    }

    /// The next batch.
    ///
    /// # Errors
    /// When a stored face is damaged, or more batches are asked for than were planned.
    pub fn next(&self) -> Result<Batch> {
        self.receiver
            .recv()
            .context("the loader has no more batches")?
    }
}

fn make(source: &Pairs<'_>, epoch: &Epoch, plan: &BatchPlan) -> Result<Batch> {
    let last = (plan.first + plan.pairs).min(epoch.len());
    let made: Vec<PreparedPair> = (plan.first..last)
        .into_par_iter()
        .map(|index| source.make(epoch, index, &plan.make))
        .collect::<Result<_>>()?;
    Ok(Batch::collect(&made, plan.make.frames, plan.make.side))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::PairKind;

    /// 1 is a fake, 0 a real face, and each stands beside its own pixels.
    #[test]
    fn labels_stand_beside_their_pictures() {
        let pair = |number: usize| PreparedPair {
            real: vec![number as f32; 2 * 3 * 4 * 4],
            fake: vec![number as f32 + 0.5; 2 * 3 * 4 * 4],
            kind: PairKind::SelfBlend,
            records: [number; 2],
        };
        let batch = Batch::collect(&[pair(0), pair(1), pair(2)], 2, 4);
        assert_eq!(batch.labels, [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        for (clip, label) in batch.images.chunks_exact(2 * 3 * 4 * 4).zip(&batch.labels) {
            assert!(
                clip.iter().all(|value| value.fract() == 0.5 * label),
                "{label}"
            );
        }
        let parts = batch.divided(2);
        assert_eq!(parts.len(), 2);
        let [first, second] = [&parts[0], &parts[1]];
        assert_eq!([first.clips(), second.clips()], [2, 4]);
        assert_eq!(second.labels, [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(second.images[0], 1.0);
        assert_eq!(second.images.len(), 2 * first.images.len());
    }
}
