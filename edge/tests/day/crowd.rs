//! People before the scripted camera, in place of face finder and network. The same
//! time always shows the same people.

use std::cell::Cell;
use std::rc::Rc;

use unmask_edge::network::{Judge, Network};
use unmask_edge::search::FaceDetector;
use unmask_edge::source::Frame;
use unmask_shared::engine::{EngineError, Step};
use unmask_shared::face::{Face, FinderError};
use unmask_shared::geometry::FaceBox;

use crate::chance::Chance;

/// A place is taken by somebody else after so long.
const TURN_US: u64 = 8_000_000;
const PLACES: u64 = 2;
/// Width of a face in pixels of the scripted camera, whose pictures have 32x24.
const FACE_PX: f32 = 11.0;
/// Side of the crops.
pub const CROP_PX: usize = 16;

/// Says where faces are, misses some and sees some that are not there.
pub struct Watcher;

impl FaceDetector for Watcher {
    fn detect(&mut self, frame: &Frame, faces: &mut Vec<Face>) -> Result<(), FinderError> {
        faces.clear();
        let mut chance = Chance(frame.time_us);
        for place in 0..PLACES {
            let turn = frame.time_us / TURN_US;
            let mut who = Chance(turn * PLACES + place);
            let stays = who.between(1_500_000, 7_000_000);
            let is_there = !who.once_in(4) && frame.time_us % TURN_US < stays;
            if is_there && !chance.once_in(25) {
                let sway = (frame.time_us as f32 * 2e-6).sin() + 0.2 * chance.normal();
                faces.push(face(8.0 + 16.0 * place as f32 + sway, 12.0));
            }
        }
        if chance.once_in(40) {
            faces.push(face(16.0, 3.0));
        }
        Ok(())
    }

    fn reset(&mut self) {}
}

fn face(x: f32, y: f32) -> Face {
    let bbox = FaceBox {
        x: x - 0.5 * FACE_PX,
        y: y - 0.5 * FACE_PX,
        width: FACE_PX,
        height: FACE_PX,
    };
    Face {
        bbox,
        landmarks: bbox.mean_landmarks(),
        score: 0.9,
    }
}

/// What the made-up network was asked.
#[derive(Default)]
pub struct Asked {
    pub people: Cell<u64>,
    pub crops: Cell<u64>,
    /// People with a swapped face who were seen for long enough to be sure.
    pub fakes: Cell<u64>,
    /// The same of genuine ones.
    pub genuine: Cell<u64>,
}

fn add(count: &Cell<u64>) {
    count.set(count.get() + 1);
}

/// A network that knows every fifth person for a fake.
pub struct MadeUp(pub Rc<Asked>);

impl Network for MadeUp {
    fn crop_side(&self) -> usize {
        CROP_PX
    }

    fn begin(&self) -> Result<Box<dyn Judge>, EngineError> {
        add(&self.0.people);
        let mut chance = Chance(self.0.people.get());
        Ok(Box::new(Opinion {
            asked: Rc::clone(&self.0),
            is_fake: chance.once_in(5),
            chance,
            crops: 0,
        }))
    }
}

struct Opinion {
    asked: Rc<Asked>,
    chance: Chance,
    is_fake: bool,
    crops: u32,
}

impl std::fmt::Debug for Opinion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} after {}", self.is_fake, self.crops)
    }
}

impl Judge for Opinion {
    fn step(&mut self, crop: &[f32]) -> Result<Option<Step>, EngineError> {
        assert_eq!(crop.len(), 3 * CROP_PX * CROP_PX);
        assert!(crop.iter().all(|value| (0.0..=1.0).contains(value)));
        add(&self.asked.crops);
        self.crops += 1;
        if self.crops == SURE_CROPS {
            add(match self.is_fake {
                true => &self.asked.fakes,
                false => &self.asked.genuine,
            });
        }
        let mean = if self.is_fake { 2.0 } else { -2.0 };
        let logit = match self.chance.once_in(1000) {
            true => f32::NAN,
            false => mean + self.chance.normal(),
        };
        Ok(Some(Step {
            logit,
            embedding: Vec::new(),
            evidence: Vec::new(),
        }))
    }

    fn finish(&mut self) -> Result<Option<Step>, EngineError> {
        Ok(None)
    }
}

/// Two nats a crop are more than any bound after so many.
const SURE_CROPS: u32 = 60;
