//! Rows of RGB, and colours in it.

use super::Format;

/// What the colour of a pixel adds to red, green and blue, in 1/65536.
#[derive(Clone, Copy)]
pub(crate) struct Chroma {
    red: i32,
    green: i32,
    blue: i32,
}

impl Chroma {
    /// BT.601, studio range: what cameras deliver unless they say otherwise.
    #[inline]
    pub(crate) fn new(cb: u8, cr: u8) -> Self {
        let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
        Self {
            red: 104_597 * cr,
            green: -25_675 * cb - 53_279 * cr,
            blue: 132_201 * cb,
        }
    }

    #[inline]
    pub(crate) fn pixel(self, y: u8, out: &mut [u8]) {
        let luma = 76_309 * (i32::from(y) - 16) + (1 << 15);
        let byte = |value: i32| ((luma + value) >> 16).clamp(0, 255) as u8;
        if let [red, green, blue] = out {
            *red = byte(self.red);
            *green = byte(self.green);
            *blue = byte(self.blue);
        }
    }
}

/// Rows of a picture that is being filled.
pub(super) fn rows<'a>(format: &Format, rgb: &'a mut [u8]) -> std::slice::ChunksExactMut<'a, u8> {
    rgb.chunks_exact_mut(3 * format.width())
}

/// Two pixels that share their colour.
#[inline]
pub(super) fn two(out: &mut [u8], y0: u8, y1: u8, chroma: Chroma) {
    let (left, right) = out.split_at_mut(3);
    chroma.pixel(y0, left);
    chroma.pixel(y1, right);
}
