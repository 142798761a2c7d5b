//! Faces with their perturbation, for the eye.

use std::io::Cursor;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use burn::tensor::{Device, Tensor};
use image::{ImageFormat, RgbImage};

use super::schema::Sample;
use crate::attack::{Attacked, Faces, Pgd, Target, per_clip};
use crate::dataset::{Batch, Pairs, PreparedPair};
use crate::evaluation::to_tensors;
use crate::evaluation::{VALIDATION_SEED, Validation};
use crate::network::Frozen;

/// The first `count` pairs of an evaluation, attacked as there. They show faces of the
/// data: a report with samples must be kept like the data itself.
///
/// # Errors
/// When a stored face is damaged, the attack changed nothing, or a picture does not encode.
pub fn sample_faces(
    net: &Frozen,
    pairs: &Pairs<'_>,
    request: &Validation,
    count: usize,
    device: &Device,
) -> Result<Vec<Sample>> {
    let Some(epsilon) = request.epsilon.filter(|_| count > 0) else {
        return Ok(Vec::new());
    };
    let epoch = pairs.epoch(VALIDATION_SEED, 0);
    let made: Vec<PreparedPair> = (0..count.min(epoch.len()))
        .map(|index| pairs.make(&epoch, index, &request.plan()))
        .collect::<Result<_>>()?;
    let (side, frames) = (request.side, request.frames);
    let batch = Batch::collect(&made, frames, side);
    let (images, label) = to_tensors(&batch, device);
    let faces = Faces {
        images,
        label,
        frames,
    };
    device.seed(VALIDATION_SEED);
    let attacked = Pgd::ten(epsilon, Target::Both).run(net, &faces);
    attacked.change(&faces)?;
    let logits = |images: &Tensor<4>| {
        let logit = per_clip(net.forward(images.clone(), frames).logit, faces.clips());
        values(logit.into_data())
    };
    let (clean_logits, attacked_logits) = (logits(&faces.images)?, logits(&attacked.images)?);
    let Attacked { images, .. } = attacked;
    let changed = values(images.into_data())?;
    let magnified = 0.5 / epsilon;
    let clip = frames * 3 * side * side;
    let clips = batch.images.chunks(clip).zip(changed.chunks(clip));
    let scores = clean_logits.iter().zip(&attacked_logits);
    let mut samples = Vec::new();
    for (place, ((clean, changed), (clean_logit, attacked_logit))) in clips.zip(scores).enumerate()
    {
        let noise: Vec<f32> = clean
            .iter()
            .zip(changed)
            .map(|(a, b)| 0.5 + (b - a) * magnified)
            .collect();
        let pair = made.get(place / 2).context("a clip without a pair")?;
        samples.push(Sample {
            fake: place % 2 == 1,
            kind: pair.kind.to_string(),
            clean_logit: *clean_logit,
            attacked_logit: *attacked_logit,
            magnified,
            clean_png: png(clean, side)?,
            attacked_png: png(changed, side)?,
            perturbation_png: png(&noise, side)?,
        });
    }
    Ok(samples)
}

fn values(data: burn::tensor::TensorData) -> Result<Vec<f32>> {
    let values = data.try_to_vec::<f32>();
    values.map_err(|error| anyhow::anyhow!("values are not f32: {error:?}"))
}

/// The first picture of channel-planar values in [0, 1], as a PNG file in Base64.
fn png(planes: &[f32], side: usize) -> Result<String> {
    let area = side * side;
    let mut rgb = Vec::with_capacity(3 * area);
    for pixel in 0..area {
        for channel in 0..3 {
            let value = planes
                .get(channel * area + pixel)
                .context("a picture is cut off")?;
            rgb.push((value.clamp(0.0, 1.0) * 255.0).round() as u8);
        }
    }
    let picture = RgbImage::from_raw(side as u32, side as u32, rgb).context("no picture")?;
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png)?;
    Ok(BASE64_STANDARD.encode(file.into_inner()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_survive_base64_and_png() {
        let side = 4;
        let planes: Vec<f32> = (0..48).map(|i| i as f32 / 47.0).collect();
        let bytes = BASE64_STANDARD.decode(png(&planes, side).unwrap()).unwrap();
        let back = image::load_from_memory(&bytes).unwrap().into_rgb8();
        assert_eq!(back.dimensions(), (4, 4));
        // Pixel 5 has the values 5, 21 and 37 of 47.
        assert_eq!(back.get_pixel(1, 1).0, [27, 114, 201]);
        assert!(png(&planes[..40], side).is_err());
    }
}
