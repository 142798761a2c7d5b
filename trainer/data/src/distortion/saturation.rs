//! `cs`: colour differences drawn towards their middle.

use unmask_shared::media::Frame;

use super::Level;
use super::ycbcr::{from_rgb, to_rgb};

const FACTOR: [f32; 5] = [0.4, 0.3, 0.2, 0.1, 0.0];

/// Truncates to bytes, without rounding.
pub(super) fn apply(frame: &mut Frame, level: Level) {
    let factor = level.of(FACTOR);
    for pixel in frame.rgb.chunks_exact_mut(3) {
        let &mut [r, g, b] = pixel else { continue };
        let mut colour = from_rgb([r, g, b]);
        colour.cb = 0.5 + (colour.cb - 0.5) * factor;
        colour.cr = 0.5 + (colour.cr - 0.5) * factor;
        for (value, new) in pixel.iter_mut().zip(to_rgb(colour)) {
            *value = new as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(bgr: [u8; 3], level: u8) -> [u8; 3] {
        let [b, g, r] = bgr;
        let mut frame = Frame {
            width: 1,
            height: 1,
            rgb: vec![r, g, b],
            ..Default::default()
        };
        apply(&mut frame, Level::new(level).unwrap());
        [frame.rgb[2], frame.rgb[1], frame.rgb[0]]
    }

    /// Blue, green, red in and out of the data set's own formulae in numpy's float32.
    #[test]
    fn known_colours_become_the_data_sets() {
        for (level, from, to) in [
            (1, [10, 100, 200], [75, 111, 151]),
            (1, [200, 100, 10], [130, 90, 54]),
            (1, [0, 0, 255], [45, 45, 147]),
            (1, [37, 211, 90], [107, 177, 128]),
            (1, [128, 128, 128], [127, 128, 127]),
            (1, [255, 255, 255], [254, 255, 254]),
            (5, [10, 100, 200], [119, 119, 119]),
            (5, [0, 0, 255], [76, 76, 76]),
            (5, [37, 211, 90], [154, 154, 154]),
        ] {
            assert_eq!(changed(from, level), to, "level {level} of {from:?}");
        }
    }
}
