//! The way there.

use rayon::prelude::*;

use super::super::aligned::{Aligned, SLACK, aligned, aligned_mut};
use super::super::finish::Finish;
use super::super::recycle::{give, take};
use super::super::relu::{Word, note};
use super::super::tile::{Window, correlate};
use super::weights::{Form, Packs};
use super::{BlockChain, COLOURS, Kind, PICTURE_PIXEL, Step, shifted};

/// What the way back needs of a batch.
#[derive(Debug)]
pub struct Kept {
    /// Outputs, `[pictures, numbers]`.
    numbers: Vec<f32>,
    /// Notes of the limits, `[pictures, words]`.
    notes: Vec<Word>,
}

impl Kept {
    /// Of one picture.
    pub(super) fn of(&self, chain: &BlockChain, picture: usize) -> (&[f32], &[Word]) {
        (
            &aligned(&self.numbers)[picture * chain.kept..][..chain.kept],
            &self.notes[picture * chain.notes..][..chain.notes],
        )
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        give(std::mem::take(&mut self.numbers));
    }
}

/// Cuts a buffer into one piece for each picture.
fn pieces<T>(buffer: &mut [T], count: usize, length: usize) -> Vec<&mut [T]> {
    let mut rest = buffer;
    let piece = |_| {
        let (piece, after) = std::mem::take(&mut rest).split_at_mut(length);
        rest = after;
        piece
    };
    (0..count).map(piece).collect()
}

/// Buffers of one thread.
pub(super) struct Room {
    /// A picture as a map within its border.
    pub(super) picture: Aligned,
    /// Outputs that are not kept.
    maps: Aligned,
}

/// The outputs of a picture, in two buffers.
#[derive(Clone, Copy)]
pub(super) struct Outputs<'a> {
    pub(super) room: &'a [f32],
    pub(super) kept: &'a [f32],
}

impl<'a> Outputs<'a> {
    pub(super) fn of(&self, chain: &BlockChain, index: usize) -> &'a [f32] {
        let step = &chain.steps[index];
        let buffer = if index < chain.kept_from {
            self.room
        } else {
            self.kept
        };
        &buffer[step.at..][..step.len()]
    }
}

impl BlockChain {
    /// Mean over the last map of each picture, and what the way back needs.
    ///
    /// # Shapes
    /// - `pictures`: `[pictures, 3, height, width]` in [0, 1]
    /// - output: `[pictures, features]`
    pub fn forward(&self, packs: &Packs, pictures: &[f32]) -> (Vec<f32>, Kept) {
        let count = pictures.len() / self.picture_len();
        let mut pooled = vec![0.0; count * self.features()];
        let mut kept = Kept {
            numbers: take(count * self.kept + SLACK),
            notes: vec![0; count * self.notes],
        };
        let mut numbers = pieces(aligned_mut(&mut kept.numbers), count, self.kept);
        let mut notes = pieces(&mut kept.notes, count, self.notes);
        numbers
            .par_iter_mut()
            .zip(&mut notes)
            .zip(pooled.par_chunks_exact_mut(self.features()))
            .zip(pictures.par_chunks_exact(self.picture_len()))
            .for_each_init(
                || self.thread_room(),
                |room, (((kept, notes), pooled), picture)| {
                    self.run(packs, picture, room, kept, notes);
                    let outputs = Outputs {
                        room: &room.maps,
                        kept,
                    };
                    self.pool(outputs, pooled);
                },
            );
        (pooled, kept)
    }

    pub(super) fn thread_room(&self) -> Room {
        Room {
            picture: Aligned::zeros(self.picture_map().within(1).len()),
            maps: Aligned::zeros(self.room),
        }
    }

    /// All links for one picture.
    fn run(
        &self,
        packs: &Packs,
        picture: &[f32],
        room: &mut Room,
        kept: &mut [f32],
        notes: &mut [Word],
    ) {
        self.fill(picture, &mut room.picture);
        for (index, step) in self.steps.iter().enumerate() {
            let (earlier, output) = if index < self.kept_from {
                let (before, now) = room.maps.split_at_mut(step.at);
                let (room, kept) = (&*before, &[][..]);
                (Outputs { room, kept }, now)
            } else {
                let (before, now) = kept.split_at_mut(step.at);
                let (room, kept) = (&room.maps[..], &*before);
                (Outputs { room, kept }, now)
            };
            let output = &mut output[..step.len()];
            self.link(packs, index, &room.picture, earlier, output);
            if let (Some(limit), false) = (step.link.limit, notes.is_empty()) {
                note_limits(step, limit, output, notes);
            }
        }
    }

    fn link(
        &self,
        packs: &Packs,
        index: usize,
        picture: &[f32],
        earlier: Outputs<'_>,
        output: &mut [f32],
    ) {
        let step = &self.steps[index];
        let input = match index.checked_sub(1) {
            None => picture,
            Some(before) => earlier.of(self, before),
        };
        clear_border(step, output);
        if let Some(plus) = step.link.plus {
            output.copy_from_slice(earlier.of(self, plus));
        }
        let finish = Finish::Activate {
            bias: &packs.bias[index],
            add: step.link.plus.is_some(),
            limit: step.link.limit,
        };
        match &packs.forward[index] {
            Form::Taps(taps) => step.depthwise().forward(input, taps, output, &finish),
            Form::Matrix(matrix) => {
                let runs = step.runs();
                let window = Window {
                    size: step.link.size,
                    input: step.read(),
                    runs: &runs,
                    output: step.place(),
                };
                correlate(&window, input, matrix, output, &finish);
            }
        }
    }

    /// Writes a picture as a map, its colours moved.
    pub(super) fn fill(&self, picture: &[f32], map: &mut [f32]) {
        let [height, width] = self.picture;
        let place = self.picture_map().inside_of(1);
        for colour in 0..COLOURS {
            let (scale, bias) = (self.colours.scale[colour], self.colours.bias[colour]);
            for y in 0..height {
                let row = &picture[(colour * height + y) * width..][..width];
                let to = map[place.at(y, 0)..].chunks_exact_mut(PICTURE_PIXEL);
                for (pixel, x) in to.zip(row) {
                    pixel[colour] = x * scale + bias;
                }
            }
        }
    }

    fn pool(&self, outputs: Outputs<'_>, pooled: &mut [f32]) {
        let Some(step) = self.steps.last() else {
            return;
        };
        let map = outputs.of(self, self.steps.len() - 1);
        pooled.fill(0.0);
        for pixel in map.chunks_exact(step.output.channels) {
            pooled.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x);
        }
        let area = (step.output.height * step.output.width) as f32;
        pooled.iter_mut().for_each(|sum| *sum /= area);
    }
}

impl Step {
    /// Where the first tap of each output pixel lies in the input.
    pub(super) fn read(&self) -> super::super::strides::StrideGrid {
        match self.link.kind {
            Kind::Picture => shifted(self.from, self.link.before).strided(0, 0, self.link.stride),
            _ => self.from,
        }
    }
}

fn note_limits(step: &Step, limit: f32, output: &[f32], notes: &mut [Word]) {
    let (place, notes_place) = (step.place(), step.note_place());
    for y in 0..step.output.height {
        let row = &output[place.at(y, 0)..][..step.output.width * step.output.channels];
        note(
            row,
            limit,
            &mut notes[notes_place.at(y, 0)..][..notes_place.row],
        );
    }
}

/// Buffers are used again: what lies around a map must be zero.
fn clear_border(step: &Step, output: &mut [f32]) {
    let border = step.border;
    if border == 0 {
        return;
    }
    let map = step.output.within(border);
    let row = map.width * map.channels;
    output[..border * row].fill(0.0);
    output[(map.height - border) * row..].fill(0.0);
    for row in output.chunks_exact_mut(row) {
        row[..border * map.channels].fill(0.0);
        row[(map.width - border) * map.channels..].fill(0.0);
    }
}
