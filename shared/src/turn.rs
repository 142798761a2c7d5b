//! How far a head is turned to the side, estimated from the crop of its face.
//!
//! The face finder gives boxes, without eyes or mouth. What a turn changes are the places
//! of edges: the left half of the crop no longer shows the mirror image of the right one. The
//! crop is therefore described by histograms of oriented gradients (Dalal and Triggs, CVPR
//! 2005), each cell of its left half is compared with the mirrored cell of the right half, and
//! the differences are weighed. The estimate of a mirrored crop is that of the crop with the
//! other sign, whatever the weights. `unmask-trainer turn fit` finds the weights.

/// Cells per side of a crop.
const CELLS: usize = 8;
/// Samples per side of a cell.
const CELL: usize = 7;
/// Samples per side of a crop.
const GRID: usize = CELLS * CELL;
/// Directions of an edge that are told apart, half a turn together.
const BINS: usize = 8;
/// Keeps cells without edges from becoming loud; of the crop's units, [0, 1].
const FLOOR: f32 = 0.3;

/// Numbers that [`differences`] gives, and weights that there are.
pub const DIFFERENCES: usize = CELLS * CELLS / 2 * BINS;

/// Little-endian 32-bit floats; see the card beside it.
const WEIGHTS: &[u8; 4 * DIFFERENCES] = include_bytes!("../../models/head-turn/turn.bin");

type Cells = [[[f32; BINS]; CELLS]; CELLS];

/// How far the head in a crop is turned to its left (above 0) or right (below 0), in degrees.
/// 0 where the crop is not `[3, size, size]` or less than 56 pixels wide: nothing can be told.
///
/// The mean error is 4 degrees (`models/head-turn/CARD.md`); large turns come out too small.
///
/// # Shapes
/// - `planar`: `[3, size, size]`, RGB in [0, 1], cut as
///   [`CropSpec`](crate::geometry::CropSpec) says
pub fn turn_degrees(planar: &[f32], size: usize) -> f32 {
    let Some(differences) = differences(planar, size) else {
        return 0.0;
    };
    let weights = WEIGHTS.chunks_exact(4).map(|bytes| {
        let bytes = bytes.try_into().unwrap_or_default();
        f32::from_le_bytes(bytes)
    });
    let terms = differences.iter().zip(weights);
    terms.map(|(value, weight)| value * weight).sum()
}

/// What the estimate is made of: how each cell of the left half differs from the mirror image
/// of the right one, row by row, each in [-1, 1]. `None` where [`turn_degrees`] cannot tell.
///
/// # Shapes
/// - `planar`: `[3, size, size]`, RGB in [0, 1]
pub fn differences(planar: &[f32], size: usize) -> Option<[f32; DIFFERENCES]> {
    if size < GRID || planar.len() != size.checked_mul(size)?.checked_mul(3)? {
        return None;
    }
    let cells = normalised(&histograms(&luma(planar, size)));
    let mut differences = [0.0; DIFFERENCES];
    let mut out = differences.iter_mut();
    for row in &cells {
        let (left, right) = row.split_at(CELLS / 2);
        for (cell, mirror) in left.iter().zip(right.iter().rev()) {
            for (bin, value) in cell.iter().enumerate() {
                // An edge at an angle has its mirror image at the angle's negative.
                let mirrored = mirror[(BINS - bin) % BINS];
                if let Some(out) = out.next() {
                    *out = value - mirrored;
                }
            }
        }
    }
    Some(differences)
}

/// Means of the luma over equal parts of the crop.
fn luma(planar: &[f32], size: usize) -> [[f32; GRID]; GRID] {
    let plane = size * size;
    let part = |at: usize| at * size / GRID..(at + 1) * size / GRID;
    let mut grid = [[0.0; GRID]; GRID];
    for (y, row) in grid.iter_mut().enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            let (mut sum, mut count) = (0.0, 0.0);
            for at in part(y).flat_map(|y| part(x).map(move |x| y * size + x)) {
                sum += 0.299 * planar[at]
                    + 0.587 * planar[plane + at]
                    + 0.114 * planar[2 * plane + at];
                count += 1.0;
            }
            *value = sum / count;
        }
    }
    grid
}

/// How much edge of each direction each cell holds.
fn histograms(luma: &[[f32; GRID]; GRID]) -> Cells {
    let mut cells = [[[0.0; BINS]; CELLS]; CELLS];
    for y in 0..GRID {
        for x in 0..GRID {
            let across = match x {
                0 => 0.0,
                x if x + 1 == GRID => 0.0,
                x => luma[y][x + 1] - luma[y][x - 1],
            };
            let down = match y {
                0 => 0.0,
                y if y + 1 == GRID => 0.0,
                y => luma[y + 1][x] - luma[y - 1][x],
            };
            let (long, short) = (across.abs().max(down.abs()), across.abs().min(down.abs()));
            // The length of the gradient within 12 %, without a root.
            cells[y / CELL][x / CELL][direction(across, down)] += long + 0.5 * short;
        }
    }
    cells
}

/// The bin of a gradient's direction: 0 for across, 4 for down, centred on multiples of a
/// sixteenth of a turn; opposite gradients fall into the same.
fn direction(across: f32, down: f32) -> usize {
    // Tangents of the borders, 1/32 and 3/32 of a turn.
    const NARROW: f32 = 0.198_912_37;
    const WIDE: f32 = 0.668_178_6;
    let (width, height) = (across.abs(), down.abs());
    let steep = if height < NARROW * width {
        0
    } else if height < WIDE * width {
        1
    } else if width < NARROW * height {
        4
    } else if width < WIDE * height {
        3
    } else {
        2
    };
    if (across < 0.0) == (down < 0.0) {
        steep
    } else {
        (BINS - steep) % BINS
    }
}

/// Each cell relative to the strength of edges around it, at most 1.
fn normalised(cells: &Cells) -> Cells {
    let near = |at: usize| at.saturating_sub(1)..(at + 2).min(CELLS);
    let mut out = *cells;
    for (y, row) in out.iter_mut().enumerate() {
        for (x, cell) in row.iter_mut().enumerate() {
            let (mut energy, mut count) = (0.0, 0.0);
            for other in near(y).flat_map(|y| near(x).map(move |x| &cells[y][x])) {
                energy += other.iter().map(|value| value * value).sum::<f32>();
                count += 1.0;
            }
            let strength = libm::sqrtf(energy / count) + FLOOR;
            for value in cell {
                *value = (*value / strength).min(1.0);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// A picture without symmetry.
    fn crop(size: usize, mirrored: bool) -> Vec<f32> {
        (0..3 * size * size)
            .map(|at| {
                let (x, y, channel) = (at % size, at / size % size, at / size / size);
                let x = if mirrored { size - 1 - x } else { x };
                let (x, y) = (x as f32 / size as f32, y as f32 / size as f32);
                0.5 + 0.4 * libm::sinf(9.0 * x * x + 5.0 * y + 3.0 * x * y + channel as f32)
            })
            .collect()
    }

    #[test]
    fn a_mirrored_crop_is_turned_the_other_way() {
        for size in [56, 112, 100] {
            let turn = turn_degrees(&crop(size, false), size);
            let mirrored = turn_degrees(&crop(size, true), size);
            assert!(turn.abs() > 0.5, "{turn}");
            // Where the size is no multiple of the grid, the parts are not mirror images.
            let slack = if size % GRID == 0 { 1e-2 } else { 1.5 };
            assert!((turn + mirrored).abs() < slack, "{turn} and {mirrored}");
        }
    }

    /// Numbers of numpy 1.26:
    /// ```python
    /// s=112; c,y,x=np.meshgrid(np.arange(3),np.arange(s)/s,np.arange(s)/s,indexing='ij')
    /// p=0.5+0.4*np.sin(9*x*x+5*y+3*x*y+c)
    /// g=np.tensordot([.299,.587,.114],p,1).reshape(56,2,56,2).mean((1,3))
    /// gx=np.zeros_like(g);gy=np.zeros_like(g);gx[:,1:-1]=g[:,2:]-g[:,:-2];gy[1:-1]=g[2:]-g[:-2]
    /// m=np.maximum(abs(gx),abs(gy))+.5*np.minimum(abs(gx),abs(gy))
    /// b=np.floor(np.mod(np.arctan2(gy,gx),np.pi)/np.pi*8+.5).astype(int)%8
    /// h=np.stack([(m*(b==k)).reshape(8,7,8,7).sum((1,3)) for k in range(8)],-1)
    /// e=np.pad((h**2).sum(2),1);n=np.pad(np.ones((8,8)),1)
    /// box=lambda a:sum(a[i:i+8,j:j+8] for i in range(3) for j in range(3))
    /// f=np.minimum(h/(np.sqrt(box(e)/box(n))+.3)[...,None],1)
    /// d=(f-f[:,::-1][:,:,(8-np.arange(8))%8])[:,:4].ravel()
    /// w=np.fromfile('models/head-turn/turn.bin','<f4')
    /// d[[8,77,130,200]], abs(d).sum(), d@w
    /// ```
    #[test]
    fn numbers_are_those_of_numpy() {
        let differences = differences(&crop(112, false), 112).unwrap();
        for (at, expected) in [(8, -0.095_36), (77, 0.0), (130, 0.125_35), (200, 0.0)] {
            let found = differences[at];
            assert!((found - expected).abs() < 1e-4, "{found} at {at}");
        }
        let sum: f32 = differences.iter().map(|value| value.abs()).sum();
        // A sample or two lies on a border between directions.
        assert!((sum - 53.397).abs() < 0.2, "{sum}");
        let turn = turn_degrees(&crop(112, false), 112);
        assert!((turn - 6.333).abs() < 0.2, "{turn}");
    }

    #[test]
    fn directions_are_those_of_the_angle() {
        for step in 0..720 {
            // Not on a border.
            let angle = (step as f32 + 0.3) * core::f32::consts::TAU / 720.0;
            let bin = direction(libm::cosf(angle), libm::sinf(angle));
            let turns = angle / core::f32::consts::PI * BINS as f32;
            let expected = libm::roundf(turns) as usize % BINS;
            assert_eq!(bin, expected, "{step}");
        }
    }

    #[test]
    fn what_is_no_crop_is_not_turned() {
        assert_eq!(turn_degrees(&[0.5; 3 * 32 * 32], 32), 0.0);
        assert_eq!(turn_degrees(&[0.5; 10], 112), 0.0);
        assert_eq!(turn_degrees(&[], usize::MAX), 0.0);
        assert_eq!(
            turn_degrees(&crop(112, false)[..3 * 112 * 112 - 1], 112),
            0.0
        );
        let flat = std::vec![0.5; 3 * 112 * 112];
        assert_eq!(turn_degrees(&flat, 112), 0.0);
    }
}
