//! A blend that is unsteady over the frames of a clip.

use rand::RngExt;

use super::Random;

/// How the strength or the colour of a blend changes from frame to frame: drawn once per
/// clip, so that every frame alone is a blend as good as any.
#[derive(Clone, Debug)]
pub struct Flicker {
    moments: Vec<Moment>,
}

/// A blend in one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    /// Factor of the blend's weight, in [0, 1].
    pub(super) strength: f32,
    /// Added to the pasted face, per channel.
    pub(super) tint: [f32; 3],
}

impl Flicker {
    /// Draws a flicker of the strength or of the colour, for a clip of `frames` frames.
    ///
    /// Over two frames or more, strength falls by 30 to 80 % in one of them and is full in
    /// another; colour swings by 0.04 to 0.12 to both sides in one channel and by less in
    /// the others.
    pub fn sample(frames: usize, random: &mut Random) -> Self {
        let swings = swings(frames, random);
        if random.random_bool(0.5) {
            let depth = random.random_range(0.3f32..0.8);
            return Self::of(&swings, |swing| Moment {
                strength: 1.0 - depth * swing,
                tint: [0.0; 3],
            });
        }
        let reach = random.random_range(0.04f32..0.12);
        let direction: [f32; 3] = std::array::from_fn(|_| random.random_range(-1.0f32..1.0));
        let longest = direction.iter().fold(1e-3f32, |a, b| a.max(b.abs()));
        Self::of(&swings, |swing| Moment {
            strength: 1.0,
            tint: direction.map(|d| d / longest * reach * (2.0 * swing - 1.0)),
        })
    }

    fn of(swings: &[f32], moment: impl Fn(f32) -> Moment) -> Self {
        Self {
            moments: swings.iter().map(|swing| moment(*swing)).collect(),
        }
    }

    /// The blend in this frame; frames beyond the clip are steady.
    pub(super) fn at(&self, frame: usize) -> Option<Moment> {
        self.moments.get(frame).copied()
    }
}

/// Uniform draws, stretched so that the lowest is 0 and the highest 1.
fn swings(frames: usize, random: &mut Random) -> Vec<f32> {
    let drawn: Vec<f32> = (0..frames).map(|_| random.random()).collect();
    let low = drawn.iter().fold(f32::INFINITY, |a, b| a.min(*b));
    let high = drawn.iter().fold(0f32, |a, b| a.max(*b));
    let span = (high - low).max(1e-6);
    drawn.iter().map(|v| ((v - low) / span).min(1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn every_flicker_is_seen_and_bounded() {
        for seed in 0..50 {
            let flicker = Flicker::sample(4, &mut Random::seed_from_u64(seed));
            let moments: Vec<Moment> = (0..4).filter_map(|frame| flicker.at(frame)).collect();
            assert_eq!((moments.len(), flicker.at(4)), (4, None));
            let spread = |value: &dyn Fn(&Moment) -> f32| {
                let values = moments.iter().map(value);
                values.clone().fold(f32::MIN, f32::max) - values.fold(f32::MAX, f32::min)
            };
            let strength = spread(&|m| m.strength);
            let tint = (0..3).map(|c| spread(&|m| m.tint[c])).fold(0.0, f32::max);
            assert!(strength >= 0.29 || tint >= 0.07, "{strength} {tint}");
            assert!(strength == 0.0 || tint == 0.0);
            for moment in moments {
                assert!((0.19..=1.0).contains(&moment.strength));
                assert!(moment.tint.iter().all(|t| t.abs() <= 0.12));
            }
        }
    }
}
