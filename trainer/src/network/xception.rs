//! Xception (Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", CVPR
//! 2017) as a frame detector: the usual baseline on FaceForensics++.

use super::blueprint::{Blueprint, ConvSpec, Op};
use super::config::{NetworkConfig, Size};

/// Channels along the network, and blocks of the middle flow.
struct Widths {
    stem: [usize; 2],
    /// Blocks of the entry flow; the last one is the width of the middle flow.
    entry: [usize; 3],
    middle: usize,
    exit: [usize; 3],
}

fn widths(size: Size) -> Widths {
    match size {
        Size::Tiny => Widths {
            stem: [16, 16],
            entry: [16, 32, 32],
            middle: 1,
            exit: [48, 48, 64],
        },
        Size::Small => Widths {
            stem: [16, 16],
            entry: [32, 64, 192],
            middle: 4,
            exit: [256, 384, 512],
        },
        Size::Medium => Widths {
            stem: [16, 32],
            entry: [64, 128, 368],
            middle: 8,
            exit: [512, 768, 1024],
        },
        Size::Large => Widths {
            stem: [32, 64],
            entry: [128, 256, 728],
            middle: 8,
            exit: [1024, 1536, 2048],
        },
    }
}

/// Entry, middle and exit flow; pixels are moved to [-1, 1].
pub(super) fn blueprint(config: &NetworkConfig) -> Blueprint {
    let widths = widths(config.size);
    let mut net = Blueprint::new(false);
    let mut x = net.push(
        Op::Pixels {
            mean: [0.5; 3],
            std: [0.5; 3],
        },
        0,
    );
    for (channels, stride) in widths.stem.into_iter().zip([2, 1]) {
        let spec = ConvSpec {
            padding: [0, 0],
            ..ConvSpec::square(net.channels(x), channels, 3, stride)
        };
        x = net.conv_norm(spec, x);
        x = net.push(Op::Relu, x);
    }
    for (block, channels) in widths.entry.into_iter().enumerate() {
        x = shrinking(&mut net, x, [channels, channels], block > 0);
    }
    for _ in 0..widths.middle {
        let before = x;
        for _ in 0..3 {
            x = net.push(Op::Relu, x);
            x = separable(&mut net, x, widths.entry[2]);
        }
        x = net.add(x, before);
    }
    let [narrow, wide, widest] = widths.exit;
    x = shrinking(&mut net, x, [widths.entry[2], narrow], true);
    for channels in [wide, widest] {
        x = separable(&mut net, x, channels);
        x = net.push(Op::Relu, x);
    }
    net
}

/// Two separable convolutions and a pooling that halves the side, beside a projection.
fn shrinking(net: &mut Blueprint, x: usize, channels: [usize; 2], relu_first: bool) -> usize {
    let mut y = x;
    for (place, channels) in channels.into_iter().enumerate() {
        if place > 0 || relu_first {
            y = net.push(Op::Relu, y);
        }
        y = separable(net, y, channels);
    }
    y = net.push(
        Op::MaxPool {
            size: 3,
            stride: 2,
            padding: 1,
        },
        y,
    );
    let shortcut = net.conv_norm(ConvSpec::square(net.channels(x), channels[1], 1, 2), x);
    net.add(y, shortcut)
}

/// Depthwise 3x3, then 1x1 under normalisation.
fn separable(net: &mut Blueprint, x: usize, channels: usize) -> usize {
    let input = net.channels(x);
    let depthwise = ConvSpec {
        groups: input,
        ..ConvSpec::square(input, input, 3, 1)
    };
    let y = net.push(Op::Conv(depthwise), x);
    net.conv_norm(ConvSpec::square(input, channels, 1, 1), y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Architecture;

    fn xception(size: Size) -> Blueprint {
        blueprint(&NetworkConfig {
            architecture: Architecture::Xception,
            size,
            ..Default::default()
        })
    }

    /// 22,855,952 trained numbers in the paper with a last layer of 2048 * 1000 + 1000, and
    /// 10 x 10 features of a picture of 299 pixels.
    #[test]
    fn the_large_one_is_the_published_network() {
        let net = xception(Size::Large);
        assert_eq!(net.parameters(), 22_855_952 - 2_049_000);
        assert_eq!(net.last(299, 1).side, 10);
    }

    #[test]
    fn smaller_sizes_cost_less() {
        let macs = [Size::Tiny, Size::Small, Size::Medium, Size::Large]
            .map(|size| xception(size).macs(112, 1));
        assert!(macs.is_sorted(), "{macs:?}");
    }
}
