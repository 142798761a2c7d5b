//! How alike two aligned faces are, for want of landmarks.

use unmask_shared::geometry::{CropSpec, Point};

use super::outline::Outline;
use super::picture::Picture;

/// Cells along each side of a crop.
const CELLS: usize = 12;
/// Directions of an edge, over half a turn.
const DIRECTIONS: usize = 4;
/// Weight of edges beside colours: where both halves are equally far between two faces
/// drawn at random, edges would have 0.065. Half of that keeps most of the closeness of
/// edges alone, and of the small gaps of colours alone.
const EDGES: f32 = 0.03;
/// Cells with less of the face than this are left out.
const FACE_SHARE: f32 = 0.1;

/// Which cells of a crop show the mean face.
///
/// Face X-ray looks for the donor whose 68 landmarks are nearest. Crops have no such
/// landmarks, so this compares what landmarks stand for: where dark
/// and light parts lie within the face (colour without its mean, which the colour
/// transfer removes anyway), and where edges run (orientation histograms after Dalal and
/// Triggs, CVPR 2005). It is no measure of identity: a donor may be the same person.
#[derive(Clone, Debug)]
pub struct LikenessGrid {
    side: usize,
    /// Share of each cell that lies in the face's hull.
    cover: Vec<f32>,
}

/// A face as [`LikenessGrid::describe`] saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Likeness {
    values: Vec<f32>,
}

impl LikenessGrid {
    /// For crops of this geometry.
    pub fn new(crop: &CropSpec) -> Self {
        let side = usize::from(crop.size);
        let hull = Outline::around(crop.landmarks().to_vec());
        let mut cells = Cells::new(side);
        for i in 0..side * side {
            let inside = hull.contains(Point {
                x: (i % side) as f32 + 0.5,
                y: (i / side) as f32 + 0.5,
            });
            cells.add(i, 0, f32::from(u8::from(inside)));
        }
        let cover = cells.means(1);
        Self { side, cover }
    }

    /// Describes a face; `picture` has the side of the geometry.
    pub fn describe(&self, picture: &Picture) -> Likeness {
        debug_assert_eq!(picture.side, self.side);
        let mut values = self.colours(picture);
        values.extend(self.edges(picture));
        Likeness { values }
    }

    fn shown(&self) -> impl Iterator<Item = (usize, f32)> {
        let cover = self.cover.iter().copied().enumerate();
        cover.filter(|(_, cover)| *cover > FACE_SHARE)
    }

    /// Colour of each cell less that of the face, weighted so that the squared distance
    /// of two faces is a mean over the face.
    fn colours(&self, picture: &Picture) -> Vec<f32> {
        let mut cells = Cells::new(self.side);
        for (i, pixel) in picture.rgb.chunks_exact(3).enumerate() {
            for (channel, value) in pixel.iter().enumerate() {
                cells.add(i, channel, *value);
            }
        }
        let means = cells.means(3);
        let total: f32 = self.shown().map(|(_, cover)| cover).sum::<f32>().max(1e-6);
        let face: [f32; 3] = std::array::from_fn(|channel| {
            let parts = self
                .shown()
                .map(|(i, cover)| cover * means[i * 3 + channel]);
            parts.sum::<f32>() / total
        });
        self.shown()
            .flat_map(|(i, cover)| {
                let weight = (cover / total / 3.0).sqrt();
                let channels = means[i * 3..][..3].iter().zip(face);
                channels.map(move |(mean, face)| (mean - face) * weight)
            })
            .collect()
    }

    /// Strength of edges in each direction, of unit length over the face.
    fn edges(&self, picture: &Picture) -> Vec<f32> {
        let side = self.side;
        let grey: Vec<f32> = picture
            .rgb
            .chunks_exact(3)
            .map(|pixel| pixel.iter().sum())
            .collect();
        let mut cells = Cells::new(side);
        for y in 1..side.saturating_sub(1) {
            for x in 1..side - 1 {
                let i = y * side + x;
                let across = grey[i + 1] - grey[i - 1];
                let down = grey[i + side] - grey[i - side];
                let strength = across.hypot(down);
                let turn = down.atan2(across).rem_euclid(std::f32::consts::PI);
                let direction = turn / std::f32::consts::PI * DIRECTIONS as f32;
                // Between two directions the edge counts for both.
                let (low, share) = (direction as usize, direction.fract());
                cells.add(i, low % DIRECTIONS, strength * (1.0 - share));
                cells.add(i, (low + 1) % DIRECTIONS, strength * share);
            }
        }
        let means = cells.means(DIRECTIONS);
        let shown = self
            .shown()
            .flat_map(|(i, _)| &means[i * DIRECTIONS..][..DIRECTIONS]);
        let mut edges: Vec<f32> = shown.copied().collect();
        let length = edges.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-9);
        let scale = EDGES.sqrt() / length;
        edges.iter_mut().for_each(|v| *v *= scale);
        edges
    }
}

impl Likeness {
    /// Squared distance: 0 for equal pictures, about 0.06 for two faces at random.
    pub fn distance(&self, other: &Self) -> f32 {
        // In eight sums, which compile to one vector.
        let mut sums = [0.0f32; 8];
        let pairs = self.values.chunks(8).zip(other.values.chunks(8));
        for (a, b) in pairs {
            for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                *sum += (a - b) * (a - b);
            }
        }
        sums.iter().sum()
    }
}

/// Sums over the cells of a square picture.
struct Cells {
    side: usize,
    /// Of up to four channels per cell.
    sums: Vec<[f32; DIRECTIONS]>,
}

impl Cells {
    fn new(side: usize) -> Self {
        Self {
            side,
            sums: vec![[0.0; DIRECTIONS]; CELLS * CELLS],
        }
    }

    fn add(&mut self, pixel: usize, channel: usize, value: f32) {
        let cell = |v: usize| v * CELLS / self.side;
        let (x, y) = (cell(pixel % self.side), cell(pixel / self.side));
        self.sums[y * CELLS + x][channel] += value;
    }

    /// Means per pixel of the first channels, cell by cell.
    fn means(&self, channels: usize) -> Vec<f32> {
        let area = (self.side as f32 / CELLS as f32).powi(2);
        let sums = self.sums.iter().flat_map(|sums| &sums[..channels]);
        sums.map(|sum| sum / area).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::blend::tests::textured;
    use unmask_shared::geometry::Similarity;

    fn grid() -> LikenessGrid {
        LikenessGrid::new(&CropSpec::default().with_margin(1.25, 144))
    }

    /// Two dark eyes on a light face.
    fn face(shift: f32) -> Picture {
        let value = |i: usize| {
            let (x, y) = ((i / 3 % 144) as f32, (i / 432) as f32);
            let eye = |at: f32| (x - at - shift).hypot(y - 56.0) < 8.0;
            if eye(52.0) || eye(92.0) { 0.2 } else { 0.7 }
        };
        Picture {
            side: 144,
            rgb: (0..144 * 144 * 3).map(value).collect(),
        }
    }

    #[test]
    fn the_face_covers_the_middle() {
        let grid = grid();
        let shown: Vec<usize> = grid.shown().map(|(i, _)| i).collect();
        assert!((40..80).contains(&shown.len()), "{shown:?}");
        assert!((grid.cover[6 * CELLS + 6] - 1.0).abs() < 1e-5);
        assert!(grid.cover[0] == 0.0 && grid.cover[CELLS - 1] == 0.0);
    }

    #[test]
    fn a_face_is_like_itself_in_another_light_and_less_so_the_further_it_moves() {
        let grid = grid();
        let mut brighter = face(0.0);
        brighter.rgb.iter_mut().for_each(|v| *v += 0.1);
        let own = grid.describe(&face(0.0));
        let light = own.distance(&grid.describe(&brighter));
        let near = own.distance(&grid.describe(&face(3.0)));
        let far = own.distance(&grid.describe(&face(12.0)));
        assert!(
            light < 1e-6 && light < near && near < far,
            "{light} {near} {far}"
        );
        assert_eq!(own.distance(&own.clone()), 0.0);
    }

    #[test]
    fn edges_tell_their_direction() {
        let stripes = |across: bool| Picture {
            side: 144,
            rgb: (0..144 * 144 * 3)
                .map(|i| if across { i / 3 % 144 } else { i / 432 })
                .map(|place| if place / 6 % 2 == 0 { 0.3 } else { 0.6 })
                .collect(),
        };
        let edges = |picture: &Picture| grid().edges(picture);
        let strongest = |edges: &[f32]| {
            let sum = |k: usize| edges.iter().skip(k).step_by(DIRECTIONS).sum::<f32>();
            (0..DIRECTIONS).max_by(|a, b| sum(*a).total_cmp(&sum(*b)))
        };
        assert_eq!(strongest(&edges(&stripes(true))), Some(0));
        assert_eq!(strongest(&edges(&stripes(false))), Some(2));
        let length: f32 = edges(&textured(1, 144)).iter().map(|v| v * v).sum();
        assert!((length - EDGES).abs() < 1e-4, "{length}");
        let turned = stripes(true).warp(&Similarity::about(
            Point { x: 72.0, y: 72.0 },
            1.0,
            std::f32::consts::FRAC_PI_4,
            0.0,
            0.0,
        ));
        assert_eq!(strongest(&edges(&turned)), Some(1));
    }
}
