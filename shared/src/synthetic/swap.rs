//! A face swap with the faults that real ones have: a blended mask, colours
//! that nearly fit, a network's low resolution, a place that trembles.

use super::body::landmark;
use super::grid::{MeshGrid, MeshHull, smooth};
use super::model::FaceModel;
use super::person::SyntheticPerson;
use super::random::{Random, Walk};

const MASK_DENSITY: f32 = 32.0;
/// Faces among which the one most like the original is chosen.
const CHOICES: usize = 6;

/// The other face and how it is put on.
pub struct Mask {
    other: SyntheticPerson,
    mask: MeshGrid<1>,
    /// Texels per side of the other face's picture.
    resolution: usize,
    /// Sharpening (positive) or blur (negative) of that picture.
    crispness: f32,
    /// How far its colours are matched, 0..=1.
    match_share: f32,
    cast: [f32; 3],
    shading: [f32; 2],
    drift: [Walk; 2],
    drift_size: f32,
    tremble: f32,
    seed: u64,
}

/// The other face, ready for one frame.
pub struct Worn {
    face: MeshGrid<3>,
    gain: [f32; 3],
    offset: [f32; 3],
    shading: [f32; 2],
    shift: [f32; 2],
}

impl Worn {
    /// Colour of the other face at a place in face units.
    #[inline]
    pub fn colour(&self, u: f32, v: f32) -> [f32; 3] {
        let colour = self.face.sample(u + self.shift[0], v + self.shift[1]);
        let light = 1.0 + self.shading[0] * u + self.shading[1] * (v - 0.5);
        core::array::from_fn(|k| (colour[k] * self.gain[k] + self.offset[k]) * light)
    }
}

/// A colour shift that a careful eye sees, in any direction.
fn cast(random: &mut Random) -> [f32; 3] {
    let direction: [f32; 3] = core::array::from_fn(|_| random.normal(2.0));
    let length = direction
        .iter()
        .map(|d| d * d)
        .sum::<f32>()
        .sqrt()
        .max(1e-3);
    let size = random.range(0.16, 0.24);
    direction.map(|d| d / length * size)
}

impl Mask {
    /// Draws a swap onto a person whose skin has the mean colour `skin`.
    pub fn sample(model: &FaceModel, random: &mut Random, skin: [f32; 3]) -> Self {
        let other = SyntheticPerson::sample_like(model, random, skin, CHOICES);
        let edge = random.range(0.04, 0.14);
        let hull = hull(random, edge);
        let inset = random.range(-0.02, 0.04);
        let mask = MeshGrid::draw([-1.35, -1.0], [2.7, 3.0], MASK_DENSITY, |u, v| {
            [smooth(inset, inset + edge, hull.depth(u, v))]
        });
        let match_share = random.range(0.1, 0.5);
        Self {
            other,
            mask,
            resolution: 40 + 8 * random.below(5),
            crispness: random.range(-0.7, 0.3),
            match_share,
            cast: cast(random),
            shading: [0.05 * random.normal(2.0), 0.04 * random.normal(2.0)],
            drift: core::array::from_fn(|_| Walk::new(random, 0.4, 2.0)),
            drift_size: random.range(0.006, 0.02),
            tremble: random.range(0.003, 0.011),
            seed: random.bits(),
        }
    }

    /// How much of the other face shows at a place in face units, 0..=1.
    #[inline]
    pub fn cover(&self, u: f32, v: f32) -> f32 {
        self.mask.sample(u, v)[0]
    }

    /// The other face for frame `index`, fitted onto `face`.
    pub fn wear(&self, face: &MeshGrid<3>, pores: &MeshGrid<1>, index: u32, seconds: f64) -> Worn {
        let mut shake = Random::new(self.seed, u64::from(index));
        let other = self
            .other
            .face(seconds, 12.0 * self.tremble * shake.normal(2.0));
        let (from, to) = (self.colours(&other), self.colours(face));
        let flicker = 1.0 + self.tremble * shake.normal(2.0);
        let share = self.match_share;
        let gain: [f32; 3] = core::array::from_fn(|k| {
            let ratio = (to[k].1 / from[k].1).clamp(0.6, 1.6);
            (1.0 + share * (ratio - 1.0)) * flicker
        });
        let offset = core::array::from_fn(|k| {
            let wanted = from[k].0 + share * (to[k].0 - from[k].0) + self.cast[k];
            wanted - from[k].0 * gain[k]
        });
        let shift = core::array::from_fn(|axis| {
            self.drift_size * self.drift[axis].at(seconds) + self.tremble * shake.normal(2.0)
        });
        let face = self.network(&other, pores);
        Worn {
            face,
            gain,
            offset,
            shading: self.shading,
            shift,
        }
    }

    /// Mean and deviation per channel under the mask, on a sparse grid.
    fn colours(&self, face: &MeshGrid<3>) -> [(f32, f32); 3] {
        let (mut weight, mut sum, mut square) = (1e-6, [0.0; 3], [0.0; 3]);
        for y in (0..face.height).step_by(4) {
            for x in (0..face.width).step_by(4) {
                let u = face.corner[0] + (x as f32 + 0.5) / face.density;
                let v = face.corner[1] + (y as f32 + 0.5) / face.density;
                let cover = self.cover(u, v);
                weight += cover;
                for (k, value) in face.texels[y * face.width + x].iter().enumerate() {
                    sum[k] += cover * value;
                    square[k] += cover * value * value;
                }
            }
        }
        core::array::from_fn(|k| {
            let mean = sum[k] / weight;
            (mean, (square[k] / weight - mean * mean).max(1e-4).sqrt())
        })
    }

    /// What a swap network of limited resolution makes of a face.
    fn network(&self, face: &MeshGrid<3>, pores: &MeshGrid<1>) -> MeshGrid<3> {
        let size = [
            face.width as f32 / face.density,
            face.height as f32 / face.density,
        ];
        let density = self.resolution as f32 / size[0];
        let half = 0.25 / density;
        let mut small = MeshGrid::draw(face.corner, size, density, |u, v| {
            let places = [(-half, -half), (half, -half), (-half, half), (half, half)];
            let mut sum = [0.0; 3];
            for (du, dv) in places {
                let colour = face.sample(u + du, v + dv);
                let skin = 1.0 + super::render::PORES * pores.sample(u + du, v + dv)[0];
                for (s, c) in sum.iter_mut().zip(colour) {
                    *s += 0.25 * c * skin;
                }
            }
            sum
        });
        let (copy, width) = (small.texels.clone(), small.width);
        for y in 1..small.height - 1 {
            for x in 1..width - 1 {
                let at = y * width + x;
                small.texels[at] = core::array::from_fn(|k| {
                    let around = copy[at - 1][k]
                        + copy[at + 1][k]
                        + copy[at - width][k]
                        + copy[at + width][k];
                    copy[at][k] + self.crispness * (copy[at][k] - 0.25 * around)
                });
            }
        }
        small
    }
}

/// The outline of the swapped region: one of several sets of landmarks, grown
/// or shrunk a little. It reaches over the brows by the width of the soft edge.
fn hull(random: &mut Random, edge: f32) -> MeshHull {
    let raise = 0.5 * edge + random.range(0.02, 0.2);
    let brows = (17..27).map(|i| [landmark(i)[0], landmark(i)[1] - raise]);
    let scaled = |range: core::ops::Range<usize>, across: f32, down: f32| {
        range
            .map(landmark)
            .map(move |[u, v]| [u * across, v * down])
    };
    let jaw = match random.below(3) {
        0 => scaled(0..17, 0.96, 0.97),
        1 => scaled(2..15, 0.9, 0.95),
        _ => scaled(3..14, 0.95, 0.9),
    };
    let (across, down) = (random.range(0.88, 0.98), random.range(0.92, 1.0));
    MeshHull::new(
        brows
            .chain(jaw)
            .map(|[u, v]| [u * across, v * down])
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mask_covers_eyes_and_mouth_and_ends_within_the_face() {
        let model = FaceModel::builtin().unwrap();
        for seed in 0..40 {
            let mask = Mask::sample(&model, &mut Random::new(seed, 2), [0.6, 0.5, 0.4]);
            for (u, v) in [(-0.5, 0.0), (0.5, 0.0), (0.0, 0.6), (0.0, 1.1)] {
                assert!(
                    mask.cover(u, v) > 0.8,
                    "{} at {u}, {v} of {seed}",
                    mask.cover(u, v)
                );
            }
            for (u, v) in [(-1.2, 0.2), (1.2, 0.2), (0.0, -0.9), (0.0, 1.75)] {
                assert_eq!(mask.cover(u, v), 0.0, "at {u}, {v} of {seed}");
            }
        }
    }
}
