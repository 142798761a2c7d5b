//! What was scored, and by how much.

use std::collections::BTreeMap;

use crate::dataset::Record;
use crate::metric::roc_auc;

/// Where a scored face is from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// What must not be split: a person, a clip. Of a pseudo-fake, that of the face that it
    /// was made from.
    pub group: String,
    /// Collection.
    pub source: String,
    /// File that it was cut from.
    pub file: String,
    /// Kind of manipulation of a fake of the data.
    pub kind: Option<String>,
    /// What made a fake of the data, as the data set names it.
    pub method: Option<String>,
    /// Compression, as the data set names it.
    pub compression: Option<String>,
}

impl Origin {
    /// That of a record.
    pub fn of(record: &Record) -> Self {
        let meta = &record.meta;
        Self {
            group: meta.group.clone(),
            source: meta.source.clone(),
            file: meta.file.clone(),
            kind: meta.kind.clone(),
            method: meta.method.clone(),
            compression: meta.compression.clone(),
        }
    }
}

/// Logits of held-out frames or clips.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// Without attack.
    pub clean: Vec<f32>,
    /// Under attack, in the same order; empty without one.
    pub attacked: Vec<f32>,
    /// True = fake.
    pub fake: Vec<bool>,
    /// What made the fake of each pair; a pair is two scores, real then fake.
    pub kinds: Vec<String>,
    /// Where each score's face is from.
    pub origins: Vec<Origin>,
    /// Least share of non-zero gradients in a batch's last attack step; 1 without attack.
    pub gradient_share: f32,
}

impl Scores {
    /// AUC without attack.
    pub fn clean_auc(&self) -> Option<f64> {
        roc_auc(&self.clean, &self.fake)
    }

    /// AUC with both classes attacked.
    pub fn attacked_auc(&self) -> Option<f64> {
        roc_auc(&self.attacked, &self.fake)
    }

    /// AUC with one class attacked: fakes (evasion) or reals (framing).
    pub fn one_sided_auc(&self, fakes_attacked: bool) -> Option<f64> {
        roc_auc(&self.one_sided(fakes_attacked)?, &self.fake)
    }

    /// Logits with one class attacked; `None` without an attack.
    pub fn one_sided(&self, fakes_attacked: bool) -> Option<Vec<f32>> {
        if self.attacked.is_empty() {
            return None;
        }
        let both = self.clean.iter().zip(&self.attacked).zip(&self.fake);
        let chosen = both.map(|((clean, attacked), fake)| match *fake == fakes_attacked {
            true => *attacked,
            false => *clean,
        });
        Some(chosen.collect())
    }

    /// Pairs, clean AUC and, under attack, AUC with both attacked, by what made the fake.
    pub fn by_kind(&self) -> BTreeMap<String, (usize, Option<f64>, Option<f64>)> {
        let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (pair, kind) in self.kinds.iter().enumerate() {
            members
                .entry(kind)
                .or_default()
                .extend([2 * pair, 2 * pair + 1]);
        }
        members
            .into_iter()
            .map(|(kind, members)| {
                let pick = |all: &[f32]| {
                    members
                        .iter()
                        .filter_map(|i| all.get(*i).copied())
                        .collect()
                };
                let labels: Vec<bool> = members.iter().map(|i| self.fake[*i]).collect();
                let (clean, attacked): (Vec<f32>, Vec<f32>) =
                    (pick(&self.clean), pick(&self.attacked));
                let figures = (
                    members.len() / 2,
                    roc_auc(&clean, &labels),
                    roc_auc(&attacked, &labels),
                );
                (kind.to_string(), figures)
            })
            .collect()
    }

    /// The pairs whose real and fake face are both of groups that are kept.
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.kinds.len())
            .filter(|pair| {
                let origins = self.origins.get(2 * pair..2 * pair + 2);
                origins.is_some_and(|both| both.iter().all(|origin| keep(&origin.group)))
            })
            .collect();
        let both = |all: &[f32]| {
            let of = kept.iter().flat_map(|pair| all.get(2 * pair..2 * pair + 2));
            of.flatten().copied().collect()
        };
        Self {
            clean: both(&self.clean),
            attacked: both(&self.attacked),
            fake: kept.iter().flat_map(|_| [false, true]).collect(),
            kinds: kept.iter().map(|pair| self.kinds[*pair].clone()).collect(),
            origins: kept
                .iter()
                .flat_map(|pair| self.origins[2 * pair..2 * pair + 2].iter().cloned())
                .collect(),
            gradient_share: self.gradient_share,
        }
    }

    /// Groups of its faces.
    pub fn people(&self) -> usize {
        let groups = self.origins.iter().map(|origin| &origin.group);
        groups.collect::<std::collections::BTreeSet<_>>().len()
    }

    /// The same scores without their pairing.
    pub fn set(&self) -> ScoreSet {
        let kinds = self.kinds.iter().zip(self.origins.chunks(2));
        let kinds = kinds.flat_map(|(kind, origins)| {
            let method = origins.get(1).and_then(|fake| fake.method.as_deref());
            let name = match method {
                Some(method) if method != kind => format!("{kind}: {method}"),
                _ => kind.clone(),
            };
            [name.clone(), name]
        });
        ScoreSet {
            clean: self.clean.clone(),
            attacked: self.attacked.clone(),
            fake: self.fake.clone(),
            kinds: kinds.collect(),
            origins: self.origins.clone(),
        }
    }
}

/// Scores of one level; every list has one entry for each score.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoreSet {
    /// Without attack.
    pub clean: Vec<f32>,
    /// With both classes attacked; empty without an attack.
    pub attacked: Vec<f32>,
    /// True = fake.
    pub fake: Vec<bool>,
    /// What made the fake; of a real score, the fake that it is held against, or its source.
    pub kinds: Vec<String>,
    /// Where each is from.
    pub origins: Vec<Origin>,
}

impl ScoreSet {
    /// Group of each score.
    pub fn groups(&self) -> Vec<&str> {
        self.origins.iter().map(|o| o.group.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sided_figures_mix_clean_and_attacked() {
        let scores = Scores {
            clean: vec![0.0, 1.0, 0.0, 1.0],
            attacked: vec![2.0, -1.0, 2.0, -1.0],
            fake: vec![false, true, false, true],
            kinds: vec!["a".into(), "b".into()],
            origins: vec![Origin::default(); 4],
            gradient_share: 1.0,
        };
        assert_eq!(scores.clean_auc(), Some(1.0));
        assert_eq!(scores.attacked_auc(), Some(0.0));
        assert_eq!(scores.one_sided_auc(true), Some(0.0));
        assert_eq!(scores.one_sided_auc(false), Some(0.0));
        assert_eq!(scores.by_kind()["b"], (1, Some(1.0), Some(0.0)));
    }

    #[test]
    fn one_side_is_attacked_and_the_other_is_not() {
        let scores = Scores {
            clean: vec![0.0, 1.0, 2.0, 3.0, 4.0],
            attacked: vec![10.0, 11.0, 12.0, 13.0, 14.0],
            fake: vec![false, true, true, false, true],
            ..Default::default()
        };
        let fakes = scores.one_sided(true).unwrap();
        assert_eq!(fakes, [0.0, 11.0, 12.0, 3.0, 14.0]);
        let reals = scores.one_sided(false).unwrap();
        assert_eq!(reals, [10.0, 1.0, 2.0, 13.0, 4.0]);
    }

    #[test]
    fn halves_of_the_people_share_nobody() {
        let origin = |group: &str| Origin {
            group: group.into(),
            ..Default::default()
        };
        let scores = Scores {
            clean: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            fake: vec![false, true, false, true, false, true],
            kinds: vec!["a".into(), "b".into(), "c".into()],
            origins: ["anna", "anna", "anna", "berta", "berta", "berta"]
                .map(origin)
                .into(),
            ..Default::default()
        };
        let anna = scores.filtered(|group| group == "anna");
        assert_eq!(
            (anna.clean, anna.kinds),
            (vec![0.0, 1.0], vec!["a".to_string()])
        );
        let berta = scores.filtered(|group| group == "berta");
        assert_eq!((berta.people(), berta.clean), (1, vec![4.0, 5.0]));
        assert_eq!(scores.people(), 2);
    }

    #[test]
    fn kinds_name_the_method_where_the_data_does() {
        let fake = Origin {
            method: Some("FaceSwap".into()),
            ..Default::default()
        };
        let scores = Scores {
            clean: vec![0.0; 4],
            fake: vec![false, true, false, true],
            kinds: vec!["faceforensics".into(), "swap".into()],
            origins: vec![
                Origin::default(),
                fake,
                Origin::default(),
                Origin::default(),
            ],
            ..Default::default()
        };
        let kinds = scores.set().kinds;
        assert_eq!(kinds[1], "faceforensics: FaceSwap");
        assert_eq!(kinds[0], kinds[1]);
        assert_eq!(kinds[3], "swap");
    }
}
