//! The newest picture of a stream, made smaller and encoded when somebody watches.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use tokio::sync::{Notify, watch};

use unmask_shared::media::Frame;

/// Somebody who asked for a picture is believed to watch for so long.
const WATCHES_FOR: Duration = Duration::from_millis(1500);
/// Quality of the pictures, 1 to 100.
const QUALITY: u8 = 78;
/// Nobody ever asked.
const NEVER: u64 = u64::MAX;

/// A picture that is not encoded yet.
#[derive(Debug, Default)]
pub(super) struct Raw {
    frame: u64,
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// A picture as it is sent.
#[derive(Debug)]
pub(super) struct Encoded {
    /// Counts the pictures of the stream, from 1.
    pub(super) number: u64,
    /// Number of the frame in the stream.
    pub(super) frame: u64,
    /// JPEG.
    pub(super) bytes: Vec<u8>,
}

/// Where the newest picture of a stream is kept.
pub(super) struct PictureSlot {
    /// When somebody asked last, milliseconds.
    wanted_ms: AtomicU64,
    /// What waits to be encoded, and whether it does.
    raw: Mutex<(Raw, bool)>,
    /// Something waits.
    pub(super) fresh: Notify,
    encoded: watch::Sender<Option<Arc<Encoded>>>,
}

impl Default for PictureSlot {
    fn default() -> Self {
        Self {
            wanted_ms: AtomicU64::new(NEVER),
            raw: Mutex::default(),
            fresh: Notify::new(),
            encoded: watch::Sender::new(None),
        }
    }
}

impl PictureSlot {
    /// Somebody asks for a picture; gets those to come.
    pub(super) fn want(&self, now: Duration) -> watch::Receiver<Option<Arc<Encoded>>> {
        let now = u64::try_from(now.as_millis()).unwrap_or(NEVER - 1);
        self.wanted_ms.store(now, Ordering::Relaxed);
        self.encoded.subscribe()
    }

    /// Whether somebody watches.
    pub(super) fn is_wanted(&self, now: Duration) -> bool {
        let wanted = self.wanted_ms.load(Ordering::Relaxed);
        wanted != NEVER && now.saturating_sub(Duration::from_millis(wanted)) < WATCHES_FOR
    }

    /// Copies a frame, made at most so wide, unless the one before still waits. Never
    /// waits itself.
    pub(super) fn put(&self, frame: &Frame, px_max: usize) {
        let Ok(mut slot) = self.raw.try_lock() else {
            return;
        };
        let (raw, is_waiting) = &mut *slot;
        if *is_waiting {
            return;
        }
        shrink(frame, px_max, raw);
        *is_waiting = true;
        drop(slot);
        self.fresh.notify_one();
    }

    /// Takes what waits. It is to be given back when it is encoded.
    pub(super) fn take(&self) -> Option<Raw> {
        let mut slot = self.raw.lock().ok()?;
        let (raw, is_waiting) = &mut *slot;
        is_waiting.then(|| std::mem::take(raw))
    }

    /// Shows an encoded picture, and makes room for the next one.
    pub(super) fn give_back(&self, raw: Raw, bytes: io::Result<Vec<u8>>) {
        let frame = raw.frame;
        if let Ok(mut slot) = self.raw.lock() {
            *slot = (raw, false);
        }
        match bytes {
            Err(error) => tracing::debug!(%error, "a picture was not encoded"),
            Ok(bytes) => self.encoded.send_modify(|newest| {
                let number = newest.as_ref().map_or(0, |newest| newest.number) + 1;
                *newest = Some(Arc::new(Encoded {
                    number,
                    frame,
                    bytes,
                }));
            }),
        }
    }
}

/// The mean of blocks of pixels, as large as needed to get at most `px_max` columns.
fn shrink(frame: &Frame, px_max: usize, raw: &mut Raw) {
    let block = frame.width.div_ceil(px_max.max(1)).max(1);
    raw.frame = frame.index;
    (raw.width, raw.height) = (frame.width / block, frame.height / block);
    raw.rgb.clear();
    if block == 1 {
        raw.rgb.extend_from_slice(&frame.rgb);
        return;
    }
    let area = (block * block) as u32;
    for rows in frame
        .rgb
        .chunks_exact(3 * frame.width * block)
        .take(raw.height)
    {
        for column in 0..raw.width {
            let mut sum = [area / 2; 3];
            for row in rows.chunks_exact(3 * frame.width) {
                let pixels = row.get(3 * column * block..3 * (column + 1) * block);
                for pixel in pixels.unwrap_or_default().chunks_exact(3) {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += u32::from(*value);
                    }
                }
            }
            raw.rgb.extend(sum.map(|sum| (sum / area) as u8));
        }
    }
}

/// The picture as JPEG.
pub(super) fn encode(raw: &Raw) -> io::Result<Vec<u8>> {
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(64 << 10);
    let (width, height) = (side(raw.width), side(raw.height));
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .encode(&raw.rgb, width, height, ExtendedColorType::Rgb8)
        .map_err(io::Error::other)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Frame {
        let pixel = |at: usize| [(at % width) as u8, (at / width) as u8, 7];
        Frame {
            index: 9,
            time_us: 0,
            width,
            height,
            rgb: (0..width * height).flat_map(pixel).collect(),
        }
    }

    #[test]
    fn pictures_are_shrunk_to_the_mean_of_blocks() {
        let mut raw = Raw::default();
        shrink(&ramp(10, 6), 10, &mut raw);
        assert_eq!((raw.width, raw.height, raw.rgb.len()), (10, 6, 180));
        shrink(&ramp(10, 7), 5, &mut raw);
        assert_eq!((raw.width, raw.height, raw.rgb.len()), (5, 3, 45));
        // Mean of columns 2, 3 and rows 0, 1: 2.5 and 0.5, rounded up.
        assert_eq!(raw.rgb.get(3..6), Some(&[3, 1, 7][..]));
    }

    #[test]
    fn one_picture_waits_at_a_time() {
        let slot = PictureSlot::default();
        let second = Duration::from_secs(1);
        assert!(!slot.is_wanted(second));
        let pictures = slot.want(second);
        assert!(slot.is_wanted(2 * second) && !slot.is_wanted(3 * second));
        slot.put(&ramp(16, 16), 960);
        slot.put(&ramp(32, 32), 960);
        let raw = slot.take().unwrap();
        assert_eq!(raw.width, 16);
        let bytes = encode(&raw);
        slot.give_back(raw, bytes);
        let encoded = pictures.borrow().clone().unwrap();
        assert_eq!((encoded.number, encoded.frame), (1, 9));
        let decoded = image::load_from_memory(&encoded.bytes).unwrap();
        assert_eq!(decoded.width(), 16);
        slot.put(&ramp(32, 32), 960);
        assert!(slot.take().is_some());
    }
}
