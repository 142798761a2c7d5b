//! Synthetic people in front of a camera that does not exist.

use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};

use super::cast::mix;
use super::{Frame, FrameSource, SourceError};

pub use super::cast::{
    Act, Appearance, Casting, GAP_FRAMES, PLACE_HEIGHT, PLACE_WIDTH, PLACES, RATE_HZ, STAY_FRAMES,
};

/// A stream without end: people come, stay a few seconds, and leave; every
/// second one has a swapped face.
pub struct SyntheticSource {
    name: String,
    seed: u64,
    model: FaceModel,
    casting: Casting,
    scenes: [Option<(u64, Scene)>; PLACES],
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
        Ok(Self { next: frame, ..Self::new(seed)? })
    }

    /// Who stands where, and whose face is swapped.
    pub fn casting(&self) -> Casting {
        self.casting
    }

    fn draw_place(&mut self, place: usize, frame: &mut Frame) -> Result<(), SourceError> {
        let Some(person) = self.casting.at(place, self.next) else {
            draw_nobody(self.seed, place, self.next, frame);
            return Ok(());
        };
        let scene = match &mut self.scenes[place] {
            Some((number, scene)) if *number == person.number => scene,
            stale => &mut stale.insert((person.number, scene_of(&self.model, &person)?)).1,
        };
        let shot = scene.frame((self.next - person.first_frame) as u32);
        for (row, pixels) in shot.rgb.chunks_exact(3 * PLACE_WIDTH).enumerate().take(PLACE_HEIGHT) {
            place_row(frame, place, row).copy_from_slice(pixels);
        }
        Ok(())
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
        ..SceneConfig::default()
    };
    Scene::new(model, config).map_err(|error| SourceError::Synthetic(error.to_string()))
}

fn place_row(frame: &mut Frame, place: usize, row: usize) -> &mut [u8] {
    let start = 3 * (row * frame.width + place * PLACE_WIDTH);
    &mut frame.rgb[start..start + 3 * PLACE_WIDTH]
}

/// A grey wall with the noise of a sensor.
fn draw_nobody(seed: u64, place: usize, index: u64, frame: &mut Frame) {
    let mut state = mix(seed ^ mix(index) ^ place as u64);
    for row in 0..PLACE_HEIGHT {
        let shade = 150 - (row * 60 / PLACE_HEIGHT) as u8;
        for pixels in place_row(frame, place, row).chunks_mut(24) {
            state = mix(state);
            for (at, value) in pixels.iter_mut().enumerate() {
                *value = shade + ((state >> (at / 3 * 8)) & 7) as u8;
            }
        }
    }
}

impl FrameSource for SyntheticSource {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        frame.width = PLACES * PLACE_WIDTH;
        frame.height = PLACE_HEIGHT;
        frame.rgb.resize(3 * frame.width * frame.height, 0);
        frame.index = self.next;
        frame.time_us = self.next * 1_000_000 / RATE_HZ;
        for place in 0..PLACES {
            self.draw_place(place, frame)?;
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
