//! Synthetic people with the landmarks that belong to their eyes.

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use unmask_shared::geometry::{Point, Similarity};
use unmask_shared::synthetic::{FaceModel, Random, Scene, SceneConfig, SceneFrame, Swap};

use super::picture::Pyramid;
use super::prepare::{ask, from_numbers, map_face, numbers};
use super::store::{PictureMeta, StoredPicture};
use unmask_shared::face::{Face, YunetFinder};

/// Seeds of training begin here, far from those of tests and demonstrations.
const SEED: u64 = 1 << 40;
/// Where the eyes of a face in its own units are.
const EYES: [Point; 2] = [Point::new(-0.5, 0.0), Point::new(0.5, 0.0)];
/// Fewest faces from which the place of the other landmarks is learned.
const KNOWN_MIN: usize = 20;

/// Draws so many people, one frame each.
pub(super) fn draw(
    count: usize,
    teacher: &mut YunetFinder,
    bar: &ProgressBar,
) -> Result<Vec<StoredPicture>> {
    let model = FaceModel::builtin().context("the built-in synthetic people are damaged")?;
    let mut frames = Vec::with_capacity(count);
    let mut known = Vec::new();
    for number in 0..count {
        let frame = frame(&model, number)?;
        let picture = Pyramid::new(frame.width, frame.height, frame.rgb.clone());
        let to_units = Similarity::fit(&frame.truth.eyes, &EYES).context("eyes coincide")?;
        let near = |face: &&Face| face.score > 0.8 && face.bbox.iou(&frame.truth.bbox) > 0.3;
        let faces = ask(teacher, &picture)?;
        known.extend(
            faces
                .iter()
                .find(near)
                .map(|face| numbers(&map_face(face, &to_units))),
        );
        frames.push((frame, to_units));
        bar.inc(1);
    }
    tracing::info!(
        "the teacher finds {} of {count} synthetic people",
        known.len()
    );
    ensure!(
        known.len() >= KNOWN_MIN,
        "the teacher finds only {} of {count} synthetic people: take more, or another teacher",
        known.len()
    );
    let mean = |n: usize| known.iter().map(|face| face[n]).sum::<f32>() / known.len() as f32;
    let mut typical = from_numbers(std::array::from_fn(mean), 1.0);
    typical.landmarks[..2].copy_from_slice(&EYES);
    let pictures = frames.into_iter().map(|(frame, to_units)| {
        let to_frame = to_units.inverse().context("eyes coincide")?;
        let meta = PictureMeta {
            group: "synthetic people".into(),
            faces: vec![map_face(&typical, &to_frame)],
        };
        StoredPicture::new(meta, frame.width, frame.height, &frame.rgb)
    });
    pictures.collect()
}

fn frame(model: &FaceModel, number: usize) -> Result<SceneFrame> {
    let seed = SEED + number as u64;
    let mut random = Random::new(seed, 99);
    let width = [320, 384, 448][random.below(3)];
    let height = [240, 288, 336][random.below(3)];
    let least = random.range(24.0, 150.0);
    let config = SceneConfig {
        width,
        height,
        seed,
        swap: if random.chance(0.5) {
            Swap::Always
        } else {
            Swap::Never
        },
        face_px: least..=least * 1.25,
    };
    Ok(Scene::new(model, config)?.frame(random.below(600) as u32))
}
