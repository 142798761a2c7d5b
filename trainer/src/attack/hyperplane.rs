//! The least move onto a hyperplane that stays a picture.

use anyhow::Result;
use burn::tensor::Tensor;

use super::clips::{each, host, per_clip_sum};
use super::{Faces, Noise, Norm, greatest, spread};

/// Passes over the coordinates until a projection is exact; each settles at least one, and
/// in practice most of them.
const PROJECTION_PASSES: usize = 40;

/// The least move from `x`, within [0, 1], that makes `weight . move = gap`; the
/// furthest one where none does.
///
/// The move is `min(k, room)` of every coordinate for l_inf and `min(k |w|, room)` for
/// l_2. The product is concave in `k`, so that Newton's method comes from below and
/// ends as soon as it knows which coordinates run out of room.
///
/// # Shapes
/// - `weight`, `x`: `[clips * frames, 3, h, w]`, output alike; `gap`: one per clip
///
/// # Errors
/// When a number is not finite.
pub fn onto(
    weight: &Tensor<4>,
    gap: &[f32],
    x: &Tensor<4>,
    norm: Norm,
    noise: Noise,
    faces: &Faces,
) -> Result<Tensor<4>> {
    let clips = faces.clips();
    let unit = greatest(weight, faces.frames).clamp_min(1e-30);
    let steep = (weight.clone() / unit.clone()).abs();
    let way = weight.clone().sign() * each(gap, faces).sign();
    let up = way.clone().greater_elem(0.0);
    let room = (x.clone()).mask_where(up, x.clone() * -1.0 + 1.0);
    let room = match noise {
        Noise::PerFrame => room,
        Noise::Shared => least_of_frames(room, faces.frames),
    };
    let pace = match norm {
        Norm::Linf => steep.clone().sign(),
        Norm::L2 => steep.clone(),
    };
    let wanted = each(gap, faces).abs() / unit;
    let wanted = per_clip_first(&wanted, clips);
    let all = per_clip_sum(steep.clone() * pace.clone(), clips).clamp_min(1e-30);
    // Without any gradient nothing moves, however large `k`.
    let mut k = (wanted.clone() / all).clamp_max(1e30);
    for _ in 0..PROJECTION_PASSES {
        let reach = pace.clone() * spread_images(&k, x);
        let full = reach.greater_equal(room.clone()).float();
        let free = full.clone() * -1.0 + 1.0;
        let spent = per_clip_sum(steep.clone() * room.clone() * full, clips);
        let left = per_clip_sum(steep.clone() * pace.clone() * free, clips);
        let next = ((wanted.clone() - spent) / left.clamp_min(1e-30)).clamp_max(1e30);
        let next = next.max_pair(k.clone());
        let settled = host(next.clone())? == host(k)?;
        k = next;
        if settled {
            break;
        }
    }
    let reach = (pace * spread_images(&k, x)).min_pair(room);
    Ok(reach * way)
}

/// One value per clip out of `[clips * frames, 1, 1, 1]`.
fn per_clip_first(x: &Tensor<4>, clips: usize) -> Tensor<1> {
    x.clone()
        .reshape([clips as i32, -1])
        .narrow(1, 0, 1)
        .reshape([clips])
}

/// One value per clip for all its images, `[clips * frames, 1, 1, 1]`.
fn spread_images(per_clip: &Tensor<1>, x: &Tensor<4>) -> Tensor<4> {
    let [n, ..] = x.dims();
    spread(per_clip.clone(), n).reshape([n, 1, 1, 1])
}

/// Least value over the frames of a clip, for all of them.
fn least_of_frames(x: Tensor<4>, frames: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let frames = frames.max(1);
    x.reshape([n / frames, frames, c * h * w])
        .min_dim(1)
        .repeat_dim(1, frames)
        .reshape([n, c, h, w])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// By hand: x = (0.9, 0.5, 0.5), w = (3, 1, 0), wanted w . d = 0.5, 0 <= x + d <= 1. The
    /// first coordinate has room for 0.1 only, the second makes up for the rest.
    #[test]
    fn projection_respects_black_and_white() {
        let device = Device::flex();
        let x = Tensor::<1>::from_floats([0.9, 0.5, 0.5], &device).reshape([1, 3, 1, 1]);
        let weight = Tensor::<1>::from_floats([3.0, 1.0, 0.0], &device).reshape([1, 3, 1, 1]);
        let faces = Faces {
            images: x.clone(),
            label: Tensor::zeros([1], &device),
            frames: 1,
        };
        for norm in [Norm::Linf, Norm::L2] {
            let noise = Noise::PerFrame;
            let moved = onto(&weight, &[0.5], &x, norm, noise, &faces).unwrap();
            let got = moved.into_data().try_to_vec::<f32>().unwrap();
            for (got, want) in got.iter().zip([0.1, 0.2, 0.0]) {
                assert!((got - want).abs() < 1e-6, "{norm}: {got}, {want}");
            }
            let moved = onto(&weight, &[-0.4], &x, norm, noise, &faces).unwrap();
            let got = moved.into_data().try_to_vec::<f32>().unwrap();
            let want = match norm {
                Norm::Linf => [-0.1, -0.1, 0.0],
                Norm::L2 => [-0.12, -0.04, 0.0],
            };
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() < 1e-6, "{norm}: {got}, {want}");
            }
        }
    }
}
