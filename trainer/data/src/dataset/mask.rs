//! Where a manipulation lies, from the mask videos of a data set.

use std::path::Path;

use anyhow::Result;
use unmask_shared::geometry::FaceBox;
use unmask_shared::media::Frame;

use super::media;

/// Pixels of the mask per cell and side.
const CELL_PX: usize = 4;
/// Darker pixels are compression noise.
const LEVEL_MIN: u8 = 25;

/// Which cells of a picture are manipulated.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MaskGrid {
    width: usize,
    cells: Vec<bool>,
}

impl MaskGrid {
    /// The cells whose middle pixel is bright in any channel.
    fn of(frame: &Frame) -> Self {
        let places = |length: usize| (CELL_PX / 2..length).step_by(CELL_PX);
        let bright = |x: usize, y: usize| {
            let at = 3 * (y * frame.width + x);
            let pixel = frame.rgb.get(at..at + 3).unwrap_or_default();
            pixel.iter().any(|value| *value > LEVEL_MIN)
        };
        let (width, height) = (frame.width, frame.height);
        let rows = places(height).flat_map(|y| places(width).map(move |x| bright(x, y)));
        Self {
            width: places(width).count(),
            cells: rows.collect(),
        }
    }

    /// Marks what another mask of the same picture marks.
    fn add(&mut self, other: Self) {
        if self.cells.len() == other.cells.len() {
            let pairs = self.cells.iter_mut().zip(other.cells);
            pairs.for_each(|(own, other)| *own |= other);
        } else {
            *self = other;
        }
    }

    /// Intersection over union of the marked cells and a box in a picture of
    /// `frame` (width, height) pixels, in [0, 1].
    pub(super) fn overlap(&self, face: &FaceBox, frame: (usize, usize)) -> f32 {
        let Some(height) = self.cells.len().checked_div(self.width) else {
            return 0.0;
        };
        let cell = (
            frame.0 as f32 / self.width as f32,
            frame.1 as f32 / height as f32,
        );
        let (mut both, mut marked, mut inside) = (0_u32, 0_u32, 0_u32);
        for (index, mark) in self.cells.iter().enumerate() {
            let x = ((index % self.width) as f32 + 0.5) * cell.0;
            let y = ((index / self.width) as f32 + 0.5) * cell.1;
            let within = (face.x..face.x + face.width).contains(&x)
                && (face.y..face.y + face.height).contains(&y);
            marked += u32::from(*mark);
            inside += u32::from(within);
            both += u32::from(*mark && within);
        }
        match marked + inside - both {
            0 => 0.0,
            union => both as f32 / union as f32,
        }
    }
}

/// Masks of the first frames of the windows of one clip, of all its fakes together.
pub(super) struct Masks {
    grids: Vec<Option<MaskGrid>>,
}

impl Masks {
    pub(super) fn new(windows: usize) -> Self {
        Self {
            grids: vec![None; windows],
        }
    }

    /// The mask of a window, where there is one that marks anything.
    pub(super) fn of(&self, window: usize) -> Option<&MaskGrid> {
        self.grids.get(window)?.as_ref()
    }

    /// Adds a mask video. Gives the number of windows that it reaches.
    pub(super) fn read(&mut self, path: &Path, starts: &[u64]) -> Result<usize> {
        let mut reached = 0;
        media::each_frame(path, starts, 1, |window, _, frame| {
            reached += 1;
            let grid = MaskGrid::of(frame);
            if grid.cells.contains(&true)
                && let Some(place) = self.grids.get_mut(window)
            {
                place.get_or_insert_default().add(grid);
            }
            Ok(())
        })?;
        Ok(reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(width: usize, height: usize, bright: impl Fn(usize, usize) -> bool) -> MaskGrid {
        let mut frame = Frame {
            width,
            height,
            ..Default::default()
        };
        for y in 0..height {
            for x in 0..width {
                let value = if bright(x, y) { 200 } else { 10 };
                frame.rgb.extend([10, value, 10]);
            }
        }
        MaskGrid::of(&frame)
    }

    fn square(x: f32, y: f32, side: f32) -> FaceBox {
        FaceBox {
            x,
            y,
            width: side,
            height: side,
        }
    }

    #[test]
    fn overlap_is_that_of_the_areas() {
        let grid = mask(160, 80, |x, y| (40..80).contains(&x) && y < 40);
        assert_eq!(grid.overlap(&square(40.0, 0.0, 40.0), (160, 80)), 1.0);
        // Half of each: a third of the union.
        let half = grid.overlap(&square(60.0, 0.0, 40.0), (160, 80));
        assert!((half - 1.0 / 3.0).abs() < 1e-6, "{half}");
        assert_eq!(grid.overlap(&square(100.0, 20.0, 40.0), (160, 80)), 0.0);
        // The same picture at twice the size.
        assert_eq!(grid.overlap(&square(80.0, 0.0, 80.0), (320, 160)), 1.0);
        assert_eq!(
            MaskGrid::default().overlap(&square(0.0, 0.0, 9.0), (9, 9)),
            0.0
        );
    }

    #[test]
    fn masks_of_several_fakes_are_one() {
        let mut grid = mask(40, 40, |x, _| x < 20);
        grid.add(mask(40, 40, |_, y| y < 8));
        // Half, a fifth, and what they share, of ten times ten cells.
        assert_eq!(grid.cells.iter().filter(|cell| **cell).count(), 60);
    }
}
