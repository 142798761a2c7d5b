//! Several looks of a finder at one picture: landmarks that are steadier than those of one.

use anyhow::Result;
use unmask_shared::face::Face;
use unmask_shared::geometry::{FaceBox, Point};
use unmask_shared::media::Frame;

use super::subject::NamedFinder;
use super::truth::TRUE_FROM;

/// Columns and rows that are cut off for one more look at landmarks, also in the mirror: the
/// teacher's own move by some 3 % of the eye distance from look to look.
const LOOKS: [[usize; 2]; 4] = [[0, 0], [5, 3], [3, 6], [7, 1]];
/// Where a landmark of the mirror lies in the picture.
const MIRRORED: [usize; 5] = [1, 0, 2, 4, 3];

/// Faces of which the teacher is sure.
pub(super) fn sure(teacher: &mut NamedFinder, frame: &Frame) -> Result<Vec<Face>> {
    let mut faces = teacher.in_use(frame)?;
    faces.retain(|face| face.score >= TRUE_FROM);
    Ok(faces)
}

/// The same, their landmarks the means of several looks at the picture as it is, not shrunk.
pub(super) fn steady(teacher: &mut NamedFinder, frame: &Frame) -> Result<Vec<Face>> {
    let mut faces = sure(teacher, frame)?;
    let mut sums = vec![([Point::default(); 5], 0.0_f32); faces.len()];
    for look in LOOKS {
        for mirrored in [false, true] {
            let seen = teacher.everything(&looked(frame, look, mirrored))?;
            let back: Vec<Face> = (seen.into_iter())
                .map(|face| unlooked(&face, frame.width, look, mirrored))
                .collect();
            for (face, (sum, count)) in faces.iter().zip(&mut sums) {
                let same = |other: &&Face| other.bbox.iou(&face.bbox) >= 0.5;
                if let Some(other) = back.iter().find(same) {
                    for (sum, place) in sum.iter_mut().zip(other.landmarks) {
                        *sum = Point::new(sum.x + place.x, sum.y + place.y);
                    }
                    *count += 1.0;
                }
            }
        }
    }
    for (face, (sum, count)) in faces.iter_mut().zip(sums) {
        if count > 0.0 {
            face.landmarks = sum.map(|sum| Point::new(sum.x / count, sum.y / count));
        }
    }
    Ok(faces)
}

/// A picture without its first columns and rows, and mirrored then.
fn looked(frame: &Frame, [left, top]: [usize; 2], mirrored: bool) -> Frame {
    let mut rgb = Vec::with_capacity(frame.rgb.len());
    for row in frame.rgb.chunks_exact(3 * frame.width).skip(top) {
        let pixels = row[3 * left.min(frame.width - 1)..].chunks_exact(3);
        if mirrored {
            pixels.rev().for_each(|pixel| rgb.extend_from_slice(pixel));
        } else {
            pixels.for_each(|pixel| rgb.extend_from_slice(pixel));
        }
    }
    Frame {
        width: frame.width - left.min(frame.width - 1),
        height: rgb.len() / 3 / (frame.width - left.min(frame.width - 1)),
        rgb,
        ..Frame::default()
    }
}

/// A face of such a picture in the whole one.
fn unlooked(face: &Face, width: usize, [left, top]: [usize; 2], mirrored: bool) -> Face {
    let across = |x: f32| {
        if mirrored {
            width as f32 - x
        } else {
            x + left as f32
        }
    };
    let place = |point: Point| Point::new(across(point.x), point.y + top as f32);
    let end = face.bbox.x + if mirrored { face.bbox.width } else { 0.0 };
    Face {
        bbox: FaceBox {
            x: across(end),
            y: face.bbox.y + top as f32,
            ..face.bbox
        },
        landmarks: std::array::from_fn(|at| {
            place(face.landmarks[if mirrored { MIRRORED[at] } else { at }])
        }),
        ..*face
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The brightest pixel of a look, brought back, is the brightest of the picture.
    #[test]
    fn what_is_seen_in_a_look_is_found_again() {
        let (width, height) = (20, 14);
        let mut rgb = vec![0; 3 * width * height];
        let (x, y) = (11, 8);
        rgb[3 * (y * width + x)] = 255;
        let frame = Frame {
            width,
            height,
            rgb,
            ..Frame::default()
        };
        for look in LOOKS {
            for mirrored in [false, true] {
                let other = looked(&frame, look, mirrored);
                assert_eq!(other.rgb.len(), 3 * other.width * other.height);
                let at = other.rgb.iter().position(|value| *value == 255).unwrap() / 3;
                let place = Point::new(
                    (at % other.width) as f32 + 0.5,
                    (at / other.width) as f32 + 0.5,
                );
                let face = Face {
                    bbox: FaceBox {
                        x: place.x - 0.5,
                        y: place.y - 0.5,
                        width: 1.0,
                        height: 1.0,
                    },
                    landmarks: [place; 5],
                    score: 1.0,
                };
                let back = unlooked(&face, width, look, mirrored);
                assert_eq!((back.bbox.x, back.bbox.y), (x as f32, y as f32));
                let wanted = Point::new(x as f32 + 0.5, y as f32 + 0.5);
                assert_eq!(back.landmarks, [wanted; 5]);
            }
        }
    }
}
