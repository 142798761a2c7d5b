//! The network on kernels of our own: no memory is asked for once a size is known.

use unmask_kernel::{Conv, Map, Packed, SHUFFLED, StrideGrid, add_bias};

use super::graph::{self, BODY, DenseLayer, GREY, LayerWeights, STRIDES, TAPS};

/// The network for pictures of one size.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// The stem and the body.
    trunk: Vec<Step>,
    /// From each coarser level to the finer one.
    laterals: Vec<Step>,
    heads: Vec<Step>,
    said: Vec<Step>,
    /// The shuffled picture and what each convolution of the trunk makes of it, with borders.
    maps: Vec<Vec<f32>>,
    /// Of each level, with borders.
    head_maps: Vec<Vec<f32>>,
    /// Of the laterals.
    carried: Vec<f32>,
    /// `[cells, 16]` of each level.
    outputs: Vec<Vec<f32>>,
}

/// A convolution with its weights.
#[derive(Clone, Debug)]
struct Step {
    conv: Conv,
    weights: Packed,
    bias: Vec<f32>,
}

impl Run {
    /// For pictures of this size; sides are multiples of 32. Weights in the order of
    /// [`graph::layers`].
    pub(super) fn new(weights: &[LayerWeights], width: usize, height: usize) -> Self {
        let layers = graph::layers();
        let mut all = layers.iter().zip(weights);
        let mut map = Map {
            height: height / 2,
            width: width / 2,
            channels: SHUFFLED,
        };
        let mut trunk = Vec::with_capacity(1 + BODY.len());
        for (number, (layer, weights)) in all.by_ref().take(1 + BODY.len()).enumerate() {
            // The stem is a 3x3 convolution of stride 2 on the shuffled picture.
            let (stride, weight) = if number == 0 {
                (layer.stride / 2, &shuffled(layer, &weights.weight))
            } else {
                (layer.stride, &weights.weight)
            };
            let conv = Conv::wide(map, layer.outputs, stride);
            map = conv.output;
            trunk.push(Step::new(conv, weight, &weights.bias));
        }
        let tapped = TAPS.map(|tap| trunk[tap + 1].conv.output);
        let point = |map: Map, (layer, weights): (&DenseLayer, &LayerWeights)| {
            let conv = Conv::point(map, map.channels, layer.outputs, 1);
            Step::new(conv, &weights.weight, &weights.bias)
        };
        let laterals = [tapped[2], tapped[1]].into_iter().zip(all.by_ref().take(2));
        let laterals: Vec<Step> = laterals.map(|(map, layer)| point(map, layer)).collect();
        let (mut heads, mut said) = (Vec::new(), Vec::new());
        for (map, head) in tapped.into_iter().zip(graph::HEAD_CHANNELS) {
            if let Some((layer, weights)) = all.next() {
                let conv = Conv::wide(map, layer.outputs, 1);
                heads.push(Step::new(conv, &weights.weight, &weights.bias));
            }
            let between = map.with_channels(head);
            said.extend(all.next().map(|layer| point(between, layer)));
        }
        let zeros = |map: Map| vec![0.0; map.bordered().len()];
        let first = trunk.iter().take(1).map(|step| step.conv.input);
        let rest = trunk.iter().map(|step| step.conv.output);
        let carried = laterals.iter().map(|step| step.conv.output.len()).max();
        Self {
            maps: first.chain(rest).map(zeros).collect(),
            head_maps: heads.iter().map(|step| zeros(step.conv.output)).collect(),
            carried: vec![0.0; carried.unwrap_or(0)],
            outputs: said
                .iter()
                .map(|step| vec![0.0; step.conv.output.len()])
                .collect(),
            trunk,
            laterals,
            heads,
            said,
        }
    }

    /// Pixels across and down.
    pub(super) fn size(&self) -> (usize, usize) {
        let map = self.trunk[0].conv.input;
        (2 * map.width, 2 * map.height)
    }

    /// Forgets the picture.
    pub(super) fn clear(&mut self) {
        self.maps[0].fill(0.0);
    }

    /// Sets row `y` of the picture, from the left on; pixels are RGB, 0 to 255. Rows and pixels
    /// that are never set are grey.
    pub(super) fn set_row(&mut self, y: usize, row: &[f32]) {
        let place = self.trunk[0].conv.input.inside();
        let map = &mut self.maps[0];
        let below = 2 * (y % 2);
        for (x, rgb) in row.chunks_exact(3).enumerate() {
            let at = place.at(y / 2, x / 2) + below + x % 2;
            // A pixel of the map is blue, green and red of 2x2 pixels.
            map[at] = rgb[2] - GREY;
            map[at + 4] = rgb[1] - GREY;
            map[at + 8] = rgb[0] - GREY;
        }
    }

    /// Runs the network.
    pub(super) fn run(&mut self) {
        for (number, step) in self.trunk.iter().enumerate() {
            let (before, after) = self.maps.split_at_mut(number + 1);
            step.add_border(&before[number], &mut after[0]);
        }
        for (step, [coarse, fine]) in self.laterals.iter().zip([[2, 1], [1, 0]]) {
            let [coarse, fine] = [coarse, fine].map(|level| TAPS[level] + 2);
            let (before, after) = self.maps.split_at_mut(coarse);
            let carried = &mut self.carried[..step.conv.output.len()];
            step.plain(&after[0], carried);
            let finer = self.trunk[fine - 1].conv.output;
            add_enlarged(carried, step.conv.output, &mut before[fine], finer.inside());
        }
        for (level, (head, said)) in self.heads.iter().zip(&self.said).enumerate() {
            head.add_border(&self.maps[TAPS[level] + 2], &mut self.head_maps[level]);
            said.plain(&self.head_maps[level], &mut self.outputs[level]);
        }
    }

    /// What it said: stride, cells in a row, and `[cells, 16]`, class and objectness as logits.
    pub(super) fn said(&self) -> impl DoubleEndedIterator<Item = (usize, usize, &[f32])> {
        let levels = STRIDES.iter().zip(&self.said).zip(&self.outputs);
        levels.map(|((stride, step), output)| (*stride, step.conv.output.width, &output[..]))
    }
}

impl Step {
    fn new(conv: Conv, weight: &[f32], bias: &[f32]) -> Self {
        Self {
            weights: conv.pack(weight),
            bias: bias.to_vec(),
            conv,
        }
    }

    /// Convolution and ReLU into a buffer with a border.
    fn add_border(&self, input: &[f32], output: &mut [f32]) {
        let map = self.conv.output;
        let place = map.inside();
        self.conv.forward(input, &self.weights, output, place);
        for y in 0..map.height {
            let row = &mut output[place.at(y, 0)..][..map.width * map.channels];
            add_bias(row, map.channels, &self.bias, None);
        }
    }

    /// Convolution alone.
    fn plain(&self, input: &[f32], output: &mut [f32]) {
        let map = self.conv.output;
        self.conv.forward(input, &self.weights, output, map.grid());
        for pixel in output.chunks_exact_mut(map.channels) {
            pixel
                .iter_mut()
                .zip(&self.bias)
                .for_each(|(value, bias)| *value += bias);
        }
    }
}

/// Adds every pixel to four.
fn add_enlarged(coarse: &[f32], map: Map, fine: &mut [f32], place: StrideGrid) {
    for (index, pixel) in coarse.chunks_exact(map.channels).enumerate() {
        let (y, x) = (2 * (index / map.width), 2 * (index % map.width));
        for (y, x) in [(y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1)] {
            let to = &mut fine[place.at(y, x)..][..map.channels];
            to.iter_mut().zip(pixel).for_each(|(to, from)| *to += from);
        }
    }
}

/// Weights of the stem for a picture whose 2x2 pixels stand in one.
fn shuffled(layer: &DenseLayer, weight: &[f32]) -> Vec<f32> {
    let side = layer.kernel;
    let mut turned = Vec::with_capacity(weight.len());
    for plane in weight.chunks_exact(side * side) {
        for (dy, dx) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            for (y, x) in (0..side / 2).flat_map(|y| (0..side / 2).map(move |x| (y, x))) {
                turned.push(plane[(2 * y + dy) * side + 2 * x + dx]);
            }
        }
    }
    turned
}
