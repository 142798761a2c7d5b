//! From a stored record to what the network sees: decoding, jitter, motion, degradation.

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use unmask_shared::geometry::{Point, Similarity};

use super::pairs::STACKED;
use super::record::Record;
use super::{STORED_MARGIN, STORED_SIDE};
use crate::fake::photometry::GREY;
use crate::fake::{CodecQuality, Passage, Picture, Random};

/// `frames` consecutive pictures of a record; a photograph is repeated.
pub(super) fn clip(record: &Record, frames: usize, random: &mut Random) -> Result<Vec<Picture>> {
    let start = random.random_range(0..=record.frames.len().saturating_sub(frames));
    decoded(record, start, frames)
}

/// `frames` pictures of a record from one on; beyond the last, that one again.
pub(super) fn decoded(record: &Record, start: usize, frames: usize) -> Result<Vec<Picture>> {
    let last = record.frames.len().saturating_sub(1);
    (start..start + frames)
        .map(|i| {
            let stored = record.frames.get(i.min(last)).context("it has no frame");
            stored.and_then(|png| decode(png)).with_context(|| {
                format!(
                    "the stored crop of {} is damaged: prepare it again",
                    record.meta.file
                )
            })
        })
        .collect()
}

/// The first picture of a record.
pub(super) fn first_frame(record: &Record) -> Result<Picture> {
    let mut frames = decoded(record, 0, 1)?;
    frames.pop().context("a record has no frame")
}

/// Any one picture of a record.
///
/// # Errors
/// When it does not decode.
pub fn random_frame(record: &Record, random: &mut Random) -> Result<Picture> {
    let mut frames = clip(record, 1, random)?;
    frames.pop().context("a record has no frame")
}

/// The first `frames` pictures of a record as the network sees them on a device: cut to its
/// crop, without jitter or degradation; beyond the last, that one again.
///
/// # Shapes
/// Output: `[frames, 3, side, side]`, in [0, 1].
///
/// # Errors
/// When a stored frame does not decode.
pub fn plain_clip(record: &Record, frames: usize, side: usize) -> Result<Vec<f32>> {
    let stored = f32::from(STORED_SIDE);
    let scale = side as f32 / (stored / STORED_MARGIN);
    let offset = (side as f32 - stored * scale) / 2.0;
    let crop = Similarity {
        a: scale,
        b: 0.0,
        tx: offset,
        ty: offset,
    };
    let mut planes = Vec::with_capacity(frames * 3 * side * side);
    for picture in decoded(record, 0, frames)? {
        let mut seen = picture.sample(side, &crop);
        seen.clamp();
        planes.extend(seen.planar());
    }
    Ok(planes)
}

/// Pictures whose channels are the luminances of three consecutive frames, the newest last.
///
/// # Shapes
/// - `planes`: `[3 * n, 3, side, side]`, RGB; output: `[n, 3, side, side]`
pub(super) fn stacked(planes: &[f32], side: usize) -> Vec<f32> {
    let area = side * side;
    let luminance = |frame: &[f32]| -> Vec<f32> {
        let at = |index: usize| {
            let shares = GREY.iter().enumerate();
            shares
                .map(|(channel, share)| share * frame[channel * area + index])
                .sum()
        };
        (0..area).map(at).collect()
    };
    planes.chunks_exact(3 * area).flat_map(luminance).collect()
}

/// The first `frames` pictures of a record with the two frames before each stacked in it, as
/// [`plain_clip`] cuts them.
///
/// # Shapes
/// Output: `[frames, 3, side, side]`, in [0, 1].
///
/// # Errors
/// When a stored frame does not decode.
pub fn stacked_clip(record: &Record, frames: usize, side: usize) -> Result<Vec<f32>> {
    let planes = plain_clip(record, frames + STACKED - 1, side)?;
    let frame = 3 * side * side;
    let windows = (0..frames).flat_map(|first| {
        let until = (first + STACKED) * frame;
        stacked(planes.get(first * frame..until).unwrap_or_default(), side)
    });
    Ok(windows.collect())
}

fn decode(png: &[u8]) -> Result<Picture> {
    let picture = image::load_from_memory_with_format(png, image::ImageFormat::Png)?.into_rgb8();
    let side = usize::from(STORED_SIDE);
    let (width, height) = picture.dimensions();
    ensure!(
        (width as usize, height as usize) == (side, side),
        "it is {width}x{height}, not {side}x{side}"
    );
    Ok(Picture::from_u8(side, picture.as_raw()))
}

/// Where the network's crop lies in the stored one, frame by frame.
pub(super) struct View {
    motions: Vec<Similarity>,
    middle: usize,
    side: usize,
}

impl View {
    pub(super) fn sample(frames: usize, side: usize, random: &mut Random) -> Self {
        let middle = (side as f32 * random.random_range(0.85f32..1.2)).round();
        let stored = f32::from(STORED_SIDE);
        let centre = Point {
            x: stored / 2.0,
            y: stored / 2.0,
        };
        let base = middle / (stored / STORED_MARGIN) * random.random_range(0.92f32..1.1);
        let turn = random.random_range(-0.07f32..0.07);
        let shift = |random: &mut Random| random.random_range(-0.035f32..0.035) * stored;
        let (mut dx, mut dy, mut zoom) = (shift(random), shift(random), 1.0);
        let motions = (0..frames)
            .map(|frame| {
                if frame > 0 {
                    dx += random.random_range(-0.008f32..0.008) * stored;
                    dy += random.random_range(-0.008f32..0.008) * stored;
                    zoom *= random.random_range(0.993f32..1.007);
                }
                let about = Similarity::about(centre, base * zoom, turn, dx * base, dy * base);
                let home = middle / 2.0;
                about.then(&Similarity {
                    a: 1.0,
                    b: 0.0,
                    tx: home - centre.x,
                    ty: home - centre.y,
                })
            })
            .collect();
        Self {
            motions,
            middle: middle as usize,
            side,
        }
    }

    /// Cuts the crop out of a picture that a [`Passage`] has transmitted, and degrades it.
    pub(super) fn finish(
        &self,
        picture: &Picture,
        passage: &Passage,
        quality: &CodecQuality,
        frame: usize,
    ) -> Vec<f32> {
        let to_stored = Similarity {
            a: f32::from(STORED_SIDE) / picture.side as f32,
            ..Similarity::IDENTITY
        };
        let motion = to_stored.then(&self.motions[frame]);
        let mut seen = picture.sample(self.middle, &motion);
        passage.show(&mut seen);
        let degraded = quality.apply(&seen, frame as u32);
        let mut out = if self.middle == self.side {
            degraded
        } else {
            degraded.resize(self.side)
        };
        out.clamp();
        out.planar()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six frames of two pixels by two, of which each channel has a value of its own.
    #[test]
    fn three_frames_make_one_picture_newest_last() {
        let planes: Vec<f32> = (0..6 * 3 * 4).map(|at| (at / 4) as f32 / 18.0).collect();
        let found = stacked(&planes, 2);
        assert_eq!(found.len(), 2 * 3 * 4);
        for (frame, grey) in found.chunks_exact(4).enumerate() {
            let of = |channel: usize| (3 * frame + channel) as f32 / 18.0;
            let want = 0.299 * of(0) + 0.587 * of(1) + 0.114 * of(2);
            assert!(
                grey.iter().all(|value| (value - want).abs() < 1e-6),
                "{frame}"
            );
        }
    }
}
