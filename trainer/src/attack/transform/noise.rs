//! Noise of a sensor.

use anyhow::{Result, ensure};
use burn::tensor::{Tensor, TensorData};

use super::Transform;
use crate::attack::clips::normal;
use crate::random::Random;

/// Adds white Gaussian noise, independent for every value of every frame.
#[derive(Clone, Copy, Debug)]
pub struct GaussianNoise {
    /// Standard deviation, in [0, 1].
    pub deviation: f32,
}

impl Transform for GaussianNoise {
    fn name(&self) -> String {
        format!("noise of {}", self.deviation)
    }

    fn check(&self) -> Result<()> {
        ensure!(
            (0.0..=1.0).contains(&self.deviation),
            "noise of {}: the standard deviation must be in [0, 1]",
            self.deviation
        );
        Ok(())
    }

    fn apply(&self, images: Tensor<4>, random: &mut Random) -> Tensor<4> {
        let shape = images.dims();
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| normal(random) * self.deviation)
            .collect();
        let noise = Tensor::from_data(TensorData::new(values, shape), &images.device());
        (images + noise).clamp(0.0, 1.0)
    }
}
