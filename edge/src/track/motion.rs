//! Where a face is and how fast it moves: box and landmarks, smoothed without lag.
//!
//! An alpha-beta filter for each number: it predicts by the speed, and a detection corrects
//! place and speed by parts of the difference, so that a face of constant speed is not lagged
//! behind. The parts are those of a fading memory (Morrison 1969), `alpha = 1 - fade²` and
//! `beta = (1 - fade)²`, that forgets faster the farther the face as a whole is from where it
//! was expected, as the one-euro filter does (Casiez 2012): a face that is still is held
//! still, one that sets off is followed at once. The first detections count more, as in a
//! memory that grows.

use unmask_shared::face::Face;
use unmask_shared::geometry::{FaceBox, Point};

/// Memory of a face that is where it was expected ...
const FADE_SLOW: f32 = 0.85;
/// ... within this part of its width, ...
const SURPRISE_MIN: f32 = 0.015;
/// ... and of one that is elsewhere ...
const FADE_FAST: f32 = 0.35;
/// ... by this part of its width.
const SURPRISE_MAX: f32 = 0.08;
/// Detections closer together than this, seconds, do not tell the speed: frames of a command
/// come in bursts, and a difference of a pixel would be a leap in the next pause.
const SECONDS_MIN: f32 = 1.0 / 60.0;
/// Time in which a face that is not seen loses all but 1/e of its speed, seconds.
const COAST_S: f32 = 1.0;

/// Centre, width and height of the box, and five landmarks: x and y in turn.
const COUNT: usize = 14;
type Numbers = [f32; COUNT];
/// Where the width is.
const WIDTH: usize = 2;
/// The points among the numbers: the centre and the landmarks.
const POINTS: [usize; 6] = [0, 4, 6, 8, 10, 12];

/// Place and speed of a face.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Motion {
    place: Numbers,
    /// Pixels per second.
    speed: Numbers,
    detections: u32,
    /// Seconds since the speed was corrected.
    unclocked_s: f32,
}

impl Motion {
    /// Of a face that was just found.
    pub(super) fn new(face: &Face) -> Self {
        Self {
            place: numbers(face),
            speed: [0.0; COUNT],
            detections: 1,
            unclocked_s: 0.0,
        }
    }

    /// Moves it on by so many seconds.
    pub(super) fn advance(&mut self, seconds: f32) {
        for (place, speed) in self.place.iter_mut().zip(self.speed) {
            *place += speed * seconds;
        }
        for side in &mut self.place[WIDTH..WIDTH + 2] {
            *side = side.max(1.0);
        }
    }

    /// Takes in where it was found, `seconds` after it was found last.
    pub(super) fn correct(&mut self, face: &Face, seconds: f32) {
        let seen = numbers(face);
        let mut miss = seen;
        for (miss, place) in miss.iter_mut().zip(self.place) {
            *miss -= place;
        }
        let width = seen[WIDTH].max(1.0);
        let surprise = (shift(&miss).0.hypot(shift(&miss).1)).max(miss[WIDTH].abs()) / width;
        let (alpha, beta) = gains(surprise, self.detections);
        self.detections = self.detections.saturating_add(1);
        self.unclocked_s += seconds;
        let tells = self.unclocked_s >= SECONDS_MIN;
        let per_second = match tells {
            true => beta / std::mem::take(&mut self.unclocked_s),
            false => 0.0,
        };
        for ((place, speed), miss) in self.place.iter_mut().zip(&mut self.speed).zip(miss) {
            *place += alpha * miss;
            *speed += per_second * miss;
        }
    }

    /// It was not found: it moves on as a whole, and slows down from now on.
    pub(super) fn coast(&mut self, seconds: f32) {
        let kept = (-seconds / COAST_S).exp();
        let (x, y) = shift(&self.speed);
        self.speed = [0.0; COUNT];
        for at in POINTS {
            (self.speed[at], self.speed[at + 1]) = (x * kept, y * kept);
        }
    }

    /// The box.
    pub(super) fn bbox(&self) -> FaceBox {
        let [x, y, width, height, ..] = self.place;
        FaceBox {
            x: x - 0.5 * width,
            y: y - 0.5 * height,
            width,
            height,
        }
    }

    /// The landmarks, in the order of [`Face::landmarks`].
    pub(super) fn landmarks(&self) -> [Point; 5] {
        let [_, _, _, _, rest @ ..] = self.place;
        std::array::from_fn(|at| Point::new(rest[2 * at], rest[2 * at + 1]))
    }
}

fn numbers(face: &Face) -> Numbers {
    let centre = face.bbox.centre();
    let mut numbers = [0.0; COUNT];
    numbers[..4].copy_from_slice(&[centre.x, centre.y, face.bbox.width, face.bbox.height]);
    for (pair, point) in numbers[4..].chunks_exact_mut(2).zip(face.landmarks) {
        pair.copy_from_slice(&[point.x, point.y]);
    }
    numbers
}

/// Mean over the points.
fn shift(numbers: &Numbers) -> (f32, f32) {
    let share = 1.0 / POINTS.len() as f32;
    POINTS.iter().fold((0.0, 0.0), |(x, y), &at| {
        (x + share * numbers[at], y + share * numbers[at + 1])
    })
}

/// The parts of a difference that place and speed take over.
fn gains(surprise: f32, detections: u32) -> (f32, f32) {
    let how_much = (surprise - SURPRISE_MIN) / (SURPRISE_MAX - SURPRISE_MIN);
    let fade = FADE_SLOW + (FADE_FAST - FADE_SLOW) * how_much.clamp(0.0, 1.0);
    // Least squares over all detections, where they are few.
    let n = detections as f32 + 1.0;
    let growing = (
        2.0 * (2.0 * n - 1.0) / (n * (n + 1.0)),
        6.0 / (n * (n + 1.0)),
    );
    (
        (1.0 - fade * fade).max(growing.0).min(1.0),
        (1.0 - fade).powi(2).max(growing.1),
    )
}
