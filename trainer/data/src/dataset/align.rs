//! From a picture with faces to the stored crop of one.

use anyhow::{Context, Result};
use image::{ImageEncoder, codecs::png::PngEncoder};
use unmask_shared::face::{Face, Finder, FinderChoice, FinderConfig};
use unmask_shared::geometry::Point;
use unmask_shared::media::{Frame, pad_edges};
use unmask_shared::sample::crop_rgb;

use super::mask::MaskGrid;
use super::record::FaceChoice;
use super::stored_crop;

/// Share of each side that is added by repeating the edge, so that faces that fill
/// the picture are found.
const PADDING: f32 = 0.25;
/// Longest side of the copy that is searched first, in pixels.
const COARSE_PX: u32 = 640;
/// Longest side of the copy that is searched where that did not show the face.
const FINE_PX: u32 = 1280;
/// Smallest face that the finder can see, in pixels.
pub(super) const FACE_PX_LEAST: u32 = 40;
/// Overlap with a mask or an earlier face from which a face counts as that one.
const OVERLAP_MIN: f32 = 0.05;

/// What is known of the face that is wanted.
#[derive(Clone, Copy, Default)]
pub(super) struct Hint<'a> {
    /// Where the picture is manipulated.
    pub(super) mask: Option<&'a MaskGrid>,
    /// Where the face was that a mask chose earlier in the video.
    pub(super) before: Option<&'a Face>,
}

/// A search for the face that a picture is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Search {
    /// It is here, in coordinates of the picture; it may reach beyond the edge.
    Found(Face, FaceChoice),
    /// The largest face has only so many pixels.
    TooSmall(f32),
    /// There is none.
    Nothing,
}

/// Finds the face that a picture is of.
pub(super) struct Aligner {
    coarse: Box<dyn Finder>,
    fine: Box<dyn Finder>,
    least: Box<dyn Finder>,
    min_face_px: u32,
}

impl Aligner {
    pub(super) fn new(choice: &FinderChoice, min_face_px: u32) -> Result<Self> {
        let finder = |min_face_px, longest_side_px| {
            choice.finder(FinderConfig {
                min_face_px,
                longest_side_px,
                ..Default::default()
            })
        };
        Ok(Self {
            coarse: finder(min_face_px, COARSE_PX)?,
            fine: finder(min_face_px, FINE_PX)?,
            least: finder(FACE_PX_LEAST, FINE_PX)?,
            min_face_px,
        })
    }

    /// Searches a picture: coarsely for large faces, finely where that finds none or not
    /// the one that the mask shows, then with the edges drawn out.
    pub(super) fn search(&mut self, picture: &Frame, hint: Hint<'_>) -> Result<Search> {
        let (width, height) = (picture.width, picture.height);
        let coarse = faces(&mut self.coarse, picture)?;
        let first = choose(&coarse, (width, height), hint);
        let as_hinted = hint.mask.is_none() || matches!(first, Some((_, FaceChoice::Mask)));
        if let Some((face, choice)) = first
            && as_hinted
        {
            return Ok(Search::Found(face, choice));
        }
        let finer =
            self.fine.smallest_face_px(width, height) < self.coarse.smallest_face_px(width, height);
        let fine = if finer {
            faces(&mut self.fine, picture)?
        } else {
            vec![]
        };
        let found = choose(&fine, (width, height), hint).or(first);
        if let Some((face, choice)) = found {
            return Ok(Search::Found(face, choice));
        }
        if let Some((face, choice)) = self.search_padded(picture, hint)? {
            return Ok(Search::Found(face, choice));
        }
        let small = faces(&mut self.least, picture)?;
        Ok(match choose(&small, (width, height), hint) {
            Some((face, choice)) if face.face_px() >= self.min_face_px as f32 => {
                Search::Found(face, choice)
            }
            Some((face, _)) => Search::TooSmall(face.face_px()),
            None => Search::Nothing,
        })
    }

    fn search_padded(
        &mut self,
        picture: &Frame,
        hint: Hint<'_>,
    ) -> Result<Option<(Face, FaceChoice)>> {
        let margin = (picture.width.max(picture.height) as f32 * PADDING) as usize;
        let mut padded = Frame::default();
        pad_edges(picture, 1, margin, &mut padded);
        let mut found = faces(&mut self.coarse, &padded)?;
        let margin = margin as f32;
        for face in &mut found {
            face.bbox.x -= margin;
            face.bbox.y -= margin;
            let moved = |at: Point| Point::new(at.x - margin, at.y - margin);
            face.landmarks = face.landmarks.map(moved);
        }
        Ok(choose(&found, (picture.width, picture.height), hint))
    }
}

/// The faces of a picture, largest first.
fn faces(finder: &mut Box<dyn Finder>, picture: &Frame) -> Result<Vec<Face>> {
    let mut faces = Vec::new();
    finder.find(&picture.view()?, &mut faces)?;
    Ok(faces)
}

/// The face that the mask covers best; else that which lies where one was before; else the
/// largest. `faces` come largest first.
fn choose(faces: &[Face], frame: (usize, usize), hint: Hint<'_>) -> Option<(Face, FaceChoice)> {
    let best = |score: &dyn Fn(&Face) -> f32| {
        let scored = faces.iter().map(|face| (score(face), *face));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
        (best.0 >= OVERLAP_MIN).then_some(best.1)
    };
    let masked = hint
        .mask
        .and_then(|mask| best(&|face| mask.overlap(&face.bbox, frame)));
    if let Some(face) = masked {
        return Some((face, FaceChoice::Mask));
    }
    if let Some(face) = hint
        .before
        .and_then(|before| best(&|face| face.bbox.iou(&before.bbox)))
    {
        return Some((face, FaceChoice::Near));
    }
    faces.first().map(|face| (*face, FaceChoice::Largest))
}

/// Cuts the stored crop of a face out of a frame, as a PNG file.
pub(super) fn stored_png(frame: &Frame, face: &Face) -> Result<Vec<u8>> {
    let crop = stored_crop();
    let side = usize::from(crop.size);
    let mut rgb = vec![0; side * side * 3];
    let to_crop = crop.of_face(&face.landmarks);
    let to_crop = to_crop.context("the landmarks of a face coincide")?;
    crop_rgb(&frame.view()?, &to_crop, side, &mut rgb)?;
    let mut png = Vec::new();
    let side = u32::from(crop.size);
    PngEncoder::new(&mut png)
        .write_image(&rgb, side, side, image::ExtendedColorType::Rgb8)
        .context("cannot encode a crop")?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use unmask_shared::geometry::FaceBox;

    use super::*;

    fn square(x: f32, y: f32, side: f32) -> Face {
        let bbox = FaceBox {
            x,
            y,
            width: side,
            height: side,
        };
        Face {
            bbox,
            landmarks: bbox.mean_landmarks(),
            score: 0.9,
        }
    }

    #[test]
    fn without_a_mask_the_largest_face_or_the_one_before_is_taken() {
        let faces = [square(0.0, 0.0, 90.0), square(200.0, 0.0, 50.0)];
        let chosen = choose(&faces, (300, 100), Hint::default());
        assert_eq!(chosen, Some((faces[0], FaceChoice::Largest)));
        let near = square(205.0, 3.0, 48.0);
        let hint = Hint {
            before: Some(&near),
            ..Default::default()
        };
        assert_eq!(
            choose(&faces, (300, 100), hint),
            Some((faces[1], FaceChoice::Near))
        );
        let gone = square(120.0, 50.0, 40.0);
        let hint = Hint {
            before: Some(&gone),
            ..Default::default()
        };
        assert_eq!(
            choose(&faces, (300, 100), hint),
            Some((faces[0], FaceChoice::Largest))
        );
        assert_eq!(choose(&[], (300, 100), hint), None);
    }
}
