//! What a perturbation may be.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// How the size of a perturbation is measured, over all pixels, channels and frames of a
/// clip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Largest change of a value.
    #[default]
    Linf,
    /// Euclidean length.
    L2,
}

impl std::fmt::Display for Norm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Linf => "l_inf",
            Self::L2 => "l_2",
        })
    }
}

/// Perturbation of a clip's frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// Each frame has its own
    #[default]
    PerFrame,
    /// One for all frames of a clip, as an overlay would be
    Shared,
}

impl Noise {
    /// Makes per-frame directions into directions that the perturbation may take: the same
    /// for all frames of a clip where it is shared.
    ///
    /// # Shapes
    /// - `x`: `[clips * frames, 3, h, w]`, output alike
    pub fn tie(self, x: Tensor<4>, frames: usize) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        if self == Self::PerFrame || frames <= 1 {
            return x;
        }
        let shape = [n / frames, frames, c * h * w];
        let mean = x.reshape(shape).mean_dim(1);
        mean.repeat_dim(1, frames).reshape([n, c, h, w])
    }
}

/// Perturbations of at most `radius`, in pixel units, [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ball {
    /// How it is measured.
    pub norm: Norm,
    /// Its greatest size.
    pub radius: f32,
}

impl Ball {
    /// The l_inf ball.
    pub fn linf(radius: f32) -> Self {
        let norm = Norm::Linf;
        Self { norm, radius }
    }

    /// The l_2 ball.
    pub fn l2(radius: f32) -> Self {
        let norm = Norm::L2;
        Self { norm, radius }
    }

    /// The nearest images in the ball around `clean` and in [0, 1]. For l_2 the length is
    /// cut first and the range after, which can only shorten it.
    ///
    /// # Shapes
    /// - `x`, `clean`: `[clips * frames, 3, h, w]`, output alike
    pub fn project(&self, x: Tensor<4>, clean: &Tensor<4>, frames: usize) -> Tensor<4> {
        let change = x - clean.clone();
        let change = match self.norm {
            Norm::Linf => change.clamp(-self.radius, self.radius),
            Norm::L2 => {
                let length = lengths(&change, frames);
                let factor = (length.clamp_min(1e-12).recip() * self.radius).clamp_max(1.0);
                change * factor
            }
        };
        (clean.clone() + change).clamp(0.0, 1.0)
    }

    /// The steepest direction of unit size along a gradient; zero where the gradient is.
    ///
    /// # Shapes
    /// - `gradient`: `[clips * frames, 3, h, w]`, output alike
    pub fn steepest(&self, gradient: Tensor<4>, frames: usize) -> Tensor<4> {
        match self.norm {
            Norm::Linf => gradient.sign(),
            Norm::L2 => {
                // Squares of a saturated loss's gradient would underflow.
                let unit = greatest(&gradient, frames).clamp_min(1e-30);
                let gradient = gradient / unit;
                let length = lengths(&gradient, frames);
                gradient / length.clamp_min(1e-12)
            }
        }
    }
}

/// Euclidean length of each clip, for every one of its frames.
///
/// # Shapes
/// - `x`: `[clips * frames, ..]`; output `[clips * frames, 1, 1, 1]`
pub fn lengths(x: &Tensor<4>, frames: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let frames = frames.max(1);
    let flat = x.clone().reshape([n / frames, frames * c * h * w]);
    let length = (flat.clone() * flat).sum_dim(1).sqrt(); // [clips, 1]
    length.repeat_dim(1, frames).reshape([n, 1, 1, 1])
}

/// Greatest absolute value of each clip, for every one of its frames.
///
/// # Shapes
/// - `x`: `[clips * frames, ..]`; output `[clips * frames, 1, 1, 1]`
pub fn greatest(x: &Tensor<4>, frames: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let frames = frames.max(1);
    x.clone()
        .reshape([n / frames, frames * c * h * w])
        .max_abs_dim(1)
        .repeat_dim(1, frames)
        .reshape([n, 1, 1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn values(x: Tensor<4>) -> Vec<f32> {
        x.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn l2_length_counts_all_frames_of_a_clip() {
        let device = Device::flex();
        let clean = Tensor::<4>::full([2, 1, 1, 1], 0.5, &device);
        let change = Tensor::<1>::from_floats([0.3, 0.4], &device).reshape([2, 1, 1, 1]);
        let out = Ball::l2(0.25).project(clean.clone() + change.clone(), &clean, 2);
        for (got, want) in values(out - clean.clone()).iter().zip([0.15, 0.2]) {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
        let alone = Ball::l2(0.25).project(clean.clone() + change, &clean, 1);
        for got in values(alone - clean) {
            assert!((got - 0.25).abs() < 1e-6, "{got}");
        }
    }

    #[test]
    fn tiny_gradients_have_a_direction() {
        let device = Device::flex();
        let gradient = Tensor::<1>::from_floats([3e-25, -4e-25], &device).reshape([2, 1, 1, 1]);
        for (got, want) in values(Ball::l2(1.0).steepest(gradient, 2))
            .iter()
            .zip([0.6, -0.8])
        {
            assert!((got - want).abs() < 1e-5, "{got} {want}");
        }
    }

    #[test]
    fn nothing_leaves_the_range_of_pixels() {
        let device = Device::flex();
        let clean = Tensor::<1>::from_floats([0.99, 0.01], &device).reshape([2, 1, 1, 1]);
        let far =
            clean.clone() + Tensor::<1>::from_floats([0.5, -0.5], &device).reshape([2, 1, 1, 1]);
        let out = values(Ball::linf(0.1).project(far, &clean, 1));
        assert_eq!(out, [1.0, 0.0]);
    }

    #[test]
    fn shared_noise_is_the_same_in_every_frame() {
        let device = Device::flex();
        let x = Tensor::<1>::from_floats([1.0, 3.0, 5.0, 5.0], &device).reshape([4, 1, 1, 1]);
        assert_eq!(
            values(Noise::Shared.tie(x.clone(), 2)),
            [2.0, 2.0, 5.0, 5.0]
        );
        assert_eq!(values(Noise::PerFrame.tie(x, 2)), [1.0, 3.0, 5.0, 5.0]);
    }
}
