//! Widths and depths of the streaming network.

use super::config::{Architecture, NetworkConfig, Size};

/// One convolution in the body of the streaming network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLayer {
    /// Input channels, without those of the past frame.
    pub input: usize,
    /// Output channels.
    pub output: usize,
    /// Spatial stride.
    pub stride: usize,
    /// Channels of the past frame appended to the input; 0 = none.
    pub past: usize,
}

impl NetworkConfig {
    /// Output channels of the streaming network's stem and of its three stages.
    pub fn widths(&self) -> [usize; 4] {
        match self.size {
            Size::Tiny => [16, 16, 32, 48],
            Size::Small => [16, 16, 48, 96],
            Size::Medium => [32, 32, 64, 128],
            Size::Large => [32, 48, 96, 192],
        }
    }

    /// Blocks that follow the striding one in each stage of the streaming network.
    pub fn depths(&self) -> [usize; 3] {
        match self.size {
            Size::Tiny => [0, 1, 1],
            _ => [2, 2, 2],
        }
    }

    /// The 3x3 convolutions behind the stem, in order.
    pub fn layers(&self) -> Vec<StreamLayer> {
        let widths = self.widths();
        let mut layers = Vec::new();
        for (stage, depth) in self.depths().into_iter().enumerate() {
            let output = widths[stage + 1];
            layers.push(StreamLayer {
                input: widths[stage],
                output,
                stride: 2,
                past: 0,
            });
            for block in 0..depth {
                let temporal = self.temporal && stage > 0 && block == 0;
                let past = if temporal { self.past_channels } else { 0 };
                layers.push(StreamLayer {
                    input: output,
                    output,
                    stride: 1,
                    past,
                });
            }
        }
        layers
    }

    /// Shapes `[channels, height, width]` of the temporal states, in graph order; empty for
    /// networks without memory.
    pub fn state_shapes(&self) -> Vec<[usize; 3]> {
        if self.architecture != Architecture::Stream {
            return Vec::new();
        }
        let mut side = self.input / 2;
        let mut shapes = Vec::new();
        for layer in self.layers() {
            if layer.past > 0 {
                shapes.push([layer.past, side, side]);
            }
            side /= layer.stride;
        }
        shapes
    }

    /// Multiply-accumulates of one step of the fused network.
    pub(super) fn stream_macs(&self) -> u64 {
        let mut side = self.input / 2;
        let mut macs = side * side * self.widths()[0] * 3 * 36;
        for layer in self.layers() {
            side /= layer.stride;
            macs += side * side * (layer.input + layer.past) * layer.output * 9;
        }
        macs as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_cost_what_they_say() {
        let mmac = |size| {
            NetworkConfig {
                size,
                ..Default::default()
            }
            .macs() as f64
                / 1e6
        };
        assert!(
            (25.0..40.0).contains(&mmac(Size::Small)),
            "{}",
            mmac(Size::Small)
        );
        assert!(
            (55.0..75.0).contains(&mmac(Size::Medium)),
            "{}",
            mmac(Size::Medium)
        );
        assert!(
            (105.0..150.0).contains(&mmac(Size::Large)),
            "{}",
            mmac(Size::Large)
        );
    }

    #[test]
    fn states_follow_the_temporal_blocks() {
        let config = NetworkConfig::default();
        assert_eq!(config.state_shapes(), vec![[16, 14, 14], [16, 7, 7]]);
        let frame_only = NetworkConfig {
            temporal: false,
            ..config
        };
        assert!(frame_only.state_shapes().is_empty());
    }
}
