//! The way back.

use rayon::prelude::*;

use super::super::aligned::Aligned;
use super::super::depthwise::Depthwise;
use super::super::finish::Finish;
use super::super::relu::Word;
use super::super::strides::StrideGrid;
use super::super::sums::{add_pixels, add_up};
use super::super::tile::{Run, Window, correlate, correlate_weights};
use super::forward::{Kept, Outputs, Room};
use super::weights::{Form, Packs};
use super::{BlockChain, COLOURS, Kind, shifted};

/// Parts into which a batch is cut for sums over it; fixed, so that the sums do not depend
/// on the number of threads.
const PARTS: usize = 8;

/// Which gradients are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedGradients {
    /// Those of the weights of this link and of all behind it.
    pub weights_from: Option<usize>,
    /// Those of the pictures; then all outputs must have been kept, or alone the notes of
    /// their limits if no weights are asked for.
    pub pictures: bool,
}

/// Gradients of the outputs of a picture before their limits, each in a buffer of its own or
/// in one that it shares with others later on the way.
struct Slopes {
    buffers: Vec<Aligned>,
    /// Buffer of each link.
    of: Vec<usize>,
}

/// Buffers of one thread.
struct Back {
    room: Room,
    slopes: Slopes,
    /// Windows of the gradient of a picture.
    windows: Aligned,
}

impl BlockChain {
    /// Gradients, given that of the pooled features.
    ///
    /// # Shapes
    /// - `pictures`: as for [`Self::forward`]
    /// - `pooled`: `[pictures, features]`
    /// - output: kernels and biases of the links from `weights_from` on, one behind the other;
    ///   and the pictures; what is not wanted is empty
    pub fn backward(
        &self,
        packs: &Packs,
        pictures: &[f32],
        kept: &Kept,
        pooled: &[f32],
        wanted: WantedGradients,
    ) -> (Vec<f32>, Vec<f32>) {
        let count = pictures.len() / self.picture_len();
        let per_part = count.div_ceil(PARTS).max(1);
        let (length, features) = (self.picture_len(), self.features());
        let mut gradient = vec![0.0; if wanted.pictures { pictures.len() } else { 0 }];
        let mut pieces: Vec<&mut [f32]> = match wanted.pictures {
            true => gradient.chunks_mut(per_part * length).collect(),
            false => (0..count.div_ceil(per_part)).map(|_| &mut [][..]).collect(),
        };
        let sums_len = wanted.weights_from.map_or(0, |_| self.sums_len());
        let parts: Vec<Vec<f32>> = pieces
            .par_iter_mut()
            .enumerate()
            .map(|(part, gradient)| {
                let mut sums = vec![0.0; sums_len];
                let mut back = self.back_room();
                for at in 0..per_part.min(count - part * per_part) {
                    let index = part * per_part + at;
                    let (kept, notes) = kept.of(self, index);
                    let gradient = match wanted.pictures {
                        true => &mut gradient[at * length..][..length],
                        false => &mut [][..],
                    };
                    let picture = &pictures[index * length..][..length];
                    let pooled = &pooled[index * features..][..features];
                    let one = One {
                        chain: self,
                        packs,
                        outputs: Outputs { room: &[], kept },
                        notes,
                        wanted,
                    };
                    one.run(picture, pooled, &mut back, &mut sums, gradient);
                }
                sums
            })
            .collect();
        let weights = match wanted.weights_from {
            Some(first) => self.unpack(&add_up(parts), first),
            None => Vec::new(),
        };
        drop(pieces);
        (weights, gradient)
    }

    fn back_room(&self) -> Back {
        let pixels = self
            .steps
            .first()
            .map_or(0, |s| s.link.size.iter().product());
        Back {
            room: self.thread_room(),
            slopes: self.slopes(),
            windows: Aligned::zeros(pixels * self.window_len()),
        }
    }

    /// Numbers of a window of the pictures, filled up.
    fn window_len(&self) -> usize {
        let kernel = self.steps.first().map_or(0, |s| s.link.kernel);
        (COLOURS * kernel * kernel).next_multiple_of(super::LANES_MAX)
    }

    /// Few buffers for many slopes, so that they stay in the cache: one whose zeros lie in the
    /// same places serves again, but for the slopes that are read meanwhile.
    fn slopes(&self) -> Slopes {
        let mut keys = Vec::new();
        let mut slopes = Slopes {
            buffers: Vec::new(),
            of: vec![0; self.steps.len()],
        };
        for (index, step) in self.steps.iter().enumerate().rev() {
            let waits = step.link.limit.is_none();
            let key = (step.slope_map(), step.slope_place());
            let behind = slopes.of.get(index + 1).copied();
            let fits = |at: &usize| keys[*at] == Some(key) && Some(*at) != behind;
            let found = (0..keys.len()).find(fits).filter(|_| !waits);
            slopes.of[index] = found.unwrap_or_else(|| {
                slopes.buffers.push(Aligned::zeros(key.0.len()));
                keys.push((!waits).then_some(key));
                keys.len() - 1
            });
        }
        slopes
    }
}

/// The way back of one picture.
struct One<'a> {
    chain: &'a BlockChain,
    packs: &'a Packs,
    outputs: Outputs<'a>,
    notes: &'a [Word],
    wanted: WantedGradients,
}

impl One<'_> {
    fn run(
        &self,
        picture: &[f32],
        pooled: &[f32],
        back: &mut Back,
        sums: &mut [f32],
        gradient: &mut [f32],
    ) {
        let first = self.wanted.weights_from.unwrap_or(usize::MAX);
        if first == 0 {
            self.chain.fill(picture, &mut back.room.picture);
        }
        let last = self.chain.steps.len() - 1;
        self.spread(pooled, back.slopes.take(last));
        for index in (0..=last).rev() {
            if index >= first {
                self.weights(index, &back.room.picture, back.slopes.get(index), sums);
            }
            if index == 0 || !(self.wanted.pictures || index > first) {
                break;
            }
            let mut target = std::mem::take(back.slopes.take(index - 1));
            self.pass(index, &back.slopes, &mut target);
            *back.slopes.take(index - 1) = target;
        }
        if self.wanted.pictures {
            self.picture(back, gradient);
        }
    }

    /// Gradient of a mean over the last map.
    fn spread(&self, pooled: &[f32], slopes: &mut [f32]) {
        let last = self.chain.steps.len() - 1;
        let step = &self.chain.steps[last];
        let area = (step.output.height * step.output.width) as f32;
        for pixel in slopes.chunks_exact_mut(step.output.channels) {
            let pairs = pixel.iter_mut().zip(pooled);
            pairs.for_each(|(slope, pooled)| *slope = pooled / area);
        }
    }

    /// Adds to the gradients of a kernel and its bias.
    fn weights(&self, index: usize, picture: &[f32], slopes: &[f32], sums: &mut [f32]) {
        let step = &self.chain.steps[index];
        let channels = step.output.channels;
        let sums = &mut sums[step.sums..][..(step.taps() + 1) * channels];
        let (kernel, bias) = sums.split_at_mut(step.taps() * channels);
        let place = step.slope_place();
        add_pixels(slopes, place, step.link.size, bias);
        let input = match index.checked_sub(1) {
            None => picture,
            Some(before) => self.outputs.of(self.chain, before),
        };
        if step.link.kind == Kind::Depthwise {
            let conv = Depthwise {
                output: place,
                ..step.depthwise()
            };
            return conv.add_weights(input, slopes, kernel);
        }
        let runs = step.runs();
        let window = Window {
            size: step.link.size,
            input: step.read(),
            runs: &runs,
            output: place,
        };
        correlate_weights(&window, input, slopes, channels, kernel);
    }

    /// From the slopes of a link to those of the one before.
    fn pass(&self, index: usize, slopes: &Slopes, target: &mut [f32]) {
        let (step, before) = (&self.chain.steps[index], &self.chain.steps[index - 1]);
        let waiting = self
            .chain
            .steps
            .iter()
            .position(|s| s.link.plus == Some(index - 1));
        let finish = match (before.link.limit, waiting) {
            (Some(_), _) if !self.notes.is_empty() => Finish::Open {
                passed: self.notes,
                grid: before.note_place(),
            },
            (Some(limit), _) => Finish::Gate {
                outputs: self.outputs.of(self.chain, index - 1),
                grid: before.place(),
                limit,
            },
            (None, Some(added)) => {
                target.copy_from_slice(slopes.get(added));
                Finish::Add
            }
            (None, None) => Finish::Write,
        };
        let from = slopes.get(index);
        match &self.packs.back[index] {
            Form::Taps(taps) => {
                let border = step.slope_border();
                let conv = Depthwise {
                    kernel: step.link.kernel,
                    stride: 1,
                    size: before.link.size,
                    channels: step.output.channels,
                    input: shifted(step.input.inside_of(border), border - step.link.before),
                    output: before.slope_place(),
                };
                conv.forward(from, taps, target, &finish);
            }
            Form::Matrix(matrix) => {
                let window = Window {
                    size: before.link.size,
                    input: step.slope_place(),
                    runs: &[Run {
                        offset: 0,
                        length: step.link.outputs,
                    }],
                    output: before.slope_place(),
                };
                correlate(&window, from, matrix, target, &finish);
            }
        }
    }

    /// Gradient of the picture: every slope gives the numbers of its window.
    fn picture(&self, back: &mut Back, gradient: &mut [f32]) {
        let chain = self.chain;
        let (Some(step), Some(Form::Matrix(matrix))) =
            (chain.steps.first(), self.packs.back.first())
        else {
            return;
        };
        let ([height, width], length) = (step.link.size, chain.window_len());
        let windows = StrideGrid {
            origin: 0,
            row: width * length,
            pixel: length,
        };
        let window = Window {
            size: step.link.size,
            input: step.slope_place(),
            runs: &[Run {
                offset: 0,
                length: step.link.outputs,
            }],
            output: windows,
        };
        let slopes = back.slopes.get(0);
        correlate(&window, slopes, matrix, &mut back.windows, &Finish::Write);
        let (kernel, [rows, columns]) = (step.link.kernel, chain.picture);
        gradient.fill(0.0);
        let inside = |out: usize, tap: usize, side: usize| {
            let at = (out * step.link.stride + tap).checked_sub(step.link.before);
            at.filter(|at| *at < side)
        };
        for colour in 0..COLOURS {
            let scale = chain.colours.scale[colour];
            for (y, row) in (0..height).flat_map(|y| (0..kernel).map(move |row| (y, row))) {
                let Some(to) = inside(y, row, rows) else {
                    continue;
                };
                let line = &mut gradient[(colour * rows + to) * columns..][..columns];
                let first = (colour * kernel + row) * kernel;
                for x in 0..width {
                    let taps = &back.windows[windows.at(y, x) + first..][..kernel];
                    for (column, tap) in taps.iter().enumerate() {
                        if let Some(to) = inside(x, column, columns) {
                            line[to] += tap * scale;
                        }
                    }
                }
            }
        }
    }
}

impl Slopes {
    fn get(&self, index: usize) -> &[f32] {
        &self.buffers[self.of[index]]
    }

    fn take(&mut self, index: usize) -> &mut Aligned {
        &mut self.buffers[self.of[index]]
    }
}
