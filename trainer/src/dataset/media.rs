//! Frames of a picture or a video, and which files are which.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image::RgbImage;

const PICTURES: [&str; 5] = ["jpg", "jpeg", "png", "webp", "bmp"];
const VIDEOS: [&str; 8] = ["mp4", "avi", "mov", "mkv", "webm", "mpg", "mpeg", "m4v"];

/// What a file name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Picture,
    Video,
}

pub(super) fn kind(path: &Path) -> Option<Kind> {
    let extension = path.extension()?.to_str()?.to_lowercase();
    if PICTURES.contains(&extension.as_str()) {
        Some(Kind::Picture)
    } else if VIDEOS.contains(&extension.as_str()) {
        Some(Kind::Video)
    } else {
        None
    }
}

/// Every picture and video below a folder, sorted.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read the folder {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if kind(&path).is_some() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Decodes a picture.
pub(super) fn picture(path: &Path) -> Result<RgbImage> {
    Ok(image::ImageReader::open(path)?
        .with_guessed_format()?
        .decode()?
        .into_rgb8())
}

/// Runs of consecutive frames of a video, evenly spaced.
pub(super) fn video_windows(
    path: &Path,
    windows: usize,
    frames: usize,
) -> Result<Vec<Vec<RgbImage>>> {
    let _ = (windows, frames);
    anyhow::bail!("{}: videos come later", path.display())
}
