//! Decisions and random numbers per clip, for attacks that treat each clip on its own.

use anyhow::{Context, Result, ensure};
use burn::tensor::{Bool, Tensor, TensorData};
use rand::RngExt;

use super::{Faces, Noise};
use crate::random::Random;

/// Brings one value per clip to the host.
///
/// # Errors
/// When a value is not finite: then no decision can be based on it.
pub fn host(values: Tensor<1>) -> Result<Vec<f32>> {
    let values = values
        .into_data()
        .try_to_vec::<f32>()
        .ok()
        .context("the detector's logits are not f32: convert its weights")?;
    ensure!(
        values.iter().all(|value| value.is_finite()),
        "the detector gave a logit that is not finite: check its weights before attacking it"
    );
    Ok(values)
}

/// Images of `yes` for the clips in `pick`, of `no` for the others, bit for bit.
///
/// # Shapes
/// - `yes`, `no`: `[clips * frames, c, h, w]`, output alike; `pick`: one per clip
pub fn choose(pick: &[bool], yes: Tensor<4>, no: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = no.dims();
    if pick.iter().all(|&picked| picked) {
        return yes;
    }
    if !pick.contains(&true) {
        return no;
    }
    let frames = n / pick.len();
    let mask: Vec<bool> = pick
        .iter()
        .flat_map(|&picked| std::iter::repeat_n(picked, frames))
        .collect();
    let mask = Tensor::<4, Bool>::from_data(TensorData::new(mask, [n, 1, 1, 1]), &no.device());
    no.mask_where(mask.expand([n, c, h, w]), yes)
}

/// One number per clip, repeated for its frames: `[clips * frames, 1, 1, 1]`.
pub fn each(values: &[f32], faces: &Faces) -> Tensor<4> {
    let frames = faces.images.dims()[0] / values.len().max(1);
    let spread: Vec<f32> = values
        .iter()
        .flat_map(|&value| std::iter::repeat_n(value, frames))
        .collect();
    let shape = [spread.len(), 1, 1, 1];
    Tensor::from_data(TensorData::new(spread, shape), &faces.images.device())
}

/// Sum over the values of each clip, `[clips]`.
pub fn per_clip_sum(x: Tensor<4>, clips: usize) -> Tensor<1> {
    x.reshape([clips as i32, -1]).sum_dim(1).reshape([clips])
}

/// Draws a number for every value of `faces`, the same for all frames of a clip where the
/// noise is shared. Every device gets the same numbers.
pub fn draw(
    faces: &Faces,
    noise: Noise,
    random: &mut Random,
    mut law: impl FnMut(&mut Random) -> f32,
) -> Tensor<4> {
    let [n, c, h, w] = faces.images.dims();
    let device = faces.images.device();
    let frames = faces.frames.max(1);
    let (rows, each) = match noise {
        Noise::PerFrame => (n, 1),
        Noise::Shared => (n / frames, frames),
    };
    let values: Vec<f32> = (0..rows * c * h * w).map(|_| law(random)).collect();
    let values = TensorData::new(values, [rows, 1, c * h * w]);
    Tensor::<3>::from_data(values, &device)
        .repeat_dim(1, each)
        .reshape([n, c, h, w])
}

/// A number of the uniform law on [-1, 1).
pub fn uniform(random: &mut Random) -> f32 {
    random.random_range(-1.0..1.0)
}

/// A number of the standard normal law (Box and Muller).
pub fn normal(random: &mut Random) -> f32 {
    let radius = (-2.0 * (1.0 - random.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * random.random::<f32>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use rand::SeedableRng;

    #[test]
    fn infinite_logits_are_refused() {
        let device = Device::flex();
        assert!(host(Tensor::from_floats([1.0, -2.0], &device)).is_ok());
        let error = host(Tensor::from_floats([1.0, f32::NAN], &device)).unwrap_err();
        assert!(error.to_string().contains("not finite"), "{error}");
    }

    #[test]
    fn whole_clips_are_chosen() {
        let device = Device::flex();
        let no = Tensor::<4>::zeros([4, 1, 1, 2], &device);
        let yes = no.ones_like();
        let got = choose(&[false, true], yes, no).into_data();
        assert_eq!(
            got.try_to_vec::<f32>().unwrap(),
            [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
        );
    }

    #[test]
    fn normal_numbers_have_unit_variance() {
        let mut random = Random::seed_from_u64(3);
        let drawn: Vec<f32> = (0..20_000).map(|_| normal(&mut random)).collect();
        let mean = drawn.iter().sum::<f32>() / 20_000.0;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 20_000.0;
        assert!(
            mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03,
            "{mean} {variance}"
        );
    }
}
