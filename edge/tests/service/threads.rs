//! The same frames give the same scores, however many threads judge.

use std::sync::Mutex;

use unmask_edge::builtin::builtin;
use unmask_edge::pipeline::{Pipeline, PipelineConfig};
use unmask_shared::engine::Engine;
use unmask_shared::face::FinderChoice;

use crate::common::two_people;

/// Everything that a pipeline tells about the frames, bit by bit.
fn judge(mut pipeline: Pipeline, frames: &[unmask_edge::source::Frame]) -> Vec<String> {
    let mut told = Vec::new();
    for frame in frames {
        pipeline.push(frame, &mut |_, _| {}).unwrap();
        for person in pipeline.people() {
            let score = person.score().map(f32::to_bits);
            let (logit, llr) = (person.logit.to_bits(), person.llr().to_bits());
            let evidence: u32 = person
                .evidence
                .iter()
                .fold(0, |sum, value| sum.rotate_left(5) ^ value.to_bits());
            told.push(format!(
                "{} {} {score:?} {logit:x} {llr:x} {evidence:x} {}",
                frame.index,
                person.id,
                person.verdict()
            ));
        }
    }
    told
}

#[test]
fn scores_are_identical_for_identical_frames_and_any_number_of_threads() {
    let bundle = builtin().unwrap();
    let frames = two_people(4, 60, 45);
    let engine = Engine::load(&bundle).unwrap();
    let pipeline = || {
        let (engine, manifest) = (engine.clone(), bundle.manifest.clone());
        Pipeline::new(
            engine,
            &FinderChoice::BuiltIn,
            manifest,
            PipelineConfig::default(),
        )
        .unwrap()
    };
    let alone = judge(pipeline(), &frames);
    assert!(alone.len() > 60, "{} looks", alone.len());
    for threads in [1, 2, 5] {
        let all = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let told = judge(pipeline(), &frames);
                    all.lock().unwrap().push(told);
                });
            }
        });
        for told in all.into_inner().unwrap() {
            assert_eq!(told, alone, "{threads} threads");
        }
    }
    let own = Pipeline::open(&bundle, PipelineConfig::default()).unwrap();
    assert_eq!(judge(own, &frames), alone, "a model of its own");
}
