//! Between RGB and the planes of a video: BT.601 in the narrow range, chroma 4:2:0.

use openh264::formats::YUVSource;

use super::picture::Picture;

/// Side of a macroblock.
pub(super) const BLOCK: usize = 16;

/// Rows of red, green and blue for luma, blue and red chroma, of [0, 1] to bytes.
const FORWARD: [[f32; 3]; 3] = [
    [65.481, 128.553, 24.966],
    [-37.797, -74.203, 112.0],
    [112.0, -93.786, -18.214],
];

/// A picture on a canvas of whole macroblocks, its edges repeated.
pub(super) struct Planes {
    side: usize,
    planes: [Vec<u8>; 3],
}

impl Planes {
    /// On a square canvas of at least `canvas` pixels, the picture begins `offset` pixels
    /// from the left and from the top.
    pub(super) fn of(picture: &Picture, canvas: usize, offset: [usize; 2]) -> Self {
        let side = picture.side;
        let canvas = canvas.next_multiple_of(BLOCK);
        let inside = |place: usize, offset: usize| place.saturating_sub(offset).min(side - 1) * 3;
        let columns: Vec<usize> = (0..canvas).map(|x| inside(x, offset[0])).collect();
        let quarter = vec![0; canvas * canvas / 4];
        let mut planes = [vec![0; canvas * canvas], quarter.clone(), quarter];
        for y in (0..canvas).step_by(2) {
            let rows = [y, y + 1].map(|y| &picture.rgb[inside(y, offset[1]) * side..][..side * 3]);
            for x in (0..canvas).step_by(2) {
                let mut mean = [0.0; 3];
                for (dy, row) in rows.into_iter().enumerate() {
                    for dx in 0..2 {
                        let pixel = &row[columns[x + dx]..][..3];
                        planes[0][(y + dy) * canvas + x + dx] = byte(0, 16.0, pixel);
                        for (mean, value) in mean.iter_mut().zip(pixel) {
                            *mean += value / 4.0;
                        }
                    }
                }
                for plane in [1, 2] {
                    planes[plane][y / 2 * (canvas / 2) + x / 2] = byte(plane, 128.0, &mean);
                }
            }
        }
        Self {
            side: canvas,
            planes,
        }
    }
}

fn byte(row: usize, base: f32, pixel: &[f32]) -> u8 {
    let [r, g, b] = FORWARD[row];
    (base + r * pixel[0] + g * pixel[1] + b * pixel[2] + 0.5) as u8
}

impl YUVSource for Planes {
    fn dimensions(&self) -> (usize, usize) {
        (self.side, self.side)
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.side, self.side / 2, self.side / 2)
    }

    fn y(&self) -> &[u8] {
        &self.planes[0]
    }

    fn u(&self) -> &[u8] {
        &self.planes[1]
    }

    fn v(&self) -> &[u8] {
        &self.planes[2]
    }
}

/// The picture of this side that begins at `offset`; chroma is repeated, as players do.
pub(super) fn shown(planes: &impl YUVSource, side: usize, offset: [usize; 2]) -> Picture {
    let (luma, blue, red) = planes.strides();
    let mut rgb = Vec::with_capacity(side * side * 3);
    for y in offset[1]..offset[1] + side {
        let line = &planes.y()[y * luma..];
        let (blues, reds) = (&planes.u()[y / 2 * blue..], &planes.v()[y / 2 * red..]);
        for x in offset[0]..offset[0] + side {
            let grey = (f32::from(line[x]) - 16.0) / 219.0;
            let [blue, red] = [blues[x / 2], reds[x / 2]].map(|v| (f32::from(v) - 128.0) / 224.0);
            rgb.extend([
                (grey + 1.402 * red).clamp(0.0, 1.0),
                (grey - 0.344_136 * blue - 0.714_136 * red).clamp(0.0, 1.0),
                (grey + 1.772 * blue).clamp(0.0, 1.0),
            ]);
        }
    }
    Picture { side, rgb }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bars of BT.601 at 100 %, as every table of them has: white, yellow, cyan, green,
    /// magenta, red, blue, black.
    #[test]
    fn colour_bars_have_their_bytes() {
        let bars: [([u8; 3], [u8; 3]); 8] = [
            ([255, 255, 255], [235, 128, 128]),
            ([255, 255, 0], [210, 16, 146]),
            ([0, 255, 255], [170, 166, 16]),
            ([0, 255, 0], [145, 54, 34]),
            ([255, 0, 255], [106, 202, 222]),
            ([255, 0, 0], [81, 90, 240]),
            ([0, 0, 255], [41, 240, 110]),
            ([0, 0, 0], [16, 128, 128]),
        ];
        for (rgb, known) in bars {
            let picture = Picture::from_u8(6, &rgb.repeat(36));
            let planes = Planes::of(&picture, 11, [5, 0]);
            assert_eq!(planes.side, 16);
            let made = [planes.y()[0], planes.u()[0], planes.v()[0]];
            assert_eq!(made, known, "{rgb:?}");
            let back = shown(&planes, 6, [5, 0]);
            let apart = back
                .rgb
                .iter()
                .zip(&picture.rgb)
                .map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f32::max) < 3.0 / 255.0, "{rgb:?}");
        }
    }

    #[test]
    fn a_picture_comes_back_from_where_it_was_put() {
        let grey: Vec<u8> = (0..20 * 20)
            .flat_map(|i| [(i * 5 % 256) as u8; 3])
            .collect();
        let picture = Picture::from_u8(20, &grey);
        for offset in [[0, 0], [3, 15], [7, 1]] {
            let back = shown(&Planes::of(&picture, 36, offset), 20, offset);
            let apart = back
                .rgb
                .iter()
                .zip(&picture.rgb)
                .map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f32::max) < 1.0 / 255.0, "{offset:?}");
        }
    }
}
