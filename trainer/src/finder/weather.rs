//! Patterns without faces, and what light, lens, sensor and codec do to a scene.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::io::Cursor;
use unmask_shared::media::{Frame, decode_picture};
use unmask_shared::synthetic::Random;

use super::picture::Canvas;

/// Draws a gradient with ellipses, bars and grain.
pub fn pattern(canvas: &mut Canvas, random: &mut Random) {
    let colour = |random: &mut Random| -> [f32; 3] {
        let light = random.range(0.0, 255.0);
        let tint = if random.chance(0.5) { 20.0 } else { 90.0 };
        std::array::from_fn(|_| light + random.range(-tint, tint))
    };
    let (from, to) = (colour(random), colour(random));
    let (dx, dy) = (random.range(-1.0, 1.0), random.range(-1.0, 1.0));
    let (width, height) = (canvas.width, canvas.height);
    for (place, pixel) in canvas.rgb.chunks_exact_mut(3).enumerate() {
        let along = dx * (place % width) as f32 / width as f32
            + dy * (place / width) as f32 / height as f32;
        let share = along.abs().min(1.0);
        for (value, (from, to)) in pixel.iter_mut().zip(from.iter().zip(to)) {
            *value = from + share * (to - from);
        }
    }
    for _ in 0..random.below(24) {
        let shape = Shape {
            colour: colour(random),
            middle: [
                random.range(0.0, width as f32),
                random.range(0.0, height as f32),
            ],
            half: std::array::from_fn(|_| 2.0 * 60.0_f32.powf(random.unit())),
            turn: random.range(0.0, std::f32::consts::PI),
            round: random.chance(0.6),
            ring: random.chance(0.2),
        };
        shape.draw(canvas);
    }
    if random.chance(0.4) {
        let strength = random.range(4.0, 60.0);
        let coarse = 1 + random.below(6);
        grain(canvas, random, strength, coarse);
    }
}

struct Shape {
    colour: [f32; 3],
    middle: [f32; 2],
    half: [f32; 2],
    turn: f32,
    round: bool,
    ring: bool,
}

impl Shape {
    fn draw(&self, canvas: &mut Canvas) {
        let reach = self.half[0].hypot(self.half[1]);
        let span = |middle: f32, most: usize| {
            let clip = |value: f32| value.clamp(0.0, most as f32) as usize;
            clip(middle - reach)..clip(middle + reach)
        };
        let (sin, cos) = self.turn.sin_cos();
        for y in span(self.middle[1], canvas.height) {
            for x in span(self.middle[0], canvas.width) {
                let (dx, dy) = (x as f32 - self.middle[0], y as f32 - self.middle[1]);
                let along = ((cos * dx + sin * dy) / self.half[0]).abs();
                let across = ((cos * dy - sin * dx) / self.half[1]).abs();
                let radius = if self.round {
                    along.hypot(across)
                } else {
                    along.max(across)
                };
                if radius < 1.0 && !(self.ring && radius < 0.7) {
                    canvas.rgb[3 * (y * canvas.width + x)..][..3].copy_from_slice(&self.colour);
                }
            }
        }
    }
}

/// Adds noise that is the same in blocks of `coarse` pixels.
fn grain(canvas: &mut Canvas, random: &mut Random, strength: f32, coarse: usize) {
    let columns = canvas.width.div_ceil(coarse);
    let mut row = vec![0.0; columns];
    for (y, pixels) in canvas.rgb.chunks_exact_mut(3 * canvas.width).enumerate() {
        if y % coarse == 0 {
            row.iter_mut()
                .for_each(|value| *value = strength * random.range(-1.0, 1.0));
        }
        for (x, pixel) in pixels.chunks_exact_mut(3).enumerate() {
            pixel.iter_mut().for_each(|value| *value += row[x / coarse]);
        }
    }
}

/// What happens to a scene on its way.
#[derive(Clone, Debug)]
pub struct Weather {
    gain: f32,
    offset: f32,
    cast: [f32; 3],
    gamma: Option<f32>,
    grey: bool,
    blurs: usize,
    noise: Option<f32>,
    jpeg: Option<u8>,
}

impl Weather {
    /// Draws it.
    pub fn sample(random: &mut Random) -> Self {
        Self {
            gain: if random.chance(0.6) {
                random.range(0.55, 1.35)
            } else {
                1.0
            },
            offset: if random.chance(0.4) {
                random.range(-35.0, 35.0)
            } else {
                0.0
            },
            cast: if random.chance(0.3) {
                std::array::from_fn(|_| random.range(0.85, 1.15))
            } else {
                [1.0; 3]
            },
            gamma: random.chance(0.25).then(|| random.range(0.55, 1.8)),
            grey: random.chance(0.12),
            blurs: if random.chance(0.2) {
                1 + random.below(2)
            } else {
                0
            },
            noise: random.chance(0.35).then(|| random.range(2.0, 22.0)),
            jpeg: random.chance(0.25).then(|| random.range(25.0, 92.0) as u8),
        }
    }

    /// Lets it come over a canvas.
    pub fn apply(&self, canvas: &mut Canvas, random: &mut Random) {
        for _ in 0..self.blurs {
            blur(canvas);
        }
        let table = self.gamma.map(|gamma| {
            let level = |n: usize| 255.0 * (n as f32 / 255.0).powf(gamma);
            std::array::from_fn::<f32, 256, _>(level)
        });
        for pixel in canvas.rgb.chunks_exact_mut(3) {
            if self.grey {
                let luma = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
                pixel.fill(luma);
            }
            for (value, cast) in pixel.iter_mut().zip(self.cast) {
                *value = *value * self.gain * cast + self.offset;
                if let Some(table) = &table {
                    *value = table[value.clamp(0.0, 255.0) as usize];
                }
            }
        }
        if let Some(strength) = self.noise {
            for value in &mut canvas.rgb {
                // The sum of two is closer to a normal number than one.
                *value += strength * (random.unit() + random.unit() - 1.0);
            }
        }
        if let Some(quality) = self.jpeg {
            compress(canvas, quality);
        }
    }
}

/// Means of 3x3 pixels.
fn blur(canvas: &mut Canvas) {
    let stride = 3 * canvas.width;
    let mut across = canvas.rgb.clone();
    for (to, from) in across
        .chunks_exact_mut(stride)
        .zip(canvas.rgb.chunks_exact(stride))
    {
        for at in 3..stride - 3 {
            to[at] = (from[at - 3] + from[at] + from[at + 3]) / 3.0;
        }
    }
    for y in 1..canvas.height - 1 {
        for x in 0..stride {
            let at = y * stride + x;
            canvas.rgb[at] = (across[at - stride] + across[at] + across[at + stride]) / 3.0;
        }
    }
}

/// Through a JPEG file; a canvas that cannot be one stays as it is.
fn compress(canvas: &mut Canvas, quality: u8) {
    let bytes: Vec<u8> = canvas.rgb.iter().map(|v| (v + 0.5) as u8).collect();
    let mut file = Vec::new();
    let encoded = JpegEncoder::new_with_quality(&mut file, quality).write_image(
        &bytes,
        canvas.width as u32,
        canvas.height as u32,
        ExtendedColorType::Rgb8,
    );
    let mut frame = Frame::default();
    if encoded.is_ok() && decode_picture(Cursor::new(&file), &mut frame).is_ok() {
        canvas.rgb.clear();
        canvas.rgb.extend(frame.rgb.iter().map(|v| f32::from(*v)));
    }
}
