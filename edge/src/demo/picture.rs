//! The contact sheet: everybody with box, verdict and evidence.

use std::path::Path;

use image::RgbImage;
use unmask_shared::calibration::Calibration;
use unmask_shared::geometry::Point;
use unmask_shared::manifest::Manifest;
use unmask_shared::verdict::Verdict;

use crate::error::EdgeError;

use super::canvas::{Canvas, Colour, TextSize};
use super::judge::act_text;
use super::show::{Member, Show, Snapshot};

const CELL: u32 = 320;
const BAND: i32 = 46;
const GAP: i32 = 12;
const HEADER: i32 = 52;
const FOOTER: i32 = 26;
const COLUMNS: usize = 3;
/// More people than this are not drawn.
const CELLS_MAX: usize = 24;

const BACKGROUND: Colour = [24, 26, 31];
const TEXT: Colour = [235, 235, 235];
const FAINT: Colour = [150, 155, 165];
const RED: Colour = [226, 62, 54];
const GREEN: Colour = [58, 166, 92];
const YELLOW: Colour = [214, 164, 38];

/// Evidence of this many nats gets the full colour.
const EVIDENCE_FULL: f32 = 4.0;
const HEAT_MAX: f32 = 0.6;

/// Draws everybody who was seen.
pub(super) fn contact_sheet(show: &Show, manifest: &Manifest, seed: u64) -> RgbImage {
    let members = || show.cast().iter().take(CELLS_MAX);
    let rows = members().count().div_ceil(COLUMNS).max(1) as i32;
    let step = CELL as i32 + GAP;
    let width = GAP + COLUMNS as i32 * step;
    let height = HEADER + rows * (step + BAND) + FOOTER;
    let mut canvas = Canvas::new(width as u32, height as u32, BACKGROUND);
    canvas.text(GAP, 10, "unmask", TextSize::Large, TEXT);
    let title = format!(
        "synthetic people, seed {seed}, model {} {}",
        manifest.name, manifest.release
    );
    canvas.text(GAP, 34, &title, TextSize::Small, FAINT);
    for (at, member) in members().enumerate() {
        let x = GAP + (at % COLUMNS) as i32 * step;
        let y = HEADER + (at / COLUMNS) as i32 * (step + BAND);
        cell(&mut canvas, x, y, member, manifest);
    }
    let legend = "box: face that was followed   red glow: where the network sees manipulation   green glow: where it sees a genuine face";
    canvas.text(GAP, height - FOOTER + 4, legend, TextSize::Small, FAINT);
    canvas.into_picture()
}

fn cell(canvas: &mut Canvas, x: i32, y: i32, member: &Member, manifest: &Manifest) {
    let judgement = &member.judgement;
    let colour = match judgement.verdict {
        Verdict::Manipulated => RED,
        Verdict::Genuine => GREEN,
        Verdict::Undecided => YELLOW,
    };
    let side = CELL as i32;
    if let Some(snapshot) = &member.snapshot {
        photo(canvas, x, y, snapshot);
        heat(canvas, x, y, snapshot, manifest);
        let scale = CELL as f32 / snapshot.frame.width as f32;
        let at = |value: f32| (value * scale) as i32;
        let face = &snapshot.bbox;
        let size = [at(face.width), at(face.height)];
        canvas.outline(x + at(face.x), y + at(face.y), size, 2, colour);
    }
    canvas.fill(x, y + side, side, BAND, colour);
    canvas.outline(x, y, [side, side + BAND], 4, colour);
    let score = judgement
        .score
        .map_or_else(|| "-".into(), |s| format!("{s:.2}"));
    let verdict = judgement.verdict.to_string().to_uppercase();
    canvas.text(
        x + 10,
        y + side + 4,
        &format!("{verdict}  {score}"),
        TextSize::Large,
        [255; 3],
    );
    let mut truth = format!("person {}: {}", judgement.person, act_text(judgement.act));
    match (judgement.is_right(), judgement.seconds_to_verdict()) {
        (Some(true), Some(seconds)) => truth += &format!(", told after {seconds:.1} s"),
        (Some(false), _) if judgement.false_alarm => truth += ": FALSE ALARM",
        (Some(false), _) => truth += ": MISSED",
        _ => {}
    }
    canvas.text(x + 10, y + side + 28, &truth, TextSize::Small, [255; 3]);
}

fn photo(canvas: &mut Canvas, x: i32, y: i32, snapshot: &Snapshot) {
    let frame = &snapshot.frame;
    let picture = RgbImage::from_raw(frame.width as u32, frame.height as u32, frame.rgb.clone());
    if let Some(picture) = picture {
        canvas.picture(x, y, [CELL, CELL], &picture);
    }
}

/// Colours each pixel of the crop by what the evidence map says about it.
fn heat(canvas: &mut Canvas, x: i32, y: i32, snapshot: &Snapshot, manifest: &Manifest) {
    let side = usize::from(manifest.graph.evidence_side);
    if snapshot.evidence.len() != side * side || side == 0 {
        return;
    }
    let Some(to_crop) = manifest.crop.of_face(&snapshot.landmarks) else {
        return;
    };
    let scale = snapshot.frame.width as f32 / CELL as f32;
    let crop_side = f32::from(manifest.crop.size);
    for row in 0..CELL as i32 {
        for column in 0..CELL as i32 {
            let px = (column as f32 + 0.5) * scale;
            let py = (row as f32 + 0.5) * scale;
            let at = to_crop.apply(Point::new(px, py));
            let (u, v) = (at.x / crop_side, at.y / crop_side);
            if (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v) {
                let nats = evidence_at(&snapshot.evidence, side, u, v, &manifest.calibration);
                let share = HEAT_MAX * (nats.abs() / EVIDENCE_FULL).min(1.0);
                let (colour, share) = if nats > 0.0 {
                    (RED, share)
                } else {
                    (GREEN, 0.5 * share)
                };
                canvas.blend(x + column, y + row, colour, share);
            }
        }
    }
}

/// Calibrated evidence at a place of the crop (0 to 1), bilinear.
fn evidence_at(map: &[f32], side: usize, u: f32, v: f32, calibration: &Calibration) -> f32 {
    let last = (side - 1) as f32;
    let (x, y) = (
        (u * side as f32 - 0.5).clamp(0.0, last),
        (v * side as f32 - 0.5).clamp(0.0, last),
    );
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(side - 1), (top + 1).min(side - 1));
    let (fx, fy) = (x - left as f32, y - top as f32);
    let upper = map[top * side + left] * (1.0 - fx) + map[top * side + right] * fx;
    let lower = map[bottom * side + left] * (1.0 - fx) + map[bottom * side + right] * fx;
    let logit = upper * (1.0 - fy) + lower * fy;
    if logit.is_finite() {
        calibration.scale * logit + calibration.bias
    } else {
        0.0
    }
}

/// Tells early, before the demo has run, that the picture cannot be written.
pub(super) fn check_writable(path: &Path) -> Result<(), EdgeError> {
    let existed = path.exists();
    match std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
    {
        Ok(_) if existed => Ok(()),
        Ok(_) => std::fs::remove_file(path).map_err(|error| failed(path, error.into())),
        Err(error) => Err(failed(path, error.into())),
    }
}

pub(super) fn save(sheet: &RgbImage, path: &Path) -> Result<(), EdgeError> {
    sheet
        .save_with_format(path, image::ImageFormat::Png)
        .map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: image::ImageError) -> EdgeError {
    EdgeError::Picture {
        path: path.to_path_buf(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_interpolated_between_cells() {
        let calibration = Calibration::default();
        let map = [0.0, 4.0, 0.0, 4.0];
        let at = |u, v| evidence_at(&map, 2, u, v, &calibration);
        assert_eq!(at(0.0, 0.5), 0.0);
        assert_eq!(at(1.0, 0.2), 4.0);
        assert!((at(0.5, 0.5) - 2.0).abs() < 1e-5);
        assert_eq!(evidence_at(&[f32::NAN], 1, 0.5, 0.5, &calibration), 0.0);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("demo.png");
        let error = check_writable(&path).unwrap_err().to_string();
        assert!(
            error.contains("demo.png") && error.contains("--picture"),
            "{error}"
        );
        let fine = folder.path().join("demo.png");
        check_writable(&fine).unwrap();
        assert!(!fine.exists());
    }
}
