//! Crops that every machine can make again, to compare what a network says.

use super::model::FaceModel;
use super::scene::{Scene, SceneConfig, SceneFrame, Swap};
use crate::geometry::CropSpec;
use crate::sample::{RgbView, crop_planar};

/// The crop of frame `index` of the scene with `seed`, cut at the true eyes.
///
/// # Shapes
/// - returns: `[3, size, size]`, values in [0, 1]
pub fn golden_frame(
    model: &FaceModel,
    crop: &CropSpec,
    seed: u64,
    swapped: bool,
    index: u32,
) -> Vec<f32> {
    match scene(model, seed, swapped) {
        Some(scene) => cut(&scene.frame(index), crop),
        None => blank(crop),
    }
}

/// [`golden_frame`] for the first `frames` frames, building the scene once.
pub fn golden_clip(
    model: &FaceModel,
    crop: &CropSpec,
    seed: u64,
    swapped: bool,
    frames: u32,
) -> Vec<Vec<f32>> {
    let scene = scene(model, seed, swapped);
    (0..frames)
        .map(|index| match &scene {
            Some(scene) => cut(&scene.frame(index), crop),
            None => blank(crop),
        })
        .collect()
}

/// Default size and face range, which are always valid.
fn scene(model: &FaceModel, seed: u64, swapped: bool) -> Option<Scene> {
    let swap = if swapped { Swap::Always } else { Swap::Never };
    Scene::new(
        model,
        SceneConfig {
            seed,
            swap,
            ..SceneConfig::default()
        },
    )
    .ok()
}

fn blank(crop: &CropSpec) -> Vec<f32> {
    let size = usize::from(crop.size);
    vec![0.0; 3 * size * size]
}

fn cut(frame: &SceneFrame, crop: &CropSpec) -> Vec<f32> {
    let [left, right] = frame.truth.eyes;
    let to_crop = crop.from_eyes(left.midpoint(right), left.distance(right));
    let mut out = blank(crop);
    if let Ok(view) = RgbView::new(frame.width, frame.height, &frame.rgb) {
        // A crop of size 0 stays empty.
        let _ = crop_planar(&view, &to_crop, usize::from(crop.size), &mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and a few pixels of frames that must stay the same on every
    /// platform and in every release, since bundles hold logits for them.
    #[test]
    fn golden_frames_stay_the_same() {
        let model = FaceModel::builtin().unwrap();
        let crop = CropSpec::default();
        for (seed, swapped, index, expected) in GOLDEN {
            let frame = golden_frame(&model, &crop, seed, swapped, index);
            let mean = frame.iter().sum::<f32>() / frame.len() as f32;
            let found = [mean, frame[3000], frame[19_000], frame[33_000]];
            let apart = found
                .iter()
                .zip(expected)
                .any(|(a, b)| (a - b).abs() > 1e-3);
            assert!(!apart, "{found:?} for {expected:?} of seed {seed}");
        }
    }

    #[test]
    fn a_clip_is_its_frames() {
        let model = FaceModel::builtin().unwrap();
        let crop = CropSpec {
            size: 32,
            ..CropSpec::default()
        };
        let clip = golden_clip(&model, &crop, 3, true, 2);
        assert_eq!(clip[1], golden_frame(&model, &crop, 3, true, 1));
        assert_ne!(clip[0], clip[1]);
    }

    const GOLDEN: [(u64, bool, u32, [f32; 4]); 3] = [
        (1, false, 0, [0.3209, 0.2115, 0.4232, 0.2413]),
        (1, true, 0, [0.3107, 0.2115, 0.4270, 0.0988]),
        (2, true, 40, [0.6917, 0.7933, 0.7807, 0.7268]),
    ];
}
