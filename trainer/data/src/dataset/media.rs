//! Runs of frames from pictures and videos.

use std::path::Path;

use anyhow::Result;
use unmask_shared::media::{
    FfmpegSource, Frame, FrameSource, MediaKind, SourceError, frame_count, read_picture, sniff,
};

/// How many frames a file says that it has: one for a picture; `None` for a video whose
/// container does not tell.
pub fn length(path: &Path) -> Result<Option<u64>, SourceError> {
    match sniff(path)? {
        MediaKind::Image => Ok(Some(1)),
        MediaKind::Video => frame_count(path),
    }
}

/// First frames of evenly spaced runs that do not overlap, within `length` frames.
pub fn window_starts(length: u64, windows: usize, frames: usize) -> Vec<u64> {
    let frames = frames.max(1) as u64;
    let room = length.saturating_sub(frames);
    let count = (windows as u64).min(length / frames).max(1);
    (0..count)
        .map(|i| {
            if count == 1 {
                room / 2
            } else {
                i * room / (count - 1)
            }
        })
        .collect()
}

/// Shows `take` every frame of the runs of `frames` frames that begin at `starts`, in
/// order, with the number of the run and of the frame in it; then stops reading. Gives the
/// number of frames read.
///
/// # Errors
/// [`SourceError`] when the file is damaged before the end of the last run, and those of
/// `take`.
pub fn each_frame(
    path: &Path,
    starts: &[u64],
    frames: usize,
    mut take: impl FnMut(usize, usize, &Frame) -> Result<()>,
) -> Result<u64> {
    let mut frame = Frame::default();
    if sniff(path)? == MediaKind::Image {
        read_picture(path, &mut frame)?;
        if starts.first() == Some(&0) {
            take(0, 0, &frame)?;
        }
        return Ok(1);
    }
    let end = starts.last().map_or(0, |start| start + frames as u64);
    let mut source = FfmpegSource::open(path)?;
    let mut read = 0;
    while read < end && source.next_frame(&mut frame)? {
        for (window, start) in starts.iter().enumerate() {
            if (*start..start + frames as u64).contains(&frame.index) {
                take(window, (frame.index - start) as usize, &frame)?;
            }
        }
        read += 1;
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_spread_and_apart() {
        assert_eq!(window_starts(90, 4, 4), [0, 28, 57, 86]);
        assert_eq!(window_starts(9, 4, 4), [0, 5]);
        assert_eq!(window_starts(3, 4, 4), [0]);
        assert_eq!(window_starts(1, 4, 4), [0]);
        assert_eq!(window_starts(90, 1, 4), [43]);
        for length in 0..200 {
            let starts = window_starts(length, 5, 7);
            assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 7));
            assert!(length < 7 || starts.last().is_some_and(|last| last + 7 <= length));
        }
    }

    #[test]
    fn a_picture_has_one_frame() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        image::RgbImage::from_pixel(5, 4, image::Rgb([9; 3]))
            .save(&path)
            .unwrap();
        assert_eq!(length(&path).unwrap(), Some(1));
        let mut seen = Vec::new();
        let read = each_frame(&path, &[0], 4, |window, offset, frame| {
            seen.push((window, offset, frame.width, frame.rgb[0]));
            Ok(())
        });
        assert_eq!((read.unwrap(), seen), (1, vec![(0, 0, 5, 9)]));
    }
}
