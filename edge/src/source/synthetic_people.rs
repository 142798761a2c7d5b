//! Who stands in front of the synthetic cameras, and whose face is swapped.

/// Faces side by side in one synthetic frame.
pub const PLACES: usize = 2;
/// Width of one place in pixels.
pub const PLACE_WIDTH: usize = 400;
/// Height of the frame in pixels.
pub const PLACE_HEIGHT: usize = 400;
/// Frames for which a person stays.
pub const STAY_FRAMES: u64 = 180;
/// Frames for which a place is empty between two people.
pub const GAP_FRAMES: u64 = 30;
/// Frames per second of the synthetic stream.
pub const RATE_HZ: u64 = 30;

const PERIOD: u64 = STAY_FRAMES + GAP_FRAMES;
/// The right place starts this much later, so that people do not all come at once.
const STAGGER_FRAMES: u64 = 60;
/// Frame of the stay at which a late swap begins.
const LATE_SWAP_FRAME: u32 = 75;
/// The acts of six people in a row; each six are shuffled.
const ACTS: [Act; 6] = [
    Act::Genuine,
    Act::Swapped,
    Act::Genuine,
    Act::Swapped,
    Act::Genuine,
    Act::SwappedLater,
];

/// What is done to a person's face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Genuine,
    /// It is swapped for another one in every frame.
    Swapped,
    /// It is swapped from some frame on.
    SwappedLater,
}

/// One person's stay in front of the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appearance {
    /// Which person of the stream, from 0 in order of coming.
    pub number: u64,
    /// Where: 0 is left.
    pub place: usize,
    /// Makes the person.
    pub seed: u64,
    /// What is done to the face.
    pub act: Act,
    /// First frame in which the person is seen.
    pub first_frame: u64,
}

impl Appearance {
    /// Last frame in which the person is seen.
    pub fn last_frame(&self) -> u64 {
        self.first_frame + STAY_FRAMES - 1
    }

    /// First frame of the stream in which the face is swapped, if it ever is.
    pub fn first_swapped_frame(&self) -> Option<u64> {
        match self.act {
            Act::Genuine => None,
            Act::Swapped => Some(self.first_frame),
            Act::SwappedLater => Some(self.first_frame + u64::from(LATE_SWAP_FRAME)),
        }
    }

    /// Frames of the stay with a swapped face, first and last.
    pub fn swapped_span(&self) -> Option<(u32, u32)> {
        let first = self.first_swapped_frame()? - self.first_frame;
        Some((first as u32, STAY_FRAMES as u32 - 1))
    }
}

/// The schedule that follows from a seed. It has no end.
#[derive(Debug, Clone, Copy)]
pub struct Casting {
    seed: u64,
}

impl Casting {
    /// The schedule of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Who stands at `place` in `frame`, if anybody.
    pub fn at(&self, place: usize, frame: u64) -> Option<Appearance> {
        let since = frame.checked_sub(STAGGER_FRAMES * place as u64)?;
        (since % PERIOD < STAY_FRAMES).then(|| self.appearance(place, since / PERIOD))
    }

    /// Everybody who has come by `frames`, in order of coming.
    pub fn until(&self, frames: u64) -> Vec<Appearance> {
        let turns = frames.div_ceil(PERIOD);
        let everybody = (0..turns).flat_map(|turn| (0..PLACES).map(move |place| (place, turn)));
        everybody
            .map(|(place, turn)| self.appearance(place, turn))
            .filter(|appearance| appearance.first_frame < frames)
            .collect()
    }

    fn appearance(&self, place: usize, turn: u64) -> Appearance {
        let number = turn * PLACES as u64 + place as u64;
        let act = self.shuffled_acts(number / 6)[(number % 6) as usize];
        Appearance {
            number,
            place,
            seed: mix(self.seed ^ mix(number + 1)),
            act,
            first_frame: turn * PERIOD + STAGGER_FRAMES * place as u64,
        }
    }

    fn shuffled_acts(&self, six: u64) -> [Act; 6] {
        let mut acts = ACTS;
        let mut state = mix(self.seed ^ mix(six ^ 0xAC75));
        for last in (1..acts.len()).rev() {
            state = mix(state);
            acts.swap(last, (state % (last as u64 + 1)) as usize);
        }
        acts
    }
}

/// SplitMix64.
pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_each_six_people_are_swapped() {
        for seed in 0..50 {
            let people = Casting::new(seed).until(3 * PERIOD);
            assert_eq!(people.len(), 6);
            let genuine = people.iter().filter(|p| p.act == Act::Genuine).count();
            assert_eq!(genuine, 3, "seed {seed}");
        }
    }

    #[test]
    fn the_schedule_and_the_frames_agree() {
        let casting = Casting::new(3);
        for person in casting.until(4 * PERIOD) {
            assert_eq!(casting.at(person.place, person.first_frame), Some(person));
            assert_eq!(casting.at(person.place, person.last_frame()), Some(person));
            assert_eq!(casting.at(person.place, person.last_frame() + 1), None);
        }
    }

    #[test]
    fn seeds_differ() {
        let acts = |seed| {
            Casting::new(seed)
                .until(6 * PERIOD)
                .iter()
                .map(|p| p.act)
                .collect()
        };
        let all: Vec<Vec<Act>> = (0..8).map(acts).collect();
        assert!(all.iter().any(|a| *a != all[0]));
    }
}
