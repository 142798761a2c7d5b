//! Runs of frames from pictures and videos.

use std::path::Path;

use anyhow::Result;
use unmask_shared::media::{FfmpegSource, Frame, FrameSource, MediaKind, read_picture, sniff};

/// The runs of `frames` consecutive frames that a file gives: one frame of a picture,
/// `windows` runs of a video, evenly spaced.
pub(super) fn windows(path: &Path, windows: usize, frames: usize) -> Result<Vec<Vec<Frame>>> {
    match sniff(path)? {
        MediaKind::Image => {
            let mut frame = Frame::default();
            read_picture(path, &mut frame)?;
            Ok(vec![vec![frame]])
        }
        MediaKind::Video => video_windows(path, windows, frames),
    }
}

fn video_windows(path: &Path, windows: usize, frames: usize) -> Result<Vec<Vec<Frame>>> {
    let mut source = FfmpegSource::open(path)?;
    // A container that does not say how long it is gives its first runs.
    let expected = source
        .frames_expected()
        .unwrap_or((windows * frames) as u64) as usize;
    let starts = window_starts(expected, windows, frames);
    let mut found: Vec<Vec<Frame>> = vec![Vec::new(); starts.len()];
    let mut frame = Frame::default();
    while source.next_frame(&mut frame)? {
        let index = frame.index as usize;
        for (window, start) in found.iter_mut().zip(&starts) {
            if (*start..start + frames).contains(&index) {
                window.push(frame.clone());
            }
        }
    }
    found.retain(|window| !window.is_empty());
    Ok(found)
}

/// First frames of evenly spaced runs that do not overlap.
fn window_starts(expected: usize, windows: usize, frames: usize) -> Vec<usize> {
    let room = expected.saturating_sub(frames);
    let count = windows.min(expected / frames.max(1)).max(1);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_spread_and_apart() {
        assert_eq!(window_starts(90, 4, 4), [0, 28, 57, 86]);
        assert_eq!(window_starts(9, 4, 4), [0, 5]);
        assert_eq!(window_starts(3, 4, 4), [0]);
        assert_eq!(window_starts(90, 1, 4), [43]);
    }
}
