//! Pictures that are delivered properly and show nothing: frozen and black.

use std::time::Duration;

/// When a picture is suspicious.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WatchLimits {
    /// The same bytes for so long are a frozen picture; a sensor's noise never
    /// repeats itself.
    pub frozen_after: Duration,
    /// A dark picture for so long is a black one.
    pub black_after: Duration,
    /// A picture is dark when no sampled pixel has a channel above this,
    /// except one in a hundred.
    pub black_level: u8,
}

impl Default for WatchLimits {
    fn default() -> Self {
        Self {
            frozen_after: Duration::from_millis(1200),
            black_after: Duration::from_secs(1),
            black_level: 12,
        }
    }
}

/// Since when, and whether for long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Lasting(Option<Duration>);

impl Lasting {
    fn update(&mut self, is_so: bool, now: Duration, after: Duration) -> bool {
        if !is_so {
            self.0 = None;
            return false;
        }
        now.saturating_sub(*self.0.get_or_insert(now)) >= after
    }
}

/// Looks at every frame of a camera.
#[derive(Debug)]
pub struct PictureWatch {
    limits: WatchLimits,
    last: Option<u64>,
    frozen: Lasting,
    black: Lasting,
}

impl PictureWatch {
    /// A watch that has seen nothing yet.
    pub fn new(limits: WatchLimits) -> Self {
        Self {
            limits,
            last: None,
            frozen: Lasting::default(),
            black: Lasting::default(),
        }
    }

    /// Whether the bytes of this frame make the picture a frozen one.
    pub fn is_frozen(&mut self, bytes: &[u8], now: Duration) -> bool {
        let print = fingerprint(bytes);
        let same = self.last.replace(print) == Some(print);
        self.frozen.update(same, now, self.limits.frozen_after)
    }

    /// Whether these pixels (red, green, blue, row by row) make it a black one.
    pub fn is_black(&mut self, rgb: &[u8], now: Duration) -> bool {
        let dark = is_dark(rgb, self.limits.black_level);
        self.black.update(dark, now, self.limits.black_after)
    }
}

/// About so many pixels of a frame are looked at.
const SAMPLES: usize = 4096;

fn is_dark(rgb: &[u8], level: u8) -> bool {
    // An odd step does not fall onto the same columns in every row.
    let step = (rgb.len() / 3 / SAMPLES) | 1;
    let (mut seen, mut bright) = (0_usize, 0_usize);
    for pixel in rgb.chunks_exact(3).step_by(step) {
        seen += 1;
        bright += usize::from(pixel.iter().any(|&value| value > level));
    }
    seen > 0 && bright * 100 <= seen
}

/// A number that differs whenever the bytes do, but for one case in 2^64.
fn fingerprint(bytes: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| (state.rotate_left(29) ^ word).wrapping_mul(MULTIPLIER);
    // Four chains, so that the processor need not wait for each product.
    let mut lanes = [1_u64, 2, 3, 4];
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            *lane = mix(*lane, word);
        }
    }
    let rest = blocks.remainder().iter().map(|&byte| u64::from(byte));
    lanes
        .into_iter()
        .chain(rest)
        .fold(bytes.len() as u64, |state, word| {
            let state = mix(state, word);
            state ^ (state >> 31)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(33);

    /// Frames until the answer becomes yes.
    fn frames_until(mut look: impl FnMut(Duration) -> bool) -> u32 {
        (0..1000).find(|&n| look(FRAME * n)).unwrap_or(u32::MAX)
    }

    #[test]
    fn the_same_bytes_are_frozen_after_the_limit_and_one_bit_thaws_them() {
        let mut watch = PictureWatch::new(WatchLimits::default());
        let mut bytes = vec![7; 5000];
        // The first repetition is seen with frame 1, and lasts 1.2 s at 37 + 1.
        let at = frames_until(|now| watch.is_frozen(&bytes, now));
        assert_eq!(at, 38);
        bytes[4999] ^= 1;
        assert!(!watch.is_frozen(&bytes, FRAME * 39));
        assert!(!watch.is_frozen(&bytes, FRAME * 40));
    }

    #[test]
    fn every_byte_counts_for_the_fingerprint() {
        let bytes: Vec<u8> = (0..100).map(|i| i as u8).collect();
        let mut prints = vec![fingerprint(&bytes), fingerprint(&bytes[..99])];
        for at in 0..100 {
            let mut other = bytes.clone();
            other[at] ^= 0x10;
            prints.push(fingerprint(&other));
        }
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), 102);
    }

    #[test]
    fn a_covered_lens_is_black_and_a_dark_room_with_a_lamp_is_not() {
        let mut watch = PictureWatch::new(WatchLimits::default());
        let noise: Vec<u8> = (0..3 * 640 * 480).map(|i| (i * 7 % 12) as u8).collect();
        assert_eq!(frames_until(|now| watch.is_black(&noise, now)), 31);
        let mut lamp = noise;
        for row in 0..60 {
            lamp[3 * 640 * row..][..3 * 100].fill(200);
        }
        assert!(!watch.is_black(&lamp, FRAME * 40));
        assert!(!is_dark(&[], 12));
    }
}
