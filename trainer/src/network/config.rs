//! Which network, how wide and how deep.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::blueprint::Op;

/// Which network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// One frame per step with memory: made for devices.
    #[default]
    Stream,
    /// Channel-separated network over whole clips: the paper's.
    Csn,
    /// MesoNet-4, single frames.
    Meso4,
    /// Xception, single frames.
    Xception,
    /// EfficientNet-Lite0, single frames; made for weights that were trained on ImageNet.
    Lite,
}

/// How an embedding becomes a logit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// `s * cos(f, w)`: the paper's.
    #[default]
    Cosine,
    /// `f . w + b`
    Linear,
}

/// How much the network may compute. Figures are for the streaming network and a frame of
/// 112x112; `csn` follows it at depth 14 only, `meso4` and `lite` have one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// For tests: a network that trains in seconds.
    Tiny,
    /// About 30 MMAC.
    Small,
    /// About 60 MMAC: the default.
    Medium,
    /// About 120 MMAC; for `xception` the published widths.
    Large,
}

/// Architecture of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Which network.
    pub architecture: Architecture,
    /// How an embedding becomes a logit.
    pub head: HeadKind,
    /// Compute budget.
    pub size: Size,
    /// Side of the square input crop in pixels, a multiple of 16.
    pub input: usize,
    /// Scale `s` of the cosine head: `logit = s * cos(f, w)`. The paper's 64 suits its large
    /// network; the small streaming one learns faster at 16.
    pub scale: f32,
    /// Whether the later stages of `stream` see the previous frame's features.
    pub temporal: bool,
    /// Channels of the previous frame that a temporal block of `stream` sees, a multiple of
    /// 16.
    pub past_channels: usize,
    /// Layers of `csn`: 50, 101 or 152 as published, or 14, a small one.
    pub depth: usize,
    /// Whether the later stages of `csn` halve the number of frames. The published network
    /// does so, RealForensics and the AFSL paper do not.
    pub temporal_stride: bool,
    /// Frames of a clip that the exported `csn` judges at once, 1 to 32; training may use
    /// others.
    pub frames: usize,
    /// Blocks of `lite` that are kept, 1 to 16. At 112 px: 8 = 39 MMAC, 10 = 53, 11 = 61, 16
    /// (all) = 96. The first 11 have a stride of 16; what follows costs more and brought
    /// nothing.
    pub cut: usize,
    /// Whether `lite` is trained as plain convolutions with the normalisations of its
    /// pretrained weights folded in. Without such weights it wants its normalisations.
    pub fold: bool,
    /// Blocks at the beginning of `lite`, the stem with them, whose weights stay as they are;
    /// 0 = all are trained.
    pub freeze_blocks: usize,
    /// Whether the luminance of every crop is normalised inside the network, in its mean and
    /// its spread; all but `stream`.
    pub luminance: bool,
    /// Whether the network's word is the mean over the crop and its mirror image, at twice the
    /// cost; all but `stream`.
    pub mirror: bool,
    /// Whether the three channels are the luminances of three consecutive frames, the newest last,
    /// in place of red, green and blue of one: what moves is coloured. A trial of `lite` for
    /// training and evaluation; it is not exported.
    pub stacked: bool,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            architecture: Architecture::Stream,
            head: HeadKind::Cosine,
            size: Size::Medium,
            input: 112,
            scale: 16.0,
            temporal: true,
            past_channels: 16,
            depth: 50,
            temporal_stride: false,
            frames: 25,
            cut: 11,
            fold: true,
            freeze_blocks: 0,
            luminance: false,
            mirror: false,
            stacked: false,
        }
    }
}

impl NetworkConfig {
    /// Length of the embedding.
    pub fn embedding(&self) -> usize {
        match self.blueprint() {
            None => self.widths()[3],
            Some(blueprint) => blueprint.embedding(),
        }
    }

    /// Side of the last feature map, and so of the evidence map; 1 where the architecture
    /// mixes all places before its embedding (`meso4`).
    pub fn evidence_side(&self) -> usize {
        match self.blueprint() {
            None => self.input / 16,
            Some(blueprint) => blueprint.last(self.input, 1).side,
        }
    }

    /// Frames of a clip that are judged together by the exported network; `None` where each
    /// frame is judged.
    pub fn clip_frames(&self) -> Option<usize> {
        (self.architecture == Architecture::Csn).then_some(self.frames)
    }

    /// Embeddings and logits that a clip of so many frames gives.
    pub fn scores_per_clip(&self, frames: usize) -> usize {
        match self.clip_frames() {
            Some(_) => 1,
            None => frames,
        }
    }

    /// Why trained weights of another network cannot be loaded: the first thing that differs.
    pub fn misfit(&self, other: &Self) -> Option<String> {
        if self.head != other.head {
            return Some(format!("its head is {:?}, not {:?}", other.head, self.head));
        }
        let (own, theirs) = (self.trained(), other.trained());
        let longest = own.len().max(theirs.len());
        let at = (0..longest).find(|at| own.get(*at) != theirs.get(*at))?;
        let [own, theirs] = [own, theirs].map(|mut list| match at < list.len() {
            true => list.swap_remove(at),
            false => "none".into(),
        });
        Some(format!("its weights {} are {theirs}, not {own}", at + 1))
    }

    /// What has weights, in order, in words.
    fn trained(&self) -> Vec<String> {
        let Some(blueprint) = self.blueprint() else {
            let layers = self.layers();
            return layers.iter().map(|layer| format!("{layer:?}")).collect();
        };
        let weighted = |op: &Op| matches!(op, Op::Conv(_) | Op::Norm(_));
        let ops = blueprint.layers.into_iter().map(|layer| layer.op);
        ops.filter(weighted).map(|op| format!("{op:?}")).collect()
    }

    /// Multiply-accumulates of one decision: of a frame, or of a clip of
    /// [`Self::clip_frames`].
    pub fn macs(&self) -> u64 {
        match self.blueprint() {
            None => self.stream_macs(),
            Some(blueprint) => blueprint.macs(self.input, self.clip_frames().unwrap_or(1)),
        }
    }

    /// Refuses what cannot be built, naming the value and the remedy.
    ///
    /// # Errors
    /// When the input side is no multiple of 16 in 32..=512, the scale is not
    /// positive, or a value does not suit the architecture.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.input.is_multiple_of(16) && (32..=512).contains(&self.input),
            "network.input is {}: it must be a multiple of 16 between 32 and 512",
            self.input
        );
        ensure!(
            self.scale.is_finite() && self.scale > 0.0,
            "network.scale is {}: it must be a positive number (the paper uses 64)",
            self.scale
        );
        ensure!(
            (1..=32).contains(&self.frames),
            "network.frames is {}: it must be 1 to 32 (the paper uses 25)",
            self.frames
        );
        match self.architecture {
            Architecture::Stream => self.check_stream(),
            Architecture::Csn => self.check_csn(),
            Architecture::Meso4 | Architecture::Xception => Ok(()),
            Architecture::Lite => self.check_lite(),
        }?;
        for (key, asked) in [
            ("network.luminance", self.luminance),
            ("network.mirror", self.mirror),
        ] {
            ensure!(
                !asked || self.architecture != Architecture::Stream,
                "{key} is not for the architecture stream: leave it out"
            );
        }
        ensure!(
            !self.stacked || self.architecture == Architecture::Lite,
            "network.stacked belongs to the architecture lite: leave it out"
        );
        ensure!(
            !self.temporal_stride || self.architecture == Architecture::Csn,
            "network.temporal_stride belongs to the architecture csn: leave it out"
        );
        Ok(())
    }

    fn check_stream(&self) -> Result<()> {
        ensure!(
            self.past_channels > 0 && self.past_channels <= self.widths()[2],
            "network.past_channels is {}: it must be between 1 and {}",
            self.past_channels,
            self.widths()[2]
        );
        Ok(())
    }

    fn check_lite(&self) -> Result<()> {
        let all = super::lite::BLOCKS;
        ensure!(
            (1..=all).contains(&self.cut),
            "network.cut is {}: lite has 1 to {all} blocks",
            self.cut
        );
        ensure!(
            self.freeze_blocks <= self.cut,
            "network.freeze_blocks is {}: only {} blocks are kept (network.cut)",
            self.freeze_blocks,
            self.cut
        );
        Ok(())
    }

    fn check_csn(&self) -> Result<()> {
        ensure!(
            matches!(self.depth, 14 | 50 | 101 | 152),
            "network.depth is {}: csn has 14, 50, 101 or 152 layers",
            self.depth
        );
        ensure!(
            self.depth == 14 || self.size == Size::Medium,
            "network.size changes csn at depth 14 only: leave it out, or set network.depth to 14"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn older_configurations_mean_what_they_meant() {
        let text =
            "size = \"small\"\ninput = 96\nscale = 16.0\ntemporal = true\npast_channels = 16\n";
        let config: NetworkConfig = toml::from_str(text).unwrap();
        let want = NetworkConfig {
            size: Size::Small,
            input: 96,
            ..Default::default()
        };
        assert_eq!(config, want);
        assert_eq!(config.architecture, Architecture::Stream);
    }

    #[test]
    fn what_does_not_suit_the_architecture_is_refused_by_name() {
        let csn = NetworkConfig {
            architecture: Architecture::Csn,
            ..Default::default()
        };
        csn.check().unwrap();
        let refuse = |config: NetworkConfig, key: &str| {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        };
        refuse(
            NetworkConfig {
                depth: 18,
                ..csn.clone()
            },
            "network.depth",
        );
        refuse(
            NetworkConfig {
                size: Size::Tiny,
                ..csn.clone()
            },
            "network.size",
        );
        refuse(NetworkConfig { frames: 0, ..csn }, "network.frames");
        refuse(
            NetworkConfig {
                temporal_stride: true,
                ..Default::default()
            },
            "network.temporal_stride",
        );
    }

    #[test]
    fn weights_go_between_networks_of_the_same_layers() {
        let of = |architecture, input, head| NetworkConfig {
            architecture,
            input,
            head,
            ..Default::default()
        };
        let stream = of(Architecture::Stream, 112, HeadKind::Cosine);
        let csn = of(Architecture::Csn, 112, HeadKind::Cosine);
        let meso4 = of(Architecture::Meso4, 112, HeadKind::Cosine);
        let fits = |a: &NetworkConfig, b: &NetworkConfig| a.misfit(b).is_none();
        assert!(fits(
            &stream,
            &of(Architecture::Stream, 64, HeadKind::Cosine)
        ));
        assert!(fits(&csn, &of(Architecture::Csn, 64, HeadKind::Cosine)));
        assert!(!fits(&stream, &csn) && !fits(&csn, &meso4));
        assert!(!fits(&csn, &of(Architecture::Csn, 112, HeadKind::Linear)));
        // Its dense layer is as large as its last map.
        assert!(!fits(
            &meso4,
            &of(Architecture::Meso4, 64, HeadKind::Cosine)
        ));
    }

    #[test]
    fn what_is_done_to_pictures_and_what_is_held_do_not_matter_to_weights() {
        let lite = NetworkConfig {
            architecture: Architecture::Lite,
            ..Default::default()
        };
        let other = NetworkConfig {
            luminance: true,
            mirror: true,
            freeze_blocks: 3,
            ..lite.clone()
        };
        other.check().unwrap();
        assert_eq!(lite.misfit(&other), None);
        let shorter = NetworkConfig {
            cut: 10,
            ..lite.clone()
        };
        let misfit = lite.misfit(&shorter).unwrap();
        assert!(misfit.contains("weights 31 are none"), "{misfit}");
        let unfolded = NetworkConfig {
            fold: false,
            ..lite.clone()
        };
        assert!(lite.misfit(&unfolded).unwrap().contains("weights 1 are"));
        for (bad, key) in [
            (
                NetworkConfig {
                    cut: 0,
                    ..lite.clone()
                },
                "network.cut",
            ),
            (
                NetworkConfig {
                    cut: 17,
                    ..lite.clone()
                },
                "network.cut",
            ),
            (
                NetworkConfig {
                    freeze_blocks: 12,
                    ..lite
                },
                "network.freeze_blocks",
            ),
            (
                NetworkConfig {
                    mirror: true,
                    ..Default::default()
                },
                "network.mirror",
            ),
        ] {
            assert!(bad.check().unwrap_err().to_string().contains(key));
        }
    }

    #[test]
    fn clip_networks_give_one_score_per_clip() {
        let scores = |architecture| {
            NetworkConfig {
                architecture,
                ..Default::default()
            }
            .scores_per_clip(8)
        };
        assert_eq!(scores(Architecture::Csn), 1);
        assert_eq!(scores(Architecture::Stream), 8);
        assert_eq!(scores(Architecture::Xception), 8);
    }
}
