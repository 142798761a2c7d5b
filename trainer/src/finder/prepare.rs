//! Asks the teacher about every picture.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use unmask_shared::bundle::sha256_hex;
use unmask_shared::geometry::{FaceBox, Similarity};
use unmask_shared::media::{Frame, list_media, read_picture};
use unmask_shared::sample::RgbView;

use super::picture::{BackgroundPatch, Canvas, Pyramid, map_ellipse, shrunk};
use super::store::{PictureMeta, StoredPicture, write_part};
use super::{FACE_PX_MIN, people};
use crate::dataset::{each_frame, in_order, length, window_starts};
use unmask_shared::face::{Face, Finder, FinderConfig, Yunet, YunetFinder};

/// Longest side of a stored picture.
const SIDE_MAX: f32 = 480.0;
/// Sides of the squares in which the teacher sees a picture, each at most that much smaller: a
/// face that fills the picture is found only where there is something around it. They are few,
/// since the teacher gets ready for each anew.
const LOOKS: [usize; 3] = [512, 256, 128];
const MARGIN: usize = 32;
/// Most that the teacher sees a picture enlarged.
const ENLARGED_MAX: f32 = 1.6;
/// Two boxes of one face overlap by more than this, as intersection over union.
const SAME_FACE: f32 = 0.3;
/// Least score that is noted.
const SCORE_MIN: f32 = 0.15;
/// Files in a part of the prepared data.
const PART_FILES: usize = 256;

/// What to prepare, and how.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// Folders of pictures and videos.
    pub data: Vec<PathBuf>,
    /// Folder to fill.
    pub output: PathBuf,
    /// The teacher's file.
    pub teacher: PathBuf,
    /// Frames of each video.
    pub frames: usize,
    /// Synthetic people.
    pub people: usize,
    /// Threads that work.
    pub threads: usize,
}

/// What prepared data was made from; other settings do not go on with it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Stamp {
    teacher: String,
    frames: usize,
    people: usize,
    files: usize,
}

/// Prepares all pictures; parts that are there already are kept. Gives how many pictures
/// there are, and how many files could not be read.
///
/// # Errors
/// When a folder or the teacher cannot be read, the disk refuses, or the output folder holds
/// data that was prepared in another way.
pub fn prepare(options: &PoolOptions) -> Result<(usize, usize)> {
    let mut files = Vec::new();
    for folder in &options.data {
        let found = list_media(folder)?;
        files.extend(found.into_iter().map(|file| (folder.clone(), file)));
    }
    // Every part is a sample of everything, so that training can begin before the last one.
    files.sort_by_cached_key(|(_, file)| sha256_hex(file.as_os_str().as_encoded_bytes()));
    stamp(options, files.len())?;
    let bar = ProgressBar::new((files.len() + options.people) as u64);
    bar.set_style(ProgressStyle::with_template(
        "{bar:24} {pos}/{len}  {msg}  {elapsed} gone, {eta} left",
    )?);
    let (mut pictures, mut skipped) = (0, 0);
    let path = options.output.join("people.tar");
    if options.people > 0 && !path.exists() {
        let mut teacher = teacher(&options.teacher)?;
        let people = people::draw(options.people, &mut teacher, &bar)?;
        pictures += people.len();
        write_part(&path, &people)?;
    }
    for (number, files) in files.chunks(PART_FILES).enumerate() {
        let path = options.output.join(format!("faces-{number:05}.tar"));
        if !path.exists() {
            let mut part = Vec::new();
            in_order(
                files,
                options.threads,
                || teacher(&options.teacher),
                |teacher, (folder, file)| Ok(read(teacher, folder, file, options.frames)),
                |index, read| {
                    match read {
                        Ok(read) => part.extend(read),
                        Err(error) => {
                            skipped += 1;
                            tracing::warn!("{}: {error:#}", files[index].1.display());
                        }
                    }
                    bar.inc(1);
                    Ok(())
                },
            )?;
            pictures += part.len();
            write_part(&path, &part)?;
            tracing::info!("part {number}: {pictures} pictures");
        }
    }
    bar.finish();
    Ok((pictures, skipped))
}

/// A teacher that sees pictures as they are.
pub(super) fn teacher(path: &Path) -> Result<YunetFinder> {
    let config = FinderConfig {
        min_face_px: FACE_PX_MIN,
        longest_side_px: 4096,
        score_min: SCORE_MIN,
        ..FinderConfig::default()
    };
    Ok(Yunet::open(path)?.finder(config)?)
}

fn stamp(options: &PoolOptions, files: usize) -> Result<()> {
    let teacher = fs::read(&options.teacher)
        .with_context(|| format!("cannot read the teacher {}", options.teacher.display()))?;
    let stamp = Stamp {
        teacher: sha256_hex(&teacher),
        frames: options.frames,
        people: options.people,
        files,
    };
    fs::create_dir_all(&options.output)
        .with_context(|| format!("cannot create {}", options.output.display()))?;
    let path = options.output.join("prepared.json");
    if path.exists() {
        let found: Stamp = serde_json::from_slice(&fs::read(&path)?)
            .with_context(|| format!("{} is damaged: remove the folder", path.display()))?;
        ensure!(
            found == stamp,
            "{} holds faces that were prepared in another way ({found:?}, now {stamp:?}): name another folder",
            options.output.display()
        );
    }
    crate::files::write_atomic(&path, &serde_json::to_vec_pretty(&stamp)?)
}

/// Some frames of a file, with what the teacher sees in them.
fn read(
    teacher: &mut YunetFinder,
    folder: &Path,
    file: &Path,
    frames: usize,
) -> Result<Vec<StoredPicture>> {
    let length = length(file)?.unwrap_or(frames as u64);
    let starts = window_starts(length, frames, 1);
    let group = file.parent().unwrap_or(file);
    let group = group.strip_prefix(folder).unwrap_or(group);
    let mut pictures = Vec::new();
    each_frame(file, &starts, 1, |_, _, frame| {
        pictures.push(label(teacher, &group.to_string_lossy(), frame)?);
        Ok(())
    })?;
    Ok(pictures)
}

/// Pictures that are known to show no face: whatever a finder sees there is wrong, and no
/// teacher is asked.
///
/// # Errors
/// When the folder holds none, or one cannot be read.
pub fn read_empty(folder: &Path) -> Result<Vec<StoredPicture>> {
    let files = list_media(folder)?;
    let read = files.par_iter().map(|file| {
        let mut frame = Frame::default();
        read_picture(file, &mut frame)?;
        let group = file.parent().unwrap_or(file).to_string_lossy().into_owned();
        let (small, [width, height]) = stored(&frame);
        StoredPicture::new(
            PictureMeta {
                group,
                faces: Vec::new(),
            },
            width,
            height,
            &small,
        )
    });
    read.collect()
}

/// A stored picture of a frame.
fn label(teacher: &mut YunetFinder, group: &str, frame: &Frame) -> Result<StoredPicture> {
    let (small, size) = stored(frame);
    let small_picture = Pyramid::new(size[0], size[1], small.clone());
    let faces = ask(teacher, &small_picture)?;
    let group = group.to_owned();
    StoredPicture::new(PictureMeta { group, faces }, size[0], size[1], &small)
}

/// A frame, not larger than needed, and its width and height.
fn stored(frame: &Frame) -> (Vec<u8>, [usize; 2]) {
    let (width, height) = (frame.width, frame.height);
    let shrink = (SIDE_MAX / width.max(height) as f32).min(1.0);
    let size = [width, height].map(|side| ((side as f32 * shrink).round() as usize).max(1));
    if shrink < 1.0 {
        let picture = Pyramid::new(width, height, frame.rgb.clone());
        (shrunk(&picture, size[0], size[1]), size)
    } else {
        (frame.rgb.clone(), size)
    }
}

/// Around pictures.
const GREY: f32 = 112.0;

fn whole(picture: &Pyramid, to_picture: Similarity) -> BackgroundPatch {
    BackgroundPatch {
        to_picture,
        region: FaceBox {
            x: 0.0,
            y: 0.0,
            width: picture.width() as f32,
            height: picture.height() as f32,
        },
        round: false,
        feather: 0.0,
        mirrored: false,
        gain: [1.0; 3],
    }
}

/// What the teacher sees in a picture at several scales, joined.
pub(super) fn ask(teacher: &mut YunetFinder, picture: &Pyramid) -> Result<Vec<Face>> {
    let (mut seen, mut faces) = (Vec::new(), Vec::new());
    for side in LOOKS {
        let longest = picture.width().max(picture.height()) as f32;
        let scale = ((side - MARGIN) as f32 / longest).min(ENLARGED_MAX);
        let margin = |length: usize| 0.5 * (side as f32 - scale * length as f32);
        let to_canvas = Similarity {
            a: scale,
            b: 0.0,
            tx: margin(picture.width()),
            ty: margin(picture.height()),
        };
        let Some(back) = to_canvas.inverse() else {
            continue;
        };
        let mut canvas = Canvas::plain(side, side, [GREY; 3]);
        canvas.paste(picture, &whole(picture, back));
        let rgb: Vec<u8> = canvas.rgb.iter().map(|value| (value + 0.5) as u8).collect();
        teacher.find(&RgbView::new(side, side, &rgb)?, &mut faces)?;
        seen.extend(faces.iter().map(|face| (map_face(face, &back), scale)));
    }
    Ok(join(&seen))
}

/// A face seen through a transform.
pub(super) fn map_face(face: &Face, by: &Similarity) -> Face {
    Face {
        bbox: map_ellipse(&face.bbox, by),
        landmarks: face.landmarks.map(|point| by.apply(point)),
        score: face.score,
    }
}

/// Joins what was seen of the same face at several scales: the mean, in which sure and large
/// sights count most, with the best score.
fn join(seen: &[(Face, f32)]) -> Vec<Face> {
    let mut sorted: Vec<Face> = seen.iter().map(|(face, _)| *face).collect();
    sorted.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut best: Vec<Face> = Vec::new();
    for face in sorted {
        if best
            .iter()
            .all(|other| other.bbox.iou(&face.bbox) <= SAME_FACE)
        {
            best.push(face);
        }
    }
    let joined = best.iter().map(|best| {
        let same = seen
            .iter()
            .filter(|(face, _)| face.bbox.iou(&best.bbox) > 0.6);
        let mut sum = [0.0_f32; 14];
        let mut total = 0.0;
        for (face, scale) in same {
            let weight = face.score.powi(4) * scale;
            let numbers = numbers(face);
            sum.iter_mut()
                .zip(numbers)
                .for_each(|(sum, n)| *sum += weight * n);
            total += weight;
        }
        from_numbers(sum.map(|sum| sum / total), best.score)
    });
    joined.collect()
}

/// Box and landmarks in a row.
pub(super) fn numbers(face: &Face) -> [f32; 14] {
    let FaceBox {
        x,
        y,
        width,
        height,
    } = face.bbox;
    let mut numbers = [
        x, y, width, height, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ];
    for (pair, point) in numbers[4..].chunks_exact_mut(2).zip(&face.landmarks) {
        pair.copy_from_slice(&[point.x, point.y]);
    }
    numbers
}

/// The reverse.
pub(super) fn from_numbers(numbers: [f32; 14], score: f32) -> Face {
    Face {
        bbox: FaceBox {
            x: numbers[0],
            y: numbers[1],
            width: numbers[2],
            height: numbers[3],
        },
        landmarks: std::array::from_fn(|n| {
            unmask_shared::geometry::Point::new(numbers[4 + 2 * n], numbers[5 + 2 * n])
        }),
        score,
    }
}
