//! Which pairs an epoch has, and in which order.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;

use super::sampling::{FAKE_SHARE_MAX, apportion};
use super::{Balance, Pairs, mix};
use crate::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A pseudo-fake from this real record.
    Blend(usize),
    /// This fake record beside its twin or another real one.
    Data(usize),
}

/// The order of one epoch.
#[derive(Clone, Debug)]
pub struct Epoch {
    pub(super) items: Vec<Item>,
    pub(super) seed: u64,
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

impl Pairs<'_> {
    /// The order of one epoch, to be given to [`Self::make`] one by one.
    pub fn epoch(&self, seed: u64, epoch: u64) -> Epoch {
        Epoch {
            items: self.items(seed, epoch),
            seed: mix(seed, epoch),
        }
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

    /// Pairs of one epoch, in its order.
    fn items(&self, seed: u64, epoch: u64) -> Vec<Item> {
        let mut random = Random::seed_from_u64(mix(seed, epoch));
        let (blends, fakes) = match &self.balance {
            Some(balance) => (
                balance.blendable[0].draw(self.blendable.len(), &mut random),
                balance.fakes(self.fake_count(), &mut random),
            ),
            None => (
                self.blendable.clone(),
                self.usable_fakes(self.fake_count(), &mut random),
            ),
        };
        let blends = blends.into_iter().map(Item::Blend);
        let mut items: Vec<Item> = blends.chain(fakes.into_iter().map(Item::Data)).collect();
        items.shuffle(&mut random);
        items
    }

    fn fake_count(&self) -> usize {
        let share = match &self.balance {
            Some(balance) => balance.shares.iter().map(|(_, share)| share).sum(),
            None => f64::from(self.config.fake_share),
        };
        let share = share.clamp(0.0, FAKE_SHARE_MAX);
        if self.blendable.is_empty() {
            return self.fakes.len();
        }
        (self.blendable.len() as f64 * share / (1.0 - share)).round() as usize
    }

    /// Fakes drawn so that each source counts by its weight, however large it is.
    fn usable_fakes(&self, count: usize, random: &mut Random) -> Vec<usize> {
        let mut sources: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for i in &self.fakes {
            sources
                .entry(&self.records[*i].meta.source)
                .or_default()
                .push(*i);
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
}

impl Balance {
    /// Fakes of every kind as its share says.
    fn fakes(&self, count: usize, random: &mut Random) -> Vec<usize> {
        let each = apportion(self.shares.iter().map(|(_, share)| *share), count, random);
        self.kinds
            .values()
            .zip(each)
            .flat_map(|(kind, count)| kind.draw(count, random))
            .collect()
    }
}
