//! How many faces are found at a price of false ones.

use serde::Serialize;
use unmask_shared::face::Face;
use unmask_shared::geometry::FaceBox;

/// Least overlap with a face, as intersection over union.
const OVERLAP_MIN: f32 = 0.5;
/// The same with something of which nothing is known, or with a face that was not found yet.
const UNSURE_MIN: f32 = 0.3;

/// Faces of one picture: those to be found, and places of which nothing is known.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// To be found.
    pub faces: Vec<FaceBox>,
    /// Neither right nor wrong.
    pub unsure: Vec<FaceBox>,
}

/// What a finder did on many pictures.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Side of each face to be found, and the score with which it was.
    faces: Vec<(f32, Option<f32>)>,
    /// Scores of false faces, with where they are.
    wrong: Vec<(f32, usize, FaceBox)>,
    pictures: usize,
}

/// What was taken for a face and is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FalseFace {
    /// Which picture, in the order of their names.
    pub picture: usize,
    /// Score.
    pub score: f32,
    /// Where, pixels of the shrunk picture.
    pub bbox: FaceBox,
}

/// Share of faces found, by their side.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Recall {
    /// Least side, pixels.
    pub from_px: f32,
    /// Faces.
    pub faces: usize,
    /// Share of them that was found.
    pub recall: f32,
}

impl Tally {
    /// Adds a picture.
    pub fn add(&mut self, known: &Known, found: &[Face]) {
        let mut found = found.to_vec();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut scores = vec![None; known.faces.len()];
        for face in &found {
            let nearest = (known.faces.iter().enumerate())
                .filter(|(place, _)| scores[*place].is_none())
                .map(|(place, bbox)| (place, bbox.iou(&face.bbox)))
                .max_by(|a, b| a.1.total_cmp(&b.1));
            match nearest {
                Some((place, overlap)) if overlap >= OVERLAP_MIN => {
                    scores[place] = Some(face.score);
                }
                // A box that is off does not find its face, but there is a face.
                Some((_, overlap)) if overlap >= UNSURE_MIN => {}
                _ if known
                    .unsure
                    .iter()
                    .any(|at| at.iou(&face.bbox) >= UNSURE_MIN) => {}
                _ => self.wrong.push((face.score, self.pictures, face.bbox)),
            }
        }
        let sides = known.faces.iter().map(|bbox| bbox.area().sqrt());
        self.faces.extend(sides.zip(scores));
        self.pictures += 1;
    }

    /// Score above which there are at most so many false faces.
    fn threshold(&self, wrong_max: usize) -> f32 {
        let mut wrong: Vec<f32> = self.wrong.iter().map(|(score, ..)| *score).collect();
        wrong.sort_by(|a, b| b.total_cmp(a));
        wrong.get(wrong_max).copied().unwrap_or(f32::NEG_INFINITY)
    }

    /// Recall at one false face in ten pictures, of faces from each side up to the next.
    pub fn recall(&self, sides: &[f32]) -> Vec<Recall> {
        let threshold = self.threshold(self.pictures / 10);
        let ends = sides.iter().skip(1).copied().chain([f32::INFINITY]);
        let of = |(from, end): (f32, f32)| {
            let all = self
                .faces
                .iter()
                .filter(|(side, _)| (from..end).contains(side));
            let found = |face: &&(f32, Option<f32>)| face.1.is_some_and(|score| score > threshold);
            let (faces, found) = (all.clone().count(), all.filter(found).count());
            Recall {
                from_px: from,
                faces,
                recall: found as f32 / faces.max(1) as f32,
            }
        };
        sides.iter().copied().zip(ends).map(of).collect()
    }

    /// The false faces of the highest scores.
    pub fn wrong(&self, count: usize) -> Vec<FalseFace> {
        let of = |&(score, picture, bbox): &(f32, usize, FaceBox)| FalseFace {
            picture,
            score,
            bbox,
        };
        let mut wrong: Vec<FalseFace> = self.wrong.iter().map(of).collect();
        wrong.sort_by(|a, b| b.score.total_cmp(&a.score));
        wrong.truncate(count);
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32, side: f32) -> FaceBox {
        FaceBox {
            x,
            y: 0.0,
            width: side,
            height: side,
        }
    }

    fn face(x: f32, score: f32) -> Face {
        Face {
            bbox: at(x, 40.0),
            landmarks: Default::default(),
            score,
        }
    }

    /// Ten pictures with one face each, found with scores of 0.1 to 1.0; false faces with 0.25
    /// and 0.55: one is allowed, so that faces above 0.25 count.
    #[test]
    fn recall_is_counted_by_hand() {
        let mut tally = Tally::default();
        for picture in 1..=10 {
            let mut found = vec![face(0.0, picture as f32 / 10.0)];
            match picture {
                1 => found.push(face(100.0, 0.25)),
                2 => found.push(face(100.0, 0.55)),
                3 => found.push(face(2.0, 0.05)),
                _ => {}
            }
            let known = Known {
                faces: vec![at(0.0, 40.0)],
                unsure: vec![at(200.0, 40.0)],
            };
            found.push(face(210.0, 0.9));
            tally.add(&known, &found);
        }
        let [small, large] = &tally.recall(&[16.0, 32.0])[..] else {
            panic!("two sizes");
        };
        assert_eq!((small.faces, large.faces), (0, 10));
        assert!((large.recall - 0.8).abs() < 1e-6, "{large:?}");
        let wrong: Vec<_> = (tally.wrong(2).iter())
            .map(|wrong| (wrong.picture, wrong.score, wrong.bbox.x))
            .collect();
        assert_eq!(wrong, [(1, 0.55, 100.0), (0, 0.25, 100.0)]);
    }

    /// Of 40 px, 20 px off: an overlap of a third. Twice on a face that was found: false.
    #[test]
    fn a_box_that_is_off_is_neither_found_nor_false() {
        let known = Known {
            faces: vec![at(0.0, 40.0)],
            unsure: Vec::new(),
        };
        let told = |found: &[Face]| {
            let mut tally = Tally::default();
            tally.add(&known, found);
            (tally.recall(&[16.0])[0].recall, tally.wrong(9).len())
        };
        assert_eq!(told(&[face(20.0, 0.9)]), (0.0, 0));
        assert_eq!(told(&[face(0.0, 0.9), face(20.0, 0.8)]), (1.0, 1));
        assert_eq!(told(&[face(27.0, 0.9)]), (0.0, 1));
    }
}
