//! The hull of a face, deformed, grown or shrunk.

use rand::RngExt;
use unmask_shared::geometry::Point;

use super::cover::Cover;
use crate::fake::landmarks::normal;
use crate::fake::mask::Hull;
use crate::fake::outline::Outline;
use crate::random::Random;

/// Side of the paper's aligned faces in pixels.
pub(super) const PAPER_SIDE: f32 = 317.0;
/// Control points of the deformation along each side.
const GRID: usize = 4;

/// Everything random about the region of a swap, in pixels of a picture of `side`.
#[derive(Clone, Debug)]
pub(super) struct DeformedHull {
    side: usize,
    outlines: Vec<Outline>,
    /// Where the deformed mask looks, for each control point.
    grid: Vec<Point>,
    /// How far the mask's edge moves outwards, or inwards where it is negative.
    growth: f32,
}

impl DeformedHull {
    /// Draws one of four hulls around these landmarks, and what becomes of it.
    pub(super) fn sample(landmarks: &[Point; 68], side: usize, random: &mut Random) -> Self {
        let hulls = [Hull::Full, Hull::Extended, Hull::Components, Hull::Face];
        let hull = hulls[random.random_range(0..hulls.len())];
        Self {
            side,
            outlines: hull.outlines(landmarks, random),
            grid: deformation(side, random),
            growth: growth(side, random),
        }
    }

    /// Which parts of the face the deformed hull covers, after growth; never none.
    pub(super) fn cover(&self) -> Cover {
        let side = self.side.div_ceil(2);
        // Masks end up convex: they are drawn at half the resolution.
        let pixel = self.side as f32 / side as f32;
        let scale = (GRID - 1) as f32 / side as f32;
        let draw = |deformed: bool| -> Vec<bool> {
            let covered = |i: usize| {
                let (x, y) = ((i % side) as f32 + 0.5, (i / side) as f32 + 0.5);
                let point = if deformed {
                    looked_up(&self.grid, x * scale, y * scale)
                } else {
                    Point {
                        x: x * pixel,
                        y: y * pixel,
                    }
                };
                self.outlines.iter().any(|o| o.contains(point))
            };
            (0..side * side).map(covered).collect()
        };
        let growth = (self.growth / pixel).round() as isize;
        let grown = grow(&draw(true), side, growth);
        let inside = if grown.contains(&true) {
            grown
        } else {
            // Deformed out of the picture or shrunk away.
            draw(false)
        };
        Cover {
            side,
            pixel,
            inside,
        }
    }
}

/// Control points of a piecewise affine deformation: a regular grid, each point moved by
/// 1 to 15 % of the side on average, within the picture.
fn deformation(side: usize, random: &mut Random) -> Vec<Point> {
    let side = side as f32;
    let sigma = random.random_range(0.01f32..0.15) * side;
    (0..GRID * GRID)
        .map(|i| {
            let place = |k: usize| k as f32 * side / (GRID - 1) as f32;
            let mut moved = |at: f32| (at + normal(sigma, random)).clamp(0.0, side);
            Point {
                x: moved(place(i % GRID)),
                y: moved(place(i / GRID)),
            }
        })
        .collect()
}

/// Half the paper's kernel: an erosion by up to 21 pixels or a dilation by up to 5.
fn growth(side: usize, random: &mut Random) -> f32 {
    let erode = random.random_bool(0.5);
    let kernel = random.random_range(1..=if erode { 21 } else { 5 }) | 1;
    let pixels = (kernel / 2) as f32 * side as f32 / PAPER_SIDE;
    if erode { -pixels } else { pixels }
}

/// Between control points, in units of the grid: affine in each half of a cell.
fn looked_up(grid: &[Point], x: f32, y: f32) -> Point {
    let (i, j) = ((x as usize).min(GRID - 2), (y as usize).min(GRID - 2));
    let (u, v) = (x - i as f32, y - j as f32);
    let at = |i: usize, j: usize| grid[j * GRID + i];
    let (corner, along, down, u, v) = if u + v <= 1.0 {
        (at(i, j), at(i + 1, j), at(i, j + 1), u, v)
    } else {
        let (corner, along) = (at(i + 1, j + 1), at(i, j + 1));
        (corner, along, at(i + 1, j), 1.0 - u, 1.0 - v)
    };
    Point {
        x: corner.x + u * (along.x - corner.x) + v * (down.x - corner.x),
        y: corner.y + u * (along.y - corner.y) + v * (down.y - corner.y),
    }
}

/// Dilation by a square of `2 * growth + 1` pixels, or erosion where it is negative.
/// Beyond the edges is neither inside nor outside.
fn grow(mask: &[bool], side: usize, growth: isize) -> Vec<bool> {
    let reach = growth.unsigned_abs();
    if reach == 0 {
        return mask.to_vec();
    }
    let spread = growth > 0;
    // Some neighbour inside spreads; some neighbour outside, when shrinking, clears.
    let pass = |mask: &[bool], stride: usize, place: fn(usize, usize) -> usize| -> Vec<bool> {
        (0..mask.len())
            .map(|i| {
                let at = place(i, side);
                let (back, on) = (reach.min(at), reach.min(side - 1 - at));
                let mut near = (i - back * stride..=i + on * stride).step_by(stride);
                near.any(|n| mask[n] == spread) == spread
            })
            .collect()
    };
    let across = pass(mask, 1, |i, side| i % side);
    pass(&across, side, |i, side| i / side)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn deformation_meets_its_control_points_and_is_affine_between() {
        let grid = deformation(90, &mut Random::seed_from_u64(4));
        for (i, point) in grid.iter().enumerate() {
            let found = looked_up(&grid, (i % GRID) as f32, (i / GRID) as f32);
            assert!(found.distance(*point) < 1e-3, "{i}: {found:?} {point:?}");
        }
        // On both halves of a cell and on the diagonal between them.
        let (a, b) = (looked_up(&grid, 1.2, 1.8), looked_up(&grid, 1.8, 1.2));
        let middle = looked_up(&grid, 1.5, 1.5);
        assert!(a.midpoint(b).distance(middle) < 1e-3);
        assert!(
            grid.iter()
                .all(|p| (0.0..=90.0).contains(&p.x) && (0.0..=90.0).contains(&p.y))
        );
    }

    #[test]
    fn growth_moves_every_edge_by_its_pixels() {
        let square = |low: usize, high: usize| -> Vec<bool> {
            (0..400)
                .map(|i| (low..high).contains(&(i % 20)) && (low..high).contains(&(i / 20)))
                .collect()
        };
        assert_eq!(grow(&square(6, 14), 20, 2), square(4, 16));
        assert_eq!(grow(&square(6, 14), 20, -3), square(9, 11));
        assert_eq!(grow(&square(6, 14), 20, -4), square(0, 0));
        assert_eq!(grow(&square(0, 20), 20, -2), square(0, 20));
        let sizes: Vec<isize> = (0..200)
            .map(|seed| growth(317, &mut Random::seed_from_u64(seed)) as isize)
            .collect();
        assert_eq!(
            (sizes.iter().min(), sizes.iter().max()),
            (Some(&-10), Some(&2))
        );
    }

    #[test]
    fn a_hull_that_is_deformed_away_is_left_as_it_was() {
        let square = [(10., 10.), (30., 10.), (30., 30.), (10., 30.)];
        let points = square.map(|(x, y)| Point { x, y });
        let mut hull = DeformedHull {
            side: 40,
            outlines: vec![Outline::around(points.to_vec())],
            grid: vec![Point::default(); GRID * GRID],
            growth: 0.0,
        };
        let covered = |hull: &DeformedHull| hull.cover().inside.iter().filter(|i| **i).count();
        assert_eq!(covered(&hull), 100);
        hull.grid = deformation(40, &mut Random::seed_from_u64(1));
        hull.growth = -40.0;
        assert_eq!(covered(&hull), 100);
    }
}
