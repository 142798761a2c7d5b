//! What the outputs of a YuNet say.
//!
//! YuNet (Wu, Peng and Yu, "YuNet: a tiny millisecond-level face detector", Machine Intelligence
//! Research 2023) divides its picture into cells of 8, 16 and 32 pixels and says of each cell
//! whether a face is there, and where. The meaning of the numbers is that of OpenCV's
//! `FaceDetectorYN`.

use crate::geometry::{FaceBox, Point};

use super::Face;

/// Sides of the cells, pixels of the network's picture.
pub(super) const STRIDES: [usize; 3] = [8, 16, 32];
/// Outputs for each side of the cells, and how many numbers of each a cell has.
pub(super) const HEADS: [(&str, usize); 4] = [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)];

/// The outputs for one side of the cells.
///
/// # Shapes
/// - `cls`, `obj`: `[rows, columns]`, 0 to 1: a face, and an object at all
/// - `bbox`: `[rows, columns, 4]`: centre from the cell's corner, in cells; logarithms of width
///   and height in cells
/// - `kps`: `[rows, columns, 5, 2]`: landmarks from the cell's corner, in cells
pub(super) struct Cells<'a> {
    pub(super) stride: usize,
    pub(super) columns: usize,
    pub(super) cls: &'a [f32],
    pub(super) obj: &'a [f32],
    pub(super) bbox: &'a [f32],
    pub(super) kps: &'a [f32],
}

impl Cells<'_> {
    /// Adds the faces with at least `score_min` to `faces`, in pixels of the network's picture.
    pub(super) fn decode(&self, score_min: f32, faces: &mut Vec<Face>) {
        let (boxes, points) = (self.bbox.chunks_exact(4), self.kps.chunks_exact(10));
        let scores = self.cls.iter().zip(self.obj);
        for (cell, (((cls, obj), bbox), kps)) in scores.zip(boxes).zip(points).enumerate() {
            let score = (cls.clamp(0.0, 1.0) * obj.clamp(0.0, 1.0)).sqrt();
            if score.is_nan() || score < score_min {
                continue;
            }
            let place = (cell / self.columns, cell % self.columns);
            faces.extend(face_of_cell(self.stride, place, score, bbox, kps));
        }
    }
}

/// The face of the cell in a row and a column, in pixels of the network's picture; `None` where
/// no crop could be cut from the numbers. `bbox` and `kps` as in [`Cells`], of this cell.
pub(super) fn face_of_cell(
    stride: usize,
    (row, column): (usize, usize),
    score: f32,
    bbox: &[f32],
    kps: &[f32],
) -> Option<Face> {
    let side = stride as f32;
    let (row, column) = (row as f32, column as f32);
    let place = |x: f32, y: f32| Point::new((column + x) * side, (row + y) * side);
    let centre = place(bbox[0], bbox[1]);
    let (width, height) = (bbox[2].exp() * side, bbox[3].exp() * side);
    let face = Face {
        bbox: FaceBox {
            x: centre.x - 0.5 * width,
            y: centre.y - 0.5 * height,
            width,
            height,
        },
        landmarks: std::array::from_fn(|at| place(kps[2 * at], kps[2 * at + 1])),
        score,
    };
    is_face(&face).then_some(face)
}

/// Whether box and landmarks are such that a crop can be cut.
fn is_face(face: &Face) -> bool {
    face.bbox.is_finite()
        && face.bbox.area().is_normal()
        && FaceBox::from_landmarks(&face.landmarks).is_some_and(|face| face.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_as_opencv_reads_them() {
        // The second cell of the second row, of 2 rows of 3 cells of 16 pixels.
        let mut bbox = [0.0; 24];
        bbox[16..20].copy_from_slice(&[0.5, 0.25, 2.0_f32.ln(), 3.0_f32.ln()]);
        let mut kps = [0.0; 60];
        kps[40..50].copy_from_slice(&[-0.5, 0.0, 1.5, 0.0, 0.5, 0.5, 0.0, 1.0, 1.0, 1.25]);
        let cells = Cells {
            stride: 16,
            columns: 3,
            cls: &[0.0, 1.0, f32::NAN, 0.3, 1.2, 0.0],
            obj: &[1.0, 0.1, 1.0, 0.3, 0.64, 1.0],
            bbox: &bbox,
            kps: &kps,
        };
        let mut faces = Vec::new();
        cells.decode(0.5, &mut faces);
        let [face] = faces[..] else {
            panic!("{faces:?}")
        };
        assert!((face.score - 0.8).abs() < 1e-6, "{face:?}");
        let FaceBox {
            x,
            y,
            width,
            height,
        } = face.bbox;
        let wanted = [24.0 - 16.0, 20.0 - 24.0, 32.0, 48.0];
        for (found, wanted) in [x, y, width, height].into_iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-4, "{face:?}");
        }
        assert_eq!(face.landmarks[0], Point::new(8.0, 16.0));
        assert_eq!(face.landmarks[4], Point::new(32.0, 36.0));
    }

    #[test]
    fn numbers_that_no_crop_can_be_cut_from_are_no_face() {
        for (bbox, kps) in [
            ([0.0, 0.0, 100.0, 0.0], [0.0; 10]),
            ([0.0, f32::NAN, 0.0, 0.0], [1.0; 10]),
            ([0.0, 0.0, -120.0, 0.0], [1.0; 10]),
            // All landmarks in one place.
            ([0.0; 4], [1.0; 10]),
        ] {
            let mut faces = Vec::new();
            let cells = Cells {
                stride: 8,
                columns: 1,
                cls: &[1.0],
                obj: &[1.0],
                bbox: &bbox,
                kps: &kps,
            };
            cells.decode(0.5, &mut faces);
            assert_eq!(faces, []);
        }
    }
}
