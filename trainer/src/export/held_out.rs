//! People that training never saw, in two halves: one that calibrates, one whose error rates
//! are stated.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use burn::tensor::Device;
use unmask_shared::calibration::Calibration;
use unmask_shared::quality::Quality;
use unmask_shared::verdict::{SequentialTest, Verdict, VerdictConfig};

use super::FigureText;
use crate::config::RunConfig;
use crate::dataset::{Pairs, Record, Split, choosing_part};
use crate::evaluation::{
    Scores, Stored, StoredRequest, Validation, VerdictRates, score_stored, validate,
};
use crate::metric::VideoEvidence;
use crate::network::Frozen;
use crate::reconstruct::bank_of;

/// Clips of videos scored of each half, at most.
const CLIPS_MAX: usize = 20_000;

/// Two parts of the held-out people. Where there is but one part, as in runs of earlier
/// versions, its people are halved.
#[derive(Debug)]
pub(super) struct Halves {
    /// The parts that calibrate and report.
    parts: [Split; 2],
    /// The people of a part that has to be halved, in order.
    people: Vec<String>,
}

/// Something of each half: first of the one that calibrates.
pub(super) type Both<T> = [T; 2];

impl Halves {
    pub(super) fn of(records: &[Record], config: &RunConfig) -> Self {
        let shares = config.data.shares();
        let has = |part| records.iter().any(|record| record.part(shares) == part);
        let parts = [Split::Calibration, Split::Test];
        if parts.into_iter().all(has) {
            return Self {
                parts,
                people: vec![],
            };
        }
        let part = choosing_part(records, shares);
        let of_part = records.iter().filter(|record| record.part(shares) == part);
        let people: BTreeSet<String> = of_part.map(|record| record.meta.group.clone()).collect();
        Self {
            parts: [part; 2],
            people: people.into_iter().collect(),
        }
    }

    /// Whether the people were held out for nothing else, not even for choosing.
    pub(super) fn are_unseen(&self) -> bool {
        self.parts[0] != self.parts[1]
    }

    fn belongs(&self, half: usize, group: &str) -> bool {
        // Every other one: halves by chance may leave one of them empty.
        let place = self
            .people
            .binary_search_by(|person| person.as_str().cmp(group));
        self.are_unseen() || place.is_ok_and(|place| place % 2 == half)
    }

    /// Scores of pairs; only those to be stated are attacked.
    pub(super) fn scores(
        &self,
        net: &Frozen,
        records: &[Record],
        config: &RunConfig,
        request: &Validation,
        device: &Device,
    ) -> Result<Both<Scores>> {
        let of = |half: usize, epsilon| -> Result<Scores> {
            let pairs = Pairs::of(records, &config.data, self.parts[half])?
                .with_bank(bank_of(&config.data)?);
            let request = Validation {
                epsilon,
                ..*request
            };
            let scores = validate(net, &pairs, &request, device)?;
            Ok(scores.filtered(|group| self.belongs(half, group)))
        };
        Ok([of(0, None)?, of(1, request.epsilon)?])
    }

    /// Logits of the stored videos, frame by frame, and of the stored pictures.
    pub(super) fn stored(
        &self,
        net: &Frozen,
        records: &[Record],
        config: &RunConfig,
        device: &Device,
    ) -> Result<Both<Vec<VideoEvidence>>> {
        let request = StoredRequest {
            pictures: config.network.clip_frames().is_none(),
            ..StoredRequest::of(&config.network, CLIPS_MAX, 0.0)
        };
        let of = |half: usize| -> Result<Vec<VideoEvidence>> {
            let part = self.parts[half];
            let stored = score_stored(
                net,
                records,
                &config.data,
                part,
                &request,
                device,
                |_, _| {},
            )?;
            let mut videos = evidence(&stored);
            videos.retain(|video| self.belongs(half, &video.person));
            Ok(videos)
        };
        Ok([of(0)?, of(1)?])
    }
}

fn evidence(stored: &Stored) -> Vec<VideoEvidence> {
    let mut videos: BTreeMap<(&str, bool), VideoEvidence> = BTreeMap::new();
    let clips = stored.clips.origins.iter().zip(&stored.clips.fake);
    for ((origin, fake), logits) in clips.zip(&stored.logits) {
        let kind = origin.kind.as_ref().filter(|_| *fake);
        let video = videos
            .entry((&origin.file, *fake))
            .or_insert_with(|| VideoEvidence {
                fake: *fake,
                person: origin.group.clone(),
                kind: kind.unwrap_or(&origin.source).clone(),
                blocks: vec![],
            });
        video.blocks.push(logits.clone());
    }
    videos.into_values().collect()
}

fn figure(rates: &VerdictRates, name: &str, wrong: usize) -> Option<FigureText> {
    let (share, bounds) = rates.rate(wrong);
    (rates.files > 0).then(|| FigureText {
        name: name.into(),
        value: share as f32,
        count: rates.files as u32,
        bounds: Some([bounds.low as f32, bounds.high as f32]),
    })
}

/// Gives every video to the sequential test.
///
/// # Errors
/// When the settings make no sense.
pub fn replay(videos: &[VideoEvidence], rules: VerdictConfig) -> Result<VerdictRates> {
    // The evidence is calibrated already; faces in shards are good enough by their choice.
    let as_it_is = Calibration {
        llr_max: f32::MAX,
        ..Calibration::default()
    };
    let good = Quality {
        sharpness: f32::MAX,
        luma: 0.5,
        face_px: f32::MAX,
        turn_deg: 0.0,
        pitch_deg: 0.0,
        contrast: 0.2,
    };
    let mut rates = VerdictRates::default();
    let mut people = BTreeSet::new();
    for video in videos {
        let mut test = SequentialTest::new(rules, as_it_is)?;
        for llr in video.blocks.iter().flatten() {
            test.push(*llr, &good);
        }
        rates.files += 1;
        people.insert(&video.person);
        match test.verdict() {
            Verdict::Genuine => rates.genuine += 1,
            Verdict::Manipulated => rates.manipulated += 1,
            Verdict::Undecided => {}
        }
    }
    rates.people = people.len();
    Ok(rates)
}

/// Verdicts on real videos, on fakes of the kinds that are found, and on other fakes.
pub(crate) type Verdicts = [VerdictRates; 3];

/// The rates as a manifest states them.
pub(crate) fn verdict_figures([reals, found, others]: &Verdicts) -> Vec<FigureText> {
    [
        figure(reals, "false alarms, unseen people", reals.manipulated),
        figure(reals, "undecided, unseen people", reals.undecided()),
        figure(found, "misses, unseen people", found.genuine),
        figure(found, "found, unseen people", found.manipulated),
        figure(others, "called genuine, kinds not found", others.genuine),
        figure(others, "flagged, kinds not found", others.manipulated),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn videos_are_judged_one_by_one_and_people_counted() {
        let video = |fake, person: &str, llr: f32| VideoEvidence {
            fake,
            person: person.into(),
            kind: "k".into(),
            blocks: vec![vec![llr; 40], vec![llr; 40]],
        };
        let videos = [
            video(false, "a", -4.0),
            video(false, "a", 4.0),
            video(false, "b", 0.0),
        ];
        let reals = replay(&videos, VerdictConfig::default()).unwrap();
        let expected = VerdictRates {
            files: 3,
            people: 2,
            genuine: 1,
            manipulated: 1,
        };
        assert_eq!(reals, expected);
        let fakes = replay(&[video(true, "a", 4.0)], VerdictConfig::default()).unwrap();
        assert_eq!((fakes.files, fakes.manipulated), (1, 1));
        let stated = verdict_figures(&[reals, fakes, VerdictRates::default()]);
        assert_eq!(
            stated.len(),
            4,
            "nothing is said of kinds that were not there"
        );
        let names: Vec<&str> = stated.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names[0], "false alarms, unseen people");
        let alarms = &stated[0];
        assert!((alarms.value - 1.0 / 3.0).abs() < 1e-6);
        // scipy: beta.ppf(.975, 2, 1) of one of two people is .98742; 0 of 2 leaves 0.
        let [low, high] = alarms.bounds.unwrap();
        assert_eq!(low, 0.0);
        assert!((high - 0.987_42).abs() < 1e-4, "{high}");
    }
}
