//! Who is followed through cuts, flashes and gaps, with faces and a network that are given.

use std::cell::RefCell;
use std::rc::Rc;

use unmask_edge::builtin::builtin;
use unmask_edge::network::{Judge, Network};
use unmask_edge::person::Person;
use unmask_edge::pipeline::{Pipeline, PipelineConfig, Rhythm};
use unmask_edge::search::FaceDetector;
use unmask_edge::source::Frame;
use unmask_shared::engine::{EngineError, Step};
use unmask_shared::event::EventKind;
use unmask_shared::face::{Face, FinderError};
use unmask_shared::geometry::FaceBox;
use unmask_shared::verdict::{Reason, Verdict};

const WIDTH: usize = 320;
const HEIGHT: usize = 180;

/// Finds what the script says, and notes in which frames it was asked.
struct Script<F> {
    faces: F,
    asked: Rc<RefCell<Vec<u64>>>,
}

impl<F: Fn(u64) -> Vec<Face>> FaceDetector for Script<F> {
    fn detect(&mut self, frame: &Frame, faces: &mut Vec<Face>) -> Result<(), FinderError> {
        self.asked.borrow_mut().push(frame.index);
        *faces = (self.faces)(frame.index);
        Ok(())
    }

    fn reset(&mut self) {}
}

/// Is sure of everybody's guilt.
#[derive(Debug)]
struct Prosecutor;

impl Network for Prosecutor {
    fn crop_side(&self) -> usize {
        112
    }

    fn begin(&self) -> Result<Box<dyn Judge>, EngineError> {
        Ok(Box::new(Self))
    }
}

impl Judge for Prosecutor {
    fn step(&mut self, _: &[f32]) -> Result<Option<Step>, EngineError> {
        Ok(Some(Step {
            logit: 40.0,
            embedding: Vec::new(),
            evidence: Vec::new(),
        }))
    }

    fn finish(&mut self) -> Result<Option<Step>, EngineError> {
        Ok(None)
    }
}

/// What became of a person.
#[derive(Debug, Clone, PartialEq)]
struct Left {
    id: u32,
    span: (u64, u64),
    frames: u32,
    decisions: (u32, u32),
    verdict: Verdict,
    reason: Option<Reason>,
    score: Option<f32>,
}

fn left(person: &Person) -> Left {
    Left {
        id: person.id,
        span: (person.first_frame, person.last_frame),
        frames: person.frames,
        decisions: person.decisions(),
        verdict: person.overall_verdict(),
        reason: person.reason(),
        score: person.score(),
    }
}

/// A checkerboard whose fields depend on the number of the shot, lighter by `light`.
fn picture(shot: u64, light: u8) -> Vec<u8> {
    let pixel = |at: usize| {
        let (x, y) = (at % WIDTH, at / WIDTH);
        let field = (x / 24 + 31 * (y / 24)) as u64;
        let shade = (field + 977 * shot + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        // Fine enough for the limits of sharpness, too fine to matter for cuts.
        let grain = 40 * u8::from((x + y).is_multiple_of(2));
        let value = |part: u64| (40 + (shade * part / 256) as u8 / 2 + grain).saturating_add(light);
        [value(256), value(190), value(220)]
    };
    (0..WIDTH * HEIGHT).flat_map(pixel).collect()
}

/// Plays a stream of `frames` frames at `rate` a second: who left, and when faces were looked for.
/// Everybody is judged in every frame.
fn play(
    frames: u64,
    rate: u64,
    shot: impl Fn(u64) -> (u64, u8),
    faces: impl Fn(u64) -> Vec<Face> + 'static,
) -> (Vec<Left>, Vec<u64>) {
    play_at_period(0, frames, rate, shot, faces)
}

fn play_at_period(
    period_ms: u16,
    frames: u64,
    rate: u64,
    shot: impl Fn(u64) -> (u64, u8),
    faces: impl Fn(u64) -> Vec<Face> + 'static,
) -> (Vec<Left>, Vec<u64>) {
    play_with(
        period_ms,
        PipelineConfig::default(),
        frames,
        rate,
        shot,
        faces,
    )
}

fn play_with(
    period_ms: u16,
    config: PipelineConfig,
    frames: u64,
    rate: u64,
    shot: impl Fn(u64) -> (u64, u8),
    faces: impl Fn(u64) -> Vec<Face> + 'static,
) -> (Vec<Left>, Vec<u64>) {
    let asked = Rc::default();
    let script = Script {
        faces,
        asked: Rc::clone(&asked),
    };
    let mut manifest = builtin().unwrap().manifest;
    manifest.period_ms = period_ms;
    let mut pipeline =
        Pipeline::with_parts(Box::new(Prosecutor), Box::new(script), manifest, config);
    let mut people = Vec::new();
    let mut note = |kind, person: &Person| {
        if kind == EventKind::TrackEnded {
            people.push(left(person));
        }
    };
    for index in 0..frames {
        let (number, light) = shot(index);
        let frame = Frame {
            index,
            time_us: index * 1_000_000 / rate,
            width: WIDTH,
            height: HEIGHT,
            rgb: picture(number, light),
        };
        pipeline.push(&frame, &mut note).unwrap();
    }
    pipeline.finish(&mut note).unwrap();
    let asked = asked.borrow().clone();
    (people, asked)
}

fn face(x: f32, score: f32) -> Face {
    let bbox = FaceBox {
        x,
        y: 40.0,
        width: 90.0,
        height: 90.0,
    };
    Face {
        bbox,
        landmarks: bbox.mean_landmarks(),
        score,
    }
}

/// Somebody who moves a little.
fn swaying(frame: u64, score: f32) -> Vec<Face> {
    vec![face(100.0 + 10.0 * (0.2 * frame as f32).sin(), score)]
}

#[test]
fn a_cut_ends_everybody_and_is_searched_at_once() {
    // In the same place before and after.
    let shots = |frame| (frame / 33, 0);
    let (people, asked) = play(99, 25, shots, |frame| swaying(frame, 0.95));
    let spans: Vec<(u64, u64)> = people.iter().map(|person| person.span).collect();
    assert_eq!(spans, [(0, 32), (33, 65), (66, 98)]);
    assert_eq!(people.iter().map(|p| p.id).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(asked.contains(&33) && asked.contains(&66), "{asked:?}");
    // What was judged and what was skipped are what was seen.
    for person in &people {
        let (used, skipped) = person.decisions;
        assert_eq!((person.frames, used + skipped), (33, 33), "{person:?}");
        assert_eq!(person.verdict, Verdict::Manipulated);
    }
}

#[test]
fn nobody_is_judged_in_a_flash_and_everybody_stays() {
    let flash = |frame| (0, if frame == 20 { 120 } else { 0 });
    let (people, _) = play(50, 25, flash, |frame| swaying(frame, 0.95));
    assert_eq!(people.len(), 1);
    assert_eq!((people[0].span, people[0].frames), ((0, 49), 49));
    assert_eq!(people[0].decisions.0 + people[0].decisions.1, 49);
}

#[test]
fn whoever_was_gone_for_more_than_a_second_is_somebody_else() {
    let seen = |gone: std::ops::Range<u64>| {
        move |frame| match gone.contains(&frame) {
            true => Vec::new(),
            false => swaying(frame, 0.95),
        }
    };
    // The same 30 frames: 0.6 s, and 1.2 s.
    let still = |_| (0, 0);
    let (fast, _) = play(100, 50, still, seen(40..70));
    assert_eq!(fast.len(), 1);
    // Seen in frames 0 to 39, and from the search in frame 70 on.
    assert_eq!(fast[0].frames, 70);
    let (slow, _) = play(100, 25, still, seen(40..70));
    assert_eq!(slow.len(), 2);
    let judged = slow.iter().map(|p| p.decisions.0 + p.decisions.1);
    assert_eq!(judged.sum::<u32>(), 70);
}

#[test]
fn what_is_not_a_face_has_no_verdict_and_no_score() {
    let still = |_| (0, 0);
    let poster = |frame| vec![face(100.0 + 0.2 * (frame % 2) as f32, 0.75)];
    let (people, _) = play(60, 25, still, poster);
    let [poster] = &people[..] else {
        panic!("{people:?}");
    };
    assert_eq!(poster.verdict, Verdict::Undecided);
    assert_eq!(
        (poster.reason, poster.score),
        (Some(Reason::NotAFace), None)
    );
    assert_eq!(poster.decisions, (0, 60));
    // Somebody of whom the finder is as unsure is judged from the first movement on.
    let (people, _) = play(60, 25, still, |frame| swaying(frame, 0.75));
    assert_eq!(people[0].verdict, Verdict::Manipulated);
    let (used, skipped) = people[0].decisions;
    assert!(used > 50 && used + skipped == 60, "{used} and {skipped}");
    // A portrait is a face, though it never moves.
    let (people, _) = play(60, 25, still, |_| vec![face(100.0, 0.95)]);
    assert_eq!(people[0].verdict, Verdict::Manipulated);
}

#[test]
fn everybody_is_judged_once_a_period_and_told_of_at_once() {
    let still = |_| (0, 0);
    let three = |frame| {
        let sway = 4.0 * (0.2 * frame as f32).sin();
        [0.0, 100.0, 200.0].map(|x| face(x + sway, 0.95)).to_vec()
    };
    for rate in [10, 25, 30] {
        let (people, _) = play_at_period(200, 10 * rate, rate, still, three);
        assert_eq!(people.len(), 3, "{rate}");
        for person in people {
            // In view for ten seconds, to the last frame.
            assert_eq!(person.span.1, 10 * rate - 1);
            assert!((48..=52).contains(&person.frames), "{rate}: {person:?}");
            assert_eq!(person.verdict, Verdict::Manipulated);
        }
    }
}

/// A crowd in front of the camera does not hide whoever comes last: that somebody is not judged is
/// known.
#[test]
fn a_crowd_that_is_too_large_is_told() {
    let crowd = |count: usize| {
        let tracked = move |frame: u64| {
            let sway = 2.0 * (0.2 * frame as f32).sin();
            let place = |at: usize| (10.0 + 100.0 * at as f32 + sway, 0.95);
            (0..count)
                .map(|at| face(place(at).0, place(at).1))
                .collect()
        };
        let script = Script {
            faces: tracked,
            asked: Rc::default(),
        };
        let manifest = builtin().unwrap().manifest;
        let (network, search) = (Box::new(Prosecutor), Box::new(script));
        let mut pipeline =
            Pipeline::with_parts(network, search, manifest, PipelineConfig::default());
        for index in 0..12 {
            let frame = Frame {
                index,
                time_us: index * 40_000,
                width: WIDTH,
                height: HEIGHT,
                rgb: picture(0, 0),
            };
            pipeline.push(&frame, &mut |_, _| {}).unwrap();
        }
        (pipeline.people().len(), pipeline.is_crowded())
    };
    assert_eq!(crowd(24), (24, false));
    assert_eq!(crowd(25), (24, true));
}

/// Whoever blanks each fifth frame, in which a fixed rhythm would look, hides nobody.
#[test]
fn a_rhythm_that_is_drawn_cannot_be_met() {
    let still = |_| (0, 0);
    let hidden = |frame: u64| match frame.is_multiple_of(5) {
        true => Vec::new(),
        false => swaying(frame, 0.95),
    };
    let (nobody, asked) = play(200, 25, still, hidden);
    assert_eq!(nobody, []);
    assert_eq!(asked.len(), 40);
    for seed in 0..20 {
        let config = PipelineConfig {
            rhythm: Rhythm::Drawn(seed),
            ..PipelineConfig::default()
        };
        let (people, asked) = play_with(0, config, 200, 25, still, hidden);
        assert!((25..=60).contains(&asked.len()), "{seed}: {}", asked.len());
        let gaps = asked.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(
            gaps.clone().all(|gap| (1..=9).contains(&gap)),
            "{seed}: {asked:?}"
        );
        assert!(gaps.max() > Some(5), "{seed}: {asked:?}");
        assert!(!people.is_empty(), "{seed}");
        assert!(
            people
                .iter()
                .all(|person| person.verdict == Verdict::Manipulated),
            "{seed}: {people:?}"
        );
        let seen: u32 = people.iter().map(|person| person.frames).sum();
        assert!(seen > 120, "{seed}: {seen} of 160 frames");
    }
}

/// Turned away over the first forty frames, frontal in the rest: judged from the rest.
#[test]
fn whoever_turns_away_at_first_is_judged_from_the_rest() {
    let still = |_| (0, 0);
    let turning = |frame: u64| {
        let mut faces = swaying(frame, 0.95);
        if frame < 40 {
            // The nose of somebody who looks aside.
            faces[0].landmarks[2].x += 24.0;
        }
        faces
    };
    let (people, _) = play(90, 25, still, turning);
    let [person] = &people[..] else {
        panic!("{people:?}");
    };
    assert_eq!(person.verdict, Verdict::Manipulated);
    let (used, skipped) = person.decisions;
    assert!(
        (30..=60).contains(&skipped) && used + skipped == 90,
        "{person:?}"
    );
    let (people, _) = play(40, 25, still, turning);
    assert_eq!(people[0].reason, Some(Reason::Turned));
}
