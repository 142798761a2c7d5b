//! One face where several cells see the same.

use super::Face;

/// A face that overlaps a surer one by more than this is the same.
const IOU_MAX: f32 = 0.3;
/// Only so many are compared, the surest.
pub(super) const CANDIDATES_MAX: usize = 1024;

/// Keeps the surest of those that overlap (greedy non-maximum suppression), and of these the
/// `most` largest, largest first: a wall of small faces must not hide the person before it.
pub fn keep_surest(faces: &mut Vec<Face>, most: usize) {
    faces.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    faces.truncate(CANDIDATES_MAX);
    let mut kept = 0;
    for at in 0..faces.len() {
        let face = faces[at];
        let is_new = faces[..kept]
            .iter()
            .all(|surer| surer.bbox.iou(&face.bbox) <= IOU_MAX);
        if is_new {
            faces[kept] = face;
            kept += 1;
        }
    }
    faces.truncate(kept);
    largest_first(faces);
    faces.truncate(most);
}

/// The order in which finders give their faces.
pub(super) fn largest_first(faces: &mut [Face]) {
    faces.sort_unstable_by(|a, b| b.bbox.area().total_cmp(&a.bbox.area()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::FaceBox;

    fn face(x: f32, side: f32, score: f32) -> Face {
        let bbox = FaceBox {
            x,
            y: 0.0,
            width: side,
            height: side,
        };
        Face {
            bbox,
            landmarks: bbox.mean_landmarks(),
            score,
        }
    }

    #[test]
    fn the_surest_of_those_that_overlap_stays() {
        let (sure, large, weak) = (
            face(0.0, 10.0, 0.9),
            face(30.0, 20.0, 0.7),
            face(2.0, 10.0, 0.8),
        );
        // A third of overlap is too much, a fifth is not.
        let beside = face(-7.0, 10.0, 0.6);
        let mut faces = vec![weak, large, beside, sure];
        keep_surest(&mut faces, 3);
        assert_eq!(faces[0], large);
        assert_eq!(faces.len(), 3);
        assert!(!faces.contains(&weak) && faces.contains(&beside));
    }

    /// Hundreds of small faces that are surer than the large one.
    #[test]
    fn a_crowd_does_not_hide_a_large_face() {
        let mut faces: Vec<Face> = (0..500)
            .map(|at| face(20.0 * at as f32, 10.0, 0.9 + 1e-4 * at as f32))
            .collect();
        let large = face(-1000.0, 300.0, 0.7);
        faces.push(large);
        keep_surest(&mut faces, 64);
        assert_eq!((faces[0], faces.len()), (large, 64));
    }
}
