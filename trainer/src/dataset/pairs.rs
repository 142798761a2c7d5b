//! Pairs of a real face and a fake, made on the fly and the same for the same seed.

mod config;
mod donors;
mod order;
mod pseudo;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use unmask_shared::geometry::Align;

use super::record::{Label, Record, Split};
use super::view::View;
use crate::distortion::Perturbation;
use crate::fake::{Picture, Quality, Random};
use donors::Donors;
use order::Item;

pub use config::{MakePlan, PairConfig, PairKind};
pub use order::Epoch;

/// A real clip and a fake one of `frames` frames each, channel-planar.
#[derive(Clone, Debug)]
pub struct PreparedPair {
    /// `[frames, 3, side, side]`
    pub real: Vec<f32>,
    /// `[frames, 3, side, side]`
    pub fake: Vec<f32>,
    /// What made the fake.
    pub kind: PairKind,
    /// Numbers of the records that real and fake are from, for [`Pairs::record`]; a
    /// pseudo-fake is from the face that it was made from.
    pub records: [usize; 2],
}

/// Share of swaps, and degradation, at hardness zero.
const EASY: (f32, f32) = (0.85, 0.3);

/// Sets the draws of temporal artefacts and X-ray swaps apart from all others.
const EXTRA: u64 = 0x7E4B_0A11;
/// Sets the draws of a perturbation apart from all others.
const PERTURBED: u64 = 0xD157_0127;

/// Real frames, fake frames, and what made them.
type Clips = (Vec<Picture>, Vec<Picture>, PairKind);

/// The part of some records that is held out: validation, or the official test split where
/// there is nothing else.
pub fn held_out_part(records: &[Record], share: f32) -> Split {
    match records.iter().any(|r| r.part(share) == Split::Val) {
        true => Split::Val,
        false => Split::Test,
    }
}

/// Draws pairs from the training or the validation part of some records.
pub struct Pairs<'a> {
    records: &'a [Record],
    config: PairConfig,
    blendable: Vec<usize>,
    fakes: Vec<usize>,
    twins: HashMap<usize, usize>,
    /// Described only when there are X-ray swaps to find donors for.
    donors: Option<Donors>,
}

impl<'a> Pairs<'a> {
    /// Takes the training part of the records, or the one held out: validation, or the
    /// official test split where there is nothing else.
    ///
    /// # Errors
    /// When a share is out of range, the part has too few real faces to make pairs of, or
    /// a stored frame that is needed for X-ray swaps does not decode.
    pub fn new(records: &'a [Record], config: &PairConfig, validation: bool) -> Result<Self> {
        config.check()?;
        let part_of = |record: &Record| record.part(config.validation_share);
        let wanted = match validation {
            false => Split::Train,
            true => held_out_part(records, config.validation_share),
        };
        let part: Vec<usize> = (0..records.len())
            .filter(|i| part_of(&records[*i]) == wanted)
            .collect();
        let real = |i: &usize| records[*i].meta.label == Label::Real;
        let blendable: Vec<usize> = part
            .iter()
            .copied()
            .filter(|i| real(i) && !config.paired_only.contains(&records[*i].meta.source))
            .collect();
        let by_twin: HashMap<(&str, &str), usize> = part
            .iter()
            .filter(|i| real(i))
            .filter_map(|i| {
                let meta = &records[*i].meta;
                Some(((meta.source.as_str(), meta.twin.as_deref()?), *i))
            })
            .collect();
        let fakes: Vec<usize> = part.iter().copied().filter(|i| !real(i)).collect();
        let twins = fakes
            .iter()
            .filter_map(|i| {
                let meta = &records[*i].meta;
                Some((
                    *i,
                    *by_twin.get(&(meta.source.as_str(), meta.twin.as_deref()?))?,
                ))
            })
            .collect();
        let donors = if config.xray_share > 0.0 && blendable.len() > 1 {
            Some(Donors::new(records, &blendable)?)
        } else {
            None
        };
        let pairs = Self {
            records,
            config: config.clone(),
            blendable,
            fakes,
            twins,
            donors,
        };
        ensure!(
            pairs.blendable.len() >= 2 || !pairs.twins.is_empty(),
            "the {} part has {} real faces and {} fakes: at least 2 real faces are needed",
            if validation { "validation" } else { "training" },
            pairs.blendable.len(),
            pairs.fakes.len()
        );
        Ok(pairs)
    }

    /// What the crops were cut by: landmarks, if all of them were.
    pub fn align(&self) -> Align {
        let by_box = |record: &Record| record.meta.align() == Align::Box;
        match self.records.iter().any(by_box) {
            true => Align::Box,
            false => Align::Landmarks,
        }
    }

    /// Makes pair `index` of an epoch.
    ///
    /// # Errors
    /// When a stored frame does not decode.
    pub fn make(&self, epoch: &Epoch, index: usize, plan: &MakePlan) -> Result<PreparedPair> {
        self.make_with(epoch, index, plan, None)
    }

    /// The same pair, its stored crops perturbed before the network's view is cut out of
    /// them: an approximation, see [`Perturbation::apply_to_crops`]. Real and fake meet
    /// the same noise.
    ///
    /// # Errors
    /// When a stored frame does not decode, or the perturbation cannot be made.
    pub fn make_perturbed(
        &self,
        epoch: &Epoch,
        index: usize,
        plan: &MakePlan,
        perturbation: &Perturbation,
    ) -> Result<PreparedPair> {
        self.make_with(epoch, index, plan, Some(perturbation))
    }

    fn make_with(
        &self,
        epoch: &Epoch,
        index: usize,
        plan: &MakePlan,
        perturbation: Option<&Perturbation>,
    ) -> Result<PreparedPair> {
        let item = *epoch
            .items
            .get(index)
            .context("no such pair in this epoch")?;
        let seed = mix(epoch.seed, index as u64);
        let mut random = Random::seed_from_u64(seed);
        let (records, (mut reals, mut fakes, kind)) = match item {
            Item::Blend(i) => {
                let mut extra = Random::seed_from_u64(mix(seed, EXTRA));
                ([i, i], self.pseudo(i, plan, &mut random, &mut extra)?)
            }
            Item::Data(i) => {
                let real = self.beside(i, &mut random);
                ([real, i], self.data(i, real, plan.frames, &mut random)?)
            }
        };
        if let Some(perturbation) = perturbation {
            for crops in [&mut reals, &mut fakes] {
                perturbation.apply_to_crops(crops, mix(seed, PERTURBED))?;
            }
        }
        let view = View::sample(plan.frames, plan.side, &mut random);
        let quality = Quality::sample(
            mixed(EASY.1, self.config.degradation, plan.hardness),
            &mut random,
        );
        let finish = |pictures: &[Picture]| {
            let mut planes = Vec::with_capacity(pictures.len() * 3 * plan.side * plan.side);
            for (frame, picture) in pictures.iter().enumerate() {
                planes.extend_from_slice(&view.finish(picture, &quality, frame));
            }
            planes
        };
        Ok(PreparedPair {
            real: finish(&reals),
            fake: finish(&fakes),
            kind,
            records,
        })
    }

    /// A record by its number.
    pub fn record(&self, number: usize) -> Option<&'a Record> {
        self.records.get(number)
    }
}

fn mixed(easy: f32, hard: f32, hardness: f32) -> f32 {
    (easy + (hard - easy) * hardness).clamp(0.0, 1.0)
}

/// Two numbers into one seed (SplitMix64's finaliser).
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a ^ b
        .wrapping_add(0x9E37_79B9_7F4A_7C15)
        .wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
