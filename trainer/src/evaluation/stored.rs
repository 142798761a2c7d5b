//! Scores of the stored videos as they are, without pseudo-fakes and without degradation,
//! at the levels of frame, clip and video.

use std::collections::BTreeMap;

use anyhow::Result;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use super::validate::values;
use super::{Origin, ScoreSet, VALIDATION_SEED};
use crate::attack::{Faces, Pgd, Target};
use crate::dataset::{
    Label, PairConfig, Record, STACKED, Split, left_out, plain_clip, stacked_clip, text_hash,
};
use crate::network::{Frozen, NetworkConfig};
use crate::random::mix;

/// Frames at a time.
const BATCH_FRAMES: usize = 64;

/// What to score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoredRequest {
    /// Side of the crops in pixels.
    pub side: usize,
    /// Frames that the network takes at once; `None` = as many as a clip has.
    pub frames: Option<usize>,
    /// Radius of PGD-10 in [0, 1], on each clip by itself; `None` = clean only.
    pub epsilon: Option<f32>,
    /// Clips at most; whole videos are taken until there are so many.
    pub clips: usize,
    /// Whether pictures count as videos of one frame.
    pub pictures: bool,
    /// See [`NetworkConfig::stacked`].
    pub stacked: bool,
}

impl StoredRequest {
    /// For a network as it is shipped. An `epsilon` of zero means clean only.
    pub fn of(network: &NetworkConfig, clips: usize, epsilon: f32) -> Self {
        Self {
            side: network.input,
            frames: network.clip_frames(),
            epsilon: (epsilon > 0.0).then_some(epsilon),
            clips,
            pictures: false,
            stacked: network.stacked,
        }
    }
}

/// Scores of the held-out videos.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored {
    /// Every decision: one for each frame, or for each clip of a clip network.
    pub decisions: ScoreSet,
    /// Mean logit of each clip.
    pub clips: ScoreSet,
    /// Clean logits of each clip's decisions, in their order.
    pub logits: Vec<Vec<f32>>,
    /// Mean logit of the clips of each video.
    pub videos: ScoreSet,
    /// Frames that were looked at.
    pub frames: usize,
    /// Pictures among the held-out faces, which have no video.
    pub pictures: usize,
    /// Clips of sources that only give pairs of their own, such as synthetic people: left out.
    pub paired_only: usize,
    /// Clips beyond [`StoredRequest::clips`]: left out.
    pub beyond: usize,
}

/// Scores the records of one part that have more than one frame, or all of them. A video is what was cut from one
/// file of one class; its score is the mean of its clips' mean logits. Clips do not overlap,
/// so that an attack on each clip is the strongest on the video's mean. `told` hears how many clips of
/// how many are done.
///
/// # Errors
/// When a stored face is damaged, or an attack changed nothing.
pub fn score_stored(
    net: &Frozen,
    records: &[Record],
    config: &PairConfig,
    part: Split,
    request: &StoredRequest,
    device: &Device,
    mut told: impl FnMut(usize, usize),
) -> Result<Stored> {
    let mut stored = Stored::default();
    let clips = choose(records, config, part, request, &mut stored)?;
    device.seed(VALIDATION_SEED);
    let (mut done, of) = (0, clips.len());
    let mut by_length: BTreeMap<usize, Vec<&Record>> = BTreeMap::new();
    for record in clips {
        let frames = request.frames.unwrap_or(match request.stacked {
            true => record.frames.len().saturating_sub(STACKED - 1).max(1),
            false => record.frames.len(),
        });
        by_length.entry(frames).or_default().push(record);
    }
    for (frames, records) in by_length {
        for batch in records.chunks((BATCH_FRAMES / frames.max(1)).max(1)) {
            score(net, batch, frames, request, device, &mut stored)?;
            done += batch.len();
            told(done, of);
        }
    }
    stored.videos = average(&stored.clips);
    Ok(stored)
}

/// Key of a video: its file and its class.
fn video(record: &Record) -> (&str, bool) {
    let fake = record.meta.label == Label::Fake;
    (&record.meta.file, fake)
}

/// Clips of a part in whole videos, in an order that does not depend on their names.
fn choose<'a>(
    records: &'a [Record],
    config: &PairConfig,
    part: Split,
    request: &StoredRequest,
    stored: &mut Stored,
) -> Result<Vec<&'a Record>> {
    let left_out = left_out(records, &config.leave_out)?;
    let mut videos: BTreeMap<(u64, &str, bool), Vec<&Record>> = BTreeMap::new();
    for record in records {
        let group = record.meta.group.as_str();
        if record.part(config.shares()) != part || left_out.contains(group) {
            continue;
        }
        if record.frames.len() < 2 && !request.pictures {
            stored.pictures += 1;
        } else if config.paired_only.contains(&record.meta.source) {
            stored.paired_only += 1;
        } else {
            let (file, fake) = video(record);
            let order = mix(VALIDATION_SEED, text_hash(file));
            videos.entry((order, file, fake)).or_default().push(record);
        }
    }
    let mut chosen = Vec::new();
    for clips in videos.into_values() {
        if chosen.len() >= request.clips {
            stored.beyond += clips.len();
        } else {
            chosen.extend(clips);
        }
    }
    Ok(chosen)
}

fn score(
    net: &Frozen,
    records: &[&Record],
    frames: usize,
    request: &StoredRequest,
    device: &Device,
    stored: &mut Stored,
) -> Result<()> {
    let clips: Vec<Vec<f32>> = records
        .par_iter()
        .map(|record| match request.stacked {
            true => stacked_clip(record, frames, request.side),
            false => plain_clip(record, frames, request.side),
        })
        .collect::<Result<_>>()?;
    let (side, n) = (request.side, records.len());
    let shape = [n * frames, 3, side, side];
    let images = Tensor::<4>::from_data(TensorData::new(clips.concat(), shape), device);
    let clean = values(net.forward(images.clone(), frames).logit)?;
    let attacked = match request.epsilon {
        Some(epsilon) => {
            let label = |record: &&Record| f32::from(u8::from(video(record).1));
            let labels: Vec<f32> = records.iter().map(label).collect();
            let faces = Faces {
                images,
                label: Tensor::from_data(TensorData::new(labels, [n]), device),
                frames,
            };
            let attacked = Pgd::ten(epsilon, Target::Both).run(net, &faces);
            attacked.change(&faces)?;
            values(net.forward(attacked.images, frames).logit)?
        }
        None => Vec::new(),
    };
    stored.frames += n * frames;
    let each = (clean.len() / n.max(1)).max(1);
    let mut attacked = attacked.chunks(each);
    for (record, clean) in records.iter().zip(clean.chunks(each)) {
        let attacked = attacked.next().unwrap_or_default();
        push(&mut stored.decisions, record, clean, attacked);
        stored.logits.push(clean.to_vec());
        let (clean, attacked) = (mean(clean), mean(attacked));
        push(
            &mut stored.clips,
            record,
            clean.as_slice(),
            attacked.as_slice(),
        );
    }
    Ok(())
}

fn push(set: &mut ScoreSet, record: &Record, clean: &[f32], attacked: &[f32]) {
    let origin = Origin::of(record);
    let kind = origin.method.as_ref().unwrap_or(&origin.source);
    for _ in clean {
        set.fake.push(video(record).1);
        set.kinds.push(kind.clone());
        set.origins.push(origin.clone());
    }
    set.clean.extend_from_slice(clean);
    set.attacked.extend_from_slice(attacked);
}

/// Mean of some numbers, none of none.
fn mean(values: &[f32]) -> Option<f32> {
    (!values.is_empty()).then(|| values.iter().sum::<f32>() / values.len() as f32)
}

/// Scores of videos from those of their clips.
fn average(clips: &ScoreSet) -> ScoreSet {
    let mut members: BTreeMap<(&str, bool), Vec<usize>> = BTreeMap::new();
    for (index, (origin, fake)) in clips.origins.iter().zip(&clips.fake).enumerate() {
        members
            .entry((&origin.file, *fake))
            .or_default()
            .push(index);
    }
    let mut videos = ScoreSet::default();
    for ((_, fake), members) in members {
        let of = |all: &[f32]| -> Option<f32> {
            let found: Vec<f32> = members
                .iter()
                .filter_map(|i| all.get(*i).copied())
                .collect();
            mean(&found)
        };
        let first = members.first().copied().unwrap_or_default();
        let (Some(clean), Some(kind), Some(origin)) = (
            of(&clips.clean),
            clips.kinds.get(first),
            clips.origins.get(first),
        ) else {
            continue;
        };
        videos.clean.push(clean);
        videos.attacked.extend(of(&clips.attacked));
        videos.fake.push(fake);
        videos.kinds.push(kind.clone());
        videos.origins.push(origin.clone());
    }
    videos
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Meta;

    fn set(rows: &[(&str, bool, f32, f32)]) -> ScoreSet {
        let mut set = ScoreSet::default();
        for (file, fake, clean, attacked) in rows {
            set.clean.push(*clean);
            set.attacked.push(*attacked);
            set.fake.push(*fake);
            set.kinds.push("k".into());
            set.origins.push(Origin {
                file: (*file).into(),
                ..Default::default()
            });
        }
        set
    }

    #[test]
    fn a_video_has_the_mean_of_its_clips_and_classes_stay_apart() {
        let clips = set(&[
            ("a", false, 1.0, 3.0),
            ("b", false, 9.0, 9.0),
            ("a", false, 2.0, 5.0),
            ("a", true, 7.0, 0.0),
        ]);
        let videos = average(&clips);
        assert_eq!(videos.clean, [1.5, 7.0, 9.0]);
        assert_eq!(videos.attacked, [4.0, 0.0, 9.0]);
        assert_eq!(videos.fake, [false, true, false]);
    }

    #[test]
    fn pictures_and_paired_sources_are_counted_and_left_out() {
        let record = |file: &str, source: &str, frames: usize, split| Record {
            meta: Meta {
                file: file.into(),
                source: source.into(),
                split: Some(split),
                ..Default::default()
            },
            frames: vec![vec![]; frames],
        };
        let mut records: Vec<Record> = (0..20)
            .map(|i| record(&format!("{}", i / 2), "s", 3, Split::Val))
            .collect();
        records.push(record("p", "s", 1, Split::Val));
        records.push(record("q", "synthetic", 3, Split::Val));
        records.push(record("r", "s", 3, Split::Train));
        let config = PairConfig::default();
        let mut request = StoredRequest::of(&NetworkConfig::default(), 5, 0.0);
        let mut stored = Stored::default();
        let chosen = choose(&records, &config, Split::Val, &request, &mut stored).unwrap();
        assert_eq!((stored.pictures, stored.paired_only), (1, 1));
        assert_eq!((chosen.len(), stored.beyond), (6, 14), "whole videos");
        (request.pictures, request.clips) = (true, 100);
        let mut stored = Stored::default();
        let chosen = choose(&records, &config, Split::Val, &request, &mut stored).unwrap();
        assert_eq!(
            (chosen.len(), stored.pictures, stored.paired_only),
            (21, 0, 1)
        );
    }
}
