//! Rows of RGB, and colours in it.

use super::Format;

/// How Y, Cb and Cr were made of red, green and blue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum YcbcrMatrix {
    /// ITU-R BT.601: standard definition, and most cameras.
    #[default]
    Bt601,
    /// ITU-R BT.709: high definition.
    Bt709,
}

/// Which bytes black and white are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ColourRange {
    /// 16 and 235; colours from 16 to 240.
    #[default]
    Studio,
    /// 0 and 255, as in JPEG.
    Full,
}

/// What the bytes of a picture of brightness and colour mean. The default is what cameras deliver
/// unless they say otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ColourSpace {
    /// The matrix.
    pub matrix: YcbcrMatrix,
    /// The range.
    pub range: ColourRange,
}

/// The way to RGB, in 1/65536.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights {
    black: i32,
    luma: i32,
    cr_in_red: i32,
    cb_in_green: i32,
    cr_in_green: i32,
    cb_in_blue: i32,
}

impl ColourSpace {
    /// With `Kr` and `Kb` of the matrix: red is `Y + 2 (1 - Kr) Cr`, blue `Y + 2 (1 - Kb) Cb`, and
    /// green what is left, times 255/219 and 255/224 in studio range.
    pub(crate) fn weights(self) -> Weights {
        match (self.matrix, self.range) {
            (YcbcrMatrix::Bt601, ColourRange::Studio) => Weights {
                black: 16,
                luma: 76_309,
                cr_in_red: 104_597,
                cb_in_green: -25_675,
                cr_in_green: -53_279,
                cb_in_blue: 132_201,
            },
            (YcbcrMatrix::Bt601, ColourRange::Full) => Weights {
                black: 0,
                luma: 65_536,
                cr_in_red: 91_881,
                cb_in_green: -22_553,
                cr_in_green: -46_802,
                cb_in_blue: 116_130,
            },
            (YcbcrMatrix::Bt709, ColourRange::Studio) => Weights {
                black: 16,
                luma: 76_309,
                cr_in_red: 117_489,
                cb_in_green: -13_975,
                cr_in_green: -34_925,
                cb_in_blue: 138_438,
            },
            (YcbcrMatrix::Bt709, ColourRange::Full) => Weights {
                black: 0,
                luma: 65_536,
                cr_in_red: 103_206,
                cb_in_green: -12_276,
                cr_in_green: -30_679,
                cb_in_blue: 121_609,
            },
        }
    }
}

impl Weights {
    /// What the colour of a pixel adds.
    #[inline]
    pub(crate) fn chroma(&self, cb: u8, cr: u8) -> Chroma {
        let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
        Chroma {
            red: self.cr_in_red * cr,
            green: self.cb_in_green * cb + self.cr_in_green * cr,
            blue: self.cb_in_blue * cb,
        }
    }

    #[inline]
    pub(crate) fn pixel(&self, y: u8, chroma: Chroma, out: &mut [u8]) {
        let luma = self.luma * (i32::from(y) - self.black) + (1 << 15);
        let byte = |value: i32| ((luma + value) >> 16).clamp(0, 255) as u8;
        if let [red, green, blue] = out {
            *red = byte(chroma.red);
            *green = byte(chroma.green);
            *blue = byte(chroma.blue);
        }
    }

    /// Two pixels that share their colour.
    #[inline]
    pub(super) fn two(&self, out: &mut [u8], y0: u8, y1: u8, chroma: Chroma) {
        let (left, right) = out.split_at_mut(3);
        self.pixel(y0, chroma, left);
        self.pixel(y1, chroma, right);
    }
}

/// What the colour of a pixel adds to red, green and blue, in 1/65536.
#[derive(Clone, Copy)]
pub(crate) struct Chroma {
    red: i32,
    green: i32,
    blue: i32,
}

/// Rows of a picture that is being filled.
pub(super) fn rows<'a>(format: &Format, rgb: &'a mut [u8]) -> std::slice::ChunksExactMut<'a, u8> {
    rgb.chunks_exact_mut(3 * format.width())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `Kr` and `Kb` of ITU-R BT.601-7 and BT.709-6.
    #[test]
    fn weights_are_those_of_the_standards() {
        for (matrix, kr, kb) in [
            (YcbcrMatrix::Bt601, 0.299, 0.114),
            (YcbcrMatrix::Bt709, 0.2126, 0.0722),
        ] {
            for (range, luma, colour) in [
                (ColourRange::Studio, 255.0 / 219.0, 255.0 / 224.0),
                (ColourRange::Full, 1.0, 1.0),
            ] {
                let kg = 1.0 - kr - kb;
                let (red, blue) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
                let of = ColourSpace { matrix, range }.weights();
                for (have, want) in [
                    (of.luma, luma),
                    (of.cr_in_red, colour * red),
                    (of.cb_in_green, -colour * blue * kb / kg),
                    (of.cr_in_green, -colour * red * kr / kg),
                    (of.cb_in_blue, colour * blue),
                ] {
                    let want: f64 = want * 65_536.0;
                    assert!((f64::from(have) - want).abs() < 1.5, "{have} {want}");
                }
            }
        }
    }
}
