//! Scenes as a network sees them, with what it is to find.

use std::path::Path;

use anyhow::{Context, Result};
use image::{Rgb, RgbImage};
use unmask_shared::geometry::FaceBox;

use super::compose::Composer;

const FACE: Rgb<u8> = Rgb([0, 255, 0]);
const LANDMARK: Rgb<u8> = Rgb([255, 255, 0]);
const UNSURE: Rgb<u8> = Rgb([255, 0, 0]);
const COLUMNS: u32 = 4;

/// Writes a sheet of scenes: boxes to be found green, those of which nothing is known red.
///
/// # Errors
/// When a stored picture is damaged, or the sheet cannot be written.
pub fn preview(composer: &mut Composer<'_>, scenes: u32, path: &Path) -> Result<()> {
    let (width, height) = (320, 256);
    let mut sheet = RgbImage::new(COLUMNS * width, scenes.div_ceil(COLUMNS) * height);
    for number in 0..scenes {
        let (left, top) = (number % COLUMNS * width, number / COLUMNS * height);
        let scene = composer.scene(width as usize, height as usize)?;
        let plane = (width * height) as usize;
        for at in 0..plane {
            let colour = [0, 1, 2].map(|c| (scene.planes[c * plane + at] * 255.0) as u8);
            let (x, y) = (at as u32 % width, at as u32 / width);
            sheet.put_pixel(left + x, top + y, Rgb(colour));
        }
        let mut dot = |x: f32, y: f32, colour: Rgb<u8>| {
            if x >= 0.0 && y >= 0.0 && x < width as f32 && y < height as f32 {
                sheet.put_pixel(left + x as u32, top + y as u32, colour);
            }
        };
        for face in &scene.faces {
            outline(&face.bbox, FACE, &mut dot);
            for point in &face.landmarks {
                dot(point.x, point.y, LANDMARK);
            }
        }
        for bbox in &scene.unsure {
            outline(bbox, UNSURE, &mut dot);
        }
    }
    sheet
        .save(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

fn outline(bbox: &FaceBox, colour: Rgb<u8>, dot: &mut impl FnMut(f32, f32, Rgb<u8>)) {
    for step in 0..=bbox.width.clamp(0.0, 2000.0) as usize {
        dot(bbox.x + step as f32, bbox.y, colour);
        dot(bbox.x + step as f32, bbox.y + bbox.height, colour);
    }
    for step in 0..=bbox.height.clamp(0.0, 2000.0) as usize {
        dot(bbox.x, bbox.y + step as f32, colour);
        dot(bbox.x + bbox.width, bbox.y + step as f32, colour);
    }
}
