//! Landmarks of the mean face, with the error that a landmark model would have.

use rand::RngExt;
use unmask_shared::geometry::{CropSpec, Point, Similarity};

use super::Random;

/// Mean-face landmarks in a crop of this geometry, turned, scaled, shifted and roughened.
pub(super) fn jittered(crop: &CropSpec, random: &mut Random) -> [Point; 68] {
    let side = f32::from(crop.size);
    let centre = Point {
        x: side / 2.0,
        y: side / 2.0,
    };
    let motion = Similarity::about(
        centre,
        1.0 + normal(0.04, random),
        normal(3f32.to_radians(), random),
        normal(0.02, random) * side,
        normal(0.02, random) * side,
    );
    crop.landmarks().map(|point| {
        let moved = motion.apply(point);
        let noise = 0.008 * side;
        Point {
            x: moved.x + normal(noise, random),
            y: moved.y + normal(noise, random),
        }
    })
}

/// A sum of uniforms: close enough to a normal for a jitter, and bounded.
pub(super) fn normal(sigma: f32, random: &mut Random) -> f32 {
    (0..4)
        .map(|_| random.random_range(-1.0f32..1.0))
        .sum::<f32>()
        * sigma
        * 0.866
}
