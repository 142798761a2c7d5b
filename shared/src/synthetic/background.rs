//! A room out of focus: wall, furniture-like shapes, texture.

use super::grid::{mix, noise, smooth};
use super::random::Random;

/// Draws a background of width x height x RGB, 8-bit.
pub fn background(random: &mut Random, width: usize, height: usize) -> Vec<u8> {
    let room = Room::sample(random);
    let (columns, rows) = (width.div_ceil(4) + 1, height.div_ceil(4) + 1);
    let unit = 4.0 / height as f32;
    let coarse: Vec<[f32; 3]> = (0..columns * rows)
        .map(|i| room.colour((i % columns) as f32 * unit, (i / columns) as f32 * unit))
        .collect();
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        let fy = (y % 4) as f32 / 4.0;
        for x in 0..width {
            let at = y / 4 * columns + x / 4;
            let fx = (x % 4) as f32 / 4.0;
            let upper = mix(coarse[at], coarse[at + 1], fx);
            let lower = mix(coarse[at + columns], coarse[at + columns + 1], fx);
            pixels.extend(mix(upper, lower, fy).map(|c| (c * 255.0 + 0.5) as u8));
        }
    }
    pixels
}

struct Panel {
    left: f32,
    top: f32,
    width: f32,
    height: f32,
    edge: f32,
    colour: [f32; 3],
    cover: f32,
}

struct Room {
    seed: u64,
    above: [f32; 3],
    below: [f32; 3],
    panels: Vec<Panel>,
    grain: f32,
}

impl Room {
    fn sample(random: &mut Random) -> Self {
        let light = random.range(0.2, 0.85);
        let colour = |random: &mut Random, light: f32| -> [f32; 3] {
            core::array::from_fn(|_| (light + random.range(-0.12, 0.12)).clamp(0.03, 0.97))
        };
        let (above, dimmer) = (colour(random, light), light * random.range(0.6, 1.1));
        let below = colour(random, dimmer);
        let panels = (0..4 + random.below(7))
            .map(|_| {
                let (width, height) = (random.range(0.05, 0.6), random.range(0.08, 1.0));
                let tone = random.range(0.05, 0.9);
                Panel {
                    left: random.range(-0.2, 1.4),
                    top: random.range(-0.2, 0.9),
                    width,
                    height,
                    edge: random.range(0.008, 0.06),
                    colour: colour(random, tone),
                    cover: random.range(0.3, 1.0),
                }
            })
            .collect();
        Self {
            seed: random.bits(),
            above,
            below,
            panels,
            grain: random.range(0.005, 0.035),
        }
    }

    /// Colour at `x`, `y` in units of the height.
    fn colour(&self, x: f32, y: f32) -> [f32; 3] {
        let mut colour = mix(self.above, self.below, y);
        for panel in &self.panels {
            let inside = (x - panel.left)
                .min(panel.left + panel.width - x)
                .min(y - panel.top)
                .min(panel.top + panel.height - y);
            let cover = panel.cover * smooth(-panel.edge, panel.edge, inside);
            colour = mix(colour, panel.colour, cover);
        }
        let grain =
            noise(self.seed, x * 5.0, y * 5.0) + 0.5 * noise(self.seed ^ 1, x * 17.0, y * 17.0);
        colour.map(|c| (c + self.grain * grain).clamp(0.0, 1.0))
    }
}
