//! `bw`: grey squares at random places.

use rand::{RngExt, SeedableRng};
use unmask_shared::media::Frame;

use super::Level;
use crate::random::Random;

/// Squares for each 256 pixels of the shorter side.
const FACTOR: [usize; 5] = [16, 32, 48, 64, 80];
const SIDE: usize = 8;
const GREY: u8 = 128;

/// Squares that a frame of this size gets: none below 256 pixels.
fn count(width: usize, height: usize, level: Level) -> usize {
    width.min(height) / 256 * level.of(FACTOR)
}

pub(super) fn apply(frame: &mut Frame, level: Level, seed: u64) {
    let mut random = Random::seed_from_u64(seed);
    let row = frame.width * 3;
    for _ in 0..count(frame.width, frame.height, level) {
        let x = random.random_range(0..frame.width - SIDE);
        let y = random.random_range(0..frame.height - SIDE);
        for line in frame.rgb.chunks_exact_mut(row).skip(y).take(SIDE) {
            if let Some(part) = line.get_mut(x * 3..(x + SIDE) * 3) {
                part.fill(GREY);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn black(width: usize, height: usize) -> Frame {
        Frame {
            width,
            height,
            rgb: vec![0; width * height * 3],
            ..Default::default()
        }
    }

    #[test]
    fn squares_grow_with_the_shorter_side() {
        let level = |number| Level::new(number).unwrap();
        assert_eq!(count(1920, 1080, level(1)), 64);
        assert_eq!(count(1080, 1920, level(5)), 320);
        assert_eq!(count(512, 300, level(2)), 32);
        assert_eq!(count(255, 2000, level(5)), 0);
    }

    #[test]
    fn squares_are_grey_and_whole() {
        let mut frame = black(400, 256);
        apply(&mut frame, Level::new(1).unwrap(), 3);
        let grey = frame.rgb.iter().filter(|v| **v == GREY).count();
        assert_eq!(
            grey + frame.rgb.iter().filter(|v| **v == 0).count(),
            frame.rgb.len()
        );
        let whole = 16 * SIDE * SIDE * 3;
        // Sixteen squares rarely overlap in a picture that holds 1,600 of them.
        assert!((whole * 3 / 4..=whole).contains(&grey), "{grey} of {whole}");
    }

    #[test]
    fn a_small_picture_stays_as_it_is() {
        let mut frame = black(255, 256);
        apply(&mut frame, Level::new(5).unwrap(), 3);
        assert!(frame.rgb.iter().all(|v| *v == 0));
    }
}
