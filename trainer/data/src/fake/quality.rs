//! What a camera, a codec and a network do to a face, the same for real and fake.

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::{DynamicImage, ExtendedColorType};
use rand::RngExt;

use super::Random;
use super::picture::Picture;

/// Drawn once for a real face and its fake, so that quality tells them nothing apart.
#[derive(Clone, Debug)]
pub struct CodecQuality {
    flip: bool,
    grey: bool,
    light: Option<(f32, f32)>,
    blur: Option<f32>,
    rescale: Option<f32>,
    noise: Option<(f32, u32)>,
    jpeg: Vec<u8>,
}

impl CodecQuality {
    /// Draws a degradation; `strength` in [0, 1] scales how often and how hard.
    pub fn sample(strength: f32, random: &mut Random) -> Self {
        let odds = |p: f64| p * f64::from(strength);
        let mut maybe = |p: f64| random.random_bool(odds(p));
        let (light, blur, rescale, noise, jpeg, second) = (
            maybe(0.5),
            maybe(0.3),
            maybe(0.4),
            maybe(0.2),
            maybe(0.65),
            maybe(0.15),
        );
        let grey = maybe(0.05);
        let quality = |random: &mut Random| random.random_range(35..=96);
        let mut chain = Vec::new();
        if jpeg {
            chain.push(quality(random));
        }
        if jpeg && second {
            chain.push(quality(random));
        }
        Self {
            flip: random.random_bool(0.5),
            grey,
            light: light.then(|| {
                (
                    random.random_range(0.8..1.2),
                    random.random_range(-0.12..0.12),
                )
            }),
            blur: blur.then(|| random.random_range(0.3..1.0 + 0.4 * strength)),
            rescale: rescale.then(|| random.random_range(0.6..1.1)),
            noise: noise.then(|| (random.random_range(0.004..0.02), random.random())),
            jpeg: chain,
        }
    }

    /// Degrades a picture; `frame` varies the noise within a clip.
    pub fn apply(&self, picture: &Picture, frame: u32) -> Picture {
        let side = picture.side;
        let mut out = if self.flip {
            flip(picture)
        } else {
            picture.clone()
        };
        if let Some((contrast, brightness)) = self.light {
            out.rgb
                .iter_mut()
                .for_each(|v| *v = (*v - 0.5) * contrast + 0.5 + brightness);
        }
        if self.grey {
            make_grey(&mut out);
        }
        if let Some(sigma) = self.blur {
            out = out.blur(sigma);
        }
        if let Some(ratio) = self.rescale {
            out = out.resize(((side as f32 * ratio) as usize).max(24));
        }
        if let Some((sigma, seed)) = self.noise {
            add_noise(
                &mut out,
                sigma,
                seed.wrapping_add(frame.wrapping_mul(0x9E37_79B9)),
            );
        }
        out.clamp();
        for quality in &self.jpeg {
            out = jpeg_round_trip(&out, *quality).unwrap_or(out);
        }
        if out.side == side {
            out
        } else {
            out.resize(side)
        }
    }
}

fn flip(picture: &Picture) -> Picture {
    let mut rgb = Vec::with_capacity(picture.rgb.len());
    for row in picture.rgb.chunks_exact(picture.side * 3) {
        row.chunks_exact(3)
            .rev()
            .for_each(|pixel| rgb.extend_from_slice(pixel));
    }
    Picture {
        side: picture.side,
        rgb,
    }
}

fn make_grey(picture: &mut Picture) {
    for pixel in picture.rgb.chunks_exact_mut(3) {
        let grey = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
        pixel.fill(grey);
    }
}

/// Noise with a triangular distribution of standard deviation `sigma`.
fn add_noise(picture: &mut Picture, sigma: f32, seed: u32) {
    let mut state = seed | 1;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 - 0.5
    };
    for value in &mut picture.rgb {
        *value += (uniform() + uniform()) * sigma * 2.449;
    }
}

fn jpeg_round_trip(picture: &Picture, quality: u8) -> Option<Picture> {
    let side = u32::try_from(picture.side).ok()?;
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(&picture.to_u8(), side, side, ExtendedColorType::Rgb8)
        .ok()?;
    let decoder = JpegDecoder::new(std::io::Cursor::new(bytes)).ok()?;
    let decoded = DynamicImage::from_decoder(decoder).ok()?.into_rgb8();
    Some(Picture::from_u8(picture.side, decoded.as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn both_classes_get_the_same() {
        let picture = Picture {
            side: 64,
            rgb: (0..64 * 64 * 3).map(|i| (i % 97) as f32 / 97.0).collect(),
        };
        for seed in 0..20 {
            let quality = CodecQuality::sample(1.0, &mut Random::seed_from_u64(seed));
            let once = quality.apply(&picture, 0);
            assert_eq!(once.side, 64);
            assert_eq!(once, quality.apply(&picture, 0));
            assert!(once.rgb.iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }

    #[test]
    fn noise_has_the_stated_spread() {
        let mut picture = Picture {
            side: 100,
            rgb: vec![0.5; 30_000],
        };
        add_noise(&mut picture, 0.02, 12345);
        let variance = picture.rgb.iter().map(|v| (v - 0.5).powi(2)).sum::<f32>() / 30_000.0;
        assert!(
            (variance.sqrt() - 0.02).abs() < 0.001,
            "{}",
            variance.sqrt()
        );
    }
}
