//! How often each person, source and kind is drawn.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use rand::RngExt;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::dataset::record::Record;
use crate::random::Random;

/// How an epoch draws its faces. It has as many pairs as without balance, but draws source,
/// person, then clip, so that many pictures of one source do not drown few people on video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingConfig {
    /// Whether to balance; without it every real face is drawn once an epoch.
    pub balance: bool,
    /// A source counts by this power of the number of its people, a person by this power of
    /// the number of their files: 0 = all alike, 1 = by size. In [0, 1].
    pub temper: f32,
    /// Factor on a source beside the others of its class; 1 where it is not named. With 0 its
    /// fakes are left out, and a kind of which nothing is left takes no share.
    pub weights: BTreeMap<String, f32>,
    /// Share of all pairs by the kind of real fake. Kinds that are not named divide what is
    /// left of `data.fake_share`, by the same power of the number of their people.
    pub real_fakes: BTreeMap<String, f32>,
}

/// Largest share of real fakes: what the others are beside them.
pub(super) const FAKE_SHARE_MAX: f64 = 0.95;

impl Default for SamplingConfig {
    fn default() -> Self {
        Self {
            balance: true,
            temper: 0.5,
            weights: BTreeMap::new(),
            real_fakes: BTreeMap::new(),
        }
    }
}

impl SamplingConfig {
    pub(super) fn check(&self) -> Result<()> {
        ensure!(
            (0.0..=1.0).contains(&self.temper),
            "data.sampling.temper is {}: it must be 0 to 1",
            self.temper
        );
        for (source, weight) in &self.weights {
            ensure!(
                (0.0..=1e6).contains(weight),
                "data.sampling.weights.{source} is {weight}: it must be 0 to 1000000"
            );
        }
        let shares: f32 = self.real_fakes.values().sum();
        ensure!(
            self.real_fakes.values().all(|share| *share >= 0.0)
                && f64::from(shares) <= FAKE_SHARE_MAX,
            "data.sampling.real_fakes add up to {shares}: they must be at least 0, together at most {FAKE_SHARE_MAX}"
        );
        Ok(())
    }

    /// Whether fakes of a source are drawn at all.
    pub(super) fn draws(&self, source: &str) -> bool {
        self.weights.get(source) != Some(&0.0)
    }

    /// Share of all pairs of each kind that is there, of `fake_share` in all or of what the
    /// named kinds take where that is more.
    pub(super) fn kind_shares(
        &self,
        people: &BTreeMap<&str, usize>,
        fake_share: f32,
    ) -> Vec<(String, f64)> {
        let named: f32 = self.real_fakes.values().sum();
        let left = f64::from((fake_share - named).max(0.0));
        let weight = |people: usize| (people as f64).powf(self.temper.into());
        let unnamed = people
            .iter()
            .filter(|(kind, _)| !self.real_fakes.contains_key(**kind));
        let all: f64 = unnamed.map(|(_, people)| weight(*people)).sum();
        people
            .iter()
            .map(|(kind, people)| match self.real_fakes.get(*kind) {
                Some(share) => (kind.to_string(), f64::from(*share)),
                None => (kind.to_string(), left * weight(*people) / all),
            })
            .collect()
    }
}

/// Faces by source and person, with how often each is to be drawn.
pub(super) struct Balanced {
    sources: Vec<Group<Group<usize>>>,
}

/// Members that are drawn `weight` times as often as those of a group of weight one.
struct Group<T> {
    weight: f64,
    members: Vec<T>,
}

impl Balanced {
    /// Sorts some records. `factor` is of a source, beside what the configuration says.
    pub(super) fn new(
        records: &[Record],
        members: &[usize],
        config: &SamplingConfig,
        factor: impl Fn(&str) -> f64,
    ) -> Self {
        let mut sources: BTreeMap<&str, BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
        for i in members {
            let meta = &records[*i].meta;
            let people = sources.entry(&meta.source).or_default();
            people.entry(&meta.group).or_default().push(*i);
        }
        let tempered = |size: usize| (size as f64).powf(config.temper.into());
        let person = |members: Vec<usize>| {
            let files: BTreeSet<&str> = members
                .iter()
                .map(|i| records[*i].meta.file.as_str())
                .collect();
            Group {
                weight: tempered(files.len()),
                members,
            }
        };
        let source = |(name, people): (&str, BTreeMap<&str, Vec<usize>>)| {
            let own = config.weights.get(name).copied().unwrap_or(1.0);
            Group {
                weight: tempered(people.len()) * f64::from(own) * factor(name),
                members: people.into_values().map(person).collect(),
            }
        };
        let mut sources: Vec<_> = sources.into_iter().map(source).collect();
        if sources.iter().any(|source| source.weight > 0.0) {
            sources.retain(|source| source.weight > 0.0);
        }
        Self { sources }
    }

    /// So many records: of every source and person as many as their weights say, up to
    /// rounding, and none again before the person's others.
    pub(super) fn draw(&self, count: usize, random: &mut Random) -> Vec<usize> {
        let mut drawn = Vec::with_capacity(count);
        let each = apportion(self.sources.iter().map(|s| s.weight), count, random);
        for (source, count) in self.sources.iter().zip(each) {
            let mut people: Vec<&Group<usize>> = source.members.iter().collect();
            people.shuffle(random);
            let each = apportion(people.iter().map(|p| p.weight), count, random);
            for (person, count) in people.into_iter().zip(each) {
                let mut members = person.members.clone();
                members.shuffle(random);
                drawn.extend(members.iter().cycle().take(count));
            }
        }
        drawn
    }

    /// One record.
    pub(super) fn pick(&self, random: &mut Random) -> Option<usize> {
        let source = pick(&self.sources, random)?;
        let members = &pick(&source.members, random)?.members;
        members
            .get(random.random_range(0..members.len().max(1)))
            .copied()
    }
}

fn pick<'a, T>(groups: &'a [Group<T>], random: &mut Random) -> Option<&'a Group<T>> {
    let all: f64 = groups.iter().map(|group| group.weight).sum();
    let mut at = random.random_range(0.0..1.0) * all;
    groups
        .iter()
        .find(|group| {
            at -= group.weight;
            at < 0.0
        })
        .or(groups.last())
}

/// Divides `count` by weights: systematic sampling, so that every number is its share
/// rounded up or down, and over many draws the share itself.
pub(super) fn apportion(
    weights: impl Iterator<Item = f64>,
    count: usize,
    random: &mut Random,
) -> Vec<usize> {
    let mut sums: Vec<f64> = weights
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    let all = sums.last().copied().unwrap_or(0.0);
    let offset: f64 = random.random_range(0.0..1.0);
    if all <= 0.0 {
        sums.iter_mut().for_each(|sum| *sum = 0.0);
    }
    let mut before = 0;
    sums.iter()
        .map(|sum| {
            let upto = if *sum == all {
                count
            } else {
                ((sum / all * count as f64 + offset).floor() as usize).min(count)
            };
            let own = upto - before;
            before = upto;
            own
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::dataset::record::Meta;

    /// Records of `(source, people, files of each, records of each file)`.
    fn records(sources: &[(&str, usize, usize, usize)]) -> Vec<Record> {
        let mut all = Vec::new();
        for (source, people, files, each) in sources {
            for number in 0..people * files * each {
                let file = number / each;
                let meta = Meta {
                    source: (*source).into(),
                    group: format!("{source}-{}", file / files),
                    file: format!("{source}/{file}"),
                    ..Default::default()
                };
                let frames = vec![];
                all.push(Record { meta, frames });
            }
        }
        all
    }

    fn counts<'a>(
        records: &'a [Record],
        drawn: &[usize],
        key: impl Fn(&'a Record) -> &'a str,
    ) -> BTreeMap<&'a str, usize> {
        let mut counts = BTreeMap::new();
        for i in drawn {
            *counts.entry(key(&records[*i])).or_default() += 1;
        }
        counts
    }

    fn balanced(records: &[Record], config: &SamplingConfig) -> Balanced {
        let all: Vec<usize> = (0..records.len()).collect();
        Balanced::new(records, &all, config, |_| 1.0)
    }

    #[test]
    fn many_pictures_do_not_drown_few_people() {
        let records = records(&[
            ("photos", 4900, 1, 1),
            ("clips", 100, 1, 4),
            ("one", 1, 40, 4),
        ]);
        let config = SamplingConfig::default();
        let drawn = balanced(&records, &config).draw(810, &mut Random::seed_from_u64(1));
        assert_eq!(drawn.len(), 810);
        // Square roots of the numbers of people: 70, 10 and 1 of 81.
        let sources = counts(&records, &drawn, |record| &record.meta.source);
        for (source, share) in [("photos", 700), ("clips", 100), ("one", 10)] {
            assert!(sources[source].abs_diff(share) <= 1, "{sources:?}");
        }
        let people = counts(&records, &drawn, |record| &record.meta.group);
        assert!(
            people
                .iter()
                .all(|(name, count)| *count <= 2 || *name == "one-0")
        );
        let flat = SamplingConfig {
            temper: 0.0,
            weights: BTreeMap::from([("one".into(), 0.5), ("photos".into(), 0.0)]),
            ..config
        };
        let drawn = balanced(&records, &flat).draw(300, &mut Random::seed_from_u64(1));
        let sources = counts(&records, &drawn, |record| &record.meta.source);
        assert_eq!(sources.len(), 2);
        assert!(sources["one"].abs_diff(100) <= 1, "{sources:?}");
    }

    #[test]
    fn a_person_with_many_files_counts_by_their_root() {
        let mut records = records(&[("s", 1, 9, 1)]);
        for number in 0..7 {
            let meta = Meta {
                source: "s".into(),
                group: format!("other-{number}"),
                file: format!("other/{number}"),
                ..Default::default()
            };
            let frames = vec![];
            records.push(Record { meta, frames });
        }
        let config = SamplingConfig::default();
        let balanced = balanced(&records, &config);
        let drawn = balanced.draw(100, &mut Random::seed_from_u64(3));
        let people = counts(&records, &drawn, |record| &record.meta.group);
        assert!(people["s-0"].abs_diff(30) <= 1, "{people:?}");
        assert!(people["other-4"].abs_diff(10) <= 1, "{people:?}");
        // Nothing again before the others of the person: 30 of 9 files.
        let files = counts(&records, &drawn, |record| &record.meta.file);
        assert!((3..=4).contains(&files["s/2"]), "{files:?}");
        let mut random = Random::seed_from_u64(4);
        let picked: Vec<usize> = (0..4000)
            .filter_map(|_| balanced.pick(&mut random))
            .collect();
        let people = counts(&records, &picked, |record| &record.meta.group);
        assert!(people["s-0"].abs_diff(1200) < 100, "{people:?}");
    }

    #[test]
    fn every_face_is_drawn_once_where_all_are_alike() {
        let records = records(&[("a", 30, 1, 1)]);
        let balanced = balanced(&records, &SamplingConfig::default());
        for seed in 0..5 {
            let mut drawn = balanced.draw(30, &mut Random::seed_from_u64(seed));
            drawn.sort_unstable();
            assert_eq!(drawn, (0..30).collect::<Vec<_>>());
        }
        let draw = |seed| balanced.draw(7, &mut Random::seed_from_u64(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn kinds_have_the_shares_that_are_asked_for() {
        let people = BTreeMap::from([("swap", 16), ("lip-sync", 9), ("whole face", 400)]);
        let config = SamplingConfig {
            real_fakes: BTreeMap::from([("whole face".into(), 0.1)]),
            ..Default::default()
        };
        let shares: BTreeMap<String, f64> = config.kind_shares(&people, 0.45).into_iter().collect();
        // What is left, 0.35, by 4 to 3.
        for (kind, share) in [("whole face", 0.1), ("swap", 0.2), ("lip-sync", 0.15)] {
            assert!((shares[kind] - share).abs() < 1e-6, "{shares:?}");
        }
        let shares = config.kind_shares(&people, 0.05);
        assert!(
            shares
                .iter()
                .all(|(kind, share)| *share == 0.0 || kind == "whole face")
        );
    }

    #[test]
    fn shares_are_rounded_and_fair_in_the_long_run() {
        let mut random = Random::seed_from_u64(5);
        let mut sums = [0; 3];
        for _ in 0..3000 {
            let each = apportion([1.0, 2.5, 0.5].into_iter(), 3, &mut random);
            assert_eq!(each.iter().sum::<usize>(), 3);
            assert!(each[1] == 1 || each[1] == 2, "{each:?}");
            each.iter().zip(&mut sums).for_each(|(n, sum)| *sum += n);
        }
        for (sum, share) in sums.into_iter().zip([0.75, 1.875, 0.375]) {
            let mean = sum as f64 / 3000.0;
            assert!((mean - share).abs() < 0.04, "{sums:?}");
        }
        assert_eq!(apportion([0.0].into_iter(), 0, &mut random), [0]);
        assert!(apportion(std::iter::empty(), 3, &mut random).is_empty());
    }

    #[test]
    fn shares_that_cannot_be_are_named() {
        let config = SamplingConfig {
            real_fakes: BTreeMap::from([("swap".into(), 0.6), ("other".into(), 0.5)]),
            ..Default::default()
        };
        assert!(config.check().unwrap_err().to_string().contains("1.1"));
        let config = SamplingConfig {
            temper: 2.0,
            ..Default::default()
        };
        assert!(config.check().unwrap_err().to_string().contains("temper"));
    }
}
