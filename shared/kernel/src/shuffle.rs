//! Pictures as the first layer sees them: 2x2 pixels of three colours in one pixel of 12
//! channels, so that a 6x6 convolution of stride 2 is a 3x3 one of stride 1.

use super::strides::StrideGrid;

/// Colours of a picture.
const COLOURS: usize = 3;
/// Channels of a shuffled picture.
pub const SHUFFLED: usize = 4 * COLOURS;

/// Subtracted from every pixel, so that grey is zero.
const GREY: f32 = 0.5;

/// Writes a picture `[3, 2 height, 2 width]` in [0, 1] into a map of 12 channels.
pub fn unshuffle(picture: &[f32], size: [usize; 2], map: &mut [f32], grid: StrideGrid) {
    for_each_row(size, |row, y, channel| {
        for (x, pair) in picture[row..][..2 * size[1]].chunks_exact(2).enumerate() {
            let at = grid.at(y, x) + channel;
            map[at] = pair[0] - GREY;
            map[at + 1] = pair[1] - GREY;
        }
    });
}

/// The reverse for gradients: from a map to a picture `[3, 2 height, 2 width]`.
pub fn shuffle(map: &[f32], grid: StrideGrid, size: [usize; 2], picture: &mut [f32]) {
    for_each_row(size, |row, y, channel| {
        let pairs = picture[row..][..2 * size[1]].chunks_exact_mut(2);
        for (x, pair) in pairs.enumerate() {
            let at = grid.at(y, x) + channel;
            pair.copy_from_slice(&map[at..at + 2]);
        }
    });
}

/// Calls with the place of each picture row, its map row and its first map channel.
fn for_each_row([height, width]: [usize; 2], mut work: impl FnMut(usize, usize, usize)) {
    for colour in 0..COLOURS {
        for row in 0..2 * height {
            let place = (colour * 2 * height + row) * 2 * width;
            work(place, row / 2, colour * 4 + row % 2 * 2);
        }
    }
}
