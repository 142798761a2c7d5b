//! `jpeg`: down and up again with OpenCV's bilinear interpolation for bytes.

use unmask_shared::media::Frame;

use super::Level;

const DIVISOR: [usize; 5] = [2, 3, 4, 5, 6];
/// A weight of one, in OpenCV's fixed point.
const ONE: f32 = 2048.0;

pub(super) fn apply(frame: &mut Frame, level: Level) {
    let divisor = level.of(DIVISOR);
    let (width, height) = (frame.width, frame.height);
    let size = ((width / divisor).max(1), (height / divisor).max(1));
    let small = resize(&frame.rgb, (width, height), size);
    frame.rgb = resize(&small, size, (width, height));
}

/// `cv2.resize(..., interpolation=cv2.INTER_LINEAR)` of an RGB picture, sizes as width and
/// height.
fn resize(rgb: &[u8], from: (usize, usize), to: (usize, usize)) -> Vec<u8> {
    if from == (2 * to.0, 2 * to.1) {
        return halve(rgb, from.0);
    }
    let columns: Vec<Tap> = taps(from.0, to.0).map(|tap| tap.within(from.0)).collect();
    let rows: Vec<Tap> = taps(from.1, to.1).collect();
    let (row_from, row_to) = (from.0 * 3, to.0 * 3);
    let across = |line: usize, out: &mut [i32]| {
        let line = &rgb[line * row_from..(line + 1) * row_from];
        for (tap, out) in columns.iter().zip(out.chunks_exact_mut(3)) {
            let (low, high) = tap.places(from.0);
            for (channel, out) in out.iter_mut().enumerate() {
                let value = |place: usize| i32::from(line[place * 3 + channel]);
                *out = value(low) * tap.weights.0 + value(high) * tap.weights.1;
            }
        }
    };
    let mut lines = [(usize::MAX, vec![0; row_to]), (usize::MAX, vec![0; row_to])];
    let mut out = Vec::with_capacity(row_to * to.1);
    for tap in &rows {
        let (low, high) = tap.places(from.1);
        if lines[1].0 == low {
            lines.swap(0, 1);
        }
        for (line, wanted) in lines.iter_mut().zip([low, high]) {
            if line.0 != wanted {
                across(wanted, &mut line.1);
                line.0 = wanted;
            }
        }
        let scaled = |value: i32, weight: i32| ((value >> 4) * weight) >> 16;
        out.extend(lines[0].1.iter().zip(&lines[1].1).map(|(above, below)| {
            let sum = scaled(*above, tap.weights.0) + scaled(*below, tap.weights.1);
            ((sum + 2) >> 2).clamp(0, 255) as u8
        }));
    }
    out
}

/// OpenCV halves by means of four, whatever interpolation is asked for.
fn halve(rgb: &[u8], width: usize) -> Vec<u8> {
    let row = width * 3;
    let mut out = Vec::with_capacity(rgb.len() / 4);
    for lines in rgb.chunks_exact(2 * row) {
        let (above, below) = lines.split_at(row);
        for (above, below) in above.chunks_exact(6).zip(below.chunks_exact(6)) {
            for channel in 0..3 {
                let pair = |line: &[u8]| u16::from(line[channel]) + u16::from(line[channel + 3]);
                out.push(((pair(above) + pair(below) + 2) >> 2) as u8);
            }
        }
    }
    out
}

/// Two neighbours and their weights, which sum up to 2048.
#[derive(Clone, Copy, Debug)]
struct Tap {
    low: isize,
    weights: (i32, i32),
}

impl Tap {
    /// Columns outside the picture give all their weight to the edge; rows keep both
    /// weights and repeat the edge, which rounds differently.
    fn within(self, length: usize) -> Self {
        let last = length as isize - 1;
        if (0..last).contains(&self.low) {
            return self;
        }
        Self {
            low: self.low.clamp(0, last),
            weights: (ONE as i32, 0),
        }
    }

    fn places(self, length: usize) -> (usize, usize) {
        let last = length as isize - 1;
        let place = |at: isize| at.clamp(0, last) as usize;
        (place(self.low), place(self.low + 1))
    }
}

fn taps(from: usize, to: usize) -> impl Iterator<Item = Tap> {
    let scale = from as f64 / to as f64;
    (0..to).map(move |i| {
        let place = ((i as f64 + 0.5) * scale - 0.5) as f32;
        let fraction = place - place.floor();
        let weight = |share: f32| (share * ONE).round_ties_even() as i32;
        Tap {
            low: place.floor() as isize,
            weights: (weight(1.0 - fraction), weight(fraction)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distortion::blur::tests::{pattern, summary};

    /// OpenCV 4.10 and 5.0, `img` as in the recipe of the blur:
    ///
    /// ```python
    /// for d in (2, 3, 4, 5, 6):
    ///     out = cv2.resize(cv2.resize(img, (62 // d, 45 // d)), (62, 45)).astype(int).ravel()
    ///     print(out[:9], (out * (np.arange(out.size) % 251 + 1)).sum())
    /// out = cv2.resize(cv2.resize(img[:44], (31, 22)), (62, 44)).astype(int).ravel()
    /// print(out[:9], (out * (np.arange(out.size) % 251 + 1)).sum())
    /// ```
    #[test]
    fn every_byte_is_opencvs() {
        let known: [([u8; 9], usize); 5] = [
            ([12, 95, 178, 22, 104, 171, 41, 123, 157], 133_190_160),
            ([41, 124, 207, 41, 124, 207, 75, 147, 163], 133_150_747),
            ([96, 179, 122, 96, 179, 122, 105, 166, 119], 133_742_931),
            ([162, 223, 72, 162, 223, 72, 162, 223, 72], 130_656_515),
            ([169, 135, 79, 169, 135, 79, 169, 135, 79], 135_033_032),
        ];
        for (level, (first, sum)) in Level::ALL.into_iter().zip(known) {
            let mut frame = pattern(62, 45);
            apply(&mut frame, level);
            assert_eq!(summary(&frame), (&first[..], sum), "{level:?}");
        }
        let mut even = pattern(62, 44);
        apply(&mut even, Level::new(1).unwrap());
        let first = [12, 95, 178, 21, 104, 171, 40, 123, 158];
        assert_eq!(summary(&even), (&first[..], 130_161_334));
    }

    #[test]
    fn tiny_frames_keep_a_pixel() {
        let mut frame = pattern(3, 1);
        apply(&mut frame, Level::new(5).unwrap());
        assert_eq!(frame.rgb.len(), 9);
    }
}
