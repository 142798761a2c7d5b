//! The same people get the same verdicts on every processor: the numbers were made
//! on x86-64, and this runs on ARM too.

use unmask_edge::builtin::builtin;
use unmask_edge::person::Person;
use unmask_edge::pipeline::{Pipeline, PipelineConfig};
use unmask_edge::source::Frame;
use unmask_shared::calibration::Calibration;
use unmask_shared::engine::Engine;
use unmask_shared::event::EventKind;
use unmask_shared::quality::Quality;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap, golden_clip};
use unmask_shared::verdict::{SequentialTest, Verdict, VerdictConfig};

const SCORE_TOLERANCE: f32 = 1e-3;
/// A frame that counts.
const GOOD: Quality = Quality {
    sharpness: 50.0,
    luma: 0.5,
    face_px: 200.0,
    turn_deg: 0.0,
    pitch_deg: 0.0,
    contrast: 0.2,
};
/// So often is a golden clip watched: once alone is too short for a verdict.
const ROUNDS: usize = 10;

/// Verdict and score after these logits, over and over.
fn judged(logits: &[f32], rules: VerdictConfig, calibration: Calibration) -> (Verdict, f32) {
    let mut test = SequentialTest::new(rules, calibration).unwrap();
    for _ in 0..ROUNDS {
        for logit in logits {
            test.push(*logit, &GOOD);
        }
    }
    // The mean tells a difference that the bounds of the evidence would hide.
    let mean = test.mean_score().unwrap().value();
    (test.verdict(), mean)
}

#[test]
fn golden_clips_have_the_scores_and_verdicts_of_their_manifest() {
    let bundle = builtin().unwrap();
    let manifest = &bundle.manifest;
    let engine = Engine::load(&bundle).unwrap();
    let people = FaceModel::builtin().unwrap();
    let mut verdicts = Vec::new();
    for clip in &manifest.golden {
        let frames = clip.frames.into();
        let crops = golden_clip(&people, &manifest.crop, clip.seed, clip.swapped, frames);
        let mut session = engine.session().unwrap();
        let steps = crops.iter().filter_map(|crop| session.step(crop).unwrap());
        let logits: Vec<f32> = steps.map(|step| step.logit).collect();
        assert_eq!(logits.len(), clip.logits.len());
        let (verdict, score) = judged(&logits, manifest.verdict, manifest.calibration);
        let expected = judged(&clip.logits, manifest.verdict, manifest.calibration);
        assert_eq!(verdict, expected.0, "seed {}", clip.seed);
        let apart = (score - expected.1).abs();
        assert!(apart <= SCORE_TOLERANCE, "seed {}: {apart}", clip.seed);
        verdicts.push(verdict);
    }
    assert!(verdicts.contains(&Verdict::Genuine), "{verdicts:?}");
    assert!(verdicts.contains(&Verdict::Manipulated), "{verdicts:?}");
}

/// Frames shown of each person.
const FRAMES: u32 = 30;

/// Seed of a person, whether the face is swapped, and what the whole way of a frame
/// (finder, tracker, crop, network, verdict) says on x86-64.
const PEOPLE: [(u64, bool, Verdict, f32); 4] = [
    (12, false, Verdict::Genuine, 0.013_660_265),
    (3, true, Verdict::Manipulated, 0.983_794_4),
    (21, true, Verdict::Manipulated, 0.948_840_5),
    (9, true, Verdict::Undecided, 0.768_705_67),
];

#[test]
fn the_whole_way_of_a_frame_ends_in_the_same_scores_and_verdicts() {
    let bundle = builtin().unwrap();
    let people = FaceModel::builtin().unwrap();
    let mut wrong = Vec::new();
    for (seed, swapped, verdict, score) in PEOPLE {
        let swap = if swapped { Swap::Always } else { Swap::Never };
        let config = SceneConfig {
            width: 320,
            height: 240,
            face_px: 100.0..=130.0,
            seed,
            swap,
        };
        let scene = Scene::new(&people, config).unwrap();
        let mut pipeline = Pipeline::open(&bundle, PipelineConfig::default()).unwrap();
        let mut found = None;
        let mut note = |kind, person: &Person| {
            if kind == EventKind::TrackEnded {
                found = Some((person.verdict(), person.mean_score().unwrap()));
            }
        };
        for index in 0..FRAMES {
            let shot = scene.frame(index);
            let frame = Frame {
                index: index.into(),
                width: shot.width,
                height: shot.height,
                rgb: shot.rgb,
                ..Frame::default()
            };
            pipeline.push(&frame, &mut note).unwrap();
        }
        pipeline.finish(&mut note).unwrap();
        let found = found.expect("nobody was seen");
        if found.0 != verdict || (found.1 - score).abs() > SCORE_TOLERANCE {
            wrong.push((seed, swapped, found));
        }
    }
    assert!(wrong.is_empty(), "judged otherwise: {wrong:?}");
}
