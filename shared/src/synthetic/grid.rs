//! Small pictures in face units, and the shapes drawn into them.
//!
//! Face units: the origin is half way between the eyes, u points right, v
//! points down, and the eyes are 1 apart.

use super::random::hash;

/// A picture with `C` values per texel that knows where it lies.
#[derive(Clone, Debug)]
pub struct MeshGrid<const C: usize> {
    pub width: usize,
    pub height: usize,
    /// u and v of the left and top edges.
    pub corner: [f32; 2],
    /// Texels per face unit.
    pub density: f32,
    pub texels: Vec<[f32; C]>,
}

impl<const C: usize> MeshGrid<C> {
    /// A grid over `corner..corner + size` with every texel drawn by `texel(u, v)`.
    pub fn draw(
        corner: [f32; 2],
        size: [f32; 2],
        density: f32,
        mut texel: impl FnMut(f32, f32) -> [f32; C],
    ) -> Self {
        let width = ((size[0] * density) as usize).max(2);
        let height = ((size[1] * density) as usize).max(2);
        let mut texels = Vec::with_capacity(width * height);
        for y in 0..height {
            let v = corner[1] + (y as f32 + 0.5) / density;
            for x in 0..width {
                texels.push(texel(corner[0] + (x as f32 + 0.5) / density, v));
            }
        }
        Self {
            width,
            height,
            corner,
            density,
            texels,
        }
    }

    /// Bilinear value at `u`, `v`; beyond the edge the edge repeats.
    #[inline]
    pub fn sample(&self, u: f32, v: f32) -> [f32; C] {
        let x = ((u - self.corner[0]) * self.density - 0.5)
            .max(0.0)
            .min((self.width - 1) as f32);
        let y = ((v - self.corner[1]) * self.density - 0.5)
            .max(0.0)
            .min((self.height - 1) as f32);
        let (left, top) = (
            (x as usize).min(self.width - 2),
            (y as usize).min(self.height - 2),
        );
        let (fx, fy) = (x - left as f32, y - top as f32);
        let at = top * self.width + left;
        let (a, b) = (&self.texels[at], &self.texels[at + 1]);
        let (c, d) = (
            &self.texels[at + self.width],
            &self.texels[at + self.width + 1],
        );
        core::array::from_fn(|k| {
            let upper = a[k] + fx * (b[k] - a[k]);
            let lower = c[k] + fx * (d[k] - c[k]);
            upper + fy * (lower - upper)
        })
    }
}

/// A convex polygon in face units.
#[derive(Clone, Debug)]
pub struct MeshHull {
    corners: Vec<[f32; 2]>,
}

impl MeshHull {
    /// The convex hull of `points` (Andrew's monotone chain).
    pub fn new(mut points: Vec<[f32; 2]>) -> Self {
        points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
        let cross = |o: [f32; 2], a: [f32; 2], b: [f32; 2]| {
            (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
        };
        let chain = |points: &mut dyn Iterator<Item = [f32; 2]>| {
            let mut chain: Vec<[f32; 2]> = Vec::new();
            for point in points {
                while let [.., o, a] = chain[..] {
                    if cross(o, a, point) > 0.0 {
                        break;
                    }
                    chain.pop();
                }
                chain.push(point);
            }
            chain.pop();
            chain
        };
        let mut corners = chain(&mut points.iter().copied());
        corners.extend(chain(&mut points.iter().rev().copied()));
        Self { corners }
    }

    /// How deep `u`, `v` lies within; negative outside. The distance to the
    /// nearest of the lines through the edges.
    pub fn depth(&self, u: f32, v: f32) -> f32 {
        let next = self.corners.iter().cycle().skip(1);
        self.corners
            .iter()
            .zip(next)
            .fold(f32::INFINITY, |depth, (a, b)| {
                let (ex, ey) = (b[0] - a[0], b[1] - a[1]);
                let length = (ex * ex + ey * ey).sqrt().max(1e-6);
                depth.min((ex * (v - a[1]) - ey * (u - a[0])) / length)
            })
    }
}

/// 0 below `low`, 1 above `high`, smooth between.
pub fn smooth(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// `from` where `amount` is 0, `to` where it is 1.
pub fn mix<const C: usize>(from: [f32; C], to: [f32; C], amount: f32) -> [f32; C] {
    core::array::from_fn(|k| from[k] + amount * (to[k] - from[k]))
}

/// Smooth noise in [-1, 1] with features about 1 wide.
pub fn noise(seed: u64, x: f32, y: f32) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let corner = |i: i64, j: i64| {
        let cell = (fx as i64 + i) as u64 ^ ((fy as i64 + j) as u64).rotate_left(32);
        (hash(seed ^ cell) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    let (tx, ty) = (smooth(0.0, 1.0, x - fx), smooth(0.0, 1.0, y - fy));
    let upper = corner(0, 0) + tx * (corner(1, 0) - corner(0, 0));
    let lower = corner(0, 1) + tx * (corner(1, 1) - corner(0, 1));
    upper + ty * (lower - upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_picture_is_sampled_exactly() {
        let grid = MeshGrid::draw([-1.0, 0.0], [2.0, 3.0], 8.0, |u, v| [u + 2.0 * v]);
        for (u, v) in [(0.0, 1.0), (0.31, 2.2), (-0.77, 0.4)] {
            let [value] = grid.sample(u, v);
            assert!((value - (u + 2.0 * v)).abs() < 1e-5, "{value} at {u}, {v}");
        }
        assert_eq!(grid.sample(f32::NAN, -9.0), grid.sample(-9.0, -9.0));
    }

    #[test]
    fn a_square_hull_knows_its_depth() {
        let points = vec![[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [1.0, 1.0], [0.0, 2.0]];
        let hull = MeshHull::new(points);
        assert_eq!(hull.corners.len(), 4);
        assert!((hull.depth(1.0, 1.0) - 1.0).abs() < 1e-6);
        assert!((hull.depth(3.0, 1.0) + 1.0).abs() < 1e-6);
    }

    #[test]
    fn noise_is_continuous_and_bounded() {
        for i in 0..400 {
            let x = i as f32 * 0.05 - 10.0;
            let (a, b) = (noise(1, x, 0.3), noise(1, x + 0.001, 0.3));
            assert!(a.abs() <= 1.0 && (a - b).abs() < 0.01, "{a} {b} at {x}");
        }
    }
}
