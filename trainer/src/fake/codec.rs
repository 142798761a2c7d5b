//! A passage through H.264 in the process (OpenH264), as every video took one.

use anyhow::{Context, Result};
use openh264::OpenH264API;
use openh264::decoder::Decoder;
use openh264::encoder::{Encoder, EncoderConfig, QpRange, RateControlMode};
use rand::RngExt;
use unmask_shared::geometry::{Point, Similarity};

use super::Random;
use super::picture::Picture;
use super::planes::{BLOCK, Planes, shown};

/// Quantisers drawn, of 0 to 51.
const QUANTISER: std::ops::RangeInclusive<u8> = 18..=42;

/// How a clip is encoded, drawn once for both of its faces.
///
/// The first picture is an intra picture, the next ones are predicted. A still may be
/// predicted too: from itself as it was a moment ago, moved a little.
#[derive(Clone, Debug)]
pub struct Codec {
    quantiser: u8,
    /// Side of the encoded picture by that of the original.
    scale: f32,
    /// Where the picture begins in its first macroblock.
    offset: [usize; 2],
    /// Of the first picture to those before it, the earliest first, in shares of the side.
    before: Vec<Similarity>,
}

impl Codec {
    /// Draws one for clips of `frames` pictures.
    pub fn sample(frames: usize, random: &mut Random) -> Self {
        let scale = match random.random_bool(0.5) {
            true => 1.0,
            false => random.random_range(0.7f32..1.3),
        };
        let predicted = frames == 1 && random.random_bool(0.35);
        let count = if predicted {
            random.random_range(1..=2)
        } else {
            0
        };
        let centre = Point { x: 0.5, y: 0.5 };
        let mut step = || {
            let zoom = random.random_range(0.99f32..1.01);
            let [x, y] = std::array::from_fn(|_| random.random_range(-0.015f32..0.015));
            Similarity::about(centre, zoom, 0.0, x, y)
        };
        let mut before: Vec<Similarity> = (0..count).map(|_| step()).collect();
        if let [earliest, next] = &mut before[..] {
            *earliest = next.then(earliest);
        }
        Self {
            scale,
            before,
            quantiser: random.random_range(QUANTISER),
            offset: std::array::from_fn(|_| random.random_range(0..BLOCK)),
        }
    }

    /// Encodes and decodes consecutive pictures of one side, which may have another one
    /// afterwards.
    ///
    /// # Errors
    /// When the codec refuses, which it has no reason to.
    pub fn pass(&self, pictures: &[Picture]) -> Result<Vec<Picture>> {
        let config = EncoderConfig::new()
            // With one quantiser to choose from, control of the rate has no effect.
            .rate_control_mode(RateControlMode::Bitrate)
            .qp(QpRange::new(self.quantiser, self.quantiser))
            .skip_frames(false)
            .adaptive_quantization(false)
            .background_detection(false)
            .scene_change_detect(false)
            .num_threads(1);
        let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config)?;
        let mut decoder = Decoder::new()?;
        let mut pass = |picture: &Picture| -> Result<Picture> {
            let planes = Planes::of(picture, self.offset);
            let stream = encoder.encode(&planes)?.to_vec();
            let decoded = decoder.decode(&stream)?.context("H.264 gave no picture")?;
            Ok(shown(&decoded, picture.side, self.offset))
        };
        let scaled = |picture: &Picture| match self.side(picture.side) {
            side if side == picture.side => picture.clone(),
            side => picture.resize(side),
        };
        let mut passed = Vec::with_capacity(pictures.len());
        for (index, picture) in pictures.iter().enumerate() {
            let picture = scaled(picture);
            for motion in self.before.iter().filter(|_| index == 0) {
                let unit = picture.side as f32;
                pass(&picture.warp(&Similarity {
                    tx: motion.tx * unit,
                    ty: motion.ty * unit,
                    ..*motion
                }))?;
            }
            passed.push(pass(&picture)?);
        }
        Ok(passed)
    }

    fn side(&self, side: usize) -> usize {
        (side as f32 * self.scale).round().max(BLOCK as f32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// A face-like picture: slopes, an edge and some texture.
    fn picture(seed: u32, side: usize) -> Picture {
        let value = |i: usize| {
            let (x, y, c) = (i / 3 % side, i / 3 / side, i % 3);
            let grain = ((i as u32 ^ seed).wrapping_mul(2_654_435_761) >> 24) as f32 / 2000.0;
            let wave = ((x + seed as usize) as f32 * 0.3).sin() * (y as f32 * 0.2).cos() * 0.2;
            let edge = if x + y > side { 0.15 } else { 0.0 };
            0.35 + wave + edge + grain + 0.03 * c as f32
        };
        Picture {
            side,
            rgb: (0..side * side * 3).map(value).collect(),
        }
    }

    fn codec(quantiser: u8) -> Codec {
        Codec {
            quantiser,
            scale: 1.0,
            offset: [3, 10],
            before: vec![],
        }
    }

    fn psnr(a: &Picture, b: &Picture) -> f32 {
        let square: f32 = a.rgb.iter().zip(&b.rgb).map(|(a, b)| (a - b).powi(2)).sum();
        -10.0 * (square / a.rgb.len() as f32).log10()
    }

    #[test]
    fn a_coarser_quantiser_keeps_less() {
        let original = picture(1, 144);
        let kept = |quantiser: u8| {
            let passed = codec(quantiser)
                .pass(std::slice::from_ref(&original))
                .unwrap();
            psnr(&passed[0], &original)
        };
        let kept: Vec<f32> = QUANTISER.step_by(3).map(kept).collect();
        assert!(kept.windows(2).all(|pair| pair[0] > pair[1]), "{kept:?}");
        assert!(kept[0] > 38.0 && kept[kept.len() - 1] < 32.0, "{kept:?}");
    }

    /// The step of H.264 doubles every six quantisers, and the square error of a uniform
    /// quantiser is a twelfth of the square of its step: it quadruples, on grey noise that
    /// is far above the step.
    #[test]
    fn the_quantiser_is_the_one_asked_for() {
        let mut noise = picture(5, 96);
        for (i, pixel) in noise.rgb.chunks_exact_mut(3).enumerate() {
            pixel.fill(0.1 + (((i as u32).wrapping_mul(2_654_435_761) ^ 77) >> 24) as f32 / 320.0);
        }
        let error = |quantiser: u8| {
            let passed = codec(quantiser).pass(std::slice::from_ref(&noise)).unwrap();
            10f32.powf(-psnr(&passed[0], &noise) / 10.0)
        };
        for quantiser in [24, 30] {
            let ratio = error(quantiser + 6) / error(quantiser);
            assert!((3.0..5.0).contains(&ratio), "{quantiser}: {ratio}");
        }
    }

    /// Two pictures that differ in one place differ nowhere else, and the same seed gives
    /// the same pixels.
    #[test]
    fn both_classes_get_the_same_and_again_the_same() {
        let real = picture(1, 144);
        for seed in 0..12 {
            let frames = 1 + seed as usize % 3;
            let codec = Codec::sample(frames, &mut Random::seed_from_u64(seed));
            let clip: Vec<Picture> = (0..frames).map(|_| real.clone()).collect();
            let passed = codec.pass(&clip).unwrap();
            assert_eq!(passed, codec.pass(&clip).unwrap());
            assert_eq!(passed.len(), frames);
            assert!(
                passed
                    .iter()
                    .flat_map(|p| &p.rgb)
                    .all(|v| (0.0..=1.0).contains(v))
            );
            let again = Codec::sample(frames, &mut Random::seed_from_u64(seed));
            assert_eq!(passed, again.pass(&clip).unwrap());
        }
    }

    /// A still picture that is predicted from itself gains by the bits spent before; one
    /// that begins a stream does not.
    #[test]
    fn later_pictures_of_a_clip_are_predicted() {
        let original = picture(1, 144);
        let clip = vec![original.clone(); 3];
        let passed = codec(36).pass(&clip).unwrap();
        let alone = codec(36).pass(&clip[..1]).unwrap();
        assert_eq!(passed[0], alone[0]);
        assert!(psnr(&passed[2], &original) > psnr(&passed[0], &original));
        let moved = Codec {
            before: vec![Similarity::about(
                Point { x: 0.5, y: 0.5 },
                1.0,
                0.0,
                0.01,
                0.0,
            )],
            ..codec(36)
        };
        assert_ne!(moved.pass(&clip[..1]).unwrap(), alone);
    }
}
