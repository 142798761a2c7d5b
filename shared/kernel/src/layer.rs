//! One layer of a folded network.

use super::conv::{Conv, Transposed};
use super::pack::Packed;
use super::relu::{Word, add_bias, words};
use super::strides::{Map, StrideGrid};

/// One layer: a 3x3 convolution with bias and ReLU. The first one reads pictures as maps of
/// 12 channels, 2x2 pixels in one.
#[derive(Clone, Copy, Debug)]
pub struct FoldedConv<'a> {
    /// `[outputs, inputs + past, 3, 3]`
    pub weight: &'a [f32],
    /// `[outputs]`
    pub bias: &'a [f32],
    /// Spatial stride.
    pub stride: usize,
    /// Channels of the previous frame behind those of the present one.
    pub past: usize,
}

/// A layer, packed.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// Its convolution.
    pub conv: Conv,
    /// Channels of the previous frame; 0 also where there is none.
    past: usize,
    weights: Packed,
    bias: Vec<f32>,
    /// Gradients of the present and of the past channels.
    back: Option<(Transposed, Option<Transposed>)>,
}

impl Layer {
    /// For clips of `frames`, behind a map of another layer.
    pub fn new(conv: &FoldedConv<'_>, before: Map, frames: usize, differentiable: bool) -> Self {
        let outputs = conv.bias.len();
        let past = if frames == 1 { 0 } else { conv.past };
        let present = before.channels;
        let wide = Conv::wide(before.with_channels(present + past), outputs, conv.stride);
        let back = |inputs| Transposed::new(&wide, conv.weight, None, inputs);
        Self {
            past,
            weights: wide.pack(conv.weight),
            bias: conv.bias.to_vec(),
            back: differentiable.then(|| {
                let earlier = (past > 0).then(|| back(present..present + past));
                (back(0..present), earlier)
            }),
            conv: wide,
        }
    }

    /// All frames of a clip, into the bordered input of the next layer.
    pub fn forward(
        &self,
        frames: usize,
        input: &[f32],
        output: &mut [f32],
        next: Option<&Self>,
        masks: Option<&mut [Word]>,
    ) {
        let map = self.conv.output;
        let place = next.map_or(map.grid(), |next| next.conv.input.inside());
        let past = next.map_or(0, |next| next.past);
        let (from, to) = (input.len() / frames, output.len() / frames);
        let mut masks = masks.map(|m| m.chunks_exact_mut(words(map.len())));
        for (frame, input) in input.chunks_exact(from).enumerate() {
            let (earlier, now) = output.split_at_mut(frame * to);
            self.conv.forward(input, &self.weights, now, place);
            let mask = masks.as_mut().and_then(Iterator::next);
            self.activate(now, place, mask);
            if let (Some(earlier), true) = (earlier.rchunks_exact(to).next(), past > 0) {
                copy_past(map, place, past, earlier, now);
            }
        }
    }

    /// Bias and ReLU of one frame.
    fn activate(&self, output: &mut [f32], place: StrideGrid, mut masks: Option<&mut [Word]>) {
        let map = self.conv.output;
        let length = (map.width - 1) * place.pixel + map.channels;
        let per_row = words(map.width * map.channels);
        for y in 0..map.height {
            let row = &mut output[place.at(y, 0)..][..length];
            let passed = masks.as_deref_mut();
            let passed = passed.map(|all| &mut all[y * per_row..][..per_row]);
            add_bias(row, place.pixel, &self.bias, passed);
        }
    }

    /// Slopes of all frames of a clip, from those of the output to those of the layer before.
    pub fn backward(&self, slopes: &[f32], before: &mut [f32], picture: bool) {
        let Some((present, past)) = &self.back else {
            return;
        };
        let own = Transposed::slopes_len(self.conv.output, 1);
        let map = self
            .conv
            .input
            .with_channels(self.conv.input.channels - self.past);
        let (len, place) = if picture {
            let map = map.with_channels(16);
            (map.len(), map.grid())
        } else {
            (Transposed::slopes_len(map, 1), map.inside())
        };
        for (frame, slopes) in slopes.chunks_exact(own).enumerate() {
            let (earlier, now) = before.split_at_mut(frame * len);
            present.apply(slopes, now, place, false);
            if let (Some(past), Some(earlier)) = (past, earlier.rchunks_exact_mut(len).next()) {
                past.apply(slopes, earlier, place, true);
            }
        }
    }
}

/// Copies the first channels of the previous frame behind those of the present one.
fn copy_past(map: Map, place: StrideGrid, past: usize, earlier: &[f32], now: &mut [f32]) {
    for (y, x) in (0..map.height).flat_map(|y| (0..map.width).map(move |x| (y, x))) {
        let at = place.at(y, x);
        now[at + map.channels..][..past].copy_from_slice(&earlier[at..at + past]);
    }
}
