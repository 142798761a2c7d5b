//! A frame as a few cells of luma and chroma.

use std::ops::Range;

use unmask_shared::sample::RgbView;

const WIDTH: usize = 32;
const HEIGHT: usize = 18;
const CELLS: usize = WIDTH * HEIGHT;
/// Cells of a block.
const BLOCK_WIDTH: usize = 4;
const BLOCK_HEIGHT: usize = 3;
const BLOCKS_ACROSS: usize = WIDTH / BLOCK_WIDTH;
const BLOCKS: usize = BLOCKS_ACROSS * HEIGHT / BLOCK_HEIGHT;
/// Cells by which a block may have moved to each side.
const REACH: usize = 2;
/// Pixels across and down that are averaged for a cell.
const SAMPLES_ACROSS: usize = 8;
const SAMPLES_DOWN: usize = 4;
const SAMPLES: usize = SAMPLES_ACROSS * SAMPLES_DOWN;
/// Gains of brightness that are undone.
const GAIN_MIN: f32 = 0.4;
const GAIN_MAX: f32 = 2.5;
/// Levels by which the cells of a bar beside the picture differ, among each other and from frame
/// to frame; a picture is at least this part of the frame.
const BAR_LEVELS: f32 = 1.0;
const SHOWN_MIN: f32 = 0.2;
/// Levels by which a cell is darker.
const DARKER_BY: f32 = 8.0;
/// Y, Cb and Cr from R, G and B (ITU-R BT.601), without the offsets.
const YCC: [[f32; 3]; 3] = [
    [0.299, 0.587, 0.114],
    [-0.168_736, -0.331_264, 0.5],
    [0.5, -0.418_688, -0.081_312],
];

type Plane = [f32; CELLS];

/// Luma and the two chromas of each cell, row by row, in levels of 256.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thumb {
    planes: [Plane; 3],
    mean: f32,
    contrast: f32,
}

/// Draws thumbs; keeps where it looks.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    width: usize,
    /// First byte of each sampled pixel of a row.
    columns: Vec<usize>,
}

impl Sampler {
    pub(super) fn draw(&mut self, view: &RgbView<'_>) -> Thumb {
        let (width, height) = (view.width(), view.height());
        if self.width != width {
            self.width = width;
            let across = WIDTH * SAMPLES_ACROSS;
            let column = |at: usize| (2 * at + 1) * width / (2 * across) * 3;
            self.columns.clear();
            self.columns.extend((0..across).map(column));
        }
        let mut planes = [[0.0; CELLS]; 3];
        for cell_row in 0..HEIGHT {
            let mut sums = [[0_u32; 3]; WIDTH];
            for sample in 0..SAMPLES_DOWN {
                let down = HEIGHT * SAMPLES_DOWN;
                let y = (2 * (cell_row * SAMPLES_DOWN + sample) + 1) * height / (2 * down);
                self.add_row(&view.data()[3 * width * y..][..3 * width], &mut sums);
            }
            for (x, sum) in sums.iter().enumerate() {
                let [r, g, b] = sum.map(|sum| sum as f32 / SAMPLES as f32);
                for (plane, [of_r, of_g, of_b]) in planes.iter_mut().zip(YCC) {
                    plane[cell_row * WIDTH + x] = of_r * r + of_g * g + of_b * b;
                }
            }
        }
        Thumb::new(planes)
    }

    fn add_row(&self, row: &[u8], sums: &mut [[u32; 3]; WIDTH]) {
        for (sum, columns) in sums
            .iter_mut()
            .zip(self.columns.chunks_exact(SAMPLES_ACROSS))
        {
            let [mut red, mut green, mut blue] = *sum;
            for &column in columns {
                if let Some([r, g, b]) = row.get(column..column + 3) {
                    red += u32::from(*r);
                    green += u32::from(*g);
                    blue += u32::from(*b);
                }
            }
            *sum = [red, green, blue];
        }
    }
}

impl Thumb {
    fn new(planes: [Plane; 3]) -> Self {
        let mean = planes[0].iter().sum::<f32>() / CELLS as f32;
        let square: f32 = planes[0].iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            planes,
            mean,
            contrast: (square / CELLS as f32).sqrt(),
        }
    }

    /// Mean luma, 0 to 255.
    pub(super) fn brightness(&self) -> f32 {
        self.mean
    }

    /// Standard deviation of the luma.
    pub(super) fn contrast(&self) -> f32 {
        self.contrast
    }

    /// Part of its cells that are clearly darker than in `before`.
    pub(super) fn darker_than(&self, before: &Self) -> f32 {
        let pairs = self.planes[0].iter().zip(&before.planes[0]);
        let darker = pairs.filter(|(here, there)| **here < **there - DARKER_BY);
        darker.count() as f32 / CELLS as f32
    }

    /// What the frame `before` does not explain: the mean over the picture, without bars beside
    /// it, of the blocks' least mean absolute difference, Y, Cb and Cr added, in levels. Blocks that differ by less than
    /// `enough` where they are need not be looked for elsewhere.
    pub(super) fn difference(&self, before: &Self, enough: f32) -> f32 {
        let mut least = [f32::INFINITY; BLOCKS];
        let sources = [before.planes, before.relit(self)].map(|planes| Padded::new(&planes));
        for source in &sources {
            self.compare(source, (REACH, REACH), enough, &mut least);
        }
        for source in &sources {
            for shift in 0..(2 * REACH + 1).pow(2) {
                let shift = (shift % (2 * REACH + 1), shift / (2 * REACH + 1));
                self.compare(source, shift, enough, &mut least);
            }
        }
        let [across, down] = self.shown(before);
        let shown = (across.len() * down.len()) as f32 / CELLS as f32;
        least.iter().sum::<f32>() / BLOCKS as f32 / shown.max(SHOWN_MIN)
    }

    /// How much the luma is that of `before`: the largest correlation over the places to which
    /// all of it may have moved, -1 to 1. Gain and offset change nothing.
    pub(super) fn likeness(&self, before: &Self) -> f32 {
        let [across, down] = self.shown(before);
        let reach = REACH as isize;
        let shifts = (-reach..=reach).flat_map(|y| (-reach..=reach).map(move |x| (x, y)));
        let place = |cell: usize, shift: isize, shown: &Range<usize>| {
            let place = cell.checked_add_signed(shift)?;
            shown.contains(&place).then_some(place)
        };
        let of = |(x, y): (isize, isize)| {
            let mut sums = Correlation::default();
            for row in down.clone() {
                for column in across.clone() {
                    if let (Some(from), Some(to)) =
                        (place(row, y, &down), place(column, x, &across))
                    {
                        let there = before.planes[0][from * WIDTH + to];
                        sums.add(self.planes[0][row * WIDTH + column], there);
                    }
                }
            }
            sums.value()
        };
        shifts.map(of).fold(-1.0, f32::max)
    }

    /// Columns and rows that are no bar of one colour beside the picture.
    fn shown(&self, before: &Self) -> [Range<usize>; 2] {
        let is_bar = |edge: usize, cell: usize| {
            let planes = self.planes.iter().zip(&before.planes);
            planes.into_iter().all(|(here, there)| {
                (here[cell] - here[edge]).abs() < BAR_LEVELS
                    && (here[cell] - there[cell]).abs() < BAR_LEVELS
            })
        };
        let cell = |x: usize, y: usize| y * WIDTH + x;
        let column = |x: &usize, edge: usize| (0..HEIGHT).all(|y| is_bar(edge, cell(*x, y)));
        let row = |y: &usize, edge: usize| (0..WIDTH).all(|x| is_bar(edge, cell(x, *y)));
        let (first, last) = (cell(0, 0), cell(WIDTH - 1, HEIGHT - 1));
        let left = (0..WIDTH).take_while(|x| column(x, first)).count();
        let right = (left..WIDTH).rev().take_while(|x| column(x, last)).count();
        let top = (0..HEIGHT).take_while(|y| row(y, first)).count();
        let bottom = (top..HEIGHT).rev().take_while(|y| row(y, last)).count();
        [left..WIDTH - right, top..HEIGHT - bottom]
    }

    /// Its planes with gain and offset of the luma as in `after`, by least squares.
    fn relit(&self, after: &Self) -> [Plane; 3] {
        let pairs = self.planes[0].iter().zip(&after.planes[0]);
        let covariance: f32 = pairs
            .map(|(from, to)| (from - self.mean) * (to - after.mean))
            .sum();
        let square = self.contrast.powi(2) * CELLS as f32;
        let gain = (covariance / square.max(1.0)).clamp(GAIN_MIN, GAIN_MAX);
        let mut planes = self.planes;
        let offset = after.mean - gain * self.mean;
        for (plane, offset) in planes.iter_mut().zip([offset, 0.0, 0.0]) {
            for value in plane {
                *value = gain * *value + offset;
            }
        }
        planes
    }

    /// Lowers `least` to the differences of the blocks from `source`, shifted, in the rows of
    /// blocks that are not all below `enough`.
    fn compare(
        &self,
        source: &Padded,
        shift: (usize, usize),
        enough: f32,
        least: &mut [f32; BLOCKS],
    ) {
        for (row, least) in least.chunks_exact_mut(BLOCKS_ACROSS).enumerate() {
            if least.iter().all(|difference| *difference < enough) {
                continue;
            }
            let mut sums = [0.0; WIDTH];
            for y in row * BLOCK_HEIGHT..(row + 1) * BLOCK_HEIGHT {
                for (plane, source) in self.planes.iter().zip(&source.planes) {
                    let here = &plane[y * WIDTH..][..WIDTH];
                    let there = &source[(y + shift.1) * PADDED_WIDTH + shift.0..][..WIDTH];
                    for ((sum, here), there) in sums.iter_mut().zip(here).zip(there) {
                        *sum += (here - there).abs();
                    }
                }
            }
            for (least, sums) in least.iter_mut().zip(sums.chunks_exact(BLOCK_WIDTH)) {
                let share = (BLOCK_WIDTH * BLOCK_HEIGHT) as f32;
                *least = least.min(sums.iter().sum::<f32>() / share);
            }
        }
    }
}

/// Sums for the correlation of two numbers.
#[derive(Default)]
struct Correlation {
    count: f32,
    /// Of the first, of the second, of their squares, and of their product.
    sums: [f32; 5],
}

impl Correlation {
    fn add(&mut self, a: f32, b: f32) {
        self.count += 1.0;
        for (sum, value) in self.sums.iter_mut().zip([a, b, a * a, b * b, a * b]) {
            *sum += value;
        }
    }

    /// 0 where one of them is always the same.
    fn value(&self) -> f32 {
        let [a, b, aa, bb, ab] = self.sums.map(|sum| sum / self.count.max(1.0));
        let spread = ((aa - a * a).max(0.0) * (bb - b * b).max(0.0)).sqrt();
        if spread > 1e-3 {
            (ab - a * b) / spread
        } else {
            0.0
        }
    }
}

const PADDED_WIDTH: usize = WIDTH + 2 * REACH;
const PADDED_HEIGHT: usize = HEIGHT + 2 * REACH;

/// Planes with their edges repeated, so that blocks can be looked for beyond them.
struct Padded {
    planes: [[f32; PADDED_WIDTH * PADDED_HEIGHT]; 3],
}

impl Padded {
    fn new(planes: &[Plane; 3]) -> Self {
        let mut padded = [[0.0; PADDED_WIDTH * PADDED_HEIGHT]; 3];
        for (padded, plane) in padded.iter_mut().zip(planes) {
            for (y, row) in padded.chunks_exact_mut(PADDED_WIDTH).enumerate() {
                let y = y.saturating_sub(REACH).min(HEIGHT - 1);
                let from = &plane[y * WIDTH..][..WIDTH];
                row[..REACH].fill(from[0]);
                row[REACH..REACH + WIDTH].copy_from_slice(from);
                row[REACH + WIDTH..].fill(from[WIDTH - 1]);
            }
        }
        Self { planes: padded }
    }
}
