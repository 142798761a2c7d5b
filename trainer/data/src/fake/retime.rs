//! Fakes that every single frame is innocent of: frames repeated or left out.

use rand::RngExt;

use super::Random;

/// Which frame of a recording is shown at each place of a clip (after the temporal drop
/// and repeat of AltFreezing, Wang et al., CVPR 2023).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retime {
    order: Vec<usize>,
}

impl Retime {
    /// Shortest clip in which a repeat or a gap can be told from a clip's ends.
    pub const FRAMES_MIN: usize = 3;

    /// A frame that stands still for one to half as many further frames as the clip has;
    /// afterwards the recording goes on as if nothing had happened.
    pub fn repeat(frames: usize, random: &mut Random) -> Self {
        let length = span(frames, frames / 2, random);
        let start = random.random_range(0..frames.saturating_sub(length).max(1));
        let shown = |place: usize| {
            if (start..=start + length).contains(&place) {
                start
            } else {
                place
            }
        };
        Self {
            order: (0..frames).map(shown).collect(),
        }
    }

    /// One to half as many frames left out as the clip has, never at its ends.
    ///
    /// The recording has `spare` frames after those of the clip. Where it has any, the
    /// gap is filled from them; without, the frames kept are stretched over the clip's
    /// time, each to the nearest place.
    pub fn drop(frames: usize, spare: usize, random: &mut Random) -> Self {
        let most = (frames / 2).min(frames.saturating_sub(2));
        if spare > 0 {
            let length = span(frames, most.min(spare), random);
            let start = random.random_range(1..frames.max(2));
            let shown = |place: usize| place + if place < start { 0 } else { length };
            return Self {
                order: (0..frames).map(shown).collect(),
            };
        }
        let length = span(frames, most, random);
        let start = random.random_range(1..frames.saturating_sub(length).max(2));
        let kept: Vec<usize> = (0..frames)
            .filter(|place| !(start..start + length).contains(place))
            .collect();
        let last = frames.saturating_sub(1).max(1);
        let stretched = |place: usize| (place * (kept.len() - 1) + last / 2) / last;
        Self {
            order: (0..frames).map(|place| kept[stretched(place)]).collect(),
        }
    }

    /// For each place of the clip, the frame shown, counted from the clip's first.
    pub fn order(&self) -> &[usize] {
        &self.order
    }
}

fn span(frames: usize, most: usize, random: &mut Random) -> usize {
    debug_assert!(frames >= Retime::FRAMES_MIN, "{frames}");
    random.random_range(1..=most.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn draws(make: impl Fn(usize, &mut Random) -> Retime) -> Vec<(usize, Vec<usize>)> {
        let draw = |seed: u64| {
            let frames = 3 + seed as usize % 14;
            let retime = make(frames, &mut Random::seed_from_u64(seed));
            (frames, retime.order)
        };
        (0..300).map(draw).collect()
    }

    #[test]
    fn a_repeat_holds_one_frame_and_catches_up() {
        for (frames, order) in draws(Retime::repeat) {
            let held = order.windows(2).filter(|pair| pair[0] == pair[1]).count();
            assert!((1..=frames / 2).contains(&held), "{order:?}");
            for (place, shown) in order.iter().enumerate() {
                assert!(*shown <= place && place - shown <= held, "{order:?}");
            }
            let own = order.iter().enumerate().filter(|(p, s)| p == *s).count();
            assert_eq!(own, frames - held, "{order:?}");
        }
    }

    #[test]
    fn a_gap_jumps_once_and_fills_up_from_what_follows() {
        for (frames, order) in draws(|frames, random| Retime::drop(frames, 2, random)) {
            let steps: Vec<usize> = order.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert_eq!((order.len(), order[0]), (frames, 0));
            assert_eq!(
                steps.iter().filter(|step| **step != 1).count(),
                1,
                "{order:?}"
            );
            assert!(order[frames - 1] <= frames - 1 + 2, "{order:?}");
        }
    }

    #[test]
    fn without_frames_to_spare_the_rest_is_stretched() {
        for (frames, order) in draws(|frames, random| Retime::drop(frames, 0, random)) {
            assert_eq!(
                (order.len(), order[0], order[frames - 1]),
                (frames, 0, frames - 1)
            );
            let missing = (0..frames).filter(|f| !order.contains(f)).count();
            let held = order.windows(2).filter(|pair| pair[0] == pair[1]).count();
            assert!(missing > 0 && missing == held, "{order:?}");
            assert!(order.windows(2).all(|pair| pair[0] <= pair[1]), "{order:?}");
        }
    }
}
