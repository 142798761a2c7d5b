//! People in view, judged by a made-up network.

use unmask_shared::{
    Calibration, Event, EventKind, Quality, Score, SequentialTest, Verdict, VerdictConfig,
};

use crate::chance::Chance;

const PEOPLE_MAX: usize = 4;

pub struct Visitor {
    pub track: u32,
    pub first_frame: u64,
    pub leaves_at: u64,
    pub is_fake: bool,
    pub test: SequentialTest,
}

#[derive(Default)]
pub struct People {
    pub all: Vec<Visitor>,
    tracks: u32,
}

impl People {
    /// People come, are judged and leave; each change is told as an event.
    pub fn frame(&mut self, frame: u64, chance: &mut Chance, mut tell: impl FnMut(Event)) {
        for visitor in &self.all {
            if visitor.leaves_at <= frame {
                tell(event(EventKind::TrackEnded, visitor, frame));
            }
        }
        self.all.retain(|visitor| visitor.leaves_at > frame);
        if self.all.len() < PEOPLE_MAX && chance.once_in(200) {
            let visitor = self.visitor(frame, chance);
            tell(event(EventKind::TrackStarted, &visitor, frame));
            self.all.push(visitor);
        }
        for visitor in &mut self.all {
            let before = visitor.test.verdict();
            let mean = if visitor.is_fake { 2.0 } else { -2.0 };
            let logit = match chance.once_in(1000) {
                true => f32::NAN,
                false => mean + chance.normal(),
            };
            visitor.test.push(logit, &quality(chance));
            if visitor.test.verdict() != before {
                tell(event(EventKind::VerdictChanged, visitor, frame));
            }
        }
    }

    pub fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        self.all.iter().map(|visitor| visitor.test.verdict())
    }

    fn visitor(&mut self, frame: u64, chance: &mut Chance) -> Visitor {
        self.tracks += 1;
        let test = SequentialTest::new(VerdictConfig::default(), Calibration::default());
        Visitor {
            track: self.tracks,
            first_frame: frame,
            leaves_at: frame + chance.between(5, 900),
            is_fake: chance.once_in(5),
            test: test.expect("defaults are valid"),
        }
    }
}

/// Mostly good; else small, dark or blurred.
fn quality(chance: &mut Chance) -> Quality {
    let mut quality = Quality {
        sharpness: 20.0,
        luma: 0.5,
        face_px: 120.0,
        turn_deg: 0.0,
        pitch_deg: 0.0,
        contrast: 0.2,
    };
    match chance.between(0, 99) {
        0 => quality.sharpness = 1.0,
        1 => quality.luma = 0.01,
        2 => quality.face_px = 20.0,
        _ => {}
    }
    quality
}

fn event(kind: EventKind, visitor: &Visitor, frame: u64) -> Event {
    let verdict = visitor.test.verdict();
    Event {
        format: unmask_shared::event::EVENT_FORMAT,
        sequence: 0,
        time_us: 0,
        source: "simulated".try_into().expect("fits"),
        track: visitor.track,
        first_frame: visitor.first_frame,
        frame,
        kind,
        verdict,
        reason: visitor.test.reason(),
        score: visitor.test.score().map(Score::value),
        llr: visitor.test.llr(),
        model: "made up".try_into().expect("fits"),
        run: 7,
        coverage: Some(visitor.test.coverage()),
        stream_us: 0,
        rate_hz: 30.0,
    }
}
