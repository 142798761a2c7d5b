//! `vc`: compression by x264 at a constant rate factor, through the `ffmpeg` command.

use std::process::Command;
use std::time::Duration;

use unmask_shared::media::Frame;

use super::process::{ffmpeg, pass_through};
use super::{DistortionError, Level};

pub(super) const RATE_FACTOR: [u8; 5] = [30, 32, 35, 38, 40];
/// Bytes of all frames that are compressed at once: 5.7 s of 1080p at 30 Hz.
pub const RUN_BYTES_MAX: usize = 1 << 30;
/// Time for a run in memory.
pub(super) const RUN_LIMIT: Duration = Duration::from_secs(300);

/// Compresses and decompresses frames of one size as one video.
///
/// One encoder thread, so that the result does not depend on the machine's cores.
pub(super) fn compress_run(
    frames: &mut [Frame],
    level: Level,
    rate_hz: f64,
) -> Result<(), DistortionError> {
    let Some(first) = frames.first() else {
        return Ok(());
    };
    let (width, height) = (first.width, first.height);
    let differs = |frame: &Frame| (frame.width, frame.height) != (width, height);
    if let Some(index) = frames.iter().position(differs) {
        return Err(DistortionError::MixedSizes { index });
    }
    let even = (width.next_multiple_of(2), height.next_multiple_of(2));
    let bytes = (even.0 * even.1 * 3).saturating_mul(frames.len());
    if bytes > RUN_BYTES_MAX {
        return Err(DistortionError::RunTooLong { bytes });
    }
    let mut raw = Vec::with_capacity(bytes);
    frames
        .iter()
        .for_each(|frame| append_even(frame, even, &mut raw));
    let mut encode = ffmpeg();
    raw_input(&mut encode, even, rate_hz);
    encode
        .args(["-c:v", "libx264", "-pix_fmt", "yuv420p", "-threads", "1"])
        .args(["-crf", &level.of(RATE_FACTOR).to_string()])
        .args(["-f", "nut", "pipe:1"]);
    let coded = pass_through(encode, "compressing", &raw, RUN_BYTES_MAX, RUN_LIMIT)?;
    let mut decode = ffmpeg();
    decode
        .args(["-f", "nut", "-i", "pipe:0", "-map", "0:v:0"])
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]);
    let decoded = pass_through(decode, "decompressing", &coded, bytes, RUN_LIMIT)?;
    if decoded.len() != bytes {
        return Err(DistortionError::Ffmpeg {
            doing: "decompressing",
            reason: format!("{} of {bytes} bytes came back", decoded.len()),
        });
    }
    for (frame, picture) in frames
        .iter_mut()
        .zip(decoded.chunks_exact(even.0 * even.1 * 3))
    {
        let lines = picture.chunks_exact(even.0 * 3);
        for (to, from) in frame.rgb.chunks_exact_mut(width * 3).zip(lines) {
            to.copy_from_slice(&from[..width * 3]);
        }
    }
    Ok(())
}

pub(super) fn raw_input(command: &mut Command, (width, height): (usize, usize), rate_hz: f64) {
    command
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24"])
        .args(["-video_size", &format!("{width}x{height}")])
        .args(["-framerate", &rate_hz.to_string(), "-i", "pipe:0"]);
}

/// Appends a frame with its last column and line repeated where a side is odd.
fn append_even(frame: &Frame, (width, height): (usize, usize), raw: &mut Vec<u8>) {
    let row = frame.width * 3;
    let lines = frame.rgb.chunks_exact(row);
    let last = frame.rgb.chunks_exact(row).last().into_iter();
    for line in lines.chain(last).take(height) {
        raw.extend_from_slice(line);
        if width > frame.width {
            raw.extend_from_slice(&line[row - 3..]);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::distortion::{Distortion, Perturbation};

    /// Whether to skip for want of ffmpeg.
    pub(in crate::distortion) fn skipped() -> bool {
        let missing = Command::new("ffmpeg").arg("-version").output().is_err();
        if missing {
            assert!(
                std::env::var_os("UNMASK_NO_SKIP").is_none(),
                "the ffmpeg command is missing"
            );
            eprintln!("SKIPPED: the ffmpeg command is missing, so nothing was compressed");
        }
        missing
    }

    /// A bright square that moves over a gradient; each frame has its own mean colour.
    pub(in crate::distortion) fn run(frames: usize, width: usize, height: usize) -> Vec<Frame> {
        let frame = |index: usize| {
            let value = |i: usize| {
                let (x, y, channel) = (i / 3 % width, i / 3 / width, i % 3);
                let inside = x.abs_diff(20 + index) < 8 && y.abs_diff(20) < 8;
                let ripple = (x * 7 + y * 13) % 24;
                if inside {
                    230
                } else {
                    (60 + x + 20 * channel + ripple + 6 * index) as u8
                }
            };
            Frame {
                width,
                height,
                rgb: (0..width * height * 3).map(value).collect(),
                ..Default::default()
            }
        };
        (0..frames).map(frame).collect()
    }

    fn error(a: &[Frame], b: &[Frame]) -> f64 {
        let values = |frames: &[Frame]| frames.iter().flat_map(|f| f.rgb.clone()).collect();
        let (a, b): (Vec<u8>, Vec<u8>) = (values(a), values(b));
        let squares = a
            .iter()
            .zip(&b)
            .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
        (squares.sum::<f64>() / a.len() as f64).sqrt()
    }

    #[test]
    fn harder_levels_lose_more_and_frames_keep_their_places() {
        if skipped() {
            return;
        }
        let clean = run(7, 63, 49);
        let compressed = |number| {
            let mut frames = clean.clone();
            let perturbation = Perturbation {
                distortion: Distortion::Video,
                level: Level::new(number).unwrap(),
            };
            perturbation.apply_to_run(&mut frames, 1).unwrap();
            frames
        };
        let (mild, hard) = (compressed(1), compressed(5));
        let (low, high) = (error(&clean, &mild), error(&clean, &hard));
        assert!(1.0 < low && low < high && high < 30.0, "{low} {high}");
        assert_eq!(error(&mild, &compressed(1)), 0.0);
        for (index, frame) in mild.iter().enumerate() {
            let own = error(&clean[index..=index], std::slice::from_ref(frame));
            let other = (index + 3) % 7;
            assert!(
                own < error(&clean[other..=other], std::slice::from_ref(frame)),
                "{index}"
            );
        }
    }

    #[test]
    fn runs_that_are_no_video_are_refused() {
        let level = Level::new(1).unwrap();
        compress_run(&mut [], level, 25.0).unwrap();
        let mut mixed = run(2, 16, 16);
        mixed.extend(run(1, 18, 16));
        let error = compress_run(&mut mixed, level, 25.0)
            .unwrap_err()
            .to_string();
        assert!(error.contains("frame 2"), "{error}");
    }
}
