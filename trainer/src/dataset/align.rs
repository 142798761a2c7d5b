//! From a picture with a face to stored crops.

use anyhow::{Context, Result};
use image::{ImageEncoder, codecs::png::PngEncoder};
use unmask_shared::face::{FaceFinder, FaceFinderConfig};
use unmask_shared::geometry::FaceBox;
use unmask_shared::media::{Frame, pad_edges};
use unmask_shared::sample::crop_rgb;

use super::stored_crop;

/// Share of each side that is added by repeating the edge, so that faces that fill
/// the picture are found.
const PADDING: f32 = 0.25;

/// Finds the face that a picture is of.
pub(super) struct Aligner {
    finder: FaceFinder,
}

impl Aligner {
    pub(super) fn new(min_face_px: u32) -> Result<Self> {
        let config = FaceFinderConfig {
            min_face_px,
            ..Default::default()
        };
        Ok(Self {
            finder: FaceFinder::new(config)?,
        })
    }

    /// The largest face, in coordinates of the picture; it may reach beyond the edge.
    pub(super) fn largest_face(&mut self, picture: &Frame) -> Result<Option<FaceBox>> {
        let direct = self.find(picture)?;
        if direct.is_some() {
            return Ok(direct);
        }
        let margin = (picture.width.max(picture.height) as f32 * PADDING) as usize;
        let mut padded = Frame::default();
        pad_edges(picture, 1, margin, &mut padded);
        let (found, offset) = (self.find(&padded)?, margin as f32);
        Ok(found.map(|face| FaceBox {
            x: face.x - offset,
            y: face.y - offset,
            ..face
        }))
    }

    fn find(&mut self, picture: &Frame) -> Result<Option<FaceBox>> {
        Ok(self
            .finder
            .find(&picture.view()?)
            .first()
            .map(|face| face.bbox))
    }
}

/// Cuts the stored crop of a face out of a frame, as a PNG file.
pub(super) fn stored_png(frame: &Frame, face: &FaceBox) -> Result<Vec<u8>> {
    let crop = stored_crop();
    let side = usize::from(crop.size);
    let mut rgb = vec![0; side * side * 3];
    crop_rgb(&frame.view()?, &crop.from_box(face), side, &mut rgb)?;
    let mut png = Vec::new();
    let side = u32::from(crop.size);
    PngEncoder::new(&mut png)
        .write_image(&rgb, side, side, image::ExtendedColorType::Rgb8)
        .context("cannot encode a crop")?;
    Ok(png)
}
