//! Blend masks from face landmarks: convex hulls, roughened and softened.

use rand::RngExt;
use unmask_shared::geometry::{Point, Similarity};

use super::Random;
use super::outline::{Bounds, Outline};
use super::picture::gaussian_blur;

/// Which part of the face is replaced. The first four follow the hulls of
/// DeepFakeMask as Face X-ray and SBI use them; parts are edits of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hull {
    /// Jaw, mouth, nose and brows: three hulls.
    Full,
    /// Hulls of face components with raised brows.
    Extended,
    /// Hulls of face components.
    Components,
    /// One hull of all points.
    Face,
    /// One to three of eyes with brows, nose, mouth, chin.
    Parts,
    /// Everything below the nose, which lip-sync draws anew.
    Lower,
}

/// Jaw without its upper ends, the nose's lower edge.
const LOWER: [usize; 16] = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 31, 32, 33, 34, 35];

const COMPONENTS: [&[usize]; 8] = [
    &[0, 1, 2, 3, 4, 5, 6, 7, 8, 17],
    &[8, 9, 10, 11, 12, 13, 14, 15, 16, 26],
    &[17, 18, 19, 8],
    &[24, 25, 26, 8],
    &[19, 20, 21, 22, 23, 24, 8],
    &[17, 18, 19, 20, 21, 27, 31, 32, 33, 34, 35, 8],
    &[22, 23, 24, 25, 26, 27, 31, 32, 33, 34, 35, 8],
    &[27, 28, 29, 30, 31, 32, 33, 34, 35],
];

const PARTS: [&[usize]; 5] = [
    &[17, 18, 19, 20, 21, 36, 37, 38, 39, 40, 41],
    &[22, 23, 24, 25, 26, 42, 43, 44, 45, 46, 47],
    &[27, 28, 29, 30, 31, 32, 33, 34, 35],
    &[48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59],
    &[4, 5, 6, 7, 8, 9, 10, 11, 12, 48, 54],
];

impl Hull {
    /// Drawn as often as the recipe says: whole faces twice as often as each other kind.
    pub fn sample(random: &mut Random) -> Self {
        match random.random_range(0..6) {
            0 => Self::Full,
            1 => Self::Extended,
            2 => Self::Components,
            3 | 4 => Self::Face,
            _ => Self::Parts,
        }
    }

    /// One convex outline for each of its parts.
    pub(super) fn outlines(self, landmarks: &[Point; 68], random: &mut Random) -> Vec<Outline> {
        let parts = self.parts(landmarks, random);
        parts.into_iter().map(Outline::around).collect()
    }

    fn parts(self, landmarks: &[Point; 68], random: &mut Random) -> Vec<Vec<Point>> {
        let pick = |indices: &[usize]| indices.iter().map(|i| landmarks[*i]).collect::<Vec<_>>();
        match self {
            Self::Face => vec![landmarks.to_vec()],
            Self::Lower => vec![pick(&LOWER)],
            Self::Full => {
                let jaw: Vec<usize> = (0..17).chain(48..68).collect();
                let brows: Vec<usize> = (17..27).chain([0, 27, 16, 33]).collect();
                vec![pick(&jaw), pick(&[27, 28, 29, 30, 33]), pick(&brows)]
            }
            Self::Components => COMPONENTS.iter().map(|part| pick(part)).collect(),
            Self::Extended => {
                let raised = raise_brows(landmarks);
                COMPONENTS
                    .iter()
                    .map(|part| part.iter().map(|i| raised[*i]).collect())
                    .collect()
            }
            Self::Parts => {
                let count = random.random_range(1..=3);
                (0..count)
                    .map(|_| pick(PARTS[random.random_range(0..PARTS.len())]))
                    .collect()
            }
        }
    }
}

/// Lifts the brows by half their distance to the eyes (DeepFakeMask "extended").
fn raise_brows(landmarks: &[Point; 68]) -> [Point; 68] {
    let p = landmarks;
    let left = p[36].midpoint(p[36].midpoint(p[0]));
    let right = p[45].midpoint(p[16].midpoint(p[45]));
    let bottoms = [
        left, p[36], p[37], p[38], p[39], p[42], p[43], p[44], p[45], right,
    ];
    let mut raised = *landmarks;
    for (i, bottom) in bottoms.into_iter().enumerate() {
        let brow = &mut raised[17 + i];
        brow.x += (brow.x - bottom.x) / 2.0;
        brow.y += (brow.y - bottom.y) / 2.0;
    }
    raised
}

/// Everything random about a mask, drawn once and replayed over a clip.
#[derive(Clone, Debug)]
pub struct MaskShape {
    outlines: Vec<Outline>,
    elastic: Vec<Point>,
    reach: f32,
    motion: Similarity,
    first_blur: f32,
    second_blur: f32,
}

/// Control points of the elastic field along each side.
const GRID: usize = 7;

impl MaskShape {
    /// Draws a mask for a face with these landmarks in a picture of this side.
    pub fn sample(landmarks: &[Point; 68], hull: Hull, side: usize, random: &mut Random) -> Self {
        let unit = side as f32 / 256.0;
        let reach = 14.0 * unit * random.random_range(0.2..1.0);
        let swing = |random: &mut Random| random.random_range(-reach..reach);
        let elastic = (0..GRID * GRID)
            .map(|_| Point {
                x: swing(random),
                y: swing(random),
            })
            .collect();
        Self {
            outlines: hull.outlines(landmarks, random),
            elastic,
            reach,
            motion: Similarity::IDENTITY,
            first_blur: unit * random.random_range(1.0..4.5),
            second_blur: unit * random.random_range(1.0..11.0),
        }
    }

    /// The same mask moved with the source, as SBI moves both together.
    pub fn moved(mut self, motion: Similarity) -> Self {
        self.motion = motion;
        self
    }

    /// Draws the mask: `side * side` weights in [0, 1].
    ///
    /// Masks are smooth, so they are drawn at half the resolution.
    pub fn render(&self, side: usize) -> Vec<f32> {
        let half = side.div_ceil(2);
        let mask = self.outline(half, side as f32 / half as f32, side);
        // Blur, keep the plateau (an erosion), blur again: the edge lies inside the hull.
        let blurred = gaussian_blur(&mask, half, 1, self.first_blur / 2.0);
        let eroded: Vec<f32> = blurred
            .iter()
            .map(|v| if *v > 0.98 { 1.0 } else { 0.0 })
            .collect();
        let kept = if eroded.iter().any(|v| *v > 0.0) {
            eroded
        } else {
            mask
        };
        let mut soft = gaussian_blur(&kept, half, 1, self.second_blur / 2.0);
        let peak = soft.iter().fold(0f32, |a, b| a.max(*b)).max(1e-6);
        soft.iter_mut().for_each(|v| *v = (*v / peak).min(1.0));
        enlarge(&soft, half, side)
    }

    /// One inside the moved and roughened outlines, zero outside.
    fn outline(&self, half: usize, scale: f32, side: usize) -> Vec<f32> {
        let back = self.motion.inverse().unwrap_or(Similarity::IDENTITY);
        let bounds = self.moved_bounds();
        let mut mask = vec![0.0; half * half];
        for (i, value) in mask.iter_mut().enumerate() {
            let (x, y) = ((i % half) as f32 + 0.5, (i / half) as f32 + 0.5);
            let point = Point {
                x: x * scale,
                y: y * scale,
            };
            if !bounds.contains(point) {
                continue;
            }
            let swing = self.displacement(point, side);
            let point = back.apply(Point {
                x: point.x + swing.x,
                y: point.y + swing.y,
            });
            if self.outlines.iter().any(|outline| outline.contains(point)) {
                *value = 1.0;
            }
        }
        mask
    }

    /// Beyond these no point is inside, wherever the elastic field takes it.
    fn moved_bounds(&self) -> Bounds {
        let corners = self
            .outlines
            .iter()
            .flat_map(|outline| outline.bounds().corners());
        Bounds::of(corners.map(|corner| self.motion.apply(corner))).grown(self.reach + 1.0)
    }

    fn displacement(&self, point: Point, side: usize) -> Point {
        let scale = (GRID - 1) as f32 / side as f32;
        let (x, y) = (point.x * scale, point.y * scale);
        let (i, j) = ((x as usize).min(GRID - 2), (y as usize).min(GRID - 2));
        let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
        let (u, v) = (smooth(x - i as f32), smooth(y - j as f32));
        let at = |i: usize, j: usize| self.elastic[j * GRID + i];
        let mix = |f: fn(Point) -> f32| {
            let top = f(at(i, j)) * (1.0 - u) + f(at(i + 1, j)) * u;
            let bottom = f(at(i, j + 1)) * (1.0 - u) + f(at(i + 1, j + 1)) * u;
            top * (1.0 - v) + bottom * v
        };
        Point {
            x: mix(|p| p.x),
            y: mix(|p| p.y),
        }
    }
}

/// Bilinear enlargement of a square plane.
fn enlarge(plane: &[f32], from: usize, to: usize) -> Vec<f32> {
    let ratio = from as f32 / to as f32;
    let place = |v: usize| {
        let at = ((v as f32 + 0.5) * ratio - 0.5).clamp(0.0, (from - 1) as f32);
        let low = at as usize;
        (low, (low + 1).min(from - 1), at - low as f32)
    };
    let places: Vec<(usize, usize, f32)> = (0..to).map(place).collect();
    let mut out = Vec::with_capacity(to * to);
    for (y0, y1, v) in &places {
        let (above, below) = (&plane[y0 * from..][..from], &plane[y1 * from..][..from]);
        out.extend(places.iter().map(|(x0, x1, u)| {
            let top = above[*x0] * (1.0 - u) + above[*x1] * u;
            let bottom = below[*x0] * (1.0 - u) + below[*x1] * u;
            top * (1.0 - v) + bottom * v
        }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use unmask_shared::geometry::CropSpec;

    #[test]
    fn every_hull_covers_some_face_and_no_corner() {
        let landmarks = CropSpec::default().with_margin(1.25, 144).landmarks();
        let mut random = Random::seed_from_u64(3);
        for hull in [
            Hull::Full,
            Hull::Extended,
            Hull::Components,
            Hull::Face,
            Hull::Parts,
            Hull::Lower,
        ] {
            let mask = MaskShape::sample(&landmarks, hull, 144, &mut random).render(144);
            let share = mask.iter().sum::<f32>() / mask.len() as f32;
            assert!((0.003..0.8).contains(&share), "{hull:?} covers {share}");
            assert!(
                mask[0] < 0.02 && mask[143] < 0.02,
                "{hull:?} reaches a corner"
            );
            assert!(mask.iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }
}
