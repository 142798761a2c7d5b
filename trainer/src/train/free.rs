//! Free adversarial training: noise that is climbed by the very backward passes that train the
//! weights, and kept from batch to batch (Shafahi et al., NeurIPS 2019).

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};

/// Noise of the batch at hand, in pixel units.
#[derive(Clone, Debug)]
pub struct FreeNoise {
    noise: Tensor<4>,
}

impl FreeNoise {
    /// Zeros for a first batch of this shape, `[clips * frames, 3, side, side]`.
    pub fn none(shape: [usize; 4], device: &Device) -> Self {
        Self {
            noise: Tensor::zeros(shape, device),
        }
    }

    /// Whether the noise fits a batch.
    pub fn fits(&self, shape: [usize; 4]) -> bool {
        self.noise.dims() == shape
    }

    /// The noise as a leaf of the autodiff graph, within `epsilon`.
    pub fn leaf(&self, epsilon: f32) -> Tensor<4> {
        let reach = f64::from(epsilon);
        let noise = self.noise.clone().clamp(-reach, reach);
        noise.autodiff().require_grad()
    }

    /// One sign step up the gradient, kept within `epsilon`.
    pub fn climb(&mut self, gradient: Tensor<4>, epsilon: f32) {
        let reach = f64::from(epsilon);
        let noise = self.noise.clone().clamp(-reach, reach);
        self.noise = (noise + gradient.sign() * epsilon).clamp(-reach, reach);
    }

    /// Four sizes of eight bytes, then the values, little-endian.
    ///
    /// # Errors
    /// When the backend does not give f32.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes: Vec<u8> = self
            .noise
            .dims()
            .iter()
            .flat_map(|side| (*side as u64).to_le_bytes())
            .collect();
        let values = self.noise.to_data().try_to_vec::<f32>();
        let values = values.map_err(|error| anyhow::anyhow!("noise is not f32: {error:?}"))?;
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        Ok(bytes)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the length is not what the sizes say.
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self> {
        let short = "the saved noise is cut short";
        let (head, values) = bytes.split_at_checked(32).context(short)?;
        let mut shape = [0usize; 4];
        for (side, bytes) in shape.iter_mut().zip(head.chunks_exact(8)) {
            *side = u64::from_le_bytes(bytes.try_into()?).try_into()?;
        }
        let count = shape
            .iter()
            .try_fold(4usize, |product, side| product.checked_mul(*side));
        ensure!(count == Some(values.len()), short);
        let values: Vec<f32> = values
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        Ok(Self {
            noise: Tensor::from_data(TensorData::new(values, shape), device),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_climbs_within_its_radius_and_survives_its_file() {
        let device = Device::flex();
        let mut noise = FreeNoise::none([1, 1, 1, 3], &device);
        let gradient = Tensor::<1>::from_floats([2.0, -0.5, 0.0], &device).reshape([1, 1, 1, 3]);
        noise.climb(gradient.clone(), 0.01);
        noise.climb(gradient, 0.01);
        let values = noise.noise.to_data().try_to_vec::<f32>().unwrap();
        assert_eq!(values, [0.01, -0.01, 0.0]);
        let bytes = noise.to_bytes().unwrap();
        let back = FreeNoise::from_bytes(&bytes, &device).unwrap();
        assert_eq!(back.noise.to_data().try_to_vec::<f32>().unwrap(), values);
        assert!(FreeNoise::from_bytes(&bytes[..40], &device).is_err());
        assert!(FreeNoise::from_bytes(&[255; 36], &device).is_err());
        // A smaller radius holds at once.
        let leaf = noise.leaf(0.005).inner().into_data();
        assert_eq!(leaf.try_to_vec::<f32>().unwrap(), [0.005, -0.005, 0.0]);
    }
}
