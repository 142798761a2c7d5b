//! What surrounds the face: head, ears, hair, neck, shoulders.
//!
//! Drawn once per scene into layers of premultiplied RGBA in face units. The
//! torso moves with the person, the other layers also turn with the head.

use super::grid::{MeshGrid, MeshHull, mix, noise, smooth};
use super::random::Random;
use crate::geometry::{INTER_OCULAR, MEAN_FACE, mean_face_eyes};

const HEAD_DENSITY: f32 = 44.0;
const TORSO_DENSITY: f32 = 30.0;
/// Height of a face of the model relative to the mean face.
const FACE_HEIGHT: f32 = 0.87;
const HAIR_COLOURS: [[f32; 3]; 6] = [
    [0.07, 0.06, 0.06],
    [0.13, 0.09, 0.07],
    [0.23, 0.15, 0.10],
    [0.42, 0.30, 0.18],
    [0.38, 0.17, 0.09],
    [0.52, 0.50, 0.48],
];

/// A point of the mean face in face units.
pub fn landmark(index: usize) -> [f32; 2] {
    let [left, right] = mean_face_eyes();
    let middle = left.midpoint(right);
    let [x, y] = MEAN_FACE[index];
    [
        (x - middle.x) / INTER_OCULAR,
        (y - middle.y) / INTER_OCULAR * FACE_HEIGHT,
    ]
}

/// The layers of one person.
pub struct Body {
    /// Hair behind the shoulders.
    pub back: MeshGrid<4>,
    /// Neck, shoulders, clothes.
    pub torso: MeshGrid<4>,
    /// Ears and bare head.
    pub head: MeshGrid<4>,
    /// Hair before the forehead.
    pub fringe: MeshGrid<4>,
    /// Where the face picture lies on the head.
    pub outline: MeshGrid<1>,
}

/// How a person wears their hair.
struct Hair {
    seed: u64,
    colour: [f32; 3],
    volume: f32,
    /// v to which it falls beside the face.
    length: f32,
    /// v of its lower edge on the forehead.
    line: f32,
    /// Side on which it is parted.
    parting: f32,
    /// 0 for bald, 1 for full.
    cover: f32,
}

impl Hair {
    fn sample(random: &mut Random, skin: [f32; 3]) -> Self {
        let light = skin.iter().sum::<f32>() / 3.0;
        let choices = if light < 0.42 { 2 } else { HAIR_COLOURS.len() };
        let tint = random.range(0.8, 1.3);
        let colour = HAIR_COLOURS[random.below(choices)].map(|c| c * tint);
        let length = match random.below(3) {
            0 => random.range(0.0, 0.35),
            1 => random.range(0.9, 1.9),
            _ => random.range(2.0, 3.4),
        };
        Self {
            seed: random.bits(),
            colour,
            volume: random.range(0.02, 0.22) + if length > 0.5 { 0.1 } else { 0.0 },
            length,
            line: random.range(-0.98, -0.74),
            parting: random.range(-0.5, 0.5),
            cover: if length < 0.5 && random.chance(0.25) {
                0.0
            } else {
                1.0
            },
        }
    }

    /// Colour with strands that run outwards from the crown.
    fn shade(&self, u: f32, v: f32) -> [f32; 3] {
        let (du, dv) = (u - 0.4 * self.parting, v + 1.5);
        let angle = libm::atan2f(du, dv + 0.2);
        let radius = (du * du + dv * dv).sqrt();
        let strands = 0.6 * noise(self.seed, angle * 26.0, radius * 1.6)
            + 0.4 * noise(self.seed ^ 2, angle * 60.0, radius * 2.5);
        let gloss = smooth(0.5, 0.0, (radius - 0.55).abs()) * 0.25;
        self.colour.map(|c| c * (1.0 + 0.38 * strands + gloss))
    }

    /// Cover behind the head.
    fn behind(&self, u: f32, v: f32) -> f32 {
        let ragged = 0.05 * noise(self.seed ^ 3, u * 5.0, v * 5.0);
        let round = ellipse(u, v - 0.12, 1.2 + self.volume, 1.38 + self.volume) + ragged;
        let cap = round.min(self.length + 0.35 - v);
        let side = 1.22 + self.volume + 0.1 * smooth(0.5, 2.2, v) - u.abs() + ragged;
        let fall = side.min(self.length - v + 3.0 * ragged).min(v + 0.1);
        self.cover * smooth(-0.03, 0.05, cap.max(fall))
    }

    /// Cover before the forehead and beside the cheeks.
    fn before(&self, u: f32, v: f32, depth: f32) -> f32 {
        let ragged = 0.035 * noise(self.seed ^ 4, u * 16.0, v * 3.0)
            + 0.07 * noise(self.seed ^ 5, u * 3.0, 0.0);
        let across = (u - self.parting * 0.35) / 1.08;
        let line = self.line + 0.95 * across * across * across * across - 0.06 * across * across;
        let above = line + ragged - v;
        let inside = depth + 0.10 + self.volume * 0.4;
        let beside = if self.length > 0.6 {
            (u.abs() - 0.98 + 0.5 * ragged).min(self.length - v)
        } else {
            -1.0
        };
        self.cover * smooth(-0.06, 0.08, above.max(beside).min(inside))
    }
}

impl Body {
    /// Draws the surroundings of `face`, whose skin has the mean colour `skin`.
    pub fn sample(random: &mut Random, face: &MeshGrid<3>, skin: [f32; 3]) -> Self {
        let hair = Hair::sample(random, skin);
        let width = random.range(0.97, 1.05);
        let chin = random.range(0.96, 1.03);
        let outline = outline(width, chin);
        let back = MeshGrid::draw([-1.9, -2.0], [3.8, 5.4], HEAD_DENSITY, |u, v| {
            let dim = 0.75 - 0.3 * smooth(0.8, 2.0, v);
            over(
                [0.0; 4],
                hair.shade(u, v).map(|c| c * dim),
                hair.behind(u, v),
            )
        });
        let head = MeshGrid::draw([-1.4, -1.5], [2.8, 3.5], HEAD_DENSITY, |u, v| {
            let ear = ellipse(u.abs() - 1.11 * width, v - 0.22, 0.13, 0.3);
            let texel = over([0.0; 4], skin.map(|c| c * 0.8), smooth(-0.04, 0.04, ear));
            let depth = outline.depth(u, v);
            let shade = 0.72 + 0.28 * smooth(0.0, 0.45, depth);
            let flesh = mix(skin, edge_tone(face, u, v), 0.75);
            over(
                texel,
                flesh.map(|c| c * shade),
                smooth(-0.035, 0.035, depth),
            )
        });
        let fringe = MeshGrid::draw([-1.6, -2.0], [3.2, 5.0], HEAD_DENSITY, |u, v| {
            let cover = hair.before(u, v, outline.depth(u, v));
            over([0.0; 4], hair.shade(u, v), cover)
        });
        let outline = MeshGrid::draw([-1.4, -1.6], [2.8, 3.5], 24.0, |u, v| {
            [smooth(0.03, 0.34, outline.depth(u, v))]
        });
        Self {
            back,
            torso: torso(random, skin),
            head,
            fringe,
            outline,
        }
    }
}

/// Colour of the skin beside the face picture: what the picture shows further
/// inside in that direction, blurred.
fn edge_tone(face: &MeshGrid<3>, u: f32, v: f32) -> [f32; 3] {
    const REACH: f32 = 0.14;
    let (du, dv) = (u, v - 0.45);
    let radius = ((du / 0.85) * (du / 0.85) + (dv / 0.95) * (dv / 0.95)).sqrt();
    let pull = 1.0 / radius.max(1.0);
    let mut sum = [0.0; 3];
    for tap in 0..9 {
        let (i, j) = ((tap % 3) as f32 - 1.0, (tap / 3) as f32 - 1.0);
        let colour = face.sample(du * pull + i * REACH, 0.45 + dv * pull + j * REACH);
        for (s, c) in sum.iter_mut().zip(colour) {
            *s += c.clamp(0.0, 1.0) / 9.0;
        }
    }
    sum
}

/// Jaw of the mean face below, half an ellipse above.
fn outline(width: f32, chin: f32) -> MeshHull {
    let mut points: Vec<[f32; 2]> = (0..17)
        .map(landmark)
        .map(|[u, v]| [u * width, v * chin])
        .collect();
    let edge = landmark(16)[0] * width;
    for step in 1..16 {
        let angle = core::f32::consts::PI * step as f32 / 16.0;
        points.push([edge * libm::cosf(angle), 0.05 - 1.28 * libm::sinf(angle)]);
    }
    MeshHull::new(points)
}

fn torso(random: &mut Random, skin: [f32; 3]) -> MeshGrid<4> {
    let seed = random.bits();
    let tone = random.range(0.06, 0.6);
    let cloth: [f32; 3] = core::array::from_fn(|_| (tone * random.range(0.6, 1.4)).min(0.8));
    let stripes = if random.chance(0.3) {
        random.range(3.0, 9.0)
    } else {
        0.0
    };
    let collar = random.range(2.1, 2.5);
    let neck = random.range(0.6, 0.74);
    let shoulders = random.range(1.9, 2.6);
    MeshGrid::draw([-4.2, 0.9], [8.4, 8.0], TORSO_DENSITY, |u, v| {
        let flare = smooth(1.75, 3.3, v);
        let half = neck + 0.12 * smooth(1.9, 2.3, v) + shoulders * flare.sqrt() * flare;
        let cover = smooth(-0.05, 0.05, half - u.abs());
        let under_chin = 0.5 + 0.4 * smooth(1.5, 2.3, v);
        let round = 1.0 - 0.3 * (u / half) * (u / half);
        let flesh = skin.map(|c| c * under_chin * round);
        let weave =
            1.0 + 0.10 * noise(seed, u * 2.0, v * 2.0) + 0.03 * noise(seed ^ 1, u * 7.0, v * 7.0);
        let bands = if stripes > 0.0 {
            0.12 * libm::sinf(v * stripes)
        } else {
            0.0
        };
        let fabric = cloth
            .map(|c| c * (weave + bands) * (1.0 - 0.35 * (u / (half + 0.3)) * (u / (half + 0.3))));
        let edge = v - collar - 0.45 * (1.0 - (u / 0.95) * (u / 0.95)).max(-0.6);
        over(
            [0.0; 4],
            mix(flesh, fabric, smooth(-0.04, 0.04, edge)),
            cover,
        )
    })
}

/// Depth within an ellipse around 0, about in face units; negative outside.
fn ellipse(u: f32, v: f32, a: f32, b: f32) -> f32 {
    (1.0 - ((u / a) * (u / a) + (v / b) * (v / b)).sqrt()) * a.min(b)
}

/// Lays `colour` with `cover` over a premultiplied texel.
fn over(below: [f32; 4], colour: [f32; 3], cover: f32) -> [f32; 4] {
    let keep = 1.0 - cover;
    [
        colour[0] * cover + below[0] * keep,
        colour[1] * cover + below[1] * keep,
        colour[2] * cover + below[2] * keep,
        cover + below[3] * keep,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKIN: [f32; 3] = [0.6, 0.45, 0.4];

    fn plain() -> MeshGrid<3> {
        MeshGrid::draw([-1.3, -0.8], [2.6, 2.6], 8.0, |_, _| SKIN)
    }

    #[test]
    fn layers_are_premultiplied_colours() {
        for seed in 0..8 {
            let body = Body::sample(&mut Random::new(seed, 3), &plain(), SKIN);
            for layer in [&body.back, &body.torso, &body.head, &body.fringe] {
                for texel in &layer.texels {
                    assert!((0.0..=1.0).contains(&texel[3]), "{texel:?}");
                    assert!(
                        texel[..3]
                            .iter()
                            .all(|c| (0.0..=texel[3] * 1.3).contains(c)),
                        "{texel:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn hair_leaves_eyes_and_mouth_free() {
        for seed in 0..40 {
            let body = Body::sample(&mut Random::new(seed, 3), &plain(), SKIN);
            for (u, v) in [(-0.5, 0.0), (0.5, 0.0), (0.0, 0.6), (0.0, 1.1)] {
                assert_eq!(body.fringe.sample(u, v)[3], 0.0, "at {u}, {v} of {seed}");
                assert_eq!(body.outline.sample(u, v)[0], 1.0, "at {u}, {v} of {seed}");
            }
        }
    }
}
