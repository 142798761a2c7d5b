//! What the networks of a bank look like.

use serde::{Deserialize, Serialize};

/// How a decoder doubles the side of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upsampling {
    /// Pixels repeated, then a 3x3 convolution, as in most diffusion decoders.
    Nearest,
    /// Bilinear, then a 3x3 convolution.
    Bilinear,
    /// Transposed convolution with a 3x3 kernel, whose overlap is uneven, as in Wav2Lip.
    Transposed3,
    /// Transposed convolution with a 4x4 kernel, as in DCGAN.
    Transposed4,
    /// A 3x3 convolution to four times the channels, then a pixel shuffle, as in
    /// DeepFaceLab.
    SubPixel,
}

/// One network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// How the decoder grows.
    pub upsampling: Upsampling,
    /// Channels of the widest map; twice as many at each halving.
    pub width: usize,
    /// How often the side is halved.
    pub halvings: usize,
    /// Channels of the narrowest map, the bottleneck.
    pub code: usize,
    /// Entries of the code book of a vector-quantised network; 0 for none.
    pub book: usize,
}

impl Shape {
    /// By how much the bottleneck's map is narrower than the picture.
    pub fn stride(&self) -> usize {
        1 << self.halvings
    }
}

const fn shape(upsampling: Upsampling, width: usize, halvings: usize, code: usize) -> Shape {
    Shape {
        upsampling,
        width,
        halvings,
        code,
        book: 0,
    }
}

/// The networks of a bank.
pub const SHAPES: [Shape; 12] = [
    shape(Upsampling::Nearest, 12, 2, 8),
    shape(Upsampling::Nearest, 12, 3, 48),
    shape(Upsampling::Bilinear, 12, 2, 6),
    shape(Upsampling::Bilinear, 12, 3, 32),
    shape(Upsampling::Transposed3, 16, 2, 8),
    shape(Upsampling::Transposed3, 16, 3, 32),
    shape(Upsampling::Transposed4, 12, 2, 12),
    shape(Upsampling::Transposed4, 16, 3, 24),
    shape(Upsampling::SubPixel, 16, 2, 8),
    shape(Upsampling::SubPixel, 16, 3, 32),
    Shape {
        book: 256,
        ..shape(Upsampling::Nearest, 12, 2, 4)
    },
    Shape {
        book: 512,
        ..shape(Upsampling::SubPixel, 16, 3, 8)
    },
];
