//! Weights in the order in which the inner loop reads them.

use fearless_simd::{Simd, SimdBase, dispatch};

use super::level;

/// One row of a matrix: `value(output) = source[first + output * step]`.
#[derive(Clone, Copy, Debug)]
pub struct StridedRow<'a> {
    /// Where the numbers are.
    pub source: &'a [f32],
    /// Place of the first of them.
    pub first: usize,
    /// From one output to the next.
    pub step: usize,
}

/// A matrix `[taps, outputs]` cut into blocks of one or two vectors of outputs.
#[derive(Clone, Debug)]
pub struct Packed {
    data: Vec<f32>,
    taps: usize,
    outputs: usize,
}

/// Some columns of the matrix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    /// The first of them.
    pub first: usize,
    /// Vectors of them: 1 or 2.
    pub vectors: usize,
    /// `[taps, vectors * lanes]`
    pub weights: &'a [f32],
}

/// Numbers in the longest vector of any machine.
pub const LANES_MAX: usize = 16;

/// Numbers in one vector of this machine.
pub fn lanes() -> usize {
    #[inline(always)]
    fn of<S: Simd>(_: S) -> usize {
        S::f32s::LEN
    }
    dispatch!(level(), simd => of(simd))
}

impl Packed {
    /// From its rows, in the order of the taps; outputs are filled up with zeros to a
    /// multiple of 16.
    pub fn new<'a>(rows: impl Iterator<Item = StridedRow<'a>>, outputs: usize) -> Self {
        let lanes = lanes();
        let rows: Vec<StridedRow<'a>> = rows.collect();
        let rounded = outputs.next_multiple_of(LANES_MAX);
        let mut data = Vec::with_capacity(rows.len() * rounded);
        for (first, vectors) in cuts(rounded, lanes) {
            let end = first + vectors * lanes;
            for row in &rows {
                let value = |output| row.source[row.first + output * row.step];
                data.extend((first..end.min(outputs)).map(value));
                data.extend(std::iter::repeat_n(0.0, end - end.min(outputs).max(first)));
            }
        }
        Self {
            data,
            taps: rows.len(),
            outputs: rounded,
        }
    }

    /// The blocks for vectors of so many numbers: as many as this machine's.
    #[inline(always)]
    pub(super) fn blocks(&self, lanes: usize) -> impl Iterator<Item = Block<'_>> {
        cuts(self.outputs, lanes).map(move |(first, vectors)| Block {
            first,
            vectors,
            weights: &self.data[first * self.taps..][..self.taps * vectors * lanes],
        })
    }
}

/// First column and number of vectors of each block.
#[inline(always)]
fn cuts(outputs: usize, lanes: usize) -> impl Iterator<Item = (usize, usize)> {
    let pairs = outputs / (2 * lanes);
    let rest = outputs % (2 * lanes) / lanes;
    let end = pairs * 2 * lanes;
    (0..pairs)
        .map(move |pair| (pair * 2 * lanes, 2))
        .chain((0..rest).map(move |single| (end + single * lanes, 1)))
}
