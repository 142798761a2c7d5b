//! The colour space in which saturation and noise are changed: ITU-R BT.601 written for
//! values of one, here fed with bytes as the data set's tool does.

/// Luma and two colour differences, in studio range divided by 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct YCbCr {
    pub(super) y: f32,
    pub(super) cb: f32,
    pub(super) cr: f32,
}

/// From a pixel of RGB bytes.
pub(super) fn from_rgb(rgb: [u8; 3]) -> YCbCr {
    let [r, g, b] = rgb.map(f32::from);
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    let cr = 0.713 * (r - y) + 0.5;
    let cb = 0.564 * (b - y) + 0.5;
    let colour = |c: f32| (224.0 * c + 16.0) / 255.0;
    YCbCr {
        y: (219.0 * y + 16.0) / 255.0,
        cb: colour(cb),
        cr: colour(cr),
    }
}

/// To RGB on the scale of bytes, neither clipped nor rounded.
pub(super) fn to_rgb(pixel: YCbCr) -> [f32; 3] {
    let y = (255.0 * pixel.y - 16.0) / 219.0;
    let colour = |c: f32| (255.0 * c - 16.0) / 224.0;
    let (cb, cr) = (colour(pixel.cb), colour(pixel.cr));
    [
        y + 1.403 * (cr - 0.5),
        y - 0.714 * (cr - 0.5) - 0.344 * (cb - 0.5),
        y + 1.773 * (cb - 0.5),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_nearly_the_same() {
        for rgb in [[0, 0, 0], [255, 255, 255], [200, 100, 10], [90, 211, 37]] {
            let back = to_rgb(from_rgb(rgb));
            for (there, back) in rgb.iter().zip(back) {
                // The constants of the two directions are not exact inverses.
                assert!((f32::from(*there) - back).abs() < 0.2, "{rgb:?} {back}");
            }
        }
    }
}
