//! From a picture with a face to stored crops.

use anyhow::{Context, Result};
use image::{ImageEncoder, RgbImage, codecs::png::PngEncoder};
use unmask_shared::face::{FaceFinder, FaceFinderConfig};
use unmask_shared::geometry::FaceBox;
use unmask_shared::sample::{RgbView, crop_rgb};

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
    pub(super) fn largest_face(&mut self, picture: &RgbImage) -> Result<Option<FaceBox>> {
        let direct = self.find(picture)?;
        if direct.is_some() {
            return Ok(direct);
        }
        let (padded, offset) = pad(picture);
        let found = self.find(&padded)?;
        Ok(found.map(|face| FaceBox {
            x: face.x - offset,
            y: face.y - offset,
            ..face
        }))
    }

    fn find(&mut self, picture: &RgbImage) -> Result<Option<FaceBox>> {
        let view = view(picture)?;
        Ok(self.finder.find(&view).first().map(|face| face.bbox))
    }
}

fn view(picture: &RgbImage) -> Result<RgbView<'_>> {
    let (width, height) = picture.dimensions();
    Ok(RgbView::new(
        width as usize,
        height as usize,
        picture.as_raw(),
    )?)
}

fn pad(picture: &RgbImage) -> (RgbImage, f32) {
    let (width, height) = picture.dimensions();
    let pad = (width.max(height) as f32 * PADDING) as u32;
    let padded = RgbImage::from_fn(width + 2 * pad, height + 2 * pad, |x, y| {
        let inside = |v: u32, side: u32| v.saturating_sub(pad).min(side - 1);
        *picture.get_pixel(inside(x, width), inside(y, height))
    });
    (padded, pad as f32)
}

/// Cuts the stored crop of a face out of a frame, as a PNG file.
pub(super) fn stored_png(frame: &RgbImage, face: &FaceBox) -> Result<Vec<u8>> {
    let crop = stored_crop();
    let side = usize::from(crop.size);
    let mut rgb = vec![0; side * side * 3];
    crop_rgb(&view(frame)?, &crop.from_box(face), side, &mut rgb)?;
    let mut png = Vec::new();
    let side = u32::from(crop.size);
    PngEncoder::new(&mut png)
        .write_image(&rgb, side, side, image::ExtendedColorType::Rgb8)
        .context("cannot encode a crop")?;
    Ok(png)
}
