//! Channel-separated clip network (Tran et al., "Video Classification with
//! Channel-Separated Convolutional Networks", ICCV 2019), interaction-reduced form: the
//! detector of RealForensics (Haliassos et al., CVPR 2022) and so of the AFSL paper.

use super::blueprint::{Blueprint, ConvSpec, NormSpec, Op};
use super::config::{NetworkConfig, Size};

/// Of the ImageNet pixels.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];
/// Inner channels of a bottleneck are its output channels by this.
const REDUCTION: usize = 4;

/// Blocks of each stage.
fn blocks(depth: usize) -> [usize; 4] {
    match depth {
        14 => [1, 1, 1, 1],
        101 => [3, 4, 23, 3],
        152 => [3, 8, 36, 3],
        _ => [3, 4, 6, 3],
    }
}

/// Channels of the stem and of each stage; published depths have published widths.
fn widths(config: &NetworkConfig) -> (usize, [usize; 4]) {
    match config.size {
        _ if config.depth != 14 => (64, [256, 512, 1024, 2048]),
        Size::Tiny => (16, [32, 32, 48, 64]),
        Size::Small => (16, [64, 128, 256, 512]),
        Size::Medium => (32, [128, 256, 512, 1024]),
        Size::Large => (64, [256, 512, 1024, 2048]),
    }
}

/// Stem of 3x7x7, four stages of bottlenecks, mean over space and time.
pub(super) fn blueprint(config: &NetworkConfig) -> Blueprint {
    let mut net = Blueprint::new(true);
    let (stem, stages) = widths(config);
    let mut x = net.push(
        Op::Pixels {
            mean: MEAN,
            std: STD,
        },
        0,
    );
    let spec = ConvSpec {
        kernel: [3, 7, 7],
        padding: [1, 3],
        ..ConvSpec::square(3, stem, 7, 2)
    };
    x = net.conv_norm(spec, x);
    x = net.push(Op::Relu, x);
    x = net.push(
        Op::MaxPool {
            size: 3,
            stride: 2,
            padding: 1,
        },
        x,
    );
    for (stage, (output, count)) in stages.into_iter().zip(blocks(config.depth)).enumerate() {
        for block in 0..count {
            let later = stage > 0 && block == 0;
            let space = if later { 2 } else { 1 };
            let time = if later && config.temporal_stride {
                2
            } else {
                1
            };
            x = bottleneck(&mut net, x, output, [time, space], block == 0);
        }
    }
    net
}

/// 1x1x1, depthwise 3x3x3, 1x1x1; the shortcut is projected where `project` says so.
fn bottleneck(
    net: &mut Blueprint,
    x: usize,
    output: usize,
    stride: [usize; 2],
    project: bool,
) -> usize {
    let input = net.channels(x);
    let inner = output / REDUCTION;
    let mut y = net.conv_norm(ConvSpec::square(input, inner, 1, 1), x);
    y = net.push(Op::Relu, y);
    let depthwise = ConvSpec {
        kernel: [3, 3, 3],
        padding: [1, 1],
        stride,
        groups: inner,
        ..ConvSpec::square(inner, inner, 3, 1)
    };
    y = net.conv_norm(depthwise, y);
    y = net.push(Op::Relu, y);
    y = net.push(Op::Conv(ConvSpec::square(inner, output, 1, 1)), y);
    y = net.push(
        Op::Norm(NormSpec {
            zero: true,
            ..NormSpec::default()
        }),
        y,
    );
    let shortcut = if project {
        let spec = ConvSpec {
            stride,
            ..ConvSpec::square(input, output, 1, 1)
        };
        net.conv_norm(spec, x)
    } else {
        x
    };
    let sum = net.add(shortcut, y);
    net.push(Op::Relu, sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Architecture;

    fn csn(depth: usize) -> Blueprint {
        blueprint(&NetworkConfig {
            architecture: Architecture::Csn,
            depth,
            ..Default::default()
        })
    }

    /// Sizes of RealForensics' backbone: the model zoo's 22.21 million of CSN_32x2_R101
    /// less its classifier of 2048 * 400 + 400.
    #[test]
    fn depth_101_is_the_published_backbone() {
        let net = csn(101);
        assert_eq!(net.parameters(), 21_394_176);
        assert_eq!(net.embedding(), 2048);
        let macs = net.macs(112, 25) as f64 / 1e9;
        assert!((macs - 27.45).abs() < 0.01, "{macs} GMAC");
        let last = net.last(112, 25);
        assert_eq!((last.frames, last.side), (25, 4));
    }

    #[test]
    fn temporal_strides_leave_an_eighth_of_the_frames() {
        let net = blueprint(&NetworkConfig {
            architecture: Architecture::Csn,
            temporal_stride: true,
            ..Default::default()
        });
        assert_eq!(net.last(112, 32).frames, 4);
        assert_eq!(net.last(112, 25).frames, 4);
    }
}
