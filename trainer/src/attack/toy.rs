//! Detectors whose best attack is known in closed form, for tests.

use anyhow::Result;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};

use super::{Faces, Victim, per_clip};
use crate::network::{Differentiable, Features};
use crate::random::Random;

/// `z = w . x + b` of a frame. In an l_inf ball of radius e that stays in [0, 1] the margin
/// falls by `e |w|_1` at most, in an l_2 ball by `e |w|_2`.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[3, h, w]`
    pub weight: Tensor<3>,
    pub bias: f32,
}

impl Linear {
    /// Weights of zero mean and unit variance over `side * side` pixels, always the same, and
    /// no bias.
    pub fn random(side: usize, device: &Device) -> Self {
        let reach = 3f32.sqrt();
        let weight = draws(17, 3 * side * side, -reach..reach);
        Self {
            weight: Tensor::from_data(TensorData::new(weight, [3, side, side]), device),
            bias: 0.0,
        }
    }

    fn logit(&self, images: Tensor<4>, weight: Tensor<3>) -> Tensor<1> {
        let [n, ..] = images.dims();
        (images * weight.unsqueeze::<4>())
            .reshape([n as i32, -1])
            .sum_dim(1)
            .reshape([n])
            + self.bias
    }
}

impl Differentiable for Linear {
    fn features(&self, images: Tensor<4>, _: usize) -> Features {
        let [n, ..] = images.dims();
        Features {
            embedding: images.clone().reshape([n as i32, -1]),
            logit: self.logit(images, self.weight.clone().autodiff()),
        }
    }

    fn scale(&self) -> f32 {
        1.0
    }
}

impl Victim for Linear {
    fn logits(&self, images: Tensor<4>, frames: usize) -> Result<Tensor<1>> {
        let [n, ..] = images.dims();
        let logit = self.logit(images, self.weight.clone());
        Ok(per_clip(logit, n / frames.max(1)))
    }
}

/// Numbers that do not depend on the device, whose random stream other tests use as well.
fn draws(seed: u64, count: usize, range: std::ops::Range<f32>) -> Vec<f32> {
    let mut random = Random::seed_from_u64(seed);
    (0..count)
        .map(|_| random.random_range(range.clone()))
        .collect()
}

/// `clips` random clips around middle grey, far enough from black and white that a ball of
/// radius 0.1 is not cut; every other one is a fake. Always the same.
pub fn grey_faces(clips: usize, frames: usize, side: usize, device: &Device) -> Faces {
    let shape = [clips * frames, 3, side, side];
    let grey = draws(18, shape.iter().product(), 0.3..0.7);
    let labels: Vec<f32> = (0..clips).map(|i| (i % 2) as f32).collect();
    Faces {
        images: Tensor::from_data(TensorData::new(grey, shape), device),
        label: Tensor::from_floats(labels.as_slice(), device),
        frames,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::{Pgd, Target};

    /// The optimum is e |w|_1 with the wrong sign; PGD-10 has reached it.
    #[test]
    fn pgd_reaches_the_closed_form_on_a_linear_detector() {
        let device = Device::flex();
        device.seed(3);
        let net = Linear::random(8, &device);
        let faces = grey_faces(6, 2, 8, &device);
        let found = Pgd::ten(8.0 / 255.0, Target::Both).run(&net, &faces);
        let before = net.logits(faces.images.clone(), 2).unwrap();
        let after = net.logits(found.images, 2).unwrap();
        let gain = ((before - after) * faces.sign()).min();
        let best = net.weight.clone().abs().sum() * (8.0 / 255.0);
        let share: f32 = (gain / best).into_scalar();
        assert!(share > 0.999 && share < 1.0001, "{share}");
    }
}
