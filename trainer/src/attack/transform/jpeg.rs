//! JPEG, differentiably.

use anyhow::Result;
use burn::tensor::{Device, Tensor, TensorData};

use super::spectral::cosine;
use super::{Range, Rows, Transform, pick, separable, within};
use crate::random::Random;

const BLOCK: usize = 8;

/// The example tables of ITU-T T.81, annex K, which nearly all encoders scale.
#[rustfmt::skip]
const LUMA: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
#[rustfmt::skip]
const CHROMA: [u16; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/// Compresses and decompresses pictures: YCbCr, cosine transform of blocks of 8x8,
/// quantisation, and back.
///
/// Quantised coefficients are rounded softly, `round(x) + (x - round(x))^3` (Shin & Song,
/// 2017): near the real thing, and with a gradient. Pixels are not rounded. Incomplete
/// blocks repeat the outermost pixel. Halved colour is averaged over 2x2 pixels and
/// repeated, where decoders may interpolate.
#[derive(Clone, Copy, Debug)]
pub struct Jpeg {
    /// As libjpeg counts it, 1 to 100.
    pub quality: Range,
    /// Whether colour has half the resolution (4:2:0).
    pub half_colour: bool,
}

impl Jpeg {
    /// Always the same quality, with halved colour.
    pub fn fixed(quality: f32) -> Self {
        Self {
            quality: [quality; 2],
            half_colour: true,
        }
    }

    /// One plane through the blocks.
    fn plane(&self, plane: Tensor<4>, table: &[u16; 64], quality: f32, half: bool) -> Tensor<4> {
        let [.., h, w] = plane.dims();
        let device = plane.device();
        let (down_to, down_from) = blocks(h, half, &device);
        let (across_to, across_from) = blocks(w, half, &device);
        let coefficients = separable(plane, &down_to, &across_to);
        let [.., rows, columns] = coefficients.dims();
        let steps = steps(table, quality, rows, columns, &device);
        let quantised = soft_round(coefficients / steps.clone()) * steps;
        separable(quantised, &down_from, &across_from)
    }
}

/// The way of one side into blocks of coefficients and back.
fn blocks(side: usize, half: bool, device: &Device) -> (Tensor<2>, Tensor<2>) {
    let small = if half { side.div_ceil(2) } else { side };
    let shrunk = Rows::new(side, small, |i| match half {
        true => vec![(2 * i as isize, 0.5), (2 * i as isize + 1, 0.5)],
        false => vec![(i as isize, 1.0)],
    });
    let grown = Rows::new(small, side, |i| {
        vec![((if half { i / 2 } else { i }) as isize, 1.0)]
    });
    let full = small.next_multiple_of(BLOCK);
    let padded = Rows::new(small, full, |i| vec![(i as isize, 1.0)]);
    let to = tiled(full, device).matmul(shrunk.then(&padded).matrix(device));
    let cut = Rows::new(full, small, |i| vec![(i as isize, 1.0)]);
    let from = cut.then(&grown).matrix(device);
    (to, from.matmul(tiled(full, device).transpose()))
}

/// The cosine transform of each block of eight, `[side, side]`.
fn tiled(side: usize, device: &Device) -> Tensor<2> {
    let block = cosine(BLOCK).matrix(device);
    let mut whole = Tensor::zeros([side, side], device);
    for start in (0..side).step_by(BLOCK) {
        let at = [start..start + BLOCK, start..start + BLOCK];
        whole = whole.slice_assign(at, block.clone());
    }
    whole
}

/// Quantisation steps of every coefficient, `[1, 1, rows, columns]`.
fn steps(
    table: &[u16; 64],
    quality: f32,
    rows: usize,
    columns: usize,
    device: &Device,
) -> Tensor<4> {
    let percent = match quality < 50.0 {
        true => 5000.0 / quality,
        false => 200.0 - 2.0 * quality,
    };
    let values: Vec<f32> = (0..rows * columns)
        .map(|i| {
            let (row, column) = (i / columns % BLOCK, i % columns % BLOCK);
            let step = f32::from(table[row * BLOCK + column]);
            ((step * percent + 50.0) / 100.0).floor().clamp(1.0, 255.0)
        })
        .collect();
    Tensor::from_data(TensorData::new(values, [1, 1, rows, columns]), device)
}

fn soft_round(x: Tensor<4>) -> Tensor<4> {
    let whole = x.clone().detach().round();
    whole.clone() + (x - whole).powi_scalar(3)
}

impl Transform for Jpeg {
    fn name(&self) -> String {
        format!("JPEG of quality {:?}", self.quality)
    }

    fn check(&self) -> Result<()> {
        within("quality of a JPEG", self.quality, 1.0, 100.0)
    }

    fn apply(&self, images: Tensor<4>, random: &mut Random) -> Tensor<4> {
        let quality = pick(self.quality, random).round();
        let [red, green, blue] = [0, 1, 2].map(|c| images.clone().narrow(1, c, 1) * 255.0);
        let luma = red.clone() * 0.299 + green * 0.587 + blue.clone() * 0.114;
        let cb = (blue - luma.clone()) * (0.5 / 0.886);
        let cr = (red - luma.clone()) * (0.5 / 0.701);
        let half = self.half_colour;
        let luma = self.plane(luma - 128.0, &LUMA, quality, false) + 128.0;
        let cb = self.plane(cb, &CHROMA, quality, half);
        let cr = self.plane(cr, &CHROMA, quality, half);
        let green = luma.clone() - cb.clone() * 0.344_136 - cr.clone() * 0.714_136;
        let red = luma.clone() + cr * 1.402;
        let blue = luma + cb * 1.772;
        (Tensor::cat(vec![red, green, blue], 1) / 255.0).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::clips::uniform;
    use rand::SeedableRng;

    #[rustfmt::skip]
    const PILLOW_RED: [f32; 20] = [
        187.0, 189.0, 182.0, 163.0, 147.0, 136.0, 121.0, 106.0, 95.0, 83.0,
        74.0, 76.0, 82.0, 89.0, 105.0, 123.0, 139.0, 150.0, 165.0, 176.0,
    ];
    #[rustfmt::skip]
    const PILLOW_BLUE: [f32; 20] = [
        157.0, 174.0, 192.0, 204.0, 218.0, 231.0, 232.0, 226.0, 227.0, 216.0,
        208.0, 199.0, 181.0, 157.0, 141.0, 138.0, 120.0, 125.0, 131.0, 134.0,
    ];

    /// A picture of slow waves, in whole levels.
    fn waves(h: usize, w: usize) -> Vec<f32> {
        let value = |i: usize| {
            let (c, y, x) = (i / (h * w), i / w % h, i % w);
            let wave = (0.4 * y as f32 + c as f32).sin() + (0.3 * x as f32 - c as f32).cos();
            (128.0 + 55.0 * wave).round() / 255.0
        };
        (0..3 * h * w).map(value).collect()
    }

    /// Pillow's picture, by its first row of red and of blue:
    ///
    /// h, w, q = 16, 20, 50
    /// c, y, x = np.indices((3, h, w))
    /// p = np.round(128 + 55 * (np.sin(.4 * y + c) + np.cos(.3 * x - c))).astype("uint8")
    /// f = io.BytesIO()
    /// Image.fromarray(p.transpose(1, 2, 0)).save(f, "jpeg", quality=q, subsampling=0)
    /// out = np.array(Image.open(f)).transpose(2, 0, 1); out[0, 0], out[2, 0]
    #[test]
    fn is_near_pillow() {
        let device = Device::flex();
        let x = TensorData::new(waves(16, 20), [1, 3, 16, 20]);
        let x = Tensor::<4>::from_data(x, &device);
        let jpeg = Jpeg {
            half_colour: false,
            ..Jpeg::fixed(50.0)
        };
        let out = jpeg.apply(x.clone(), &mut Random::seed_from_u64(0)) * 255.0;
        let row = |x: &Tensor<4>, channel: usize| {
            let row = x.clone().slice([0..1, channel..channel + 1, 0..1, 0..20]);
            row.into_data().try_to_vec::<f32>().unwrap()
        };
        let before = x * 255.0;
        for (channel, want) in [(0, PILLOW_RED), (2, PILLOW_BLUE)] {
            let mean = |got: Vec<f32>| {
                let apart: f32 = got.iter().zip(want).map(|(a, b)| (a - b).abs()).sum();
                apart / 20.0
            };
            let (ours, unchanged) = (mean(row(&out, channel)), mean(row(&before, channel)));
            assert!(ours < 1.5 && ours < 0.5 * unchanged, "{ours} {unchanged}");
        }
    }

    /// x = 2.3: 2 + 0.3^3, with the slope 3 * 0.3^2.
    #[test]
    fn rounding_is_soft() {
        let x = Tensor::<4>::full([1, 1, 1, 1], 2.3, &Device::flex());
        let leaf = x.autodiff().require_grad();
        let out = soft_round(leaf.clone());
        let value: f32 = out.clone().inner().into_scalar();
        let slope = leaf.grad_remove(&mut out.sum().backward()).unwrap();
        let slope: f32 = slope.into_scalar();
        assert!((value - 2.027).abs() < 1e-5, "{value}");
        assert!((slope - 0.27).abs() < 1e-5, "{slope}");
    }

    /// Along the signs of the gradient, where coefficients are small enough for none to
    /// jump to another whole number.
    #[test]
    fn gradient_agrees_with_finite_differences() {
        let mut random = Random::seed_from_u64(1);
        let mut like = |middle: f32, reach: f32| {
            let value = |_| middle + reach * uniform(&mut random);
            let values = TensorData::new((0..660).map(value).collect::<Vec<f32>>(), [1, 3, 11, 20]);
            Tensor::<4>::from_data(values, &Device::flex())
        };
        let (x, weight) = (like(0.5, 0.02), like(0.0, 1.0));
        let jpeg = Jpeg::fixed(20.0);
        let of = |x: Tensor<4>| jpeg.apply(x, &mut Random::seed_from_u64(0));
        let leaf = x.clone().autodiff().require_grad();
        let loss = (of(leaf.clone()) * weight.clone().autodiff()).sum();
        let gradient = leaf.grad_remove(&mut loss.backward()).unwrap();
        let way = gradient.clone().sign();
        let slope: f32 = (gradient * way.clone()).sum().into_scalar();
        let at = |by: f32| of(x.clone() + way.clone() * by) * weight.clone();
        let difference: f32 = (at(5e-4) - at(-5e-4)).sum().into_scalar();
        let difference = difference / 1e-3;
        assert!(
            slope > 1.0 && (slope - difference).abs() < 0.03 * slope,
            "{slope} {difference}"
        );
    }

    /// At the best quality every step is one level, and little is lost.
    #[test]
    fn the_best_quality_keeps_the_picture() {
        let device = Device::flex();
        let x = TensorData::new(waves(13, 11), [1, 3, 13, 11]);
        let x = Tensor::<4>::from_data(x, &device);
        let jpeg = Jpeg {
            half_colour: false,
            ..Jpeg::fixed(100.0)
        };
        let out = jpeg.apply(x.clone(), &mut Random::seed_from_u64(0));
        let apart: f32 = (out - x).abs().max().into_scalar();
        assert!(apart < 2.0 / 255.0, "{apart}");
    }
}
