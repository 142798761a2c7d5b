//! The backward pass of a training block.

use rayon::prelude::*;

use super::conv::{Conv, Transposed};
use super::norm::{Backwards, SlopeSums, pass_slope};
use super::recycle::take;
use super::shuffle::shuffle;
use super::sums::add_up;
use super::train::{Block, BlockWeights, Branch, Forward};

/// Parts into which a batch is cut for sums over it; fixed, so that the sums do not depend
/// on the number of threads.
const PARTS: usize = 16;
/// The same where a sum takes more numbers than this: adding them up costs time.
const PARTS_LARGE: usize = 8;
const LARGE: usize = 1 << 16;

/// Gradients of one branch, in the shapes of [`Branch`].
#[derive(Clone, Debug)]
pub struct BranchGradients {
    /// Of the weights.
    pub weight: Vec<f32>,
    /// Of gamma.
    pub gamma: Vec<f32>,
    /// Of beta.
    pub beta: Vec<f32>,
}

/// Gradients of a block.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// Of the 3x3 branch.
    pub wide: BranchGradients,
    /// Of the 1x1 branch.
    pub point: Option<BranchGradients>,
    /// Of what the block read, in its shape; empty unless asked for.
    pub input: Vec<f32>,
}

/// What a backward pass reads.
#[derive(Clone, Copy, Debug)]
pub struct Reached<'a> {
    /// What the forward pass read.
    pub input: &'a [f32],
    /// What it left behind.
    pub kept: &'a Forward,
    /// What it returned, `[images, height, width, outputs]`.
    pub output: &'a [f32],
    /// Gradient of that.
    pub slope: &'a [f32],
}

impl Block {
    /// Gradients, given that of the output; that of the input only if wanted.
    pub fn backward(
        &self,
        reached: &Reached<'_>,
        weights: &BlockWeights<'_>,
        wants_input: bool,
    ) -> Gradients {
        let (wide_norm, point_norm) = self.norm_backwards(reached, weights);
        let pass = Pass {
            block: self,
            reached,
            wide: self.wide(),
            point: self.point(),
            wide_norm: &wide_norm,
            point_norm: point_norm.as_ref(),
            back: wants_input.then(|| self.transposed(weights)),
        };
        let (wide, point, input) = pass.run();
        Gradients {
            wide: gradients(&pass.wide, &wide, &weights.wide, &wide_norm),
            point: point_norm
                .as_ref()
                .zip(weights.point)
                .map(|(norm, branch)| gradients(&pass.point, &point, &branch, norm)),
            input,
        }
    }

    fn transposed(&self, weights: &BlockWeights<'_>) -> (Transposed, Option<Transposed>) {
        let (conv, present) = (self.wide(), self.input.channels);
        let point = weights.point.map(|p| p.weight);
        let back = |point, inputs| Transposed::new(&conv, weights.wide.weight, point, inputs);
        let past = (self.past > 0).then(|| back(None, present..present + self.past));
        (back(point, 0..present), past)
    }

    fn norm_backwards(
        &self,
        reached: &Reached<'_>,
        weights: &BlockWeights<'_>,
    ) -> (Backwards, Option<Backwards>) {
        let (len, kept) = (self.output().len(), reached.kept);
        let point = kept.point_statistics.as_ref();
        let parts: Vec<SlopeSums> = (0..reached.slope.len() / len)
            .into_par_iter()
            .map(|image| {
                let at = image * len..(image + 1) * len;
                let point = point.map(|found| (&kept.point[at.clone()], &found.mean[..]));
                let wide = (&kept.wide[at.clone()], &kept.wide_statistics.mean[..]);
                SlopeSums::of(&reached.slope[at.clone()], &reached.output[at], wide, point)
            })
            .collect();
        let sums = SlopeSums::add_up(&parts, self.outputs);
        let count = reached.slope.len() / self.outputs;
        let wide = Backwards::new(
            &kept.wide_statistics,
            weights.wide.gamma,
            self.epsilon,
            [&sums.slope, &sums.wide],
            count,
        );
        let point = weights.point.zip(point).map(|(branch, found)| {
            let sums = [&sums.slope[..], &sums.point[..]];
            Backwards::new(found, branch.gamma, self.epsilon, sums, count)
        });
        (wide, point)
    }
}

fn gradients(conv: &Conv, taps: &[f32], branch: &Branch<'_>, norm: &Backwards) -> BranchGradients {
    BranchGradients {
        weight: conv.unpack(taps, branch.weight.len()),
        gamma: norm.gamma.clone(),
        beta: norm.beta.clone(),
    }
}

/// One pass over the batch, clip by clip.
struct Pass<'a> {
    block: &'a Block,
    reached: &'a Reached<'a>,
    wide: Conv,
    point: Conv,
    wide_norm: &'a Backwards,
    point_norm: Option<&'a Backwards>,
    back: Option<(Transposed, Option<Transposed>)>,
}

/// Buffers of one thread.
struct Room {
    /// Bordered inputs of a clip.
    input: Vec<f32>,
    /// Bordered slopes of both branches, for one frame.
    slopes: Vec<f32>,
    /// Gradient of one picture as a map.
    shuffled: Vec<f32>,
}

impl Pass<'_> {
    /// Gradients of both kernels as `[taps, outputs]`, and of the input.
    fn run(&self) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let block = self.block;
        let clip = block.frames * block.output().len();
        let clips = self.reached.slope.len() / clip;
        let large = self.wide.taps() * block.outputs > LARGE;
        let parts = if large { PARTS_LARGE } else { PARTS };
        let per_part = clips.div_ceil(parts).max(1);
        let read = block.frames * block.input.len();
        let wants = self.back.is_some();
        let mut input = take(if wants { clips * read } else { 0 });
        let mut pieces: Vec<&mut [f32]> = if wants {
            input.chunks_mut(per_part * read).collect()
        } else {
            (0..clips.div_ceil(per_part)).map(|_| &mut [][..]).collect()
        };
        let parts: Vec<(Vec<f32>, Vec<f32>)> = pieces
            .par_iter_mut()
            .enumerate()
            .map(|(part, gradient)| {
                let mut sums = self.empty();
                let mut room = self.room();
                for index in 0..per_part.min(clips - part * per_part) {
                    let to = if wants {
                        &mut gradient[index * read..][..read]
                    } else {
                        &mut [][..]
                    };
                    self.clip(part * per_part + index, &mut room, &mut sums, to);
                }
                sums
            })
            .collect();
        let (wide, point): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        (add_up(wide), add_up(point), input)
    }

    fn empty(&self) -> (Vec<f32>, Vec<f32>) {
        let outputs = self.block.outputs;
        let point = if self.point_norm.is_some() {
            self.point.taps()
        } else {
            0
        };
        (
            vec![0.0; self.wide.taps() * outputs],
            vec![0.0; point * outputs],
        )
    }

    fn room(&self) -> Room {
        let block = self.block;
        let shuffled = if block.pictures && self.back.is_some() {
            block.input.with_channels(16).len()
        } else {
            0
        };
        Room {
            input: block.room(),
            slopes: vec![0.0; Transposed::slopes_len(block.output(), 2)],
            shuffled: vec![0.0; shuffled],
        }
    }

    /// One clip: adds to the gradients of the kernels, writes that of the input.
    fn clip(
        &self,
        clip: usize,
        room: &mut Room,
        sums: &mut (Vec<f32>, Vec<f32>),
        gradient: &mut [f32],
    ) {
        let block = self.block;
        let map = block.output();
        block.fill(self.reached.input, clip, &mut room.input);
        let inputs = room.input.chunks_exact(self.wide.input.bordered().len());
        for (frame, bordered) in inputs.enumerate() {
            let image = clip * block.frames + frame;
            let kept = self.reached.kept;
            let (wide, point) = room.slopes.split_at_mut(Transposed::slopes_len(map, 1));
            // Both read the same numbers: one behind the other, they find them in the cache.
            self.fill_slopes(image, self.wide_norm, &kept.wide, wide);
            if let Some(norm) = self.point_norm {
                self.fill_slopes(image, norm, &kept.point, point);
                self.point
                    .add_weights(bordered, point, map.inside(), &mut sums.1);
            }
            self.wide
                .add_weights(bordered, wide, map.inside(), &mut sums.0);
            if let Some(back) = &self.back {
                let shuffled = &mut room.shuffled;
                self.write_input(back, frame, image, &room.slopes, shuffled, gradient);
            }
        }
    }

    fn write_input(
        &self,
        (present, past): &(Transposed, Option<Transposed>),
        frame: usize,
        image: usize,
        slopes: &[f32],
        shuffled: &mut [f32],
        gradient: &mut [f32],
    ) {
        let map = self.block.input;
        let (earlier, now) = gradient.split_at_mut(frame * map.len());
        let now = &mut now[..map.len()];
        if self.block.pictures {
            let place = map.with_channels(16).grid();
            present.apply(slopes, shuffled, place, false);
            shuffle(shuffled, place, [map.height, map.width], now);
            return;
        }
        if self.block.identity {
            let at = image * map.len()..(image + 1) * map.len();
            pass_slope(
                &self.reached.slope[at.clone()],
                &self.reached.output[at],
                now,
            );
        }
        present.apply(slopes, now, map.grid(), self.block.identity);
        if let (Some(past), Some(earlier)) = (past, earlier.rchunks_exact_mut(map.len()).next()) {
            past.apply(slopes, earlier, map.grid(), true);
        }
    }

    fn fill_slopes(&self, image: usize, norm: &Backwards, branch: &[f32], to: &mut [f32]) {
        let map = self.block.output();
        let row = map.width * map.channels;
        for y in 0..map.height {
            let at = image * map.len() + y * row;
            let at = at..at + row;
            let to = &mut to[map.inside().at(y, 0)..][..row];
            let reached = self.reached;
            norm.row(
                &reached.slope[at.clone()],
                &reached.output[at.clone()],
                &branch[at],
                to,
            );
        }
    }
}
