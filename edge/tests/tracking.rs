//! The followed box against the truth of synthetic people.

use unmask_edge::search::{FaceDetector, FaceSearch, SearchConfig};
use unmask_edge::source::Frame;
use unmask_edge::track::{Tracker, TrackerConfig};
use unmask_shared::face::FinderChoice;
use unmask_shared::geometry::FaceBox;
use unmask_shared::synthetic::{FRAMES_PER_SECOND, FaceModel, Scene, SceneConfig};

const FRAMES: u32 = 60;

/// Error of the centre as a part of the true width, and width as a multiple of it, after the
/// first second.
fn errors(seed: u64, every: u32) -> Vec<(f32, f32)> {
    let model = FaceModel::builtin().unwrap();
    let scene = Scene::new(
        &model,
        SceneConfig {
            seed,
            ..SceneConfig::default()
        },
    )
    .unwrap();
    let mut search = FaceSearch::new(&FinderChoice::BuiltIn, SearchConfig::default()).unwrap();
    let mut faces = Vec::new();
    let mut tracker = Tracker::new(TrackerConfig::default());
    let mut errors = Vec::new();
    for index in 0..FRAMES {
        let shot = scene.frame(index);
        let frame = Frame {
            index: u64::from(index),
            width: shot.width,
            height: shot.height,
            rgb: shot.rgb,
            ..Frame::default()
        };
        tracker.advance(1.0 / FRAMES_PER_SECOND as f32);
        if index % every == 0 {
            search.detect(&frame, &mut faces).unwrap();
            tracker.correct(&faces);
        }
        let truth = shot.truth.bbox;
        let best = tracker
            .tracks()
            .iter()
            .max_by(|a, b| a.bbox.iou(&truth).total_cmp(&b.bbox.iou(&truth)));
        if let (Some(track), true) = (best, index >= 20) {
            // Where the crop goes; boxes have the finder's own proportions.
            let followed = FaceBox::from_landmarks(&track.landmarks).unwrap();
            let distance = followed.centre().distance(truth.centre()) / truth.width;
            errors.push((distance, followed.width / truth.width));
        }
    }
    errors
}

fn quantile(values: impl Iterator<Item = f32>, part: f32) -> f32 {
    let mut sorted: Vec<f32> = values.collect();
    sorted.sort_by(f32::total_cmp);
    sorted[((sorted.len() - 1) as f32 * part) as usize]
}

#[test]
fn the_box_stays_on_the_face_between_detections() {
    let errors: Vec<(f32, f32)> = (0..10).flat_map(|seed| errors(seed, 5)).collect();
    assert!(
        errors.len() >= 360,
        "the face was followed in {} of 400 frames",
        errors.len()
    );
    let centre = |part| quantile(errors.iter().map(|e| e.0), part);
    // Synthetic faces have proportions of their own: their landmarks tell another width than
    // their box, but always by the same factor.
    let usual = quantile(errors.iter().map(|e| e.1), 0.5);
    let width = |part| quantile(errors.iter().map(|e| (e.1 / usual - 1.0).abs()), part);
    println!(
        "width {usual:.3} of the true one, centre off by {:.3} (median) {:.3} (95 %) face widths, width by {:.3} and {:.3}",
        centre(0.5),
        centre(0.95),
        width(0.5),
        width(0.95)
    );
    assert!((0.85..1.15).contains(&usual));
    assert!(centre(0.5) < 0.04 && centre(0.95) < 0.10);
    assert!(width(0.5) < 0.06 && width(0.95) < 0.15);
}
