//! Pairs of a real face and a fake, made on the fly and the same for the same seed.

mod config;
mod donors;
mod leave_out;
mod order;
mod pseudo;
mod sampling;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rand::SeedableRng;

use super::record::{Label, Record, Shares, Split};
use super::view::{View, stacked};
use crate::distortion::Perturbation;
use crate::fake::{CodecQuality, Passage, Picture, Reconstruct};
use crate::random::{Random, mix};
use donors::Donors;
use order::Item;
use sampling::Balanced;

pub use config::STACKED;
pub use config::{MakePlan, PairConfig, PairKind};
pub use leave_out::LeaveOut;
pub use leave_out::left_out;
pub use order::Epoch;
pub use sampling::SamplingConfig;

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
/// Sets the draws of reconstructions apart from all others.
const RECONSTRUCTED: u64 = 0x00AE_B000;
/// Sets the draws of a perturbation apart from all others.
const PERTURBED: u64 = 0xD157_0127;
/// Sets the draws of codec and photometry apart from all others.
const PASSAGE: u64 = 0x0264_C0DE;

/// Real frames, fake frames, and what made them.
type Clips = (Vec<Picture>, Vec<Picture>, PairKind);

/// The part that trainings are chosen by: validation, or the test split where there is
/// nothing else.
pub fn choosing_part(records: &[Record], shares: Shares) -> Split {
    first_of([Split::Val, Split::Test], records, shares)
}

/// The part that figures are reported of: the test split, or validation where there is
/// nothing else.
pub fn reported_part(records: &[Record], shares: Shares) -> Split {
    first_of([Split::Test, Split::Val], records, shares)
}

fn first_of(parts: [Split; 2], records: &[Record], shares: Shares) -> Split {
    let [wanted, other] = parts;
    match records.iter().any(|record| record.part(shares) == wanted) {
        true => wanted,
        false => other,
    }
}

/// Draws pairs from one part of some records.
pub struct Pairs<'a> {
    records: &'a [Record],
    config: PairConfig,
    blendable: Vec<usize>,
    fakes: Vec<usize>,
    twins: HashMap<usize, usize>,
    /// Real records of the files that fakes without a twin were made from.
    originals: HashMap<&'a str, Vec<usize>>,
    balance: Option<Balance>,
    /// Described only when there are X-ray swaps to find donors for.
    donors: Option<Donors>,
    /// For faces to reconstruct.
    bank: Option<Arc<dyn Reconstruct>>,
}

/// What is drawn so that people, sources and kinds are balanced.
struct Balance {
    /// All that pseudo-fakes are made of and donors are from; pictures; clips of videos.
    blendable: [Balanced; 3],
    /// Fakes of the data by kind.
    kinds: BTreeMap<String, Balanced>,
    /// Share of all pairs of each kind.
    shares: Vec<(String, f64)>,
}

impl<'a> Pairs<'a> {
    /// Takes the training part of the records, or the one that trainings are chosen by.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn new(records: &'a [Record], config: &PairConfig, validation: bool) -> Result<Self> {
        let part = match validation {
            false => Split::Train,
            true => choosing_part(records, config.shares()),
        };
        Self::of(records, config, part)
    }

    /// Takes one part of the records, without what is left out.
    ///
    /// # Errors
    /// When a share is out of range, the part has too few real faces to make pairs of, what
    /// is left out is not there, or a stored frame that is needed for X-ray swaps does not
    /// decode.
    pub fn of(records: &'a [Record], config: &PairConfig, wanted: Split) -> Result<Self> {
        config.check()?;
        let left_out = left_out(records, &config.leave_out)?;
        let part: Vec<usize> = (0..records.len())
            .filter(|i| records[*i].part(config.shares()) == wanted)
            .filter(|i| !left_out.contains(records[*i].meta.group.as_str()))
            .filter(|i| wanted != Split::Train || records[*i].is_among(config))
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
        let mut originals: HashMap<&str, Vec<usize>> = HashMap::new();
        for i in part.iter().filter(|i| real(i)) {
            originals
                .entry(&records[*i].meta.file)
                .or_default()
                .push(*i);
        }
        let fakes: Vec<usize> = part.iter().copied().filter(|i| !real(i)).collect();
        let twins: HashMap<usize, usize> = fakes
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
        let fakes: Vec<usize> = fakes
            .into_iter()
            .filter(|i| twins.contains_key(i) || !blendable.is_empty())
            .collect();
        let sampling = &config.sampling;
        let balance = sampling
            .balance
            .then(|| Balance::new(records, &blendable, &fakes, config));
        let pairs = Self {
            records,
            config: config.clone(),
            blendable,
            fakes,
            twins,
            originals,
            balance,
            donors,
            bank: None,
        };
        ensure!(
            pairs.blendable.len() >= 2 || !pairs.twins.is_empty(),
            "the {wanted} part has {} real faces and {} fakes: at least 2 real faces are needed",
            pairs.blendable.len(),
            pairs.fakes.len()
        );
        Ok(pairs)
    }

    /// The same with networks that reconstruct the share of faces that is asked for.
    #[must_use]
    pub fn with_bank(self, bank: Option<Arc<dyn Reconstruct>>) -> Self {
        Self { bank, ..self }
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
        let wanted = plan;
        let plan = &plan.shown();
        let seed = mix(epoch.seed, index as u64);
        let mut random = Random::seed_from_u64(seed);
        let (records, (mut reals, mut fakes, kind)) = match item {
            Item::Blend(i) => {
                let mut drawn = Random::seed_from_u64(mix(seed, RECONSTRUCTED));
                let clips = match self.reconstructed(i, plan, &mut drawn)? {
                    Some(clips) => clips,
                    None => {
                        let mut extra = Random::seed_from_u64(mix(seed, EXTRA));
                        self.pseudo(i, plan, &mut random, &mut extra)?
                    }
                };
                ([i, i], clips)
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
        let quality = CodecQuality::sample(
            mixed(EASY.1, self.config.degradation, plan.hardness),
            &mut random,
        );
        let passage = Passage::sample(
            mixed(0.0, self.config.h264_share, plan.hardness),
            mixed(0.0, self.config.photometry_share, plan.hardness),
            plan.frames,
            &mut Random::seed_from_u64(mix(seed, PASSAGE)),
        );
        let finish = |pictures: Vec<Picture>| -> Result<Vec<f32>> {
            let mut planes = Vec::with_capacity(pictures.len() * 3 * plan.side * plan.side);
            for (frame, picture) in passage.transmit(pictures)?.iter().enumerate() {
                planes.extend_from_slice(&view.finish(picture, &passage, &quality, frame));
            }
            Ok(match wanted.stacked {
                true => stacked(&planes, plan.side),
                false => planes,
            })
        };
        Ok(PreparedPair {
            real: finish(reals)?,
            fake: finish(fakes)?,
            kind,
            records,
        })
    }

    /// A record by its number.
    pub fn record(&self, number: usize) -> Option<&'a Record> {
        self.records.get(number)
    }
}

impl Balance {
    fn new(records: &[Record], blendable: &[usize], fakes: &[usize], config: &PairConfig) -> Self {
        let sampling = &config.sampling;
        let reals = |keep: fn(&Record) -> bool| {
            let kept: Vec<usize> = blendable
                .iter()
                .copied()
                .filter(|i| keep(&records[*i]))
                .collect();
            Balanced::new(records, &kept, sampling, |_| 1.0)
        };
        let mut kinds: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for i in fakes {
            if sampling.draws(&records[*i].meta.source) {
                kinds.entry(records[*i].kind()).or_default().push(*i);
            }
        }
        let weight = |source: &str| config.fake_weights.get(source).copied().unwrap_or(1).into();
        let people = |members: &Vec<usize>| {
            let groups = members.iter().map(|i| &records[*i].meta.group);
            groups.collect::<std::collections::BTreeSet<_>>().len()
        };
        let counts = kinds.iter().map(|(kind, of)| (*kind, people(of))).collect();
        Self {
            blendable: [
                reals(|_| true),
                reals(Record::is_picture),
                reals(|record| !record.is_picture()),
            ],
            shares: sampling.kind_shares(&counts, config.fake_share),
            kinds: kinds
                .into_iter()
                .map(|(kind, members)| {
                    let balanced = Balanced::new(records, &members, sampling, weight);
                    (kind.to_string(), balanced)
                })
                .collect(),
        }
    }
}

fn mixed(easy: f32, hard: f32, hardness: f32) -> f32 {
    (easy + (hard - easy) * hardness).clamp(0.0, 1.0)
}
