//! MesoNet-4 (Afchar et al., "MesoNet: a Compact Facial Video Forgery Detection Network",
//! WIFS 2018), a frame detector. The head takes the place of its last layer.

use super::blueprint::{Blueprint, ConvSpec, NormSpec, Op};
use super::config::NetworkConfig;

/// Kernel, channels and pooling of the four convolutions.
const CONVS: [(usize, usize, usize); 4] = [(3, 8, 2), (5, 8, 2), (5, 16, 2), (5, 16, 4)];
/// Length of the embedding.
const HIDDEN: usize = 16;
const SLOPE: f64 = 0.1;
const DROPOUT: f64 = 0.5;

/// Four convolutions, each under ReLU, normalisation and pooling, and one dense layer. The
/// dense layer is a convolution with a kernel as large as its map.
pub(super) fn blueprint(config: &NetworkConfig) -> Blueprint {
    let mut net = Blueprint::new(false);
    let (mut x, mut side) = (0, config.input);
    for (kernel, channels, pool) in CONVS {
        let spec = ConvSpec {
            bias: true,
            ..ConvSpec::square(net.channels(x), channels, kernel, 1)
        };
        x = net.push(Op::Conv(spec), x);
        x = net.push(Op::Relu, x);
        x = net.push(Op::Norm(NormSpec::default()), x);
        let pooled = side.div_ceil(pool);
        let padding = (pooled * pool - side) / 2; // sides are multiples of 16: the rest is even
        x = net.push(
            Op::MaxPool {
                size: pool,
                stride: pool,
                padding,
            },
            x,
        );
        side = pooled;
    }
    x = net.push(Op::Resize { side }, x);
    x = net.push(Op::Dropout { share: DROPOUT }, x);
    let dense = ConvSpec {
        padding: [0, 0],
        bias: true,
        ..ConvSpec::square(net.channels(x), HIDDEN, side, 1)
    };
    x = net.push(Op::Conv(dense), x);
    net.push(Op::LeakyRelu { slope: SLOPE }, x);
    net
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Architecture;

    fn meso4(input: usize) -> Blueprint {
        blueprint(&NetworkConfig {
            architecture: Architecture::Meso4,
            input,
            ..Default::default()
        })
    }

    /// 27,977 in the paper with a last layer of 16 weights and a bias.
    #[test]
    fn has_as_many_parameters_as_published() {
        assert_eq!(meso4(256).parameters() + 17, 27_977);
    }

    #[test]
    fn every_allowed_side_ends_in_one_embedding() {
        for input in (32..=512).step_by(16) {
            let last = meso4(input).last(input, 1);
            assert_eq!((last.channels, last.side), (HIDDEN, 1), "input {input}");
        }
    }
}
