//! Statistical differences between source and target of a blend.

use rand::RngExt;

use super::Random;
use super::picture::Picture;

/// Shift of channels, saturation, contrast and brightness.
#[derive(Clone, Copy, Debug)]
pub struct ColourShift {
    shift: [f32; 3],
    saturation: f32,
    contrast: f32,
    brightness: f32,
}

impl ColourShift {
    /// Draws a shift; `strength` 1 is the recipe's, smaller is gentler.
    pub fn sample(strength: f32, random: &mut Random) -> Self {
        let mut around = |reach: f32| random.random_range(-reach..=reach) * strength;
        Self {
            shift: std::array::from_fn(|_| around(20.0 / 255.0)),
            saturation: 1.0 + around(0.3),
            contrast: 1.0 + around(0.15),
            brightness: around(0.1),
        }
    }

    /// Applies it in place, clamped to [0, 1].
    pub fn apply(&self, picture: &mut Picture) {
        for pixel in picture.rgb.chunks_exact_mut(3) {
            let grey = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
            for (value, shift) in pixel.iter_mut().zip(self.shift) {
                let saturated = grey + (*value - grey) * self.saturation;
                let contrasted = (saturated - 0.5) * self.contrast + 0.5;
                *value = (contrasted + self.brightness + shift).clamp(0.0, 1.0);
            }
        }
    }
}

/// Loss of resolution, or sharpening.
#[derive(Clone, Copy, Debug)]
pub enum Texture {
    /// Down by this ratio and up again.
    Downscale {
        /// Ratio of sides, above 1.
        ratio: f32,
        /// Nearest neighbour on the way down, as SBI does.
        nearest: bool,
    },
    /// Unsharp mask of this weight.
    Sharpen {
        /// Weight of the added detail.
        amount: f32,
    },
}

impl Texture {
    /// Draws one of the two.
    pub fn sample(random: &mut Random) -> Self {
        if random.random_bool(0.5) {
            let ratio = random.random_range(1.3..4.0);
            Self::Downscale {
                ratio,
                nearest: random.random_bool(0.4),
            }
        } else {
            Self::Sharpen {
                amount: random.random_range(0.4..1.6),
            }
        }
    }

    /// Applies it.
    pub fn apply(&self, picture: &Picture) -> Picture {
        match *self {
            Self::Downscale { ratio, nearest } => {
                let small = ((picture.side as f32 / ratio).round() as usize).max(8);
                let down = if nearest {
                    picture.resize_nearest(small)
                } else {
                    picture.resize(small)
                };
                down.resize(picture.side)
            }
            Self::Sharpen { amount } => {
                let mut sharp = picture.blur(1.0);
                for (s, p) in sharp.rgb.iter_mut().zip(&picture.rgb) {
                    *s = (p + amount * (p - *s)).clamp(0.0, 1.0);
                }
                sharp
            }
        }
    }
}
