//! A feed of many shots with hard cuts, some genuine and some swapped: every cut starts new
//! people, and nothing that was found out in one shot is carried into the next.

use unmask_edge::builtin::builtin;
use unmask_edge::person::Person;
use unmask_edge::pipeline::{Pipeline, PipelineConfig};
use unmask_edge::source::Frame;
use unmask_shared::event::EventKind;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};
use unmask_shared::verdict::Verdict;
use unmask_tests::clips::{RATE_HZ, clips, frames};

/// Frames for which a shot that lights the picture up may be taken for a flash.
const HELD_FRAMES: u64 = 3;

/// What became of a person; frames are those of the feed.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    first: u64,
    last: u64,
    frames: u32,
    score: Option<f32>,
    verdict: Verdict,
}

/// Plays shots one after the other, each a list of pictures.
struct Feed {
    pipeline: Pipeline,
    frame: Frame,
    next: u64,
    seen: Vec<Seen>,
}

impl Feed {
    fn new(width: usize, height: usize) -> Self {
        let config = PipelineConfig::default();
        Self {
            pipeline: Pipeline::open(&builtin().expect("built in"), config).expect("it loads"),
            frame: Frame {
                width,
                height,
                ..Frame::default()
            },
            next: 0,
            seen: Vec::new(),
        }
    }

    /// The frames that the shot got in the feed.
    fn play(&mut self, pictures: &[Vec<u8>]) -> std::ops::Range<u64> {
        let first = self.next;
        let seen = &mut self.seen;
        for picture in pictures {
            self.frame.rgb.clone_from(picture);
            self.frame.index = self.next;
            self.frame.time_us = self.next * 1_000_000 / RATE_HZ;
            let note = &mut |kind, person: &Person| note(kind, person, seen);
            self.pipeline.push(&self.frame, note).expect("a picture");
            self.next += 1;
        }
        first..self.next
    }

    fn end(&mut self) -> Vec<Seen> {
        let seen = &mut self.seen;
        let ended = (self.pipeline).finish(&mut |kind, person| note(kind, person, seen));
        ended.expect("it ends");
        self.next = 0;
        std::mem::take(seen)
    }
}

fn note(kind: EventKind, person: &Person, seen: &mut Vec<Seen>) {
    if kind == EventKind::TrackEnded {
        let (used, skipped) = person.decisions();
        assert_eq!(used + skipped, person.frames, "decisions add up");
        seen.push(Seen {
            first: person.first_frame,
            last: person.last_frame,
            frames: person.frames,
            score: person.score(),
            verdict: person.overall_verdict(),
        });
    }
}

/// Plays the shots alone and one after the other. Nobody may be in two shots, and whoever is
/// followed from the first frame of a shot on must be judged as in the shot alone. Returns how
/// many people there were.
fn check(
    width: usize,
    height: usize,
    shots: impl Iterator<Item = (String, Vec<Vec<u8>>)>,
) -> usize {
    let (mut feed, mut alone) = (Feed::new(width, height), Feed::new(width, height));
    let mut played = Vec::new();
    for (name, pictures) in shots {
        alone.play(&pictures);
        let expected = alone.end();
        played.push((name, feed.play(&pictures), expected));
    }
    let seen = feed.end();
    let shot_of = |frame: u64| {
        played
            .iter()
            .position(|(_, frames, _)| frames.contains(&frame))
    };
    for person in &seen {
        let shots = [person.first, person.last].map(shot_of);
        assert_eq!(
            shots[0], shots[1],
            "somebody went through a cut: {person:?}"
        );
    }
    let (mut flags, mut missed) = (0, Vec::new());
    for (name, frames, expected) in &played {
        let here: Vec<&Seen> = seen.iter().filter(|p| frames.contains(&p.first)).collect();
        if !expected.is_empty() && here.is_empty() {
            missed.push(name);
        }
        let is_held = here
            .iter()
            .any(|p| (1..=HELD_FRAMES).contains(&(p.first - frames.start)));
        for (person, alone) in here.iter().zip(expected) {
            let moved = Seen {
                first: alone.first + frames.start,
                last: alone.last + frames.start,
                ..alone.clone()
            };
            assert!(
                is_held || **person == moved,
                "{name}: {person:?}, but alone {moved:?}"
            );
            flags += usize::from(person.verdict == Verdict::Manipulated);
        }
    }
    println!(
        "{} shots, {} people, {flags} flagged",
        played.len(),
        seen.len()
    );
    assert!(missed.is_empty(), "nobody was found in {missed:?}");
    seen.len()
}

/// Shots of synthetic people at one place, genuine and swapped in turn.
#[test]
fn a_feed_of_synthetic_shots_has_new_people_after_every_cut() {
    let model = FaceModel::builtin().expect("built in");
    const SHOTS: u64 = 36;
    let shots = (0..SHOTS).map(|number| {
        let config = SceneConfig {
            width: 320,
            height: 240,
            seed: 500 + number,
            swap: if number % 2 == 1 {
                Swap::Always
            } else {
                Swap::Never
            },
            face_px: 90.0..=150.0,
        };
        let scene = Scene::new(&model, config).expect("in range");
        // Of different lengths, so that cuts fall between two searches.
        let frames = 18 + number as u32 % 7;
        let pictures = (0..frames).map(|index| scene.frame(index).rgb).collect();
        (format!("synthetic {number}"), pictures)
    });
    let people = check(320, 240, shots);
    assert!(
        people >= SHOTS as usize * 9 / 10,
        "{people} people in {SHOTS} shots"
    );
}

fn check_clips(count: usize) {
    let Some(mut files) = clips() else {
        return;
    };
    files.truncate(count);
    assert_eq!(files.len(), count, "too few clips");
    let shots = files.iter().map(|path| {
        let name = path.display().to_string();
        (name, frames(path, 640, 360, 25))
    });
    check(640, 360, shots);
}

#[test]
fn a_feed_of_a_dozen_clips_has_new_people_after_every_cut() {
    check_clips(12);
}

/// `UNMASK_DATA=... cargo test --release --workspace --test feed -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes"]
fn a_feed_of_107_clips_has_new_people_after_every_cut() {
    check_clips(107);
}
