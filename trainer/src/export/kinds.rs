//! Which kinds of fakes a network finds, on people that training never saw.
//!
//! A kind that the network cannot tell from real faces says nothing about what a found fake
//! looks like: mixed in, it would make every face undecided. So calibration and promised error
//! rates are those of the kinds that are found, and the bundle says which these are.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use heapless::{String as Text, Vec as List};
use unmask_shared::calibration::Calibration;
use unmask_shared::manifest::{KIND_NAME_MAX, KINDS_MAX, KindFigure};

use crate::evaluation::Scores;
use crate::metric::VideoEvidence;
use crate::metric::{Bootstrap, Ranking, roc_auc};

/// AUC against real faces of other people from which a kind is found.
pub const FOUND_AUC: f64 = 0.8;
/// Fewest people whose fakes tell that.
const PEOPLE_MIN: usize = 6;
const RESAMPLES: usize = 500;
/// What tells a kind in pictures from the same kind in videos.
const PICTURE: &str = " (picture)";

/// Kinds that are found, decided by the half of the people that calibrates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundKinds(BTreeSet<String>);

impl FoundKinds {
    /// Where none is found, all of them are calibrated on, with a warning.
    pub(super) fn of(fitted: &Scores, stored: &[VideoEvidence]) -> Self {
        let kinds = all_kinds(fitted, stored);
        let is_found = |kind: &&KindScores| kind.people >= PEOPLE_MIN && kind.auc >= FOUND_AUC;
        let found: BTreeSet<String> = kinds
            .iter()
            .filter(is_found)
            .map(|kind| kind.name.clone())
            .collect();
        if found.is_empty() {
            tracing::warn!(
                "this network finds no kind of fake on people that it never saw (AUC of at least {FOUND_AUC} \
                 on at least {PEOPLE_MIN} people): its verdicts are worth little; train it longer, or on more people"
            );
            return Self(kinds.into_iter().map(|kind| kind.name).collect());
        }
        Self(found)
    }

    /// Of a kind as [`all_kinds`] names it: that in pictures and that in videos are two.
    fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Of the fake of a pair, which may be a picture or a frame of a video.
    fn has_pair(&self, scores: &Scores, pair: usize) -> bool {
        let name = name(scores, pair);
        self.has(&name) || self.has(&format!("{name}{PICTURE}"))
    }

    /// All real faces, and the fakes of these kinds; without their pairing.
    pub(super) fn only(&self, scores: &Scores) -> Scores {
        let mut kept = Scores::default();
        for (index, (logit, fake)) in scores.clean.iter().zip(&scores.fake).enumerate() {
            if !*fake || self.has_pair(scores, index / 2) {
                kept.clean.push(*logit);
                kept.fake.push(*fake);
            }
        }
        kept
    }

    /// Real videos and those of these kinds, with each pseudo-fake face as a video of one frame.
    pub(super) fn videos(
        &self,
        videos: Vec<VideoEvidence>,
        faces: &Scores,
        calibration: &Calibration,
    ) -> Vec<VideoEvidence> {
        let mut kept = videos;
        kept.retain(|video| !video.fake || self.has(&video.kind));
        for pair in 0..faces.kinds.len() {
            let (Some(origin), Some(logit)) = (
                faces.origins.get(2 * pair + 1),
                faces.clean.get(2 * pair + 1),
            ) else {
                continue;
            };
            let kind = name(faces, pair);
            if origin.kind.is_none() && self.has(&kind) {
                let llr = calibration.llr(*logit);
                kept.push(VideoEvidence::of_run(true, &origin.group, &kind, &[llr]));
            }
        }
        kept
    }

    /// Real videos, those of these kinds, and those of others.
    pub(super) fn divided(&self, videos: Vec<VideoEvidence>) -> [Vec<VideoEvidence>; 3] {
        let mut parts: [Vec<VideoEvidence>; 3] = Default::default();
        for video in videos {
            let part = match (video.fake, self.has(&video.kind)) {
                (false, _) => 0,
                (true, true) => 1,
                (true, false) => 2,
            };
            parts[part].push(video);
        }
        parts
    }

    /// How well each kind is told from real faces, with bounds over people: what the bundle
    /// says. Kinds of fewer people than tell anything are left out.
    ///
    /// # Errors
    /// When a name is too long for a manifest.
    pub(super) fn figures(
        &self,
        scores: &Scores,
        stored: &[VideoEvidence],
    ) -> Result<List<KindFigure, KINDS_MAX>> {
        let mut figures = all_kinds(scores, stored);
        figures.retain(|kind| kind.people >= PEOPLE_MIN);
        figures.sort_by(|a, b| b.auc.total_cmp(&a.auc));
        if figures.len() > KINDS_MAX {
            tracing::warn!(
                "a manifest has room for {KINDS_MAX} kinds of fakes: of {} the worst are left out",
                figures.len()
            );
        }
        let packed = figures.into_iter().take(KINDS_MAX).map(|kind| {
            let short = &kind.name[..kind.name.floor_char_boundary(KIND_NAME_MAX)];
            let name = Text::try_from(short)
                .map_err(|_| anyhow::anyhow!("the kind `{short}` is too long"))?;
            Ok(KindFigure {
                name,
                found: self.has(&kind.name),
                auc: kind.auc as f32,
                bounds: kind.bounds(),
                people: kind.people as u32,
            })
        });
        packed.collect()
    }
}

/// What the data calls the fake of a pair; none for a pseudo-fake.
fn of_data(scores: &Scores, pair: usize) -> Option<&str> {
    scores.origins.get(2 * pair + 1)?.kind.as_deref()
}

fn name(scores: &Scores, pair: usize) -> String {
    let made = scores.kinds.get(pair).map_or("", String::as_str);
    of_data(scores, pair).map_or_else(|| format!("pseudo-fake: {made}"), Into::into)
}

/// Logits of one kind against all real faces.
struct KindScores {
    name: String,
    people: usize,
    auc: f64,
    logits: Vec<f32>,
    fake: Vec<bool>,
    groups: Vec<String>,
}

impl KindScores {
    fn bounds(&self) -> Option<[f32; 2]> {
        let ranking = Ranking::new(&self.logits, &self.fake)?;
        let bootstrap = Bootstrap::new(&self.groups, RESAMPLES, 0);
        let interval = bootstrap.interval(|times| ranking.auc(times))?;
        Some([interval.low as f32, interval.high as f32])
    }
}

/// Pseudo-fakes as they are made of held-out faces, and fakes of the data as they are stored:
/// videos against real videos, pictures against real pictures.
fn all_kinds(scores: &Scores, stored: &[VideoEvidence]) -> Vec<KindScores> {
    let (pictures, videos): (Vec<_>, Vec<_>) = stored.iter().partition(|video| video.is_picture());
    let mut kinds = pseudo_fakes(scores);
    kinds.extend(fakes_of_data(&videos, ""));
    kinds.extend(fakes_of_data(&pictures, PICTURE));
    kinds
}

fn fakes_of_data(stored: &[&VideoEvidence], suffix: &str) -> Vec<KindScores> {
    let kinds: BTreeSet<&str> = (stored.iter())
        .filter(|one| one.fake)
        .map(|one| one.kind.as_str())
        .collect();
    let of = |kind: &str| {
        let members = || {
            stored
                .iter()
                .filter(move |one| !one.fake || one.kind == kind)
        };
        let logits: Vec<f32> = members().map(|one| one.mean() as f32).collect();
        let fake: Vec<bool> = members().map(|one| one.fake).collect();
        let people: BTreeSet<&str> = members()
            .filter(|one| one.fake)
            .map(|one| one.person.as_str())
            .collect();
        Some(KindScores {
            auc: roc_auc(&logits, &fake)?,
            name: format!("{kind}{suffix}"),
            people: people.len(),
            logits,
            fake,
            groups: members().map(|one| one.person.clone()).collect(),
        })
    };
    kinds.into_iter().filter_map(of).collect()
}

fn pseudo_fakes(scores: &Scores) -> Vec<KindScores> {
    let group = |index: usize| {
        scores
            .origins
            .get(index)
            .map(|o| o.group.clone())
            .unwrap_or_default()
    };
    let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for pair in (0..scores.kinds.len()).filter(|pair| of_data(scores, *pair).is_none()) {
        members
            .entry(name(scores, pair))
            .or_default()
            .push(2 * pair + 1);
    }
    let reals: Vec<usize> = (0..scores.kinds.len()).map(|pair| 2 * pair).collect();
    let of = |(name, fakes): (String, Vec<usize>)| {
        let people: BTreeSet<String> = fakes.iter().map(|index| group(*index)).collect();
        let all: Vec<usize> = reals.iter().chain(&fakes).copied().collect();
        let logits: Vec<f32> = all
            .iter()
            .filter_map(|index| scores.clean.get(*index).copied())
            .collect();
        let fake: Vec<bool> = all.iter().map(|index| index % 2 == 1).collect();
        Some(KindScores {
            auc: roc_auc(&logits, &fake)?,
            name,
            people: people.len(),
            logits,
            fake,
            groups: all.iter().map(|index| group(*index)).collect(),
        })
    };
    members.into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::Origin;

    const SWAP: &str = "pseudo-fake: swap";

    /// Twelve people, each with a pair of a real face at `-1` and a pseudo-fake at `swap`, and
    /// one with a fake of the data at `head`; noise grows with the person.
    fn scores(swap: f32, head: f32) -> Scores {
        let mut scores = Scores::default();
        for person in 0..12 {
            let noise = person as f32 * 0.1;
            for (logit, kind, made) in [(swap, None, "swap"), (head, Some("talking head"), "sonic")]
            {
                let origin = |kind: Option<&str>| Origin {
                    group: format!("person {person}"),
                    kind: kind.map(Into::into),
                    ..Origin::default()
                };
                scores.clean.extend([-1.0 + noise, logit + noise]);
                scores.fake.extend([false, true]);
                scores.kinds.push(made.into());
                scores.origins.extend([origin(None), origin(kind)]);
            }
        }
        scores
    }

    /// A real video of each of the people at `-1`, one talking head of each, and a picture.
    fn stored(head: f32) -> Vec<VideoEvidence> {
        let of = |person: i32| {
            let noise = person as f32 * 0.1;
            let person = format!("person {person}");
            [
                VideoEvidence::of_run(false, &person, "vlog", &[-1.0 + noise; 40]),
                VideoEvidence::of_run(true, &person, "talking head", &[head + noise; 40]),
                VideoEvidence::of_run(false, &person, "portraits", &[0.0]),
                VideoEvidence::of_run(true, &person, "whole face", &[5.0]),
            ]
        };
        (0..12).flat_map(of).collect()
    }

    #[test]
    fn kinds_that_cannot_be_told_from_real_faces_are_left_out() {
        let fitted = scores(3.0, -1.0);
        let found = FoundKinds::of(&fitted, &stored(-1.0));
        let names = [SWAP, "whole face (picture)"].map(String::from);
        assert_eq!(found.0, BTreeSet::from(names));
        let only = found.only(&fitted);
        let fakes = only.fake.iter().filter(|fake| **fake).count();
        assert_eq!((only.clean.len() - fakes, fakes), (24, 12));
        let mut faces = only.clean.iter().zip(&only.fake);
        assert!(faces.all(|(logit, fake)| !fake || *logit >= 3.0));
    }

    /// python: real = [-1 + .1 * p for p in range(12)]; head = [-.65 + .1 * p for p in range(12)]
    /// sklearn.metrics.roc_auc_score([0] * 12 + [1] * 12, real + head) is 0.75.
    #[test]
    fn figures_are_those_of_the_other_half_best_first() {
        let found = FoundKinds::of(&scores(3.0, -1.0), &stored(-1.0));
        let figures = found.figures(&scores(2.0, 0.0), &stored(-0.65)).unwrap();
        let [swap, whole, head] = &figures[..] else {
            panic!("{figures:?}")
        };
        assert_eq!(
            (swap.name.as_str(), swap.found, swap.auc),
            (SWAP, true, 1.0)
        );
        assert_eq!(
            (whole.name.as_str(), whole.found),
            ("whole face (picture)", true)
        );
        assert_eq!(
            (head.name.as_str(), head.found, head.people),
            ("talking head", false, 12)
        );
        assert!((head.auc - 0.75).abs() < 1e-5, "{head:?}");
        let [low, high] = head.bounds.unwrap();
        assert!(low < head.auc && head.auc < high, "{head:?}");
    }

    #[test]
    fn pseudo_fakes_stand_for_videos_of_one_frame() {
        let fitted = scores(3.0, -1.0);
        let found = FoundKinds::of(&fitted, &[]);
        let video = |fake, kind: &str| VideoEvidence::of_run(fake, "a", kind, &[0.5; 40]);
        let videos = vec![video(false, "vlog"), video(true, "talking head")];
        let calibration = Calibration {
            scale: 2.0,
            bias: 0.5,
            ..Calibration::default()
        };
        let kept = found.videos(videos.clone(), &fitted, &calibration);
        assert_eq!(kept.iter().filter(|video| video.fake).count(), 12);
        assert_eq!(kept[1].blocks, [[calibration.llr(3.0)]]);
        let [reals, own, others] = found.divided(videos);
        assert_eq!([reals.len(), own.len(), others.len()], [1, 0, 1]);
    }

    #[test]
    fn a_kind_that_is_found_in_pictures_is_not_thereby_found_in_videos() {
        let found = FoundKinds::of(&scores(3.0, -1.0), &stored(-1.0));
        let videos = vec![VideoEvidence::of_run(true, "a", "whole face", &[5.0; 40])];
        let [_, own, others] = found.divided(videos);
        assert_eq!([own.len(), others.len()], [0, 1]);
    }

    #[test]
    fn a_network_that_finds_nothing_is_calibrated_on_everything() {
        let fitted = scores(-1.0, -1.0);
        let found = FoundKinds::of(&fitted, &stored(-1.0)[..2]);
        assert!(found.only(&fitted).clean.len() >= 36);
    }

    #[test]
    fn few_people_tell_nothing_of_a_kind() {
        let stored: Vec<_> = stored(9.0).into_iter().take(4 * 5).collect();
        let found = FoundKinds::of(&scores(3.0, 0.0), &stored);
        assert_eq!(found.0, BTreeSet::from([SWAP.to_string()]));
        assert_eq!(found.figures(&scores(3.0, 0.0), &stored).unwrap().len(), 1);
    }
}
