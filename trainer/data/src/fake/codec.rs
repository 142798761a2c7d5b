//! A passage through H.264 in the process (OpenH264), as every video took one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use anyhow::{Context, Result};
use openh264::OpenH264API;
use openh264::decoder::Decoder;
use openh264::encoder::{Encoder, EncoderConfig, QpRange, RateControlMode};
use rand::RngExt;
use unmask_shared::geometry::{Point, Similarity};

use super::Random;
use super::picture::Picture;
use super::planes::{BLOCK, Planes, shown};

/// Quantisers drawn, of 0 to 51; an encoder of some 10 MB is kept for each.
const QUANTISERS: [u8; 9] = [18, 21, 24, 27, 30, 33, 36, 39, 42];

/// How a clip is encoded, drawn once for both of its faces.
///
/// The first picture is an intra picture, the next ones are predicted. A still may be
/// predicted too: from itself as it was a moment ago, moved a little.
#[derive(Clone, Debug)]
pub struct Codec {
    quantiser: u8,
    /// Side of the encoded picture by that of the original, at most 1.
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
            false => random.random_range(0.7f32..1.0),
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
            quantiser: QUANTISERS[random.random_range(0..QUANTISERS.len())],
            offset: std::array::from_fn(|_| random.random_range(0..BLOCK)),
        }
    }

    /// Encodes and decodes consecutive pictures of one side, which may have another one
    /// afterwards.
    ///
    /// # Errors
    /// When the codec refuses, which it has no reason to.
    pub fn pass(&self, pictures: &[Picture]) -> Result<Vec<Picture>> {
        MACHINES.with_borrow_mut(|machines| {
            let machine = match machines.entry(self.quantiser) {
                Entry::Occupied(kept) => kept.into_mut().begin(),
                Entry::Vacant(place) => place.insert(Machine::new(self.quantiser)?),
            };
            let mut passed = Vec::with_capacity(pictures.len());
            for (index, picture) in pictures.iter().enumerate() {
                let canvas = picture.side + BLOCK;
                let picture = self.scaled(picture);
                for motion in self.before.iter().filter(|_| index == 0) {
                    let unit = picture.side as f32;
                    let moved = picture.warp(&Similarity {
                        tx: motion.tx * unit,
                        ty: motion.ty * unit,
                        ..*motion
                    });
                    machine.pass(&moved, canvas, self.offset)?;
                }
                passed.push(machine.pass(&picture, canvas, self.offset)?);
            }
            Ok(passed)
        })
    }

    fn scaled(&self, picture: &Picture) -> Picture {
        let side = picture.side as f32 * self.scale;
        match side.round().max(BLOCK as f32) as usize {
            side if side == picture.side => picture.clone(),
            side => picture.resize(side),
        }
    }
}

thread_local! {
    /// By quantiser, kept for all clips of a thread: a new one costs more than a picture.
    static MACHINES: RefCell<BTreeMap<u8, Machine>> = const { RefCell::new(BTreeMap::new()) };
}

/// An encoder of one quantiser and the decoder of its stream.
struct Machine {
    encoder: Encoder,
    decoder: Decoder,
}

impl Machine {
    fn new(quantiser: u8) -> Result<Self> {
        let config = EncoderConfig::new()
            // Takes the quantiser from its range and nothing else: no budget of bits.
            .rate_control_mode(RateControlMode::Bufferbased)
            .qp(QpRange::new(quantiser, quantiser))
            .skip_frames(false)
            .adaptive_quantization(false)
            .background_detection(false)
            .scene_change_detect(false)
            .num_threads(1);
        Ok(Self {
            encoder: Encoder::with_api_config(OpenH264API::from_source(), config)?,
            decoder: Decoder::new()?,
        })
    }

    /// The next picture refers to none before.
    fn begin(&mut self) -> &mut Self {
        self.encoder.force_intra_frame();
        self
    }

    /// All pictures of a clip need the same canvas; another one begins a new stream.
    fn pass(&mut self, picture: &Picture, canvas: usize, offset: [usize; 2]) -> Result<Picture> {
        let planes = Planes::of(picture, canvas, offset);
        let stream = self.encoder.encode(&planes)?.to_vec();
        let decoded = self.decoder.decode(&stream)?;
        let decoded = decoded.context("H.264 gave no picture")?;
        Ok(shown(&decoded, picture.side, offset))
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
            let grain = (((i as u32 / 3) ^ seed).wrapping_mul(2_654_435_761) >> 24) as f32 / 2000.0;
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
        let kept = QUANTISERS.map(kept);
        assert!(kept.windows(2).all(|pair| pair[0] > pair[1]), "{kept:?}");
        assert!(kept[0] > 38.0 && kept[8] < 32.0, "{kept:?}");
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
        let other = picture(9, 144);
        for seed in 0..40 {
            let frames = 1 + seed as usize % 3;
            let codec = Codec::sample(frames, &mut Random::seed_from_u64(seed));
            let clip: Vec<Picture> = (0..frames).map(|_| real.clone()).collect();
            let passed = codec.pass(&clip).unwrap();
            // Also after other pictures of another size, and in a thread of its own.
            for quantiser in QUANTISERS {
                let before = Codec {
                    quantiser,
                    scale: 0.8,
                    ..codec.clone()
                };
                before.pass(std::slice::from_ref(&other)).unwrap();
            }
            assert_eq!(passed, codec.pass(&clip).unwrap());
            let apart = std::thread::scope(|scope| {
                scope.spawn(|| codec.pass(&clip).unwrap()).join().unwrap()
            });
            assert_eq!(passed, apart);
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
