//! The crop of a face as a linear map of the frame, so that gradients find their way back.

use anyhow::{Result, ensure};
use unmask_shared::geometry::Similarity;
use unmask_shared::sample::for_each_weight;

/// One weight of the map.
#[derive(Clone, Copy, Debug)]
struct Weight {
    pixel: u32,
    texel: u32,
    weight: f32,
}

/// How a crop is drawn from frames of one size: just as the firmware draws it.
#[derive(Clone, Debug)]
pub(super) struct CropMap {
    weights: Vec<Weight>,
    /// Pixels of the crop.
    area: usize,
    /// Pixels of the frame.
    texels: usize,
}

impl CropMap {
    /// For frames of `width` x `height` pixels and a square crop.
    ///
    /// # Errors
    /// When the transform cannot be inverted.
    pub(super) fn new(
        (width, height): (usize, usize),
        to_crop: &Similarity,
        side: usize,
    ) -> Result<Self> {
        let mut weights = Vec::with_capacity(4 * side * side);
        for_each_weight((width, height), to_crop, side, |pixel, texel, weight| {
            let (pixel, texel) = (pixel as u32, texel as u32);
            weights.push(Weight {
                pixel,
                texel,
                weight,
            });
        })?;
        Ok(Self {
            weights,
            area: side * side,
            texels: width * height,
        })
    }

    /// # Shapes
    /// - `frame`: `[height, width, 3]`; output `[3, side, side]`
    pub(super) fn draw(&self, frame: &[f32]) -> Result<Vec<f32>> {
        ensure!(frame.len() == 3 * self.texels, "a frame of another size");
        let mut crop = vec![0.0; 3 * self.area];
        for at in &self.weights {
            for channel in 0..3 {
                crop[channel * self.area + at.pixel as usize] +=
                    at.weight * frame[3 * at.texel as usize + channel];
            }
        }
        Ok(crop)
    }

    /// The transposed map: adds to each pixel of the frame what the gradient of the crop says of it.
    ///
    /// # Shapes
    /// - `gradient`: `[3, side, side]`; `frame`: `[height, width, 3]`
    pub(super) fn scatter(&self, gradient: &[f32], frame: &mut [f32]) -> Result<()> {
        ensure!(
            frame.len() == 3 * self.texels && gradient.len() == 3 * self.area,
            "a frame or crop of another size"
        );
        for at in &self.weights {
            for channel in 0..3 {
                frame[3 * at.texel as usize + channel] +=
                    at.weight * gradient[channel * self.area + at.pixel as usize];
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use unmask_shared::sample::{RgbView, crop_planar};

    use crate::random::Random;

    const SIZE: (usize, usize) = (31, 22);
    const SIDE: usize = 12;

    fn map() -> CropMap {
        let to_crop = Similarity {
            a: 0.35,
            b: -0.2,
            tx: 2.0,
            ty: 3.5,
        };
        CropMap::new(SIZE, &to_crop, SIDE).unwrap()
    }

    /// `<A x, y> = <x, A' y>`, and linear: `A (x + z) = A x + A z`.
    #[test]
    fn the_way_back_is_the_transposed_one() {
        let map = map();
        let mut random = Random::seed_from_u64(4);
        let mut draw = |count: usize| -> Vec<f32> {
            (0..count).map(|_| random.random_range(-1.0..1.0)).collect()
        };
        let (x, y) = (draw(3 * SIZE.0 * SIZE.1), draw(3 * SIDE * SIDE));
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter()
                .zip(b)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum()
        };
        let forth = dot(&map.draw(&x).unwrap(), &y);
        let mut back = vec![0.0; x.len()];
        map.scatter(&y, &mut back).unwrap();
        let back = dot(&x, &back);
        assert!((forth - back).abs() < 1e-3, "{forth} {back}");
        assert!(forth.abs() > 0.1);
    }

    #[test]
    fn it_is_the_crop_of_the_firmware() {
        let bytes: Vec<u8> = (0..3 * SIZE.0 * SIZE.1)
            .map(|at| (at * 53 % 256) as u8)
            .collect();
        let to_crop = Similarity {
            a: 0.35,
            b: -0.2,
            tx: 2.0,
            ty: 3.5,
        };
        let view = RgbView::new(SIZE.0, SIZE.1, &bytes).unwrap();
        let mut theirs = vec![0.0; 3 * SIDE * SIDE];
        crop_planar(&view, &to_crop, SIDE, &mut theirs).unwrap();
        let frame: Vec<f32> = bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect();
        for (ours, theirs) in map().draw(&frame).unwrap().iter().zip(theirs) {
            assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
        }
        assert!(map().draw(&frame[1..]).is_err());
    }
}
