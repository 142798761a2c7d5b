//! What editors and cameras do to the light and the colours of a whole picture.
//!
//! Training draws from these operations so that they tell nothing, and evaluation applies
//! the very same ones at fixed strengths.

use super::picture::Picture;

/// One operation. Each ends clamped to [0, 1], as if the picture were saved after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Filter {
    /// Every value times this: half the light is 0.5.
    Gain(f32),
    /// Distance from mid grey times this.
    Contrast(f32),
    /// Added to every value, in [-1, 1].
    Brightness(f32),
    /// Every value to this power; above 1 is darker.
    Gamma(f32),
    /// Distance from the pixel's own grey times this: 0 is grey, 1 changes nothing.
    Saturation(f32),
    /// Hue turned by degrees, luminance kept (`hueRotate` of SVG's `feColorMatrix`).
    Hue(f32),
    /// Gains of red and of blue: above and below 1 is warmer.
    WhiteBalance(f32, f32),
    /// Unsharp mask.
    Unsharp {
        /// Deviation of the Gaussian in pixels.
        sigma: f32,
        /// Weight of the added detail.
        amount: f32,
    },
    /// A camera's tone curve.
    ToneCurve {
        /// From -0.6, flat in the middle, over 0, straight, to 1, the smoothstep.
        bend: f32,
        /// Where black comes to lie; below 0 shadows are cut off.
        black: f32,
    },
}

/// Filters that people lay over a whole picture every day, each at three strengths.
pub const EVERYDAY: [(&str, [Filter; 3]); 9] = {
    use Filter::{Brightness, Contrast, Gain, Gamma, Hue, Saturation, WhiteBalance};
    const fn unsharp(amount: f32) -> Filter {
        Filter::Unsharp { sigma: 1.5, amount }
    }
    const STEP: f32 = 25.0 / 255.0;
    [
        ("contrast", [Contrast(1.25), Contrast(1.5), Contrast(1.8)]),
        (
            "saturation",
            [Saturation(1.5), Saturation(2.0), Saturation(2.2)],
        ),
        ("gamma", [Gamma(1.3), Gamma(1.6), Gamma(2.0)]),
        (
            "brightness",
            [
                Brightness(-STEP),
                Brightness(-2.0 * STEP),
                Brightness(-2.5 * STEP),
            ],
        ),
        ("grey", [Saturation(0.5), Saturation(0.25), Saturation(0.0)]),
        ("unsharp", [unsharp(1.0), unsharp(2.0), unsharp(3.0)]),
        ("less light", [Gain(0.7), Gain(0.5), Gain(0.3)]),
        ("hue", [Hue(6.0), Hue(12.0), Hue(18.0)]),
        (
            "white balance",
            [
                WhiteBalance(1.1, 0.9),
                WhiteBalance(1.2, 0.8),
                WhiteBalance(1.3, 0.7),
            ],
        ),
    ]
};

impl Filter {
    /// Applies it in place.
    pub fn apply(&self, picture: &mut Picture) {
        match *self {
            Self::Gain(gain) => each(picture, |v| v * gain),
            Self::Contrast(factor) => each(picture, |v| (v - 0.5) * factor + 0.5),
            Self::Brightness(shift) => each(picture, |v| v + shift),
            Self::Gamma(gamma) => each(picture, |v| v.max(0.0).powf(gamma)),
            Self::Saturation(factor) => mix(picture, &saturation(factor)),
            Self::Hue(degrees) => mix(picture, &hue(degrees)),
            Self::WhiteBalance(red, blue) => {
                mix(
                    picture,
                    &[[red, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, blue]],
                );
            }
            Self::Unsharp { sigma, amount } => {
                let soft = picture.blur(sigma);
                for (v, soft) in picture.rgb.iter_mut().zip(&soft.rgb) {
                    *v = (*v + amount * (*v - soft)).clamp(0.0, 1.0);
                }
            }
            Self::ToneCurve { bend, black } => each(picture, |v| {
                let v = v.clamp(0.0, 1.0);
                let curved = v + bend * (v * v * (3.0 - 2.0 * v) - v);
                black + (1.0 - black) * curved
            }),
        }
    }
}

/// Luminance of BT.601.
pub(crate) const GREY: [f32; 3] = [0.299, 0.587, 0.114];

fn each(picture: &mut Picture, change: impl Fn(f32) -> f32) {
    picture
        .rgb
        .iter_mut()
        .for_each(|v| *v = change(*v).clamp(0.0, 1.0));
}

/// Each pixel times a matrix, whose rows give red, green and blue.
fn mix(picture: &mut Picture, matrix: &[[f32; 3]; 3]) {
    for pixel in picture.rgb.chunks_exact_mut(3) {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]];
        for (value, row) in pixel.iter_mut().zip(matrix) {
            *value = (row[0] * r + row[1] * g + row[2] * b).clamp(0.0, 1.0);
        }
    }
}

fn saturation(factor: f32) -> [[f32; 3]; 3] {
    let entry = |row: usize, column: usize| {
        let own = if row == column { factor } else { 0.0 };
        own + (1.0 - factor) * GREY[column]
    };
    std::array::from_fn(|row| std::array::from_fn(|column| entry(row, column)))
}

/// The matrix of the filter effects specification, section `feColorMatrix`.
fn hue(degrees: f32) -> [[f32; 3]; 3] {
    const LUMINANCE: [f32; 3] = [0.213, 0.715, 0.072];
    const SINE: [[f32; 3]; 3] = [
        [-0.213, -0.715, 0.928],
        [0.143, 0.140, -0.283],
        [-0.787, 0.715, 0.072],
    ];
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let entry = |row: usize, column: usize| {
        let own = if row == column { cosine } else { 0.0 };
        own + (1.0 - cosine) * LUMINANCE[column] + sine * SINE[row][column]
    };
    std::array::from_fn(|row| std::array::from_fn(|column| entry(row, column)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 8;

    fn pattern() -> Picture {
        let value = |i: usize| {
            let (x, y, c) = (i / 3 % SIDE, i / 3 / SIDE, i % 3);
            ((x * 31 + y * 17 + c * 53) * 7 % 256) as u8
        };
        let bytes: Vec<u8> = (0..SIDE * SIDE * 3).map(value).collect();
        Picture::from_u8(SIDE, &bytes)
    }

    fn bytes(filter: Filter) -> Vec<u8> {
        let mut picture = pattern();
        filter.apply(&mut picture);
        picture.to_u8()
    }

    fn near(made: &[u8], known: &[u8], most: u8) {
        for (made, known) in made.iter().zip(known) {
            assert!(made.abs_diff(*known) <= most, "{made:?} is not {known:?}");
        }
    }

    /// ```text
    /// from PIL import Image, ImageEnhance as E
    /// a = np.uint8([[[(x*31+y*17+c*53)*7 % 256 for c in range(3)] for x in range(8)] for y in range(8)])
    /// i = Image.fromarray(a)
    /// for e, f in (E.Brightness, .5), (E.Brightness, 1.6), (E.Color, 2), (E.Color, 0), (E.Color, .5):
    ///     print(np.asarray(e(i).enhance(f)).reshape(-1)[60:72].tolist())
    /// print(i.point([int(255 * (v/255)**1.6 + .5) for v in range(256)] * 3))   # [60:72] too
    /// print(Image.blend(Image.new("RGB", (8, 8), (128,) * 3), i, 1.5))
    /// ```
    #[test]
    fn numbers_of_pillow() {
        for (filter, known) in [
            (
                Filter::Gain(0.5),
                [41, 98, 28, 21, 79, 8, 2, 59, 117, 110, 40, 97],
            ),
            (
                Filter::Gain(1.6),
                [131, 255, 89, 68, 252, 27, 6, 190, 255, 255, 128, 255],
            ),
            (
                Filter::Saturation(2.0),
                [17, 247, 0, 0, 208, 0, 0, 140, 255, 255, 25, 255],
            ),
            (
                Filter::Saturation(0.0),
                [147, 147, 147, 108, 108, 108, 98, 98, 98, 135, 135, 135],
            ),
            (
                Filter::Saturation(0.5),
                [114, 172, 101, 75, 133, 62, 51, 108, 166, 178, 107, 165],
            ),
            (
                Filter::Gamma(1.6),
                [42, 169, 23, 15, 119, 3, 0, 75, 222, 203, 40, 166],
            ),
            (
                Filter::Contrast(1.5),
                [59, 231, 20, 0, 173, 0, 0, 114, 255, 255, 56, 228],
            ),
        ] {
            // Pillow truncates to bytes, and its grey is a whole number.
            near(&bytes(filter)[60..72], &known, 1);
        }
    }

    /// ```text
    /// k = np.exp(-np.arange(-5, 6)**2 / 4.5); k /= k.sum(); f = a / 255
    /// p = np.pad(f, ((5, 5), (5, 5), (0, 0)), "edge"); p = sum(k[j]*p[j:j+8] for j in range(11))
    /// b = sum(k[j]*p[:, j:j+8] for j in range(11))
    /// (np.clip(f + 2*(f - b), 0, 1) * 255 + .5).astype(int)
    /// ```
    #[test]
    fn unsharp_is_the_formula() {
        let filter = Filter::Unsharp {
            sigma: 1.5,
            amount: 2.0,
        };
        let known = [5, 255, 0, 0, 221, 0, 0, 103, 255, 255, 0, 255];
        near(&bytes(filter)[60..72], &known, 1);
    }

    /// The specification's matrix at a right angle and at none; turns add up.
    #[test]
    fn hue_turns_about_grey() {
        let quarter = [
            [0.0, 0.0, 1.0],
            [0.356, 0.855, -0.211],
            [-0.574, 1.430, 0.144],
        ];
        let unit = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        for (degrees, known) in [(90.0, quarter), (0.0, unit)] {
            for (made, known) in hue(degrees).iter().flatten().zip(known.iter().flatten()) {
                assert!((made - known).abs() < 1e-6, "{made} is not {known}");
            }
        }
        let (one, two) = (hue(11.0), hue(22.0));
        for row in 0..3 {
            let sum: f32 = one[row].iter().sum();
            assert!((sum - 1.0).abs() < 1e-6, "grey becomes {sum}");
            for column in 0..3 {
                let twice: f32 = (0..3).map(|k| one[row][k] * one[k][column]).sum();
                assert!((twice - two[row][column]).abs() < 2e-3, "{row} {column}");
            }
        }
    }

    #[test]
    fn tone_curves_and_white_balance_follow_their_formulas() {
        let one = |filter: Filter, value: f32| {
            let mut picture = Picture {
                side: 1,
                rgb: vec![value; 3],
            };
            filter.apply(&mut picture);
            [picture.rgb[0], picture.rgb[1], picture.rgb[2]]
        };
        let curve = |bend, black, v| one(Filter::ToneCurve { bend, black }, v)[0];
        assert!((curve(1.0, 0.0, 0.25) - 0.156_25).abs() < 1e-6);
        assert!((curve(0.0, 0.1, 0.5) - 0.55).abs() < 1e-6);
        assert_eq!((curve(0.7, -0.1, 0.0), curve(0.7, -0.1, 1.0)), (0.0, 1.0));
        for bend in [-0.6, 1.0] {
            let rises = |i: usize| {
                curve(bend, 0.0, i as f32 / 64.0) < curve(bend, 0.0, (i + 1) as f32 / 64.0)
            };
            assert!((0..64).all(rises), "{bend}");
        }
        assert_eq!(one(Filter::WhiteBalance(1.5, 0.5), 0.5), [0.75, 0.5, 0.25]);
    }

    #[test]
    fn every_strength_changes_a_picture_more() {
        let distance = |filter: Filter| {
            let mut picture = pattern();
            filter.apply(&mut picture);
            assert!(picture.rgb.iter().all(|v| (0.0..=1.0).contains(v)));
            let apart = picture.rgb.iter().zip(pattern().rgb);
            apart.map(|(a, b)| (a - b).abs()).sum::<f32>()
        };
        for (name, strengths) in EVERYDAY {
            let [weak, middle, strong] = strengths.map(distance);
            assert!(0.0 < weak && weak < middle && middle < strong, "{name}");
        }
    }
}
