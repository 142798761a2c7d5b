//! A face of nobody: coefficients, expression, skin.

use super::grid::{MeshGrid, noise};
use super::model::FaceModel;
use super::random::{Random, Walk};

const SPREAD: f32 = 0.7;
const COEFFICIENT_MAX: f32 = 1.6;
/// Components that change with the expression; those before are mostly tone
/// and light, those after fine detail.
const EXPRESSIVE: core::ops::Range<usize> = 6..20;
const EXPRESSION: f32 = 0.22;
const CRISPNESS: f32 = 0.6;

/// A sampled face with its expression over time.
pub struct SyntheticPerson {
    model: FaceModel,
    /// The face at rest, without the expression, side x side x RGB.
    base: Vec<f32>,
    expression: Vec<(usize, Walk)>,
    /// Mean colour of cheeks and chin.
    pub skin: [f32; 3],
}

impl SyntheticPerson {
    /// Draws a face; the same stream gives the same face.
    pub fn sample(model: &FaceModel, random: &mut Random) -> Self {
        let mut base = model.mean();
        for index in 0..model.components() {
            let limit = COEFFICIENT_MAX / SPREAD;
            model.add(index, random.normal(limit) * SPREAD, &mut base);
        }
        let expression = EXPRESSIVE
            .filter(|&index| index < model.components())
            .map(|index| (index, Walk::new(random, 1.2, 7.0)))
            .collect();
        sharpen(&mut base, model.side(), CRISPNESS);
        let mut person = Self {
            model: model.clone(),
            base,
            expression,
            skin: [0.0; 3],
        };
        person.skin = person.tone();
        person
    }

    /// Draws `choices` faces and keeps the one whose skin is closest to `tone`.
    pub fn sample_like(
        model: &FaceModel,
        random: &mut Random,
        tone: [f32; 3],
        choices: usize,
    ) -> Self {
        let distance = |person: &Self| -> f32 {
            person
                .skin
                .iter()
                .zip(tone)
                .map(|(a, b)| (a - b) * (a - b))
                .sum()
        };
        let mut best = Self::sample(model, random);
        for _ in 1..choices {
            let other = Self::sample(model, random);
            if distance(&other) < distance(&best) {
                best = other;
            }
        }
        best
    }

    /// The face at `seconds`; `tremble` shifts the expression, in the units of
    /// the coefficients.
    pub fn face(&self, seconds: f64, tremble: f32) -> MeshGrid<3> {
        let mut pixels = self.base.clone();
        for (place, (index, walk)) in self.expression.iter().enumerate() {
            let sign = if place % 2 == 0 { tremble } else { -tremble };
            self.model
                .add(*index, EXPRESSION * walk.at(seconds) + sign, &mut pixels);
        }
        let side = self.model.side();
        let density = side as f32 * self.model.eye_distance();
        MeshGrid {
            width: side,
            height: side,
            corner: [
                -0.5 / self.model.eye_distance(),
                -self.model.eye_line() / self.model.eye_distance(),
            ],
            density,
            texels: pixels.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect(),
        }
    }

    fn tone(&self) -> [f32; 3] {
        let face = self.face(0.0, 0.0);
        let places = [
            (-0.55, 0.55),
            (0.55, 0.55),
            (0.0, 1.4),
            (-0.3, -0.45),
            (0.3, -0.45),
            (0.0, 0.3),
        ];
        let mut sum = [0.0f32; 3];
        for (u, v) in places {
            let colour = face.sample(u, v);
            for (s, c) in sum.iter_mut().zip(colour) {
                *s += c.clamp(0.0, 1.0) / places.len() as f32;
            }
        }
        sum
    }
}

/// Adds `amount` of the difference to a blurred copy. Averages of many faces
/// are soft; this brings edges of eyes and lips back.
fn sharpen(pixels: &mut [f32], side: usize, amount: f32) {
    let copy = pixels.to_vec();
    let stride = side * 3;
    for y in 1..side - 1 {
        for x in 3..stride - 3 {
            let at = y * stride + x;
            let around = copy[at - 3] + copy[at + 3] + copy[at - stride] + copy[at + stride];
            pixels[at] += amount * (copy[at] - around * 0.25);
        }
    }
}

/// Pores and small spots: a pattern fixed to the skin, about ±1.
pub fn pores(seed: u64) -> MeshGrid<1> {
    MeshGrid::draw([-1.3, -1.1], [2.6, 3.0], 72.0, |u, v| {
        let fine = noise(seed, u * 34.0, v * 34.0);
        let coarse = noise(seed ^ 1, u * 11.0, v * 11.0);
        [0.65 * fine + 0.45 * coarse]
    })
}
