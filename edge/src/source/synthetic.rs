//! Synthetic people in front of a camera that does not exist.

use std::ops::RangeInclusive;

use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};

use super::synthetic_people::mix;
use super::{Frame, FrameSource, SourceError};

pub use super::synthetic_people::{
    Act, Appearance, Casting, GAP_FRAMES, PLACE_HEIGHT, PLACE_WIDTH, PLACES, RATE_HZ, STAY_FRAMES,
};

/// Widths of the faces in pixels.
const FACE_PX: RangeInclusive<f32> = 90.0..=210.0;

/// A stream without end: people come, stay a few seconds, and leave; every
/// second one has a swapped face.
pub struct SyntheticSource {
    name: String,
    seed: u64,
    model: FaceModel,
    casting: Casting,
    scenes: [Option<(Appearance, Scene)>; PLACES],
    next: u64,
}

impl SyntheticSource {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Result<Self, SourceError> {
        let model =
            FaceModel::builtin().map_err(|error| SourceError::Synthetic(error.to_string()))?;
        Ok(Self {
            name: format!("synthetic:{seed}"),
            seed,
            model,
            casting: Casting::new(seed),
            scenes: [None, None],
            next: 0,
        })
    }

    /// The stream of this seed from a later frame on.
    pub fn starting_at(seed: u64, frame: u64) -> Result<Self, SourceError> {
        Ok(Self {
            next: frame,
            ..Self::new(seed)?
        })
    }

    /// Who stands where, and whose face is swapped.
    pub fn casting(&self) -> Casting {
        self.casting
    }

    /// Keeps one scene per place, that of whoever stands there now.
    fn cast_places(&mut self) -> Result<(), SourceError> {
        for (place, scene) in self.scenes.iter_mut().enumerate() {
            let person = self.casting.at(place, self.next);
            if scene.as_ref().map(|(person, _)| *person) != person {
                *scene = match person {
                    Some(person) => Some((person, scene_of(&self.model, &person)?)),
                    None => None,
                };
            }
        }
        Ok(())
    }

    /// Pixels of one place, row by row.
    fn shoot(&self, place: usize) -> Vec<u8> {
        match &self.scenes[place] {
            Some((person, scene)) => scene.frame((self.next - person.first_frame) as u32).rgb,
            None => nobody(mix(self.seed ^ mix(self.next) ^ place as u64)),
        }
    }
}

fn scene_of(model: &FaceModel, person: &Appearance) -> Result<Scene, SourceError> {
    let swap = match (person.act, person.swapped_span()) {
        (Act::Swapped, _) => Swap::Always,
        (Act::SwappedLater, Some(span)) => Swap::Spans(vec![span]),
        _ => Swap::Never,
    };
    let config = SceneConfig {
        width: PLACE_WIDTH,
        height: PLACE_HEIGHT,
        seed: person.seed,
        swap,
        face_px: FACE_PX,
    };
    Scene::new(model, config).map_err(|error| SourceError::Synthetic(error.to_string()))
}

/// A grey wall with the noise of a sensor.
fn nobody(mut state: u64) -> Vec<u8> {
    let mut rgb = vec![0; 3 * PLACE_WIDTH * PLACE_HEIGHT];
    for (row, line) in rgb.chunks_mut(3 * PLACE_WIDTH).enumerate() {
        let shade = 150 - (row * 60 / PLACE_HEIGHT) as u8;
        for pixels in line.chunks_mut(24) {
            state = mix(state);
            for (at, value) in pixels.iter_mut().enumerate() {
                *value = shade + ((state >> (at / 3 * 8)) & 7) as u8;
            }
        }
    }
    rgb
}

impl FrameSource for SyntheticSource {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        frame.width = PLACES * PLACE_WIDTH;
        frame.height = PLACE_HEIGHT;
        frame.rgb.resize(3 * frame.width * frame.height, 0);
        frame.index = self.next;
        frame.time_us = self.next * 1_000_000 / RATE_HZ;
        self.cast_places()?;
        let this = &*self;
        // Drawing takes longer than judging: the places are drawn side by side.
        let places = std::thread::scope(|scope| {
            let other = scope.spawn(|| this.shoot(1));
            [Some(this.shoot(0)), other.join().ok()]
        });
        for (place, rgb) in places.iter().enumerate() {
            let rgb = rgb
                .as_ref()
                .ok_or_else(|| SourceError::Synthetic("drawing failed".into()))?;
            let rows = frame.rgb.chunks_exact_mut(3 * PLACES * PLACE_WIDTH);
            for (row, pixels) in rows.zip(rgb.chunks_exact(3 * PLACE_WIDTH)) {
                row[3 * PLACE_WIDTH * place..][..3 * PLACE_WIDTH].copy_from_slice(pixels);
            }
        }
        self.next += 1;
        Ok(true)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn frames_expected(&self) -> Option<u64> {
        None
    }

    fn rate_hz(&self) -> f64 {
        RATE_HZ as f64
    }
}
