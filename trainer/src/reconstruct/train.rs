//! Training of one network of a bank.

use anyhow::{Result, ensure};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};

use super::net::Autoencoder;
use super::shape::Shape;
use crate::dataset::{Record, random_frame};
use crate::fake::{Picture, Random};
use crate::random::mix;

/// Side of the parts of faces that are learnt from: traces of a decoder are local.
const PART: usize = 64;
/// Weight of the differences between neighbours, which keep edges sharp.
const EDGES: f32 = 1.0;
/// Share of the steps with a rising rate.
const WARM_UP: f32 = 0.05;

/// How a network is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    /// Steps of the optimiser.
    pub steps: usize,
    /// Parts of faces in a step.
    pub batch: usize,
    /// Highest learning rate; it falls to zero along half a cosine.
    pub rate: f64,
    /// Seed of weights and order.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            steps: 800,
            batch: 8,
            rate: 2e-3,
            seed: 1,
        }
    }
}

/// Trains a network on these faces; gives it with the mean error per value over the last
/// tenth of the steps. `each` hears of each step and says whether to go on: with `false`
/// the result is `None`.
///
/// # Errors
/// When there are no faces, one does not decode, or the loss is no longer finite.
pub fn train(
    faces: &[&Record],
    shape: Shape,
    training: &Training,
    device: &Device,
    mut each: impl FnMut(usize, f32) -> bool,
) -> Result<Option<(Autoencoder, f32)>> {
    ensure!(!faces.is_empty(), "there are no real faces to learn from");
    let device = device.clone().autodiff();
    device.seed(training.seed);
    let mut random = Random::seed_from_u64(mix(training.seed, 0));
    let mut net = Autoencoder::new(shape, &device);
    let mut optimizer = AdamWConfig::new().with_weight_decay(1e-4).init();
    let last = training.steps - training.steps.div_ceil(10);
    let mut errors = Vec::new();
    for step in 0..training.steps {
        let images = parts(faces, training.batch, &device, &mut random)?;
        let made = net.forward(images.clone());
        let error = (made.images.clone() - images.clone()).abs().mean();
        let mut loss = error.clone() + edges(made.images - images) * EDGES;
        if let Some(commitment) = made.commitment {
            loss = loss + commitment;
        }
        let error: f32 = error.into_scalar();
        ensure!(
            error.is_finite(),
            "the loss is no longer finite after {step} steps: lower --rate"
        );
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        net = optimizer.step(rate(training, step), net, gradients);
        if step >= last {
            errors.push(error);
        }
        if !each(step + 1, error) {
            return Ok(None);
        }
    }
    let mean = errors.iter().sum::<f32>() / errors.len().max(1) as f32;
    Ok(Some((net, mean)))
}

fn rate(training: &Training, step: usize) -> f64 {
    let done = step as f32 / training.steps as f32;
    let share = (done / WARM_UP).min(1.0) * (0.5 + 0.5 * (done * std::f32::consts::PI).cos());
    training.rate * f64::from(share.max(1e-3))
}

/// Mean size of the differences between neighbours.
///
/// # Shapes
/// - `images`: `[batch, channels, height, width]`
fn edges(images: Tensor<4>) -> Tensor<1> {
    let [_, _, height, width] = images.dims();
    let step = |dim: usize, length: usize| {
        let low = images.clone().narrow(dim, 0, length - 1);
        let high = images.clone().narrow(dim, 1, length - 1);
        (high - low).abs().mean()
    };
    step(2, height) + step(3, width)
}

/// `[count, 3, PART, PART]`
fn parts(
    faces: &[&Record],
    count: usize,
    device: &Device,
    random: &mut Random,
) -> Result<Tensor<4>> {
    let mut values = Vec::with_capacity(count * 3 * PART * PART);
    for _ in 0..count {
        let face = faces[random.random_range(0..faces.len())];
        let picture = random_frame(face, random)?;
        values.extend(part(&picture, random).planar());
    }
    let data = TensorData::new(values, [count, 3, PART, PART]);
    Ok(Tensor::from_data(data, device))
}

/// A part of a picture, mirrored half the time.
fn part(picture: &Picture, random: &mut Random) -> Picture {
    let spare = picture.side.saturating_sub(PART);
    let [left, top] = std::array::from_fn(|_| random.random_range(0..=spare));
    let mirrored = random.random_bool(0.5);
    let mut rgb = Vec::with_capacity(PART * PART * 3);
    for line in picture
        .rgb
        .chunks_exact(picture.side * 3)
        .skip(top)
        .take(PART)
    {
        let line = line[left * 3..(left + PART) * 3].chunks_exact(3);
        if mirrored {
            line.rev().for_each(|pixel| rgb.extend_from_slice(pixel));
        } else {
            line.for_each(|pixel| rgb.extend_from_slice(pixel));
        }
    }
    Picture { side: PART, rgb }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dataset::STORED_SIDE;
    use crate::reconstruct::Upsampling;

    pub(in crate::reconstruct) const TINY: Shape = Shape {
        upsampling: Upsampling::Bilinear,
        width: 4,
        halvings: 1,
        code: 4,
        book: 0,
    };

    /// Something with slopes, an edge and three colours.
    pub(in crate::reconstruct) fn picture(side: usize) -> Picture {
        let value = |i: usize| {
            let (x, y, c) = (i / 3 % side, i / 3 / side, i % 3);
            let edge = if (x / 24 + y / 24) % 2 == 0 {
                0.25
            } else {
                0.0
            };
            0.2 + edge + 0.2 * (x as f32 / side as f32) + 0.1 * c as f32
        };
        Picture {
            side,
            rgb: (0..side * side * 3).map(value).collect(),
        }
    }

    fn record() -> Record {
        let side = STORED_SIDE.into();
        let bytes = picture(side as usize).to_u8();
        let image = image::RgbImage::from_raw(side, side, bytes).unwrap();
        let mut png = std::io::Cursor::new(Vec::new());
        image.write_to(&mut png, image::ImageFormat::Png).unwrap();
        Record {
            frames: vec![png.into_inner()],
            ..Default::default()
        }
    }

    /// Also that a stop is heard.
    #[test]
    fn a_network_learns_to_draw_what_it_is_shown() {
        let record = record();
        let training = Training {
            steps: 200,
            batch: 2,
            rate: 5e-3,
            seed: 3,
        };
        let go = |last: usize| {
            let mut errors = Vec::new();
            let each = |step: usize, error| {
                errors.push(error);
                step < last
            };
            let made = train(&[&record], TINY, &training, &Device::flex(), each).unwrap();
            (made.map(|(_, error)| error), errors)
        };
        let (stopped, errors) = go(3);
        assert_eq!((stopped, errors.len()), (None, 3));
        let (error, all) = go(201);
        assert_eq!(all.len(), 200);
        let error = error.unwrap();
        // Of every start: tests beside this one draw from the same generator of the device.
        assert!(error < 0.25 * all[0], "{} to {error}", all[0]);
        let error = train(&[], TINY, &training, &Device::flex(), |_, _| true).unwrap_err();
        assert!(error.to_string().contains("no real faces"), "{error}");
    }

    /// `np.abs(np.diff(a, axis=0)).mean() + np.abs(np.diff(a, axis=1)).mean()` of
    /// `[[1, 2], [4, 8]]`: (3 + 6) / 2 + (1 + 4) / 2.
    #[test]
    fn edges_are_mean_differences() {
        let data = TensorData::new(vec![1.0f32, 2.0, 4.0, 8.0], [1, 1, 2, 2]);
        let edges: f32 = edges(Tensor::from_data(data, &Device::flex())).into_scalar();
        assert_eq!(edges, 7.0);
    }
}
