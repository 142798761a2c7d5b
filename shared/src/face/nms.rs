//! One face where several cells see the same.

use super::Face;

/// A face that overlaps a surer one by more than this is the same.
const IOU_MAX: f32 = 0.3;
/// A face that overlaps the surest by at least this sees the same in the same place.
const IOU_SAME: f32 = 0.5;
/// Only so many are compared, the surest.
pub(super) const CANDIDATES_MAX: usize = 1024;

/// Of the faces that overlap, keeps the surest (greedy non-maximum suppression), its box and
/// landmarks the means of what the cells around say, weighted by their scores: several looks are
/// better than one, as in BlazeFace (Bazarevsky et al., 2019). Of these faces the `most` largest
/// stay, largest first: a wall of small faces must not hide the person before it.
pub fn keep_surest(faces: &mut Vec<Face>, most: usize) {
    faces.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    faces.truncate(CANDIDATES_MAX);
    let mut kept = 0;
    for at in 0..faces.len() {
        let (surest, others) = faces.split_at(kept);
        let face = &others[at - kept];
        if surest
            .iter()
            .all(|surer| surer.bbox.iou(&face.bbox) <= IOU_MAX)
        {
            faces.swap(kept, at);
            kept += 1;
        }
    }
    let (surest, others) = faces.split_at_mut(kept);
    for face in surest {
        *face = blended(face, others);
    }
    faces.truncate(kept);
    largest_first(faces);
    faces.truncate(most);
}

/// The mean of a face and those of `others` that see the same.
fn blended(face: &Face, others: &[Face]) -> Face {
    let is_same = |other: &&Face| other.bbox.iou(&face.bbox) >= IOU_SAME;
    let mut mean = *face;
    let mut total = face.score;
    for other in others.iter().filter(is_same) {
        total += other.score;
        let share = other.score / total;
        let towards = |from: &mut f32, to: f32| *from += share * (to - *from);
        towards(&mut mean.bbox.x, other.bbox.x);
        towards(&mut mean.bbox.y, other.bbox.y);
        towards(&mut mean.bbox.width, other.bbox.width);
        towards(&mut mean.bbox.height, other.bbox.height);
        for (from, to) in mean.landmarks.iter_mut().zip(other.landmarks) {
            towards(&mut from.x, to.x);
            towards(&mut from.y, to.y);
        }
    }
    mean
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
            y: 0.1 * x,
            width: side,
            height: 1.5 * side,
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

    /// Weights 0.9, 0.6 and 0.5 of boxes at 0, 2 and 1; one that overlaps by a third, and one of
    /// somebody else, do not count.
    #[test]
    fn cells_that_see_the_same_are_averaged() {
        let sure = face(0.0, 10.0, 0.9);
        let mut faces = vec![
            face(1.0, 10.0, 0.5),
            face(50.0, 10.0, 0.8),
            sure,
            face(5.0, 10.0, 0.4),
            face(2.0, 10.0, 0.6),
        ];
        keep_surest(&mut faces, 8);
        assert_eq!(faces.len(), 2);
        let found = faces.iter().find(|face| face.score == 0.9).expect("kept");
        let moved = (0.6 * 2.0 + 0.5 * 1.0) / 2.0;
        assert!((found.bbox.x - moved).abs() < 1e-5, "{found:?}");
        assert!((found.bbox.y - 0.1 * moved).abs() < 1e-5, "{found:?}");
        assert!((found.bbox.width - 10.0).abs() < 1e-5, "{found:?}");
        assert!((found.bbox.height - 15.0).abs() < 1e-5, "{found:?}");
        for (found, sure) in found.landmarks.iter().zip(sure.landmarks) {
            assert!((found.x - sure.x - moved).abs() < 1e-4);
            assert!((found.y - sure.y - 0.1 * moved).abs() < 1e-4);
        }
        let other = faces.iter().find(|face| face.score == 0.8).expect("kept");
        assert!((other.bbox.x - 50.0).abs() < 1e-4, "{other:?}");
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
