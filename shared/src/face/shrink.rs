//! The shrunk copy of a frame in which faces are looked for.

use crate::sample::RgbView;

/// Shrinks pictures by averaging the area under each target pixel; keeps its buffers between
/// pictures.
#[derive(Debug, Default)]
pub(super) struct Shrink {
    /// Weighted sums of source lines, RGB: of the target line that is being made, and of the
    /// one below it.
    line: Vec<f32>,
    below: Vec<f32>,
    /// A finished target line, RGB, 0 to 255.
    row: Vec<f32>,
    columns: Vec<Share>,
}

/// How a source line spreads over two neighbouring target lines.
#[derive(Clone, Copy, Debug)]
struct Share {
    first: usize,
    weight: f32,
    next_weight: f32,
}

impl Shrink {
    /// Draws `view` with `width` x `height` pixels, at most as many as it has: calls `put` with
    /// the number of each target line and its pixels, `[width, 3]` RGB, 0 to 255.
    pub(super) fn draw(
        &mut self,
        view: &RgbView<'_>,
        (width, height): (usize, usize),
        mut put: impl FnMut(usize, &[f32]),
    ) {
        let values = view.width() * 3;
        for sums in [&mut self.line, &mut self.below] {
            sums.clear();
            sums.resize(values, 0.0);
        }
        self.row.resize((width + 1) * 3, 0.0);
        self.columns.clear();
        self.columns
            .extend((0..view.width()).map(|x| share(x, view.width(), width)));
        let area = (view.width() * view.height()) as f32 / (width * height) as f32;
        for (y, source) in view.data().chunks_exact(values).enumerate() {
            let here = share(y, view.height(), height);
            add(&mut self.line, source, here.weight);
            if here.next_weight > 0.0 {
                add(&mut self.below, source, here.next_weight);
            }
            let done =
                y + 1 == view.height() || share(y + 1, view.height(), height).first > here.first;
            if done {
                self.gather(area);
                put(here.first, &self.row[..width * 3]);
                std::mem::swap(&mut self.line, &mut self.below);
                self.below.fill(0.0);
            }
        }
    }

    /// Adds up the columns of a finished target line.
    fn gather(&mut self, area: f32) {
        self.row.fill(0.0);
        for (rgb, column) in self.line.chunks_exact(3).zip(&self.columns) {
            let at = 3 * column.first;
            for (channel, value) in rgb.iter().enumerate() {
                self.row[at + channel] += value * column.weight;
                self.row[at + 3 + channel] += value * column.next_weight;
            }
        }
        self.row.iter_mut().for_each(|value| *value /= area);
    }
}

fn add(sums: &mut [f32], source: &[u8], weight: f32) {
    for (sum, value) in sums.iter_mut().zip(source) {
        *sum += weight * f32::from(*value);
    }
}

/// Width and height times `scale`, at least 1 and never larger than before.
pub(super) fn shrunk((width, height): (usize, usize), scale: f32) -> (usize, usize) {
    let side = |side: usize| ((side as f32 * scale + 0.5) as usize).clamp(1, side.max(1));
    (side(width), side(height))
}

/// Where source line `index` of `from` falls among `to` target lines.
fn share(index: usize, from: usize, to: usize) -> Share {
    // Exact: line `index` covers [index * to, (index + 1) * to) in units of
    // 1 / from target lines, and target line `first` ends at (first + 1) * from.
    let first = index * to / from;
    let end = (index + 1) * to;
    let over = end.saturating_sub((first + 1) * from);
    Share {
        first,
        weight: (to - over) as f32 / to as f32,
        next_weight: over as f32 / to as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(view: &RgbView<'_>, size: (usize, usize)) -> Vec<Vec<f32>> {
        let (mut shrink, mut rows) = (Shrink::default(), Vec::new());
        shrink.draw(view, size, |y, row| {
            assert_eq!(y, rows.len());
            rows.push(row.to_vec());
        });
        rows
    }

    #[test]
    fn the_copy_keeps_the_mean_of_each_area() {
        // 5 columns onto 2: the middle column is shared half and half. So is the middle one of
        // 3 rows, each of which is lighter by 30: 10 and 50 on average.
        let grey = [10, 20, 60, 30, 40_u8];
        let row = |y: u8| grey.map(|v| [v + 30 * y, 7 * y, 2 * v]);
        let data: Vec<u8> = (0..3).flat_map(row).flatten().collect();
        let view = RgbView::new(5, 3, &data).expect("sizes agree");
        let wanted = [10.0, 50.0].map(|lighter| {
            let green = 7.0 / 30.0 * lighter;
            [24.0 + lighter, green, 48.0, 40.0 + lighter, green, 80.0]
        });
        let rows = draw(&view, (2, 2));
        assert_eq!(rows.len(), 2);
        for (row, wanted) in rows.iter().zip(wanted) {
            assert!(
                row.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-4),
                "{row:?}"
            );
        }
        let same = draw(&view, (5, 3));
        assert_eq!(same.len(), 3);
        assert!(
            same.iter()
                .flatten()
                .zip(&data)
                .all(|(a, b)| *a == f32::from(*b))
        );
    }

    #[test]
    fn sizes_stay_within_the_picture() {
        assert_eq!(shrunk((640, 480), 0.5), (320, 240));
        assert_eq!(shrunk((1920, 3), 1.0 / 6.0), (320, 1));
        assert_eq!(shrunk((20, 20), 1.0), (20, 20));
    }
}
