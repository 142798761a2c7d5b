//! EfficientNet-Lite0 (Tan and Le, "EfficientNet", ICML 2019, in the form without
//! squeeze-and-excitation and under ReLU6) as a frame detector, cut after some of its blocks
//! and without the wide convolution in front of its classifier.

use super::blueprint::{Blueprint, ConvSpec, NormSpec, Op};
use super::config::NetworkConfig;

/// Blocks of the whole network.
pub(super) const BLOCKS: usize = 16;
/// Of the pixels: 127 and 128 of 255.
const MEAN: f32 = 127.0 / 255.0;
const STD: f32 = 128.0 / 255.0;
const STEM: usize = 32;
/// Inner channels of a block are its input channels times this; the first block has none.
const EXPANSION: usize = 6;
/// As the released weights were trained.
const NORM: NormSpec = NormSpec {
    zero: false,
    epsilon: 1e-3,
    momentum: 0.01,
};

/// Blocks of each stage, their kernel, the stride of the first of them, output channels.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 3, 1, 16),
    (2, 3, 2, 24),
    (2, 5, 2, 40),
    (3, 3, 2, 80),
    (3, 5, 1, 112),
    (4, 5, 2, 192),
    (1, 3, 1, 320),
];

/// An inverted bottleneck: 1x1 to inner channels, depthwise, 1x1 to the output.
#[derive(Clone, Copy)]
struct Block {
    kernel: usize,
    stride: usize,
    output: usize,
}

fn blocks() -> impl Iterator<Item = Block> {
    STAGES.iter().flat_map(|&(count, kernel, first, output)| {
        (0..count).map(move |at| Block {
            kernel,
            stride: if at == 0 { first } else { 1 },
            output,
        })
    })
}

/// Stem and the first [`NetworkConfig::cut`] blocks.
pub(super) fn blueprint(config: &NetworkConfig) -> Blueprint {
    let mut net = Blueprint::new(false);
    let pixels = Op::Pixels {
        mean: [MEAN; 3],
        std: [STD; 3],
    };
    let mut x = net.push(pixels, 0);
    x = convolution(&mut net, config, same(3, STEM, 3, 2), x);
    x = net.push(Op::Relu6, x);
    for (index, block) in blocks().take(config.cut).enumerate() {
        x = bottleneck(&mut net, config, index, block, x);
        if index + 1 == config.freeze_blocks {
            net.frozen = net.layers.len();
        }
    }
    net
}

fn bottleneck(
    net: &mut Blueprint,
    config: &NetworkConfig,
    index: usize,
    block: Block,
    x: usize,
) -> usize {
    let input = net.channels(x);
    let mut y = x;
    if index > 0 {
        y = convolution(net, config, same(input, EXPANSION * input, 1, 1), y);
        y = net.push(Op::Relu6, y);
    }
    let inner = net.channels(y);
    let depthwise = ConvSpec {
        groups: inner,
        ..same(inner, inner, block.kernel, block.stride)
    };
    y = convolution(net, config, depthwise, y);
    y = net.push(Op::Relu6, y);
    y = convolution(net, config, same(inner, block.output, 1, 1), y);
    if block.stride == 1 && input == block.output {
        y = net.add(y, x);
    }
    y
}

fn same(input: usize, output: usize, kernel: usize, stride: usize) -> ConvSpec {
    ConvSpec {
        same: true,
        ..ConvSpec::square(input, output, kernel, stride)
    }
}

/// With its normalisation, or with a bias where that is folded in.
fn convolution(net: &mut Blueprint, config: &NetworkConfig, spec: ConvSpec, x: usize) -> usize {
    let bias = config.fold;
    let conv = net.push(Op::Conv(ConvSpec { bias, ..spec }), x);
    if config.fold {
        return conv;
    }
    net.push(Op::Norm(NORM), conv)
}

/// Names of each convolution and its normalisation in the state dictionary of the weights
/// released for PyTorch, in the order of the layers.
pub(super) fn names(cut: usize) -> Vec<[String; 2]> {
    let mut names = vec![["_conv_stem".into(), "_bn0".into()]];
    for block in 0..cut {
        let expand = (block > 0).then_some(("_expand_conv", "_bn0"));
        let rest = [("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")];
        for (conv, norm) in expand.into_iter().chain(rest) {
            names.push([conv, norm].map(|part| format!("_blocks.{block}.{part}")));
        }
    }
    names
}

/// What the released normalisations add to the variance.
pub(super) fn epsilon() -> f64 {
    NORM.epsilon
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Architecture;

    fn lite(cut: usize) -> NetworkConfig {
        NetworkConfig {
            architecture: Architecture::Lite,
            cut,
            ..Default::default()
        }
    }

    /// 4,652,008 trained numbers of the released network, less its last convolution of 320 to
    /// 1280 channels with its normalisation and the classifier of 1000 classes:
    ///
    /// ```python
    /// net = EfficientNet.from_name("efficientnet-lite0")
    /// sum(p.numel() for p in net.parameters())
    /// ```
    #[test]
    fn the_whole_one_is_the_published_network() {
        let config = NetworkConfig {
            fold: false,
            ..lite(BLOCKS)
        };
        let head = 320 * 1280 + 2 * 1280;
        let classes = 1280 * 1000 + 1000;
        let net = blueprint(&config);
        assert_eq!(net.parameters(), 4_652_008 - head - classes);
        assert_eq!(net.last(224, 1).side, 7);
        assert_eq!(net.last(112, 1).side, 4);
    }

    #[test]
    fn the_default_cut_ends_at_stride_16() {
        for (cut, mmac, channels, side) in [(8, 39, 80, 7), (10, 53, 112, 7), (11, 61, 112, 7)] {
            let net = blueprint(&lite(cut));
            let last = net.last(112, 1);
            assert_eq!((last.channels, last.side), (channels, side), "cut {cut}");
            assert_eq!((net.macs(112, 1) + 500_000) / 1_000_000, mmac, "cut {cut}");
        }
        assert_eq!(NetworkConfig::default().cut, 11);
    }

    #[test]
    fn names_stand_for_the_convolutions() {
        for cut in [1, 11, BLOCKS] {
            let net = blueprint(&lite(cut));
            let convs = net.layers.iter();
            let convs = convs.filter(|layer| matches!(layer.op, Op::Conv(_)));
            assert_eq!(names(cut).len(), convs.count());
        }
        assert_eq!(names(2)[5][0], "_blocks.1._project_conv");
    }
}
