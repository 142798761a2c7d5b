//! One frame under all perturbations, to look at.

use anyhow::{Context, Result};
use image::imageops::{FilterType, overlay, resize};
use image::{Rgb, RgbImage};
use unmask_shared::media::Frame;

use super::{Distortion, Level, Perturbation};

/// Width of each picture on the sheet, at most.
const TILE_WIDTH: u32 = 320;
const GAP: u32 = 4;

/// A row for each distortion: the frame as it is, then levels 1 to 5.
///
/// # Errors
/// As [`Perturbation::apply`].
pub fn sheet(frame: &Frame, seed: u64) -> Result<RgbImage> {
    let clean = tile(frame)?;
    let (width, height) = (clean.width() + GAP, clean.height() + GAP);
    let columns = Level::ALL.len() as u32 + 1;
    let rows = Distortion::ALL.len() as u32;
    let mut sheet = RgbImage::from_pixel(columns * width, rows * height, Rgb([20, 20, 20]));
    for (row, distortion) in Distortion::ALL.into_iter().enumerate() {
        let y = i64::from(row as u32 * height);
        overlay(&mut sheet, &clean, 0, y);
        for level in Level::ALL {
            let mut perturbed = frame.clone();
            let perturbation = Perturbation { distortion, level };
            perturbation
                .apply(&mut perturbed, seed)
                .with_context(|| format!("{perturbation} failed"))?;
            let x = i64::from(u32::from(level.number()) * width);
            overlay(&mut sheet, &tile(&perturbed)?, x, y);
        }
    }
    Ok(sheet)
}

fn tile(frame: &Frame) -> Result<RgbImage> {
    let (width, height) = (u32::try_from(frame.width)?, u32::try_from(frame.height)?);
    let picture = RgbImage::from_raw(width, height, frame.rgb.clone());
    let picture = picture.context("the frame's size does not fit its bytes")?;
    if width <= TILE_WIDTH {
        return Ok(picture);
    }
    let low = (u64::from(height) * u64::from(TILE_WIDTH) / u64::from(width)).max(1);
    let low = u32::try_from(low)?;
    Ok(resize(&picture, TILE_WIDTH, low, FilterType::Triangle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distortion::video::tests::{run, skipped};

    #[test]
    fn rows_are_distortions_and_columns_levels() {
        if skipped() {
            return;
        }
        let frame = run(1, 40, 24).remove(0);
        let sheet = sheet(&frame, 1).unwrap();
        assert_eq!(sheet.dimensions(), (6 * 44, 7 * 28));
        // Contrast, the second row: darker level by level.
        let shade = |column: u32| sheet.get_pixel(column * 44 + 20, 28 + 20).0[0];
        let shades: Vec<u8> = (0..6).map(shade).collect();
        assert!(shades.is_sorted_by(|a, b| a > b), "{shades:?}");
    }
}
