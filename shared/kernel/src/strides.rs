//! Where pixels lie in a buffer.

/// A map of pixels whose channels stand together, in some buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrideGrid {
    /// Place of the first channel of the first pixel, counted in numbers.
    pub origin: usize,
    /// From a row to the next.
    pub row: usize,
    /// From a pixel to its right neighbour.
    pub pixel: usize,
}

impl StrideGrid {
    /// Place of the first channel of a pixel.
    #[inline(always)]
    pub fn at(&self, y: usize, x: usize) -> usize {
        self.origin + y * self.row + x * self.pixel
    }

    /// Every `stride`-th pixel, from pixel `(y, x)` on.
    pub fn strided(&self, y: usize, x: usize, stride: usize) -> Self {
        Self {
            origin: self.at(y, x),
            row: self.row * stride,
            pixel: self.pixel * stride,
        }
    }
}

/// Height, width and channels of a map `[height, width, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    /// Rows.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Numbers in a pixel.
    pub channels: usize,
}

impl Map {
    /// How many numbers it holds.
    #[expect(clippy::len_without_is_empty, reason = "a map has pixels")]
    pub fn len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The map alone in its buffer.
    pub fn grid(&self) -> StrideGrid {
        StrideGrid {
            origin: 0,
            row: self.width * self.channels,
            pixel: self.channels,
        }
    }

    /// The same with other channels.
    pub fn with_channels(&self, channels: usize) -> Self {
        Self { channels, ..*self }
    }

    /// With a border of one pixel on every side.
    pub fn bordered(&self) -> Self {
        self.within(1)
    }

    /// The map inside a buffer of [`Self::bordered`] size.
    pub fn inside(&self) -> StrideGrid {
        self.inside_of(1)
    }

    /// With a border of so many pixels on every side.
    pub fn within(&self, border: usize) -> Self {
        Self {
            height: self.height + 2 * border,
            width: self.width + 2 * border,
            channels: self.channels,
        }
    }

    /// The map inside a buffer of [`Self::within`] size.
    pub fn inside_of(&self, border: usize) -> StrideGrid {
        let row = (self.width + 2 * border) * self.channels;
        StrideGrid {
            origin: border * (row + self.channels),
            row,
            pixel: self.channels,
        }
    }
}
