//! Which cells are responsible for which faces.
//!
//! A face belongs to the level of its size and there to the cells around its middle (centre
//! sampling: Tian et al., "FCOS", ICCV 2019). Where sizes lie between two levels, both take it.

use unmask_shared::geometry::FaceBox;

use unmask_shared::face::Face;
use unmask_shared::face::dense::graph::STRIDES;

/// Sides of the faces that each level takes, in pixels.
const SIDES: [(f32, f32); 3] = [(0.0, 40.0), (32.0, 136.0), (116.0, f32::INFINITY)];
/// Beyond these sides by this factor, a level may take a face or leave it.
const TOLERANCE: f32 = 1.35;
/// Largest distance of a responsible cell from the middle of its face along each axis, in
/// cells.
const RADIUS: f32 = 1.25;

/// A level of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellGrid {
    /// Pixels per cell.
    pub stride: usize,
    /// Cells in a row.
    pub columns: usize,
    /// Rows of cells.
    pub rows: usize,
    /// Number of its first cell.
    pub first: usize,
}

/// The levels of pictures of this size, the finest first.
pub fn levels(width: usize, height: usize) -> [CellGrid; 3] {
    let mut first = 0;
    STRIDES.map(|stride| {
        let level = CellGrid {
            stride,
            columns: width / stride,
            rows: height / stride,
            first,
        };
        first += level.columns * level.rows;
        level
    })
}

/// A cell that is responsible for a face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Responsible {
    /// Number of the cell.
    pub cell: usize,
    /// Column, row and stride.
    pub place: [f32; 3],
    /// The face.
    pub face: Face,
}

/// What the cells of one picture are to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    /// Cells that see a face.
    pub responsible: Vec<Responsible>,
    /// Cells of which nothing is known.
    pub unknown: Vec<usize>,
}

/// Of a picture with these faces, and with `unsure` boxes in which there may be some.
pub fn assign(levels: &[CellGrid; 3], faces: &[Face], unsure: &[FaceBox]) -> Targets {
    let mut targets = Targets::default();
    for (level, (least, most)) in levels.iter().zip(SIDES) {
        let mut taken: Vec<Option<Face>> = vec![None; level.columns * level.rows];
        let mut unknown = vec![false; taken.len()];
        for face in faces {
            let side = face.bbox.area().sqrt();
            if (least..most).contains(&side) {
                for cell in level.around(&face.bbox) {
                    let smaller =
                        taken[cell].is_none_or(|other| face.bbox.area() < other.bbox.area());
                    if smaller {
                        taken[cell] = Some(*face);
                    }
                }
            } else if (least / TOLERANCE..most * TOLERANCE).contains(&side) {
                level
                    .around(&face.bbox)
                    .for_each(|cell| unknown[cell] = true);
            }
        }
        for unsure in unsure {
            level.inside(unsure).for_each(|cell| unknown[cell] = true);
        }
        for (cell, (face, unknown)) in taken.into_iter().zip(unknown).enumerate() {
            if let Some(face) = face {
                targets.responsible.push(Responsible {
                    cell: level.first + cell,
                    place: [
                        (cell % level.columns) as f32,
                        (cell / level.columns) as f32,
                        level.stride as f32,
                    ],
                    face,
                });
            } else if unknown {
                targets.unknown.push(level.first + cell);
            }
        }
    }
    targets
}

impl CellGrid {
    /// Cells around the middle of a face and within it; at least the one in which the middle
    /// lies, if that is in the picture.
    fn around(&self, bbox: &FaceBox) -> impl Iterator<Item = usize> {
        let stride = self.stride as f32;
        let centre = bbox.centre();
        let reach = |side: f32| (RADIUS).min(0.5 * side / stride);
        let (across, down) = (reach(bbox.width), reach(bbox.height));
        let (x, y) = (centre.x / stride, centre.y / stride);
        self.cells([x - across, y - down, x + across, y + down], Some((x, y)))
    }

    /// Cells whose middle lies in a box.
    fn inside(&self, bbox: &FaceBox) -> impl Iterator<Item = usize> {
        let stride = self.stride as f32;
        let ends = [bbox.x, bbox.y, bbox.x + bbox.width, bbox.y + bbox.height];
        self.cells(ends.map(|end| end / stride), None)
    }

    /// Cells whose middle lies between left, top, right and bottom, in cells, and the one
    /// with `also` in it.
    fn cells(
        &self,
        [left, top, right, bottom]: [f32; 4],
        also: Option<(f32, f32)>,
    ) -> impl Iterator<Item = usize> {
        let (columns, rows) = (self.columns, self.rows);
        let span = |low: f32, high: f32, most: usize| {
            let first = (low - 0.5).ceil().clamp(0.0, most as f32) as usize;
            let end = ((high - 0.5).floor() + 1.0).clamp(0.0, most as f32) as usize;
            first..end.max(first)
        };
        let across = span(left, right, columns);
        let down = span(top, bottom, rows);
        let own = also.and_then(|(x, y)| {
            let within = x >= 0.0 && y >= 0.0 && x < columns as f32 && y < rows as f32;
            let (x, y) = (x as usize, y as usize);
            let listed = across.contains(&x) && down.contains(&y);
            (within && !listed).then_some(y * columns + x)
        });
        down.flat_map(move |row| across.clone().map(move |column| row * columns + column))
            .chain(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unmask_shared::geometry::Point;

    fn face(x: f32, y: f32, side: f32) -> Face {
        Face {
            bbox: FaceBox {
                x: x - side / 2.0,
                y: y - side / 2.0,
                width: side,
                height: side,
            },
            landmarks: [Point::default(); 5],
            score: 1.0,
        }
    }

    #[test]
    fn every_size_has_a_cell_near_its_middle() {
        let levels = levels(320, 256);
        assert_eq!(levels[2].first + levels[2].columns * levels[2].rows, 1680);
        for side in 6..240 {
            for (x, y) in [(150.0, 130.0), (171.3, 118.9), (0.5, 255.5)] {
                let face = face(x, y, side as f32);
                let targets = assign(&levels, &[face], &[]);
                assert!(
                    (1..=18).contains(&targets.responsible.len()),
                    "{side}: {targets:?}"
                );
                for cell in &targets.responsible {
                    let [column, row, stride] = cell.place;
                    let (dx, dy) = ((column + 0.5) * stride - x, (row + 0.5) * stride - y);
                    assert!(dx.abs().max(dy.abs()) <= 1.25 * stride, "{cell:?}");
                    assert!(stride < 1.2 * side as f32 || stride == 8.0, "{cell:?}");
                }
            }
        }
    }

    #[test]
    fn the_smaller_of_two_faces_has_the_cell_and_unsure_boxes_are_unknown() {
        let levels = levels(320, 256);
        let (large, small) = (face(100.0, 100.0, 30.0), face(104.0, 100.0, 12.0));
        let targets = assign(&levels, &[small, large], &[]);
        let at_small = targets
            .responsible
            .iter()
            .find(|cell| cell.place == [13.0, 12.0, 8.0]);
        assert_eq!(at_small.unwrap().face, small);
        let unsure = face(208.0, 48.0, 32.0).bbox;
        let targets = assign(&levels, &[], &[unsure]);
        assert_eq!(targets.responsible, []);
        assert_eq!(targets.unknown.len(), 16 + 4 + 1);
    }
}
