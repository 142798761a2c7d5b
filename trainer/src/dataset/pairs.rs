//! Pairs of a real face and a fake, made on the fly and the same for the same seed.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, ensure};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::record::{Label, Record};
use super::stored_crop;
use super::view::{View, clip};
use crate::fake::{Blend, BlendKind, Picture, Quality, Random};

/// How pairs are drawn and degraded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PairConfig {
    /// Share of pseudo-fakes that are swaps; the others are self-blends. In [0, 1].
    pub swap_share: f32,
    /// Share of pairs whose fake is a real fake of the data, when there are any. In [0, 1].
    pub fake_share: f32,
    /// How often a source of fakes counts beside the others; 1 where it is not named.
    pub fake_weights: BTreeMap<String, u8>,
    /// How often and how hard both classes are degraded, in [0, 1].
    pub degradation: f32,
    /// Share of groups held out for validation, in (0, 1).
    pub validation_share: f32,
    /// Source that gives pairs of its own fakes only, never pseudo-fakes.
    pub paired_only: Vec<String>,
}

impl Default for PairConfig {
    fn default() -> Self {
        Self {
            swap_share: 0.5,
            fake_share: 0.25,
            fake_weights: BTreeMap::new(),
            degradation: 0.7,
            validation_share: 0.1,
            paired_only: vec!["synthetic".into()],
        }
    }
}

/// What made the fake of a pair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PairKind {
    /// A self-blended image.
    SelfBlend,
    /// A swap between two real faces.
    Swap,
    /// A fake from the data, by its source.
    Data(String),
}

impl std::fmt::Display for PairKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SelfBlend => f.write_str("self-blend"),
            Self::Swap => f.write_str("swap"),
            Self::Data(source) => f.write_str(source),
        }
    }
}

/// A real clip and a fake one of `frames` frames each, channel-planar.
#[derive(Clone, Debug)]
pub struct PreparedPair {
    /// `[frames, 3, side, side]`
    pub real: Vec<f32>,
    /// `[frames, 3, side, side]`
    pub fake: Vec<f32>,
    /// What made the fake.
    pub kind: PairKind,
}

/// Size and difficulty of the pairs of one batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MakePlan {
    /// Frames per clip.
    pub frames: usize,
    /// Side in pixels.
    pub side: usize,
    /// From 0, mostly swaps in good quality, to 1, the configured mix.
    pub hardness: f32,
}

impl MakePlan {
    /// Single frames of the configured mix.
    pub fn frame(side: usize) -> Self {
        Self {
            frames: 1,
            side,
            hardness: 1.0,
        }
    }
}

/// Share of swaps, and degradation, at hardness zero.
const EASY: (f32, f32) = (0.85, 0.3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// A pseudo-fake from this real record.
    Blend(usize),
    /// This fake record beside its twin or another real one.
    Data(usize),
}

/// Draws pairs from the training or the validation part of some records.
pub struct Pairs<'a> {
    records: &'a [Record],
    config: PairConfig,
    blendable: Vec<usize>,
    fakes: Vec<usize>,
    twins: HashMap<usize, usize>,
}

impl<'a> Pairs<'a> {
    /// Takes the part of the records that is, or is not, validation.
    ///
    /// # Errors
    /// When the part has too few real faces to make pairs of.
    pub fn new(records: &'a [Record], config: &PairConfig, validation: bool) -> Result<Self> {
        let part: Vec<usize> = (0..records.len())
            .filter(|i| records[*i].is_validation(config.validation_share) == validation)
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
        let pairs = Self {
            records,
            config: config.clone(),
            blendable,
            fakes,
            twins,
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

    /// Pairs of one epoch, in its order.
    fn items(&self, seed: u64, epoch: u64) -> Vec<Item> {
        let mut random = Random::seed_from_u64(mix(seed, epoch));
        let mut items: Vec<Item> = self.blendable.iter().map(|i| Item::Blend(*i)).collect();
        items.extend(
            self.usable_fakes(self.fake_count(), &mut random)
                .into_iter()
                .map(Item::Data),
        );
        items.shuffle(&mut random);
        items
    }

    fn fake_count(&self) -> usize {
        let share = f64::from(self.config.fake_share.clamp(0.0, 0.95));
        if self.blendable.is_empty() {
            return self.fakes.len();
        }
        (self.blendable.len() as f64 * share / (1.0 - share)).round() as usize
    }

    /// Fakes drawn so that each source counts by its weight, however large it is.
    fn usable_fakes(&self, count: usize, random: &mut Random) -> Vec<usize> {
        let mut sources: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for i in &self.fakes {
            if self.twins.contains_key(i) || !self.blendable.is_empty() {
                sources
                    .entry(&self.records[*i].meta.source)
                    .or_default()
                    .push(*i);
            }
        }
        sources.values_mut().for_each(|list| list.shuffle(random));
        let weight = |source: &str| self.config.fake_weights.get(source).copied().unwrap_or(1);
        let turns: Vec<&str> = sources
            .keys()
            .flat_map(|source| std::iter::repeat_n(*source, weight(source).into()))
            .collect();
        if turns.is_empty() {
            return Vec::new();
        }
        let mut drawn: BTreeMap<&str, usize> = BTreeMap::new();
        (0..count)
            .map(|n| {
                let source = turns[n % turns.len()];
                let place = drawn.entry(source).or_default();
                *place += 1;
                let list = &sources[source];
                list[(*place - 1) % list.len()]
            })
            .collect()
    }

    /// Pairs in one epoch.
    pub fn len(&self) -> usize {
        let fakes = if self.fakes.is_empty() {
            0
        } else {
            self.fake_count()
        };
        self.blendable.len() + fakes
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The order of one epoch, to be given to [`Self::make`] one by one.
    pub fn epoch(&self, seed: u64, epoch: u64) -> Epoch {
        Epoch {
            items: self.items(seed, epoch),
            seed: mix(seed, epoch),
        }
    }

    /// Makes pair `index` of an epoch.
    ///
    /// # Errors
    /// When a stored frame does not decode.
    pub fn make(&self, epoch: &Epoch, index: usize, plan: &MakePlan) -> Result<PreparedPair> {
        let item = *epoch
            .items
            .get(index)
            .context("no such pair in this epoch")?;
        let mut random = Random::seed_from_u64(mix(epoch.seed, index as u64));
        let (reals, fakes, kind) = match item {
            Item::Blend(i) => self.blend(i, plan, &mut random)?,
            Item::Data(i) => self.data(i, plan.frames, &mut random)?,
        };
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
        })
    }

    fn blend(&self, i: usize, plan: &MakePlan, random: &mut Random) -> Result<Clips> {
        let frames = plan.frames;
        let target = clip(&self.records[i], frames, random)?;
        let swap_share = mixed(EASY.0, self.config.swap_share, plan.hardness);
        let swap = self.blendable.len() > 1 && random.random_bool(f64::from(swap_share));
        let kind = if swap {
            BlendKind::Swap
        } else {
            BlendKind::SelfBlend
        };
        let blend = Blend::sample(kind, &stored_crop(), random);
        let donor = if swap {
            Some(clip(&self.records[self.other(i, random)], frames, random)?)
        } else {
            None
        };
        let (reals, fakes) =
            blend.apply_to_clip(&target, donor.as_deref().unwrap_or_default(), None);
        Ok((
            reals,
            fakes,
            if swap {
                PairKind::Swap
            } else {
                PairKind::SelfBlend
            },
        ))
    }

    fn data(&self, i: usize, frames: usize, random: &mut Random) -> Result<Clips> {
        let fake = &self.records[i];
        let real = match self.twins.get(&i) {
            Some(twin) => *twin,
            None => self.blendable[random.random_range(0..self.blendable.len())],
        };
        // Twins show the same frames: the same draw of the first one.
        let mut again = random.clone();
        let fakes = clip(fake, frames, random)?;
        let reals = clip(&self.records[real], frames, &mut again)?;
        Ok((reals, fakes, PairKind::Data(fake.meta.source.clone())))
    }

    fn other(&self, not: usize, random: &mut Random) -> usize {
        for _ in 0..8 {
            let i = self.blendable[random.random_range(0..self.blendable.len())];
            if i != not && self.records[i].meta.group != self.records[not].meta.group {
                return i;
            }
        }
        self.blendable[random.random_range(0..self.blendable.len())]
    }
}

type Clips = (Vec<Picture>, Vec<Picture>, PairKind);

/// The order of one epoch.
#[derive(Clone, Debug)]
pub struct Epoch {
    items: Vec<Item>,
    seed: u64,
}

impl Epoch {
    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
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

#[cfg(test)]
mod tests;
