//! Widths and depths of the streaming network.

use serde::{Deserialize, Serialize};

/// How much the network may compute per 112x112 frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// For tests: a network that trains in seconds.
    Tiny,
    /// About 30 MMAC.
    Small,
    /// About 60 MMAC: the default.
    Medium,
    /// About 120 MMAC.
    Large,
}

/// Architecture of the streaming network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Compute budget.
    pub size: Size,
    /// Side of the square input crop in pixels, a multiple of 16.
    pub input: usize,
    /// Scale `s` of the cosine head: `logit = s * cos(f, w)`. The paper's 64 suits its large
    /// network; this small one learns faster at 16.
    pub scale: f32,
    /// Whether the later stages see the previous frame's features.
    pub temporal: bool,
    /// Channels of the previous frame that a temporal block sees, a multiple of 16.
    pub past_channels: usize,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            size: Size::Medium,
            input: 112,
            scale: 16.0,
            temporal: true,
            past_channels: 16,
        }
    }
}

/// One convolution of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
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
    /// Output channels of the stem and of the three stages.
    pub fn widths(&self) -> [usize; 4] {
        match self.size {
            Size::Tiny => [16, 16, 32, 48],
            Size::Small => [16, 16, 48, 96],
            Size::Medium => [32, 32, 64, 128],
            Size::Large => [32, 48, 96, 192],
        }
    }

    /// Blocks that follow the striding one in each stage.
    pub fn depths(&self) -> [usize; 3] {
        match self.size {
            Size::Tiny => [0, 1, 1],
            _ => [2, 2, 2],
        }
    }

    /// Length of the embedding.
    pub fn embedding(&self) -> usize {
        self.widths()[3]
    }

    /// The 3x3 convolutions behind the stem, in order.
    pub fn layers(&self) -> Vec<Layer> {
        let widths = self.widths();
        let mut layers = Vec::new();
        for (stage, depth) in self.depths().into_iter().enumerate() {
            let output = widths[stage + 1];
            layers.push(Layer {
                input: widths[stage],
                output,
                stride: 2,
                past: 0,
            });
            for block in 0..depth {
                let temporal = self.temporal && stage > 0 && block == 0;
                let past = if temporal { self.past_channels } else { 0 };
                layers.push(Layer {
                    input: output,
                    output,
                    stride: 1,
                    past,
                });
            }
        }
        layers
    }

    /// Shapes `[channels, height, width]` of the temporal states, in graph order.
    pub fn state_shapes(&self) -> Vec<[usize; 3]> {
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

    /// Side of the last feature map, and so of the evidence map.
    pub fn evidence_side(&self) -> usize {
        self.input / 16
    }

    /// Multiply-accumulates of one step of the fused network.
    pub fn macs(&self) -> u64 {
        let mut side = self.input / 2;
        let mut macs = side * side * self.widths()[0] * 3 * 36;
        for layer in self.layers() {
            side /= layer.stride;
            macs += side * side * (layer.input + layer.past) * layer.output * 9;
        }
        macs as u64
    }

    /// Refuses what cannot be built, naming the value and the remedy.
    ///
    /// # Errors
    /// When the input side is no multiple of 16 in 32..=512, the scale is not
    /// positive, or more past channels are asked for than the stages have.
    pub fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.input.is_multiple_of(16) && (32..=512).contains(&self.input),
            "network.input is {}: it must be a multiple of 16 between 32 and 512",
            self.input
        );
        anyhow::ensure!(
            self.scale.is_finite() && self.scale > 0.0,
            "network.scale is {}: it must be a positive number (the paper uses 64)",
            self.scale
        );
        anyhow::ensure!(
            self.past_channels > 0 && self.past_channels <= self.widths()[2],
            "network.past_channels is {}: it must be between 1 and {}",
            self.past_channels,
            self.widths()[2]
        );
        Ok(())
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

    #[test]
    fn odd_inputs_are_refused_by_name() {
        let error = NetworkConfig {
            input: 100,
            ..Default::default()
        }
        .check()
        .unwrap_err();
        assert!(error.to_string().contains("network.input"));
    }
}
