//! Synthetic people, as a camera would deliver them in Motion JPEG.

use image::codecs::jpeg::JpegEncoder;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};

use crate::source::SourceError;

/// Size of a picture in pixels.
pub(super) const WIDTH: usize = 1280;
/// See [`WIDTH`].
pub(super) const HEIGHT: usize = 720;
/// Pictures that are drawn; they are played forward and backward in turn, so that
/// nobody jumps.
pub(super) const PICTURES: usize = 17;
/// The first picture of each scene that is drawn.
const FIRST: u32 = 30;
/// Usual for cameras.
const JPEG_QUALITY: u8 = 90;
const SEED: u64 = 11;

/// The pictures of a recording, in the order in which they were taken.
pub(super) type Pictures = Vec<Vec<u8>>;

/// Draws people side by side, one or four of them, and encodes the pictures. Their
/// colours have the full resolution (4:4:4), which takes longer to decode than the
/// 4:2:2 or 4:2:0 of most cameras.
///
/// # Errors
/// When the built-in people cannot be drawn.
pub(super) fn draw(faces: usize) -> Result<Pictures, SourceError> {
    let failed = |error: String| SourceError::Synthetic(error);
    let model = FaceModel::builtin().map_err(|error| failed(error.to_string()))?;
    let scenes = scenes(&model, faces)?;
    let draw_one = |picture: usize| encode(&shoot(&scenes, FIRST + picture as u32));
    // Drawing takes longer than judging.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = PICTURES.div_ceil(threads);
    let parts = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..PICTURES)
            .step_by(share)
            .map(|from| {
                let part = from..PICTURES.min(from + share);
                scope.spawn(move || part.map(draw_one).collect::<Result<Pictures, _>>())
            })
            .collect();
        let joined = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.collect::<Vec<_>>()
    });
    let mut pictures = Vec::with_capacity(PICTURES);
    for part in parts {
        pictures.extend(part.map_err(|_| failed("drawing failed".into()))??);
    }
    Ok(pictures)
}

/// One scene that fills the picture, or one for each quarter of it. Every second
/// person has a swapped face.
fn scenes(model: &FaceModel, faces: usize) -> Result<Vec<Scene>, SourceError> {
    let (width, height, face_px) = if faces == 1 {
        (WIDTH, HEIGHT, 150.0..=300.0)
    } else {
        (WIDTH / 2, HEIGHT / 2, 100.0..=180.0)
    };
    (0..faces as u64)
        .map(|number| {
            let config = SceneConfig {
                width,
                height,
                seed: SEED + number,
                swap: if number % 2 == 1 {
                    Swap::Always
                } else {
                    Swap::Never
                },
                face_px: face_px.clone(),
            };
            Scene::new(model, config).map_err(|error| SourceError::Synthetic(error.to_string()))
        })
        .collect()
}

/// The pixels of a picture, row by row.
fn shoot(scenes: &[Scene], index: u32) -> Vec<u8> {
    if let [scene] = scenes {
        return scene.frame(index).rgb;
    }
    let mut rgb = vec![0; 3 * WIDTH * HEIGHT];
    for (place, scene) in scenes.iter().enumerate().take(4) {
        let part = scene.frame(index);
        let (left, top) = (place % 2 * part.width, place / 2 * part.height);
        let rows = rgb.chunks_exact_mut(3 * WIDTH).skip(top);
        for (row, pixels) in rows.zip(part.rgb.chunks_exact(3 * part.width)) {
            row[3 * left..][..pixels.len()].copy_from_slice(pixels);
        }
    }
    rgb
}

fn encode(rgb: &[u8]) -> Result<Vec<u8>, SourceError> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY)
        .encode(
            rgb,
            WIDTH as u32,
            HEIGHT as u32,
            image::ColorType::Rgb8.into(),
        )
        .map_err(|error| SourceError::Synthetic(error.to_string()))?;
    Ok(jpeg)
}
