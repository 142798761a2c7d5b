//! A folded network: forwards, and backwards to its input.

use rayon::prelude::*;

use super::conv::Transposed;
use super::layer::{FoldedConv, Layer};
use super::relu::{self, Word, words};
use super::shuffle::{SHUFFLED, shuffle, unshuffle};
use super::strides::Map;

/// A folded network, ready for clips of one shape.
#[derive(Clone, Debug)]
pub struct Folded {
    frames: usize,
    layers: Vec<Layer>,
}

/// Which numbers the ReLUs let through, `[clips, all maps of a clip]`.
#[derive(Clone, Debug)]
pub struct Masks(Vec<Word>);

impl Folded {
    /// Packs the weights for clips of `frames` square pictures of `side` pixels, an even
    /// number; those of the backward pass only if it is `differentiable`.
    pub fn new(convs: &[FoldedConv<'_>], side: usize, frames: usize, differentiable: bool) -> Self {
        let mut map = Map {
            height: side / 2,
            width: side / 2,
            channels: SHUFFLED,
        };
        let mut layers = Vec::with_capacity(convs.len());
        for conv in convs {
            let layer = Layer::new(conv, map, frames, differentiable);
            map = layer.conv.output;
            layers.push(layer);
        }
        Self { frames, layers }
    }

    /// Length of the pooled features.
    pub fn features(&self) -> usize {
        self.layers.last().map_or(0, |l| l.conv.output.channels)
    }

    fn side(&self) -> usize {
        self.layers.first().map_or(0, |l| 2 * l.conv.input.height)
    }

    fn clip_len(&self) -> usize {
        self.frames * 3 * self.side() * self.side()
    }

    fn mask_len(&self) -> usize {
        let maps = self.layers.iter().map(|l| words(l.conv.output.len()));
        self.frames * maps.sum::<usize>()
    }

    /// Mean over the last map of each picture, and what the gradient needs if `keep`.
    ///
    /// # Shapes
    /// - `pictures`: `[clips * frames, 3, side, side]` in [0, 1]
    /// - output: `[clips * frames, features]`
    pub fn forward(&self, pictures: &[f32], keep: bool) -> (Vec<f32>, Masks) {
        let clips = pictures.len() / self.clip_len();
        let mut pooled = vec![0.0; clips * self.frames * self.features()];
        let mask_len = if keep { self.mask_len() } else { 1 };
        let mut masks = vec![0; clips * mask_len];
        pictures
            .par_chunks_exact(self.clip_len())
            .zip(pooled.par_chunks_exact_mut(self.frames * self.features()))
            .zip(masks.par_chunks_exact_mut(mask_len))
            .for_each_init(
                || self.room(),
                |room, ((clip, pooled), masks)| {
                    self.forward_clip(clip, room, pooled, keep.then_some(masks));
                },
            );
        (pooled, Masks(masks))
    }

    /// Gradient of the pictures and their shape, given that of the pooled features.
    pub fn backward(&self, masks: &Masks, pooled: &[f32]) -> (Vec<f32>, [usize; 4]) {
        let clips = pooled.len() / (self.frames * self.features());
        let mut pictures = vec![0.0; clips * self.clip_len()];
        pictures
            .par_chunks_exact_mut(self.clip_len())
            .zip(pooled.par_chunks_exact(self.frames * self.features()))
            .zip(masks.0.par_chunks_exact(self.mask_len()))
            .for_each_init(
                || self.slopes_room(),
                |room, ((clip, pooled), masks)| self.backward_clip(masks, room, pooled, clip),
            );
        let side = self.side();
        (pictures, [clips * self.frames, 3, side, side])
    }

    /// Bordered inputs of all layers, and the last output, for one clip.
    fn room(&self) -> Vec<Vec<f32>> {
        let inputs = self.layers.iter().map(|l| l.conv.input.bordered().len());
        let last = self.layers.last().map_or(0, |l| l.conv.output.len());
        inputs
            .chain([last])
            .map(|len| vec![0.0; self.frames * len])
            .collect()
    }

    fn forward_clip(
        &self,
        clip: &[f32],
        room: &mut [Vec<f32>],
        pooled: &mut [f32],
        mut masks: Option<&mut [Word]>,
    ) {
        let Some(first) = self.layers.first() else {
            return;
        };
        let map = first.conv.input;
        let maps = room[0].chunks_exact_mut(map.bordered().len());
        for (picture, into) in clip.chunks_exact(clip.len() / self.frames).zip(maps) {
            unshuffle(picture, [map.height, map.width], into, map.inside());
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let [input, output] = &mut room[index..index + 2] else {
                return;
            };
            let next = self.layers.get(index + 1);
            let mask = masks.take().map(|all| {
                let (now, later) = all.split_at_mut(self.frames * words(layer.conv.output.len()));
                masks = Some(later);
                now
            });
            layer.forward(self.frames, input, output, next, mask);
        }
        let (Some(layer), Some(maps)) = (self.layers.last(), room.last()) else {
            return;
        };
        let Map { channels, .. } = layer.conv.output;
        let area = layer.conv.output.len() / channels;
        for (map, pooled) in maps
            .chunks_exact(layer.conv.output.len())
            .zip(pooled.chunks_exact_mut(channels))
        {
            pooled.fill(0.0);
            for pixel in map.chunks_exact(channels) {
                pooled.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x);
            }
            pooled.iter_mut().for_each(|sum| *sum /= area as f32);
        }
    }

    /// Bordered slopes of all outputs, and those of the shuffled picture, for one clip.
    fn slopes_room(&self) -> Vec<Vec<f32>> {
        let picture = self
            .layers
            .first()
            .map_or(0, |l| l.conv.input.with_channels(16).len());
        let outputs = self.layers.iter();
        let outputs = outputs.map(|l| Transposed::slopes_len(l.conv.output, 1));
        [picture]
            .into_iter()
            .chain(outputs)
            .map(|len| vec![0.0; self.frames * len])
            .collect()
    }

    fn backward_clip(
        &self,
        masks: &[Word],
        room: &mut [Vec<f32>],
        pooled: &[f32],
        clip: &mut [f32],
    ) {
        let (Some(first), Some(last)) = (self.layers.first(), self.layers.last()) else {
            return;
        };
        let Some(slopes) = room.last_mut() else {
            return;
        };
        spread(last.conv.output, pooled, slopes);
        let mut end = masks.len();
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let [before, slopes] = &mut room[index..index + 2] else {
                return;
            };
            let start = end - self.frames * words(layer.conv.output.len());
            close(layer.conv.output, &masks[start..end], slopes);
            end = start;
            layer.backward(slopes, before, index == 0);
        }
        let map = first.conv.input.with_channels(16);
        let maps = room[0].chunks_exact(map.len());
        for (picture, from) in clip.chunks_exact_mut(clip.len() / self.frames).zip(maps) {
            shuffle(from, map.grid(), [map.height, map.width], picture);
        }
    }
}

/// Gradient of a mean over each map.
fn spread(map: Map, pooled: &[f32], slopes: &mut [f32]) {
    let area = (map.height * map.width) as f32;
    let maps = slopes.chunks_exact_mut(Transposed::slopes_len(map, 1));
    for (slopes, pooled) in maps.zip(pooled.chunks_exact(map.channels)) {
        let place = map.inside();
        for (y, x) in (0..map.height).flat_map(|y| (0..map.width).map(move |x| (y, x))) {
            let pixel = &mut slopes[place.at(y, x)..][..map.channels];
            pixel
                .iter_mut()
                .zip(pooled)
                .for_each(|(s, p)| *s = p / area);
        }
    }
}

fn close(map: Map, masks: &[Word], slopes: &mut [f32]) {
    let row = map.width * map.channels;
    let maps = slopes.chunks_exact_mut(Transposed::slopes_len(map, 1));
    for (slopes, mask) in maps.zip(masks.chunks_exact(words(map.len()))) {
        for (y, mask) in mask.chunks_exact(words(row)).enumerate() {
            relu::apply(&mut slopes[map.inside().at(y, 0)..][..row], mask);
        }
    }
}
