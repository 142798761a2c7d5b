//! Convolutions one behind the other, with biases, limits and shortcuts: a network of
//! inverted bottlenecks whose normalisations are folded in.
//!
//! Maps are `[height, width, channels]`, channels filled up with zeros to a multiple of 16.
//! What a depthwise convolution reads lies within a border of zeros from the beginning, so
//! that nothing is ever copied into one. Pictures go through all layers one after the other,
//! and the outputs that gradients need stay in one buffer of the batch.

mod backward;
mod forward;
mod weights;

#[cfg(test)]
mod tests;

pub use backward::WantedGradients;
pub use forward::Kept;
pub use weights::{Both, Packs};

use super::depthwise::Depthwise;
use super::pack::LANES_MAX;
use super::relu::words;
use super::strides::{Map, StrideGrid};
use super::tile::Run;

/// Colours of a picture, and numbers in a pixel of its map.
const COLOURS: usize = 3;
const PICTURE_PIXEL: usize = 4;

/// What a convolution reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The pictures; only the first one.
    Picture,
    /// All channels of the pixel alone.
    Point,
    /// Each channel for itself.
    Depthwise,
}

/// A convolution of the chain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// What it reads.
    pub kind: Kind,
    /// Side of the kernel: 1 for a point, 3 or 5 for a depthwise convolution.
    pub kernel: usize,
    /// 1 or 2; 1 for a point.
    pub stride: usize,
    /// Rows of padding in front of the map.
    pub before: usize,
    /// Output channels.
    pub outputs: usize,
    /// Height and width of the output.
    pub size: [usize; 2],
    /// Outputs are cut to what lies between zero and this.
    pub limit: Option<f32>,
    /// Number of the link whose output is added; only without a limit.
    pub plus: Option<usize>,
}

/// How pixels in [0, 1] are moved before the first convolution: `x * scale + bias` for red,
/// green and blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colours {
    /// Factor of each.
    pub scale: [f32; COLOURS],
    /// Offset of each.
    pub bias: [f32; COLOURS],
}

/// What of a forward pass is kept for the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// Outputs of this link and of all behind it: for gradients of the weights behind it.
    From(usize),
    /// Which outputs lay between their limits: enough for gradients of the pictures alone.
    Limits,
}

/// A link and where its numbers lie.
#[derive(Clone, Debug)]
struct Step {
    link: Link,
    /// Input channels without filling.
    inputs: usize,
    input: Map,
    /// Where the input lies in its buffer.
    from: StrideGrid,
    output: Map,
    /// Border of zeros around the output.
    border: usize,
    /// Place of the output in its buffer: that of a thread, or that of the batch.
    at: usize,
    /// Place of its sums among those of all weights: kernel, then bias.
    sums: usize,
    /// Place of the notes of its limits.
    notes: usize,
}

/// A chain for pictures of one size.
#[derive(Clone, Debug)]
pub struct BlockChain {
    steps: Vec<Step>,
    colours: Colours,
    /// Height and width of a picture.
    picture: [usize; 2],
    /// First link whose output is kept for the way back.
    kept_from: usize,
    /// Numbers of a picture in the buffer of a thread, and in that of the batch.
    room: usize,
    kept: usize,
    /// Words of a picture in the notes of the batch.
    notes: usize,
}

impl Step {
    /// Where the output lies in its buffer.
    fn place(&self) -> StrideGrid {
        self.output.inside_of(self.border)
    }

    /// Numbers of its buffer.
    fn len(&self) -> usize {
        self.output.within(self.border).len()
    }

    /// As the depthwise loops see it, on the way there.
    fn depthwise(&self) -> Depthwise {
        Depthwise {
            kernel: self.link.kernel,
            stride: self.link.stride,
            size: self.link.size,
            channels: self.output.channels,
            input: shifted(self.from, self.link.before),
            output: self.place(),
        }
    }

    /// Where the notes of its limits lie.
    fn note_place(&self) -> StrideGrid {
        let pixel = words(self.output.channels);
        StrideGrid {
            origin: self.notes,
            row: self.output.width * pixel,
            pixel,
        }
    }

    /// Border of its slopes, where they lie between zeros as far apart as its stride says.
    fn slope_border(&self) -> usize {
        match self.link.kind {
            Kind::Depthwise => self.link.kernel - 1,
            _ => 0,
        }
    }

    /// The map that holds its slopes.
    fn slope_map(&self) -> Map {
        match self.link.kind {
            Kind::Depthwise => self.input.within(self.slope_border()),
            _ => self.output,
        }
    }

    /// Where its slopes lie in there.
    fn slope_place(&self) -> StrideGrid {
        match self.link.kind {
            Kind::Depthwise => {
                let inside = self.input.inside_of(self.slope_border());
                inside.strided(0, 0, self.link.stride)
            }
            _ => self.output.grid(),
        }
    }

    /// What each pixel reads, from the place of the first tap on.
    fn runs(&self) -> Vec<Run> {
        let run = |row| Run {
            offset: row * self.from.row,
            length: match self.link.kind {
                Kind::Picture => self.link.kernel * PICTURE_PIXEL,
                _ => self.inputs,
            },
        };
        (0..self.link.kernel).map(run).collect()
    }

    /// Rows of its weights as a matrix `[taps, outputs]`.
    fn taps(&self) -> usize {
        match self.link.kind {
            Kind::Picture => self.link.kernel * self.link.kernel * PICTURE_PIXEL,
            Kind::Point => self.inputs,
            Kind::Depthwise => self.link.kernel * self.link.kernel,
        }
    }

    /// Numbers of its kernel as it is trained.
    fn weights(&self) -> usize {
        let square = self.link.kernel * self.link.kernel;
        match self.link.kind {
            Kind::Depthwise => self.link.outputs * square,
            _ => self.link.outputs * self.inputs * square,
        }
    }

    /// Whether every link before reaches it and its numbers fit the loops.
    fn is_known(&self, index: usize, before: &[Self]) -> bool {
        let link = &self.link;
        let half = link.kernel / 2;
        let [height, width] = link.size;
        let reach = |out: usize, side: usize| {
            let read = (out.max(1) - 1) * link.stride + link.kernel;
            link.before <= half && read <= side + link.before + half
        };
        let inside = reach(height, self.input.height) && reach(width, self.input.width);
        let kind = match link.kind {
            Kind::Picture => index == 0 && link.kernel == 3 && link.stride == 2,
            Kind::Point => {
                index > 0 && (link.kernel, link.stride) == (1, 1) && self.inputs.is_multiple_of(4)
            }
            Kind::Depthwise => {
                index > 0
                    && matches!((link.kernel, link.stride), (3 | 5, 1 | 2))
                    && link.outputs == self.inputs
                    && self.inputs.is_multiple_of(LANES_MAX)
            }
        };
        let shortcut = link.plus.is_none_or(|plus| {
            let added = before.get(plus);
            let same = added.is_some_and(|s| {
                s.output == self.output && s.border == 0 && s.link.limit.is_none()
            });
            let alone = before.iter().all(|s| s.link.plus != Some(plus));
            same && alone && self.border == 0 && link.limit.is_none() && plus + 1 < index
        });
        height > 0 && width > 0 && inside && kind && shortcut
    }
}

impl BlockChain {
    /// For pictures of a height and width. `None` for links that the loops do not know.
    pub fn new(links: &[Link], colours: Colours, picture: [usize; 2], keep: Keep) -> Option<Self> {
        let mut chain = Self {
            steps: Vec::with_capacity(links.len()),
            colours,
            picture,
            kept_from: match keep {
                Keep::From(link) => link,
                Keep::Nothing | Keep::Limits => links.len(),
            },
            room: 0,
            kept: 0,
            notes: 0,
        };
        let mut map = chain.picture_map();
        let mut from = map.inside_of(1);
        let (mut inputs, mut sums) = (COLOURS, 0);
        for (index, link) in links.iter().enumerate() {
            let border = match links.get(index + 1) {
                Some(next) if next.kind == Kind::Depthwise => next.kernel / 2,
                _ => 0,
            };
            let [height, width] = link.size;
            let output = Map {
                height,
                width,
                channels: link.outputs.next_multiple_of(LANES_MAX),
            };
            let mut step = Step {
                link: *link,
                inputs,
                input: map,
                from,
                output,
                border,
                at: 0,
                sums,
                notes: chain.notes,
            };
            if !step.is_known(index, &chain.steps) {
                return None;
            }
            let place = if index < chain.kept_from {
                &mut chain.room
            } else {
                &mut chain.kept
            };
            step.at = *place;
            *place += step.len();
            if keep == Keep::Limits && link.limit.is_some() {
                chain.notes += words(output.len());
            }
            sums += (step.taps() + 1) * output.channels;
            (map, inputs, from) = (output, link.outputs, step.place());
            chain.steps.push(step);
        }
        // The mean over the last map is taken of sums without a limit.
        let open = chain.steps.last().is_some_and(|s| s.link.limit.is_none());
        open.then_some(chain)
    }

    /// Length of the pooled features.
    pub fn features(&self) -> usize {
        self.steps.last().map_or(0, |step| step.link.outputs)
    }

    /// Height and width of a picture.
    pub fn picture(&self) -> [usize; 2] {
        self.picture
    }

    /// Numbers of a picture.
    fn picture_len(&self) -> usize {
        COLOURS * self.picture[0] * self.picture[1]
    }

    /// A picture as a map, which lies within a border of one pixel.
    fn picture_map(&self) -> Map {
        Map {
            height: self.picture[0],
            width: self.picture[1],
            channels: PICTURE_PIXEL,
        }
    }
}

/// The place of a pixel so many rows and columns further up.
fn shifted(grid: StrideGrid, by: usize) -> StrideGrid {
    StrideGrid {
        origin: grid.origin - by * (grid.row + grid.pixel),
        ..grid
    }
}
