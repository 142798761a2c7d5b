//! What becomes of sums that are still in registers.

use fearless_simd::{Select, Simd, SimdBase, SimdMask};

use super::relu::Word;
use super::strides::StrideGrid;

/// What is done to the sums of a convolution before they are written.
#[derive(Clone, Copy, Debug)]
pub enum Finish<'a> {
    /// Nothing.
    Write,
    /// What is there already is added.
    Add,
    /// A bias is added, and perhaps what is there already; then the sums are perhaps cut to
    /// what lies between zero and a limit.
    Activate {
        /// One for each channel that is written.
        bias: &'a [f32],
        /// Whether what is there is added.
        add: bool,
        /// Upper limit; the lower one is zero.
        limit: Option<f32>,
    },
    /// The way back through such limits: zero where an output did not lie between them.
    Gate {
        /// Outputs of the way there.
        outputs: &'a [f32],
        /// Where the pixels lie in them.
        grid: StrideGrid,
        /// Upper limit.
        limit: f32,
    },
    /// The same, from notes of what lay between them.
    Open {
        /// A word for each vector, lowest bit first.
        passed: &'a [Word],
        /// Where the words of the pixels lie.
        grid: StrideGrid,
    },
}

impl Finish<'_> {
    /// Where the pixels lie that it looks at.
    #[inline(always)]
    pub(super) fn grid(&self) -> StrideGrid {
        match self {
            Self::Gate { grid, .. } | Self::Open { grid, .. } => *grid,
            _ => StrideGrid {
                origin: 0,
                row: 0,
                pixel: 0,
            },
        }
    }

    /// Writes the vectors of the first `count` pixels. `to` are the places of these vectors in
    /// the output, and of their pixels in what is looked at; `first` is the channel that the
    /// vectors begin with.
    #[inline(always)]
    pub(super) fn store<S: Simd, const P: usize, const V: usize>(
        &self,
        simd: S,
        sums: &[[S::f32s; V]; P],
        to: &[(usize, usize); P],
        count: usize,
        first: usize,
        output: &mut [f32],
    ) {
        let lanes = S::f32s::LEN;
        let zero = S::f32s::splat(simd, 0.0);
        let load = |from: &[f32]| S::f32s::from_slice(simd, from);
        match *self {
            Self::Write => each(simd, sums, to, count, output, |sum, _, _, _| sum),
            Self::Add => each(simd, sums, to, count, output, |sum, at, _, _| {
                sum + load(at)
            }),
            Self::Activate { bias, add, limit } => {
                let mut biases = [zero; V];
                for v in 0..V {
                    biases[v] = load(&bias[first + v * lanes..][..lanes]);
                }
                match (add, limit) {
                    (true, _) => each(simd, sums, to, count, output, |sum, at, _, v| {
                        cut(simd, sum + biases[v] + load(at), limit)
                    }),
                    (false, None) => each(simd, sums, to, count, output, |sum, _, _, v| {
                        sum + biases[v]
                    }),
                    (false, Some(_)) => each(simd, sums, to, count, output, |sum, _, _, v| {
                        cut(simd, sum + biases[v], limit)
                    }),
                }
            }
            Self::Gate { outputs, limit, .. } => {
                let limit = S::f32s::splat(simd, limit);
                each(simd, sums, to, count, output, |sum, _, look, v| {
                    let out = load(&outputs[look + first + v * lanes..][..lanes]);
                    let open = out.simd_gt(zero) & out.simd_lt(limit);
                    open.select(sum, zero)
                });
            }
            Self::Open { passed, .. } => each(simd, sums, to, count, output, |sum, _, look, v| {
                let word = passed[look + first / lanes + v];
                S::mask32s::from_bitmask(simd, u64::from(word)).select(sum, zero)
            }),
        }
    }
}

#[inline(always)]
fn cut<S: Simd>(simd: S, sum: S::f32s, limit: Option<f32>) -> S::f32s {
    match limit {
        Some(limit) => sum
            .max(S::f32s::splat(simd, 0.0))
            .min(S::f32s::splat(simd, limit)),
        None => sum,
    }
}

/// Writes `value(sum, what is there, place to look at, vector)` for each vector.
#[inline(always)]
fn each<S: Simd, const P: usize, const V: usize>(
    _simd: S,
    sums: &[[S::f32s; V]; P],
    to: &[(usize, usize); P],
    count: usize,
    output: &mut [f32],
    value: impl Fn(S::f32s, &[f32], usize, usize) -> S::f32s,
) {
    let lanes = S::f32s::LEN;
    for p in 0..P {
        if p < count {
            let (write, look) = to[p];
            let pixel = &mut output[write..][..V * lanes];
            for v in 0..V {
                let at = &mut pixel[v * lanes..][..lanes];
                value(sums[p][v], at, look, v).store_slice(at);
            }
        }
    }
}
