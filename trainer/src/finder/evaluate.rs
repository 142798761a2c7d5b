//! Finders side by side: the same pictures, the same run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;
use unmask_shared::face::Face;
use unmask_shared::geometry::FaceBox;
use unmask_shared::media::{Frame, list_media};
use unmask_shared::synthetic::{FaceModel, Random, Scene, SceneConfig, Swap};

use super::looks::{steady, sure};
use super::recall::{FalseFace, Recall, Tally};
use super::subject::NamedFinder;
use super::truth::{FACE_PX, known, pictures, read_shrunk, shrink};

/// Least sides of the groups of faces, pixels.
const SIDES: [f32; 4] = [FACE_PX, 32.0, 64.0, 128.0];
/// Frames of a still camera, and how much their pixels differ (deviation).
const STILL_FRAMES: usize = 20;
const STILL_NOISE: f32 = 3.0;
const STILLS_MAX: usize = 24;
/// False faces that are kept for each set.
const WRONG_KEPT: usize = 20;
/// Searches that are timed.
const TIMED: usize = 100;

/// What to measure on.
#[derive(Clone, Debug)]
pub struct EvaluateOptions {
    /// Folder of the photographs: `dlib_gt` with `boxes_gt_dlib.tsv`, `crowd`, `noface`, and
    /// `webfaces`, `celeba_raw` and `deepface` of people.
    pub photos: PathBuf,
    /// Longest side of the pictures.
    pub longest_side: usize,
    /// Synthetic people.
    pub people: usize,
}

/// All figures of one finder.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FinderFigures {
    /// Recall at one false face in ten pictures, for each set and size.
    pub recall: BTreeMap<&'static str, Vec<Recall>>,
    /// False faces of the highest scores, for each set: what it takes for faces.
    pub wrong: BTreeMap<&'static str, Vec<FalseFace>>,
    /// False faces on pictures without any, in use, and pictures.
    pub noface: (usize, usize),
    /// Share of the frames of synthetic people in which they were found in use, and frames.
    pub people: (f32, usize),
    /// Mean distance of the landmarks from the teacher's, relative to the distance of the eyes,
    /// in use, and faces.
    pub landmarks: (f32, usize),
    /// The same from the means of several looks of the teacher.
    pub landmarks_steady: (f32, usize),
    /// The same where the pictures are searched as they are, as stills are, and not shrunk.
    pub landmarks_fine: (f32, usize),
    /// Root mean square change of a box of a still face, relative to its side.
    pub jitter: f32,
    /// Median milliseconds for 320 x 240 pixels, one thread.
    pub milliseconds: f64,
}

/// Measures all `subjects`; the last but one argument is asked for the truth on crowds and for
/// landmarks.
///
/// # Errors
/// When a picture cannot be read or a finder fails.
pub fn evaluate(
    options: &EvaluateOptions,
    subjects: &mut [NamedFinder],
    teacher: &mut NamedFinder,
) -> Result<Vec<FinderFigures>> {
    let mut figures = vec![FinderFigures::default(); subjects.len()];
    for set in ["dlib_gt", "crowd"] {
        tracing::info!("{set}");
        let pictures = known(options, set, teacher)?;
        for (subject, figures) in subjects.iter_mut().zip(&mut figures) {
            let mut tally = Tally::default();
            for (frame, known) in &pictures {
                tally.add(known, &subject.everything(frame)?);
            }
            figures.recall.insert(set, tally.recall(&SIDES));
            figures.wrong.insert(set, tally.wrong(WRONG_KEPT));
        }
    }
    tracing::info!("noface");
    let pictures = pictures(options, "noface", usize::MAX)?;
    for (subject, figures) in subjects.iter_mut().zip(&mut figures) {
        for frame in &pictures {
            figures.noface.0 += subject.in_use(frame)?.len();
        }
        figures.noface.1 = pictures.len();
    }
    tracing::info!("synthetic people");
    people(options, subjects, &mut figures)?;
    tracing::info!("landmarks");
    landmarks(options, subjects, teacher, &mut figures)?;
    tracing::info!("jitter and time");
    for (subject, figures) in subjects.iter_mut().zip(&mut figures) {
        figures.jitter = jitter(options, subject)?;
        figures.milliseconds = milliseconds(subject)?;
    }
    Ok(figures)
}

/// A frame of a synthetic person, 640 x 480.
fn person(model: &FaceModel, seed: u64, index: u32) -> Result<(Frame, FaceBox)> {
    let swap = if seed.is_multiple_of(2) {
        Swap::Never
    } else {
        Swap::Always
    };
    let config = SceneConfig {
        seed,
        swap,
        ..SceneConfig::default()
    };
    let scene = Scene::new(model, config)?.frame(index);
    let frame = Frame {
        width: scene.width,
        height: scene.height,
        rgb: scene.rgb,
        ..Frame::default()
    };
    Ok((frame, scene.truth.bbox))
}

fn people(
    options: &EvaluateOptions,
    subjects: &mut [NamedFinder],
    figures: &mut [FinderFigures],
) -> Result<()> {
    let model = FaceModel::builtin().context("the built-in synthetic people are damaged")?;
    for seed in 0..options.people as u64 {
        for index in [0, 200] {
            let (frame, truth) = person(&model, seed, index)?;
            for (subject, figures) in subjects.iter_mut().zip(figures.iter_mut()) {
                let faces = subject.in_use(&frame)?;
                let found = faces.iter().any(|face| face.bbox.iou(&truth) >= 0.5);
                let (share, count) = &mut figures.people;
                *share = (*share * *count as f32 + f32::from(found)) / (*count + 1) as f32;
                *count += 1;
            }
        }
    }
    Ok(())
}

fn landmarks(
    options: &EvaluateOptions,
    subjects: &mut [NamedFinder],
    teacher: &mut NamedFinder,
    figures: &mut [FinderFigures],
) -> Result<()> {
    for set in ["webfaces", "celeba_raw", "deepface"] {
        for frame in pictures(options, set, options.longest_side)? {
            let once = sure(teacher, &frame)?;
            let means = steady(teacher, &frame)?;
            let told = subjects.iter_mut().zip(figures.iter_mut());
            for (subject, figures) in told.filter(|(subject, _)| subject.has_landmarks()) {
                let found = subject.in_use(&frame)?;
                add_distances(&once, &found, &mut figures.landmarks);
                add_distances(&means, &found, &mut figures.landmarks_steady);
                let found = subject.everything(&frame)?;
                add_distances(&means, &found, &mut figures.landmarks_fine);
            }
        }
    }
    Ok(())
}

/// Adds the distances of the landmarks of faces that were found to a mean and its count.
fn add_distances(truth: &[Face], found: &[Face], (mean, count): &mut (f32, usize)) {
    for face in truth {
        let same = |other: &&Face| other.bbox.iou(&face.bbox) >= 0.5;
        if let Some(other) = found.iter().find(same) {
            let pairs = face.landmarks.iter().zip(other.landmarks);
            let apart = pairs.map(|(a, b)| a.distance(b)).sum::<f32>() / 5.0;
            let error = apart / face.landmarks[0].distance(face.landmarks[1]).max(1e-3);
            *mean += (error - *mean) / (*count + 1) as f32;
            *count += 1;
        }
    }
}

/// Boxes of still pictures with the noise of a camera.
fn jitter(options: &EvaluateOptions, subject: &mut NamedFinder) -> Result<f32> {
    let files = list_media(&options.photos.join("webfaces"))?;
    let mut random = Random::new(7, 7);
    let (mut sum, mut count) = (0.0, 0);
    for file in files.iter().take(STILLS_MAX) {
        let still = read_shrunk(file, 320)?;
        let mut boxes = Vec::with_capacity(STILL_FRAMES);
        for _ in 0..STILL_FRAMES {
            let mut frame = still.clone();
            for value in &mut frame.rgb {
                let noisy = f32::from(*value) + STILL_NOISE * random.normal(3.0);
                *value = (noisy + 0.5).clamp(0.0, 255.0) as u8;
            }
            let faces = subject.in_use(&frame)?;
            let best = faces.into_iter().max_by(|a, b| a.score.total_cmp(&b.score));
            boxes.extend(best);
        }
        for pair in boxes
            .windows(2)
            .filter(|pair| pair[0].bbox.iou(&pair[1].bbox) > 0.5)
        {
            let [a, b] = [pair[0].bbox, pair[1].bbox];
            let (from, to) = (a.centre(), b.centre());
            let changes = [
                to.x - from.x,
                to.y - from.y,
                b.width - a.width,
                b.height - a.height,
            ];
            let side = a.area().sqrt();
            sum += changes
                .map(|change| (change / side).powi(2))
                .iter()
                .sum::<f32>()
                / 4.0;
            count += 1;
        }
    }
    Ok((sum / count.max(1) as f32).sqrt())
}

fn milliseconds(subject: &mut NamedFinder) -> Result<f64> {
    let model = FaceModel::builtin().context("the built-in synthetic people are damaged")?;
    let (large, _) = person(&model, 3, 0)?;
    let frame = shrink(large, 320);
    let mut times = Vec::with_capacity(TIMED);
    for _ in 0..TIMED {
        let begun = Instant::now();
        subject.in_use(&frame)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[TIMED / 2])
}
