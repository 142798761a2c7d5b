//! `gnc`: Gaussian noise in luma and both colour differences.

use rand::{RngExt, SeedableRng};
use unmask_shared::media::Frame;

use super::Level;
use super::ycbcr::{YCbCr, from_rgb, to_rgb};
use crate::random::Random;

/// Variance of the noise on a component whose range is about one.
const VARIANCE: [f32; 5] = [0.001, 0.002, 0.005, 0.01, 0.05];

/// Clips, then truncates to bytes.
pub(super) fn apply(frame: &mut Frame, level: Level, seed: u64) {
    let mut noise = Normal::new(level.of(VARIANCE).sqrt(), seed);
    for pixel in frame.rgb.chunks_exact_mut(3) {
        let &mut [r, g, b] = pixel else { continue };
        let clean = from_rgb([r, g, b]);
        let noisy = to_rgb(YCbCr {
            y: (clean.y / 255.0 + noise.next()) * 255.0,
            cb: (clean.cb / 255.0 + noise.next()) * 255.0,
            cr: (clean.cr / 255.0 + noise.next()) * 255.0,
        });
        for (value, new) in pixel.iter_mut().zip(noisy) {
            *value = new.clamp(0.0, 255.0) as u8;
        }
    }
}

/// Normal draws in pairs (Box and Muller, 1958).
struct Normal {
    random: Random,
    deviation: f32,
    spare: Option<f32>,
}

impl Normal {
    fn new(deviation: f32, seed: u64) -> Self {
        Self {
            random: Random::seed_from_u64(seed),
            deviation,
            spare: None,
        }
    }

    fn next(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // In (0, 1], so that the logarithm is finite.
        let uniform = 1.0 - self.random.random::<f32>();
        let radius = (-2.0 * uniform.ln()).sqrt() * self.deviation;
        let (sin, cos) = (self.random.random::<f32>() * std::f32::consts::TAU).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deviations of blue, green and red on middle grey, measured with the data set's own
    /// formulae in numpy; for the first three levels they follow from the matrix alone.
    #[test]
    fn middle_grey_gets_the_known_spread() {
        let known = [
            [18.8, 11.9, 15.9],
            [26.6, 16.8, 22.5],
            [42.0, 26.6, 35.6],
            [57.7, 37.5, 49.8],
            [93.1, 74.3, 87.1],
        ];
        for (level, known) in Level::ALL.into_iter().zip(known) {
            let mut frame = Frame {
                width: 256,
                height: 256,
                rgb: vec![128; 256 * 256 * 3],
                ..Default::default()
            };
            apply(&mut frame, level, 11);
            for (channel, known) in [2, 1, 0].into_iter().zip(known) {
                let values = || {
                    frame
                        .rgb
                        .iter()
                        .skip(channel)
                        .step_by(3)
                        .map(|v| f64::from(*v))
                };
                let count = (256 * 256) as f64;
                let mean = values().sum::<f64>() / count;
                let spread = (values().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
                assert!(
                    (spread / known - 1.0).abs() < 0.015,
                    "{level:?}, channel {channel}: {spread}, not {known}"
                );
            }
        }
    }
}
