//! How frames vary within and between videos, from videos of people that no training saw.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use unmask_shared::calibration::Calibration;
use unmask_shared::evidence::TrackModel;

/// Fewest people of a class whose spread says anything.
pub const PEOPLE_MIN: usize = 6;
/// The window in which a change of person shows, milliseconds.
const WINDOW_MS: u16 = 6000;
/// Between frames of most videos.
const FRAME_MS: u16 = 40;
/// Least spread between videos, nats: fewer people cannot show less.
const SPREAD_MIN: f64 = 0.25;
/// Effective frames below which the cap is not set: there is always something to gain from
/// watching a few seconds.
const EFFECTIVE_MIN: f64 = 8.0;

/// Calibrated log-likelihood ratios of the frames of one video, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VideoEvidence {
    /// True = manipulated.
    pub fake: bool,
    /// Who is seen.
    pub person: String,
    /// Kind of manipulation of a fake, or source of a real video: kinds count alike.
    pub kind: String,
    /// Runs of neighbouring frames, cut into blocks of at most [`Self::BLOCK_FRAMES`].
    pub blocks: Vec<Vec<f32>>,
}

impl VideoEvidence {
    /// Frames of a block of a long run.
    pub const BLOCK_FRAMES: usize = 30;

    /// One run of frames, cut into blocks; the last may be longer by less than a block.
    pub fn of_run(fake: bool, person: &str, kind: &str, llrs: &[f32]) -> Self {
        let count = (llrs.len() / Self::BLOCK_FRAMES).max(1);
        let blocks = (0..count).map(|block| {
            let end = match block + 1 == count {
                true => llrs.len(),
                false => (block + 1) * Self::BLOCK_FRAMES,
            };
            llrs[block * Self::BLOCK_FRAMES..end].to_vec()
        });
        Self {
            fake,
            person: person.into(),
            kind: kind.into(),
            blocks: blocks.collect(),
        }
    }

    /// With logits turned into log-likelihood ratios.
    pub fn calibrated(mut self, calibration: &Calibration) -> Self {
        for logit in self.blocks.iter_mut().flatten() {
            *logit = calibration.llr(*logit);
        }
        self
    }

    /// Whether it is a single picture.
    pub fn is_picture(&self) -> bool {
        self.frames() < 2
    }

    fn frames(&self) -> usize {
        self.blocks.iter().map(Vec::len).sum()
    }

    /// Mean evidence of a frame, nats; 0 without frames.
    pub fn mean(&self) -> f64 {
        let sum: f64 = self
            .blocks
            .iter()
            .flatten()
            .map(|llr| f64::from(*llr))
            .sum();
        sum / self.frames().max(1) as f64
    }
}

/// Fits the model by moments (analysis of variance): frames within blocks, blocks within
/// videos, videos within classes. Every person counts alike within a kind, every kind within
/// its class. Spreads between videos are those to expect of the next one: wider by a share
/// that falls with the number of people. Frames are `period_ms` apart, 0 for every frame of a
/// video.
///
/// # Errors
/// When there are fewer than `PEOPLE_MIN` people of a class, or manipulated videos do not
/// score higher than genuine ones.
pub fn fit_tracks(videos: &[VideoEvidence], period_ms: u16) -> Result<TrackModel> {
    let window = WINDOW_MS / period_ms.max(FRAME_MS);
    let videos: Vec<&VideoEvidence> = videos.iter().filter(|v| v.frames() > 0).collect();
    let of = |fake: bool| -> Vec<&VideoEvidence> {
        videos.iter().copied().filter(|v| v.fake == fake).collect()
    };
    let (reals, fakes) = (of(false), of(true));
    for (class, of) in [("real", &reals), ("fake", &fakes)] {
        let people: BTreeSet<&str> = of.iter().map(|v| v.person.as_str()).collect();
        ensure!(
            people.len() >= PEOPLE_MIN,
            "{} people in {class} videos are too few to tell how videos differ: {PEOPLE_MIN} are needed",
            people.len()
        );
    }
    // Pictures have no neighbours.
    let long: Vec<&VideoEvidence> = (videos.iter().copied())
        .filter(|video| !video.is_picture())
        .collect();
    let (frame_variance, correlation) = within(&long, window.into());
    let effective = |video: &VideoEvidence| {
        // Blocks of one video are far apart, or long.
        let of_block = |block: &Vec<f32>| 1.0 + (block.len() as f64 - 1.0) / correlation;
        video.blocks.iter().map(of_block).sum::<f64>()
    };
    let between = |videos: &[&VideoEvidence]| {
        let noise = |video: &VideoEvidence| frame_variance / effective(video);
        moments(videos, noise)
    };
    let (genuine, manipulated) = (between(&reals), between(&fakes));
    ensure!(
        manipulated.mean > genuine.mean,
        "manipulated videos do not score higher than genuine ones: train longer"
    );
    let most = videos
        .iter()
        .map(|v| effective(v))
        .fold(EFFECTIVE_MIN, f64::max);
    Ok(TrackModel {
        genuine_mean: genuine.mean as f32,
        genuine_spread: genuine.spread as f32,
        manipulated_mean: manipulated.mean as f32,
        manipulated_spread: manipulated.spread as f32,
        frame_spread: frame_variance.sqrt() as f32,
        correlation_frames: correlation as f32,
        effective_max: most as f32,
        window_frames: window,
    })
}

/// Variance of a frame around its video's mean, and frames that say as much as one
/// independent one, at most `most`.
fn within(videos: &[&VideoEvidence], most: f64) -> (f64, f64) {
    let (mut inside, mut inside_of) = (0.0, 0.0);
    let (mut blocks, mut blocks_of, mut length) = (0.0, 0.0, 0.0);
    for video in videos {
        let means: Vec<f64> = video.blocks.iter().map(|block| mean(block)).collect();
        for (block, mean) in video.blocks.iter().zip(&means) {
            let squares = block.iter().map(|llr| (f64::from(*llr) - mean).powi(2));
            inside += squares.sum::<f64>();
            inside_of += block.len() as f64 - 1.0;
            length += block.len() as f64;
        }
        let centre = means.iter().sum::<f64>() / means.len() as f64;
        blocks += means
            .iter()
            .map(|mean| (mean - centre).powi(2))
            .sum::<f64>();
        blocks_of += means.len() as f64 - 1.0;
    }
    let count: usize = videos.iter().map(|video| video.blocks.len()).sum();
    let length = length / count.max(1) as f64;
    let inside = if inside_of > 0.0 {
        inside / inside_of
    } else {
        0.0
    };
    if blocks_of <= 0.0 || length <= 1.0 {
        return (inside, most);
    }
    let of_mean = blocks / blocks_of;
    let frame = of_mean + inside * (1.0 - 1.0 / length);
    // The mean of a block of n frames has the variance of 1 + (n - 1) / c independent ones.
    let correlation = if frame > of_mean && of_mean > 0.0 {
        (length - 1.0) / (frame / of_mean - 1.0)
    } else {
        1.0
    };
    (frame, correlation.clamp(1.0, most))
}

struct Moments {
    mean: f64,
    spread: f64,
}

/// Weighted mean of videos and spread between them, beyond the noise of each one's mean.
fn moments(videos: &[&VideoEvidence], noise: impl Fn(&VideoEvidence) -> f64) -> Moments {
    let mut people: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for video in videos {
        let kind = people.entry(&video.kind).or_default();
        *kind.entry(&video.person).or_default() += 1;
    }
    let weight = |video: &VideoEvidence| {
        let kind = &people[video.kind.as_str()];
        let own = kind[video.person.as_str()];
        // A kind counts by the root of its people, as in training.
        1.0 / ((kind.len() as f64).sqrt() * own as f64)
    };
    let all: f64 = videos.iter().map(|v| weight(v)).sum();
    let weights: Vec<f64> = videos.iter().map(|v| weight(v) / all).collect();
    let weighted = |value: &dyn Fn(&VideoEvidence) -> f64| -> f64 {
        videos.iter().zip(&weights).map(|(v, w)| w * value(v)).sum()
    };
    let mean = weighted(&|video| video.mean());
    // Kish's effective number of videos.
    let number = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
    let spread =
        weighted(&|video| (video.mean() - mean).powi(2)) * number / (number - 1.0).max(1.0);
    let between = (spread - weighted(&|video| noise(video))).max(SPREAD_MIN * SPREAD_MIN);
    Moments {
        mean,
        spread: (between * (1.0 + 1.0 / number)).sqrt(),
    }
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};

    use super::*;
    use unmask_data::random::Random;

    fn normal(random: &mut Random) -> f64 {
        let (u, v): (f64, f64) = (
            random.random_range(1e-12..1.0),
            random.random_range(0.0..1.0),
        );
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Videos whose frames follow a first-order autoregression: 19 frames are worth one.
    fn videos(count: usize, frames: usize, windows: Option<usize>) -> Vec<VideoEvidence> {
        let mut random = Random::seed_from_u64(8);
        let videos = (0..2 * count).map(|number| {
            let fake = number % 2 == 1;
            let (centre, spread) = if fake { (1.5, 1.1) } else { (-2.0, 0.6) };
            let centre = centre + spread * normal(&mut random);
            let mut deviation = normal(&mut random);
            let llrs: Vec<f32> = (0..frames)
                .map(|_| {
                    deviation = 0.9 * deviation + 0.19_f64.sqrt() * normal(&mut random);
                    (centre + 1.2 * deviation) as f32
                })
                .collect();
            let person = number.to_string();
            match windows {
                None => VideoEvidence::of_run(fake, &person, "k", &llrs),
                Some(windows) => VideoEvidence {
                    fake,
                    person,
                    kind: "k".into(),
                    blocks: llrs
                        .chunks(frames / windows)
                        .map(|part| part[..4].to_vec())
                        .collect(),
                },
            }
        });
        videos.collect()
    }

    /// The model that made the videos comes out, from whole runs and from windows of four
    /// frames alike.
    #[test]
    fn the_model_is_found_again() {
        for videos in [videos(400, 300, None), videos(600, 400, Some(4))] {
            let model = fit_tracks(&videos, 0).unwrap();
            for (found, known, within) in [
                (model.genuine_mean, -2.0, 0.12),
                (model.genuine_spread, 0.6, 0.1),
                (model.manipulated_mean, 1.5, 0.2),
                (model.manipulated_spread, 1.1, 0.12),
                (model.frame_spread, 1.2, 0.1),
                (model.correlation_frames, 19.0, 9.0),
            ] {
                assert!((found - known).abs() < within, "{known}: {model:?}");
            }
            assert!(model.is_valid());
        }
    }

    #[test]
    fn a_person_with_many_videos_counts_once() {
        let video = |fake, person: &str, llr: f32| {
            let noise = |i: usize| if i.is_multiple_of(2) { 0.5 } else { -0.5 };
            let llrs: Vec<f32> = (0..60).map(|i| llr + noise(i)).collect();
            VideoEvidence::of_run(fake, person, "k", &llrs)
        };
        let mut videos: Vec<_> = (0..10)
            .flat_map(|i| {
                let person = i.to_string();
                [video(false, &person, -1.0), video(true, &person, 1.0)]
            })
            .collect();
        videos.extend((0..50).map(|_| video(false, "0", 9.0)));
        let model = fit_tracks(&videos, 0).unwrap();
        // Of ten people one has the mean of 51 videos, which is about 8.8.
        assert!((model.genuine_mean + 0.02).abs() < 0.05, "{model:?}");
    }

    #[test]
    fn too_few_people_and_scores_upside_down_are_refused() {
        let few = fit_tracks(&videos(4, 60, None), 0).unwrap_err().to_string();
        assert!(few.contains("4 people"), "{few}");
        let mut turned = videos(20, 60, None);
        turned.iter_mut().for_each(|video| video.fake = !video.fake);
        let error = fit_tracks(&turned, 0).unwrap_err().to_string();
        assert!(error.contains("train longer"), "{error}");
    }
}
