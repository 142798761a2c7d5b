//! Convolutions over clips whose frames stand one behind the other in the batch.
//!
//! A kernel over time is taken apart into kernels over single frames: frames are shifted
//! and results added. On the CPU that runs two to eight times faster than a depthwise
//! convolution in three dimensions.

use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::blueprint::ConvSpec;

/// Convolves a batch of clips.
///
/// # Shapes
/// - `x`: `[clips * frames, input, height, width]`
/// - `weight`: [`ConvSpec::shape`]; `bias`: `[output]`
/// - output: `[clips * frames', output, height', width']`
pub(super) fn convolve(
    x: Tensor<4>,
    frames: usize,
    weight: Tensor<5>,
    bias: Option<Tensor<1>>,
    spec: &ConvSpec,
) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let pads = [height, width].map(|side| spec.pads(side));
    let options = ConvOptions {
        stride: [spec.stride[1]; 2],
        padding: pads.map(|[before, behind]| (before, behind)),
        dilation: [1; 2],
        groups: spec.groups,
    };
    let [out, channels, taps, rows, columns] = weight.dims();
    let [time, early] = [spec.stride[0], spec.padding[0]];
    // Frames further away than the clip is long are zeros.
    let near: Vec<usize> = (0..taps)
        .filter(|tap| tap.abs_diff(early) < frames)
        .collect();
    let shift =
        |x: Tensor<4>, tap: usize| frames_at(x, frames, tap as isize - early as isize, time);
    if spec.groups == 1 {
        let (first, count) = (near[0], near.len());
        let kernel = weight.narrow(2, first, count).swap_dims(1, 2).reshape([
            out,
            count * channels,
            rows,
            columns,
        ]);
        let seen = near.iter().map(|tap| shift(x.clone(), *tap)).collect();
        return conv2d(Tensor::cat(seen, 1), kernel, bias, options);
    }
    let tap = |tap: usize, bias: Option<Tensor<1>>| {
        let kernel = weight
            .clone()
            .narrow(2, tap, 1)
            .reshape([out, channels, rows, columns]);
        shift(conv2d(x.clone(), kernel, bias, options.clone()), tap)
    };
    // The middle tap is never shifted, so that it can carry the bias.
    let middle = tap(early, bias);
    near.into_iter()
        .filter(|at| *at != early)
        .fold(middle, |sum, at| sum + tap(at, None))
}

/// Every `stride`-th frame of each clip, `offset` frames later; zeros outside the clip.
///
/// # Shapes
/// - `x`: `[clips * frames, c, h, w]`, output: `[clips * ceil(frames / stride), c, h, w]`
pub(super) fn frames_at(x: Tensor<4>, frames: usize, offset: isize, stride: usize) -> Tensor<4> {
    if offset == 0 && stride == 1 {
        return x;
    }
    let [n, c, h, w] = x.dims();
    let clips = n / frames;
    let device = x.device();
    let zeros = |count: usize| Tensor::<5>::zeros([clips, count, c, h, w], &device);
    let shift = offset.unsigned_abs();
    let mut x = x.reshape([clips, frames, c, h, w]);
    if offset > 0 {
        x = Tensor::cat(vec![x.narrow(1, shift, frames - shift), zeros(shift)], 1);
    } else if offset < 0 {
        x = Tensor::cat(vec![zeros(shift), x.narrow(1, 0, frames - shift)], 1);
    }
    if stride == 1 {
        return x.reshape([n, c, h, w]);
    }
    let kept = frames.div_ceil(stride);
    if kept * stride > frames {
        x = Tensor::cat(vec![x, zeros(kept * stride - frames)], 1);
    }
    x.reshape([clips * kept, stride, c, h, w])
        .narrow(1, 0, 1)
        .reshape([clips * kept, c, h, w])
}

/// Frames that are left by a stride in time.
pub(super) fn frames_left(frames: usize, spec: &ConvSpec) -> usize {
    frames.div_ceil(spec.stride[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_numbers::uniform;
    use burn::tensor::Device;
    use burn::tensor::module::conv3d;

    /// The backend's own convolution in three dimensions.
    fn reference(
        x: Tensor<4>,
        frames: usize,
        weight: Tensor<5>,
        bias: Tensor<1>,
        spec: &ConvSpec,
    ) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let x = x.reshape([n / frames, frames, c, h, w]).swap_dims(1, 2);
        let ([time, space], [early, edge]) = (spec.stride, spec.padding);
        let options = ConvOptions::new(
            [time, space, space],
            [early, edge, edge],
            [1; 3],
            spec.groups,
        );
        let y = conv3d(x, weight, Some(bias), options);
        let [clips, c, frames, h, w] = y.dims();
        y.swap_dims(1, 2).reshape([clips * frames, c, h, w])
    }

    #[test]
    fn equals_a_convolution_in_three_dimensions() {
        let device = Device::flex();
        let dense = ConvSpec {
            kernel: [3, 5, 5],
            padding: [1, 2],
            ..ConvSpec::square(4, 6, 5, 2)
        };
        let depthwise = ConvSpec {
            kernel: [3, 3, 3],
            padding: [1, 1],
            groups: 4,
            ..ConvSpec::square(4, 4, 3, 1)
        };
        let projection = ConvSpec::square(4, 6, 1, 2);
        for spec in [dense, depthwise, projection] {
            for (frames, time) in [(1, 1), (2, 1), (5, 1), (5, 2), (4, 2)] {
                let spec = ConvSpec {
                    stride: [time, spec.stride[1]],
                    ..spec
                };
                let x = uniform([2 * frames, 4, 7, 7], 1, &device) * 2.0 - 1.0;
                let weight = uniform(spec.shape(), 2, &device) * 2.0 - 1.0;
                let bias = uniform([spec.output], 3, &device) * 2.0 - 1.0;
                let want = reference(x.clone(), frames, weight.clone(), bias.clone(), &spec);
                let got = convolve(x, frames, weight, Some(bias), &spec);
                assert_eq!(got.dims()[0], 2 * frames_left(frames, &spec), "{spec:?}");
                let apart: f32 = (want - got).abs().max().into_scalar();
                assert!(apart < 1e-4, "{frames} frames, {spec:?}: {apart}");
            }
        }
    }
}
