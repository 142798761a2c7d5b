//! One block of the network in training: branches under batch normalisation, summed, ReLU.

use rayon::prelude::*;

use super::conv::Conv;
use super::norm::{Moments, Statistics, activate};
use super::pack::Packed;
use super::recycle::{give, take};
use super::shuffle::unshuffle;
use super::strides::Map;

/// `relu(norm(conv3x3([x, past])) + norm(conv1x1(x)) + x)`; all but the first are optional.
#[derive(Clone, Debug)]
pub struct Block {
    /// Input, without the channels of the previous frame.
    pub input: Map,
    /// Channels of the previous frame; 0 where there is none.
    pub past: usize,
    /// Output channels, a multiple of 16.
    pub outputs: usize,
    /// 1 or 2.
    pub stride: usize,
    /// Whether the input is added.
    pub identity: bool,
    /// Frames of a clip, one behind the other.
    pub frames: usize,
    /// What is added to the variance.
    pub epsilon: f64,
    /// Whether it reads pictures `[3, 2 height, 2 width]` in [0, 1], as maps of 12 channels;
    /// only without past and identity.
    pub pictures: bool,
}

/// Weights of a branch and of its normalisation.
#[derive(Clone, Copy, Debug)]
pub struct Branch<'a> {
    /// `[outputs, inputs, k, k]`
    pub weight: &'a [f32],
    /// `[outputs]`
    pub gamma: &'a [f32],
    /// `[outputs]`
    pub beta: &'a [f32],
}

/// Weights of a block.
#[derive(Clone, Copy, Debug)]
pub struct BlockWeights<'a> {
    /// The 3x3 branch.
    pub wide: Branch<'a>,
    /// The 1x1 branch.
    pub point: Option<Branch<'a>>,
}

/// What the forward pass leaves behind.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Before normalisation, `[images, height, width, outputs]`.
    pub(super) wide: Vec<f32>,
    /// The same of the 1x1 branch; empty if there is none.
    pub(super) point: Vec<f32>,
    /// Of the 3x3 branch.
    pub wide_statistics: Statistics,
    /// Of the 1x1 branch.
    pub point_statistics: Option<Statistics>,
}

impl Block {
    pub(super) fn wide(&self) -> Conv {
        let all = self.input.with_channels(self.input.channels + self.past);
        Conv::wide(all, self.outputs, self.stride)
    }

    pub(super) fn point(&self) -> Conv {
        let all = self.input.with_channels(self.input.channels + self.past);
        Conv::point(all, self.input.channels, self.outputs, self.stride)
    }

    /// Shape of an output map.
    pub fn output(&self) -> Map {
        self.wide().output
    }

    /// Runs a batch.
    ///
    /// # Shapes
    /// - `input`: `[images, height, width, channels]`, or pictures
    /// - output: `[images, height / stride, width / stride, outputs]`
    pub fn forward(&self, input: &[f32], weights: &BlockWeights<'_>) -> (Vec<f32>, Forward) {
        let (wide_conv, point_conv) = (self.wide(), self.point());
        let packed = wide_conv.pack(weights.wide.weight);
        let packed_point = weights.point.map(|p| point_conv.pack(p.weight));
        let len = self.output().len();
        let images = input.len() / self.input.len();
        let mut wide = take(images * len);
        let mut point = vec![
            0.0;
            if packed_point.is_some() {
                images * len
            } else {
                0
            }
        ];
        let points: Vec<&mut [f32]> = match packed_point {
            Some(_) => point.chunks_exact_mut(self.frames * len).collect(),
            None => (0..images / self.frames).map(|_| &mut [][..]).collect(),
        };
        let moments: Vec<(Vec<Moments>, Vec<Moments>)> = wide
            .par_chunks_exact_mut(self.frames * len)
            .zip(points)
            .enumerate()
            .map_init(
                || self.room(),
                |room, (clip, (wide, point))| {
                    self.fill(input, clip, room);
                    let wide = convolve(&wide_conv, &packed, room, wide);
                    let packed = packed_point.as_ref();
                    let point = packed.map(|packed| convolve(&point_conv, packed, room, point));
                    (wide, point.unwrap_or_default())
                },
            )
            .collect();
        let (wides, points): (Vec<_>, Vec<_>) = moments.into_iter().unzip();
        let kept = Forward {
            wide,
            point,
            wide_statistics: Statistics::merge(&wides.concat()),
            point_statistics: packed_point.map(|_| Statistics::merge(&points.concat())),
        };
        (self.activate(input, weights, &kept), kept)
    }

    fn activate(&self, input: &[f32], weights: &BlockWeights<'_>, kept: &Forward) -> Vec<f32> {
        let (scale, mut shift) = affine(&weights.wide, &kept.wide_statistics, self.epsilon);
        let mut point_scale = Vec::new();
        if let (Some(point), Some(found)) = (&weights.point, &kept.point_statistics) {
            let (scale, more) = affine(point, found, self.epsilon);
            point_scale = scale;
            shift.iter_mut().zip(more).for_each(|(s, m)| *s += m);
        }
        point_scale.resize(self.outputs, 0.0);
        let len = self.output().len();
        let mut output = take(kept.wide.len());
        output
            .par_chunks_exact_mut(len)
            .enumerate()
            .for_each(|(image, output)| {
                let at = image * len..(image + 1) * len;
                let point = kept.point.get(at.clone()).unwrap_or(&[]);
                let identity = if self.identity {
                    &input[at.clone()]
                } else {
                    &[]
                };
                let maps = [&kept.wide[at], point, identity];
                activate(maps, &scale, &point_scale, &shift, output);
            });
        output
    }

    /// Room for the bordered inputs of a clip.
    pub(super) fn room(&self) -> Vec<f32> {
        vec![0.0; self.frames * self.wide().input.bordered().len()]
    }

    /// Fills it; the border and the past of the first frame stay zero.
    pub(super) fn fill(&self, input: &[f32], clip: usize, room: &mut [f32]) {
        let all = self.wide().input;
        let len = all.bordered().len();
        let (c, place) = (self.input.channels, all.inside());
        for frame in 0..self.frames {
            let image = clip * self.frames + frame;
            let (earlier, now) = room.split_at_mut(frame * len);
            let read = &input[image * self.input.len()..][..self.input.len()];
            if self.pictures {
                unshuffle(read, [all.height, all.width], now, place);
            } else {
                for (y, row) in read.chunks_exact(all.width * c).enumerate() {
                    copy_row(row, c, &mut now[place.at(y, 0)..], all.channels);
                }
            }
            if self.past > 0 && frame > 0 {
                let earlier = &earlier[(frame - 1) * len..];
                for (to, from) in now[..len]
                    .chunks_exact_mut(all.channels)
                    .zip(earlier.chunks_exact(all.channels))
                {
                    to[c..].copy_from_slice(&from[..self.past]);
                }
            }
        }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        give(std::mem::take(&mut self.wide));
        give(std::mem::take(&mut self.point));
    }
}

/// All frames of a clip, from their bordered inputs.
fn convolve(conv: &Conv, weights: &Packed, room: &[f32], output: &mut [f32]) -> Vec<Moments> {
    let map = conv.output;
    room.chunks_exact(conv.input.bordered().len())
        .zip(output.chunks_exact_mut(map.len()))
        .map(|(input, output)| {
            conv.forward(input, weights, output, map.grid());
            Moments::of(output, map.channels)
        })
        .collect()
}

/// Copies pixels that are closer together than where they go.
fn copy_row(row: &[f32], channels: usize, to: &mut [f32], pixel: usize) {
    if channels == pixel {
        to[..row.len()].copy_from_slice(row);
        return;
    }
    for (from, to) in row.chunks_exact(channels).zip(to.chunks_mut(pixel)) {
        to[..channels].copy_from_slice(from);
    }
}

/// `gamma / sqrt(variance + epsilon)` and `beta - mean * that`.
fn affine(branch: &Branch<'_>, found: &Statistics, epsilon: f64) -> (Vec<f32>, Vec<f32>) {
    let scale: Vec<f32> = branch
        .gamma
        .iter()
        .zip(&found.variance)
        .map(|(gamma, variance)| gamma / (variance + epsilon as f32).sqrt())
        .collect();
    let shift = branch.beta.iter().zip(&found.mean).zip(&scale);
    let shift = shift.map(|((beta, mean), scale)| beta - mean * scale);
    (scale.clone(), shift.collect())
}
