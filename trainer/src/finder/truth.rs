//! Pictures to measure finders on, with the faces in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use unmask_shared::face::Face;
use unmask_shared::geometry::FaceBox;
use unmask_shared::media::{Frame, list_media, read_picture};

use super::evaluate::EvaluateOptions;
use super::picture::{Pyramid, shrunk};
use super::recall::Known;
use super::subject::NamedFinder;

/// Least side of faces that are to be found, pixels.
pub(super) const FACE_PX: f32 = 16.0;
/// From this score on the teacher's faces are taken for true.
pub(super) const TRUE_FROM: f32 = 0.9;
/// Below this score, what the teacher sees is no face.
const FALSE_BELOW: f32 = 0.3;
/// Longest side at which the teacher is asked for the truth.
const TRUTH_SIDE: usize = 1280;

/// The pictures of a set, shrunk.
pub(super) fn pictures(options: &EvaluateOptions, set: &str, longest: usize) -> Result<Vec<Frame>> {
    let files = list_media(&options.photos.join(set))?;
    files
        .iter()
        .map(|file| read_shrunk(file, longest))
        .collect()
}

pub(super) fn read_shrunk(file: &Path, longest: usize) -> Result<Frame> {
    let mut frame = Frame::default();
    read_picture(file, &mut frame)?;
    Ok(shrink(frame, longest))
}

pub(super) fn shrink(frame: Frame, longest: usize) -> Frame {
    let scale = longest as f32 / frame.width.max(frame.height) as f32;
    if scale >= 1.0 {
        return frame;
    }
    let side = |side: usize| ((side as f32 * scale).round() as usize).max(1);
    let (width, height) = (side(frame.width), side(frame.height));
    let rgb = shrunk(
        &Pyramid::new(frame.width, frame.height, frame.rgb),
        width,
        height,
    );
    Frame {
        width,
        height,
        rgb,
        ..Frame::default()
    }
}

/// Pictures with their faces: drawn by hand where there is a table, else the teacher's. What is no
/// false face either: where there is a table, of what the teacher is sure of; else, of what it may
/// see.
pub(super) fn known(
    options: &EvaluateOptions,
    set: &str,
    teacher: &mut NamedFinder,
) -> Result<Vec<(Frame, Known)>> {
    let table = options
        .photos
        .join(format!("boxes_gt_{}.tsv", set.trim_end_matches("_gt")));
    let by_hand = table.exists().then(|| read_boxes(&table)).transpose()?;
    let files = list_media(&options.photos.join(set))?;
    let one = |file: &PathBuf| {
        let large = read_shrunk(file, TRUTH_SIDE)?;
        let known = match &by_hand {
            Some(boxes) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let faces = boxes
                    .get(&format!("{set}/{name}"))
                    .cloned()
                    .unwrap_or_default();
                let mut whole = Frame::default();
                read_picture(file, &mut whole)?;
                let scale = large.width as f32 / whole.width as f32;
                let faces: Vec<FaceBox> = faces.iter().map(|bbox| scaled(bbox, scale)).collect();
                // Whoever draws boxes by hand draws larger ones, and leaves faces out.
                let mut others = teacher.everything(&large)?;
                others.retain(|face| {
                    face.score >= TRUE_FROM && faces.iter().all(|known| known.iou(&face.bbox) < 0.5)
                });
                Known {
                    faces,
                    unsure: others.iter().map(|face| face.bbox).collect(),
                }
            }
            None => {
                let faces = teacher.everything(&large)?;
                let between = |low: f32, high: f32| -> Vec<FaceBox> {
                    let inside = |face: &&Face| (low..high).contains(&face.score);
                    faces.iter().filter(inside).map(|face| face.bbox).collect()
                };
                Known {
                    faces: between(TRUE_FROM, f32::INFINITY),
                    unsure: between(FALSE_BELOW, TRUE_FROM),
                }
            }
        };
        let width = large.width as f32;
        let frame = shrink(large, options.longest_side);
        let scale = frame.width as f32 / width;
        let small = |boxes: Vec<FaceBox>| boxes.iter().map(|bbox| scaled(bbox, scale)).collect();
        let mut known = Known {
            faces: small(known.faces),
            unsure: small(known.unsure),
        };
        let tiny = |bbox: &mut FaceBox| bbox.area().sqrt() < FACE_PX;
        known.unsure.extend(known.faces.extract_if(.., tiny));
        Ok((frame, known))
    };
    files.iter().map(one).collect()
}

fn scaled(bbox: &FaceBox, by: f32) -> FaceBox {
    FaceBox {
        x: bbox.x * by,
        y: bbox.y * by,
        width: bbox.width * by,
        height: bbox.height * by,
    }
}

/// Boxes by file: a table with the header `file x y w h`, tab-separated.
fn read_boxes(path: &Path) -> Result<BTreeMap<String, Vec<FaceBox>>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut boxes = BTreeMap::<String, Vec<FaceBox>>::new();
    for (number, line) in text.lines().enumerate().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let sides: Vec<f32> = fields
            .iter()
            .skip(1)
            .filter_map(|f| f.parse().ok())
            .collect();
        ensure!(
            fields.len() == 5 && sides.len() == 4,
            "{} line {}: not a file and x, y, width and height",
            path.display(),
            number + 1
        );
        boxes.entry(fields[0].into()).or_default().push(FaceBox {
            x: sides[0],
            y: sides[1],
            width: sides[2],
            height: sides[3],
        });
    }
    Ok(boxes)
}
