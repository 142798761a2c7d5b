//! Putting the layers of one frame together, row by row, and the camera that
//! looks at them.

use super::body::Body;
use super::grid::MeshGrid;
use super::pose::HeadPose;
use super::random::{Random, Walk, hash};
use super::swap::{Mask, Worn};

/// Contrast of the skin's fine pattern.
pub const PORES: f32 = 0.035;
const NOISE_LEVELS: usize = 1024;

/// Everything that is seen in one frame, before the camera.
pub struct RenderLayers<'a> {
    pub width: usize,
    pub background: &'a [u8],
    pub body: &'a Body,
    pub pores: &'a MeshGrid<1>,
    pub pose: HeadPose,
    /// The pose of the torso.
    pub stance: HeadPose,
    pub face: MeshGrid<3>,
    pub swap: Option<(&'a Mask, Worn)>,
}

impl RenderLayers<'_> {
    /// Draws row `y` as RGB in [0, 1] or slightly beyond.
    pub fn row(&self, y: usize, row: &mut [f32]) {
        let background = &self.background[y * self.width * 3..][..self.width * 3];
        for (value, &byte) in row.iter_mut().zip(background) {
            *value = f32::from(byte) * (1.0 / 255.0);
        }
        self.lay(&self.pose, &self.body.back, y, row);
        self.lay(&self.stance, &self.body.torso, y, row);
        self.lay(&self.pose, &self.body.head, y, row);
        self.lay_face(y, row);
        self.lay(&self.pose, &self.body.fringe, y, row);
    }

    /// Lays a premultiplied layer over the row.
    fn lay(&self, pose: &HeadPose, layer: &MeshGrid<4>, y: usize, row: &mut [f32]) {
        self.each(pose, layer, y, |x, u, v| {
            let texel = layer.sample(u, v);
            if texel[3] > 0.0 {
                let pixel = &mut row[x * 3..x * 3 + 3];
                for (value, colour) in pixel.iter_mut().zip(texel) {
                    *value = *value * (1.0 - texel[3]) + colour;
                }
            }
        });
    }

    fn lay_face(&self, y: usize, row: &mut [f32]) {
        self.each(&self.pose, &self.body.outline, y, |x, u, v| {
            let [cover] = self.body.outline.sample(u, v);
            if cover <= 0.0 {
                return;
            }
            let (u, v) = self.pose.turned(u, v);
            let skin = 1.0 + PORES * self.pores.sample(u, v)[0];
            let mut colour = self.face.sample(u, v).map(|c| c * skin);
            if let Some((mask, worn)) = &self.swap {
                let share = mask.cover(u, v);
                if share > 0.0 {
                    colour = super::grid::mix(colour, worn.colour(u, v), share);
                }
            }
            let pixel = &mut row[x * 3..x * 3 + 3];
            for (value, colour) in pixel.iter_mut().zip(colour) {
                *value += cover * (colour - *value);
            }
        });
    }

    /// Calls `put` with x, u, v for the pixels of row `y` that the grid covers.
    /// A grid that begins below the eyes is a torso: it goes on below its last
    /// row, down to the edge of the frame.
    #[inline]
    fn each<const C: usize>(
        &self,
        pose: &HeadPose,
        grid: &MeshGrid<C>,
        y: usize,
        mut put: impl FnMut(usize, f32, f32),
    ) {
        let (left, top) = (grid.corner[0], grid.corner[1]);
        let right = left + grid.width as f32 / grid.density;
        let y = y as f32 + 0.5;
        let (u0, v0) = pose.find(0.5, y);
        let (u1, v1) = pose.find(1.5, y);
        let (du, dv) = (u1 - u0, v1 - v0);
        let bottom = top + grid.height as f32 / grid.density;
        let first = ((left - u0) / du).max(0.0) as usize;
        let last = (((right - u0) / du).max(0.0) as usize + 1).min(self.width);
        for x in first..last {
            let (u, v) = (u0 + du * x as f32, v0 + dv * x as f32);
            if v >= top && (v < bottom || top > 0.0) {
                put(x, u, v);
            }
        }
    }
}

/// Light, lens and sensor of a scene.
pub struct VirtualCamera {
    seed: u64,
    gain: [f32; 3],
    slope: [f32; 2],
    flicker: Walk,
    blur: f32,
    noise: f32,
    quantiles: Vec<f32>,
}

impl VirtualCamera {
    /// Draws a camera.
    pub fn sample(random: &mut Random) -> Self {
        let gain = random.range(0.75, 1.2);
        let warmth = 0.05 * random.normal(2.0);
        let green = 0.015 * random.normal(2.0);
        let mut draws: Vec<f32> = (0..NOISE_LEVELS).map(|_| random.normal(3.0)).collect();
        let mean = draws.iter().sum::<f32>() / NOISE_LEVELS as f32;
        draws.iter_mut().for_each(|d| *d -= mean);
        Self {
            seed: random.bits(),
            gain: [
                gain * (1.0 + warmth),
                gain * (1.0 + green),
                gain * (1.0 - warmth),
            ],
            slope: [0.14 * random.normal(2.0), 0.10 * random.normal(2.0)],
            flicker: Walk::new(random, 3.0, 20.0),
            blur: random.range(0.03, 0.2),
            noise: random.range(0.004, 0.018),
            quantiles: draws,
        }
    }

    /// What the camera makes of frame `index` of `layers`.
    pub fn take(&self, layers: &RenderLayers, height: usize, index: u32, seconds: f64) -> Vec<u8> {
        let stride = layers.width * 3;
        let mut out = Vec::with_capacity(stride * height);
        let mut rows = [
            vec![0.0f32; stride],
            vec![0.0f32; stride],
            vec![0.0f32; stride],
        ];
        let mut soft = vec![0.0f32; stride];
        let exposure = 1.0 + 0.02 * self.flicker.at(seconds);
        layers.row(0, &mut rows[1]);
        let start = rows[1].clone();
        rows[0].copy_from_slice(&start);
        let (side, centre) = (self.blur, 1.0 - 2.0 * self.blur);
        for y in 0..height {
            layers.row((y + 1).min(height - 1), &mut rows[2]);
            let around = rows[0].iter().zip(&rows[1]).zip(&rows[2]);
            for (value, ((above, here), below)) in soft.iter_mut().zip(around) {
                *value = centre * here + side * (above + below);
            }
            let fall = exposure * (1.0 + self.slope[1] * (y as f32 / height as f32 - 0.5));
            self.read_out(
                &soft,
                fall,
                hash(self.seed ^ (u64::from(index) << 32 | y as u64)),
                &mut out,
            );
            rows.rotate_left(1);
        }
        out
    }

    /// Blurs a row across, lights it, adds noise and appends it as bytes.
    fn read_out(&self, row: &[f32], light: f32, seed: u64, out: &mut Vec<u8>) {
        let width = row.len() / 3;
        let (side, centre) = (self.blur, 1.0 - 2.0 * self.blur);
        let slope = self.slope[0] / width as f32;
        for x in 0..width {
            let (before, at, after) = (x.saturating_sub(1) * 3, x * 3, (x + 1).min(width - 1) * 3);
            let level = light + light * slope * (x as f32 - 0.5 * width as f32);
            let bits = hash(seed.wrapping_add((x as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            for k in 0..3 {
                let soft = centre * row[at + k] + side * (row[before + k] + row[after + k]);
                let lit = soft * level * self.gain[k];
                let draw = self.quantiles[(bits >> (k * 10)) as usize % NOISE_LEVELS];
                let seen = lit + self.noise * (0.6 + 0.8 * lit) * draw;
                out.push((seen * 255.0 + 0.5) as u8);
            }
        }
    }
}
