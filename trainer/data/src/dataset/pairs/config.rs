//! How pairs are drawn, and what their fakes are called.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::{LeaveOut, SamplingConfig};
use crate::dataset::record::Shares;
use crate::fake::BlendKind;

/// How pairs are drawn and degraded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PairConfig {
    /// Share of pseudo-fakes that are swaps; the others are self-blends. In [0, 1].
    pub swap_share: f32,
    /// Share of pseudo-fakes that are swaps in the manner of Face X-ray, with a donor who
    /// resembles the target; `swap_share` divides the others. In [0, 1]; with 0 every
    /// pair is what it is without such swaps.
    pub xray_share: f32,
    /// Share of pseudo-fakes of clips of three frames or more that time gives away:
    /// frames repeated, frames left out, or a blend that flickers, as often each. In
    /// [0, 1]; with 0 every pair is what it is without them.
    pub temporal_share: f32,
    /// Share of pseudo-fakes that a network of `reconstruct_bank` drew anew, whole or in
    /// part; the other shares divide the rest. In [0, 1]; with 0 every pair is what it is
    /// without.
    pub reconstruct_share: f32,
    /// Networks that `unmask-trainer reconstruct` trained; needed with a
    /// `reconstruct_share`.
    pub reconstruct_bank: Option<PathBuf>,
    /// Share of pairs whose fake is a real fake of the data, when there are any. In [0, 1].
    pub fake_share: f32,
    /// How often a source of fakes counts beside the others; 1 where it is not named.
    pub fake_weights: BTreeMap<String, u8>,
    /// How often and how hard both classes are degraded, in [0, 1].
    pub degradation: f32,
    /// Share of pairs that take a passage through H.264 after the blend, at a quantiser
    /// from 18 to 42. In [0, 1]; with 0 every pair is what it is without.
    pub h264_share: f32,
    /// Share of pairs whose light and colours are changed, the same for both faces, once or
    /// twice. In [0, 1]; with 0 every pair is what it is without.
    pub photometry_share: f32,
    /// Share of groups held out for choosing between trainings, in (0, 1).
    pub validation_share: f32,
    /// Share of groups that neither train nor choose: half of them calibrate, half give the
    /// figures. In [0, 1).
    pub held_out_share: f32,
    /// Share of the people who are there for training that it sees, above 0: how a figure grows
    /// with people tells whether more of them would help. Those of a smaller share are among
    /// those of a larger one.
    pub people_share: f32,
    /// Kinds, sources and methods that are left out, such as `kind=swap`, with all that is
    /// there of the people in them.
    pub leave_out: Vec<LeaveOut>,
    /// How people, sources and kinds are balanced.
    pub sampling: SamplingConfig,
    /// Source that gives pairs of its own fakes only, never pseudo-fakes.
    pub paired_only: Vec<String>,
}

impl Default for PairConfig {
    fn default() -> Self {
        Self {
            swap_share: 0.5,
            xray_share: 0.0,
            temporal_share: 0.0,
            reconstruct_share: 0.0,
            reconstruct_bank: None,
            fake_share: 0.25,
            fake_weights: BTreeMap::new(),
            degradation: 0.7,
            h264_share: 0.6,
            photometry_share: 0.5,
            validation_share: 0.1,
            held_out_share: 0.2,
            people_share: 1.0,
            leave_out: vec![],
            sampling: SamplingConfig::default(),
            paired_only: vec!["synthetic".into()],
        }
    }
}

impl PairConfig {
    /// Refuses values that cannot work, naming the key.
    ///
    /// # Errors
    /// The first share that is not in [0, 1].
    pub fn check(&self) -> Result<()> {
        for (key, share) in [
            ("swap_share", self.swap_share),
            ("xray_share", self.xray_share),
            ("temporal_share", self.temporal_share),
            ("reconstruct_share", self.reconstruct_share),
            ("fake_share", self.fake_share),
            ("degradation", self.degradation),
            ("h264_share", self.h264_share),
            ("photometry_share", self.photometry_share),
            ("validation_share", self.validation_share),
            ("held_out_share", self.held_out_share),
        ] {
            ensure!(
                (0.0..=1.0).contains(&share),
                "data.{key} is {share}: it must be 0 to 1"
            );
        }
        ensure!(
            self.people_share > 0.0 && self.people_share <= 1.0,
            "data.people_share is {}: it must be above 0 and at most 1",
            self.people_share
        );
        let unseen = self.validation_share + self.held_out_share;
        ensure!(
            unseen <= 1.0,
            "data.validation_share and data.held_out_share are {unseen} together: they must be at most 1"
        );
        ensure!(
            self.reconstruct_share == 0.0 || self.reconstruct_bank.is_some(),
            "data.reconstruct_share is {} without data.reconstruct_bank: make a bank with `unmask-trainer reconstruct`, or set the share to 0",
            self.reconstruct_share
        );
        self.sampling.check()
    }

    /// Shares of people that training does not see.
    pub fn shares(&self) -> Shares {
        Shares {
            validation: self.validation_share,
            held_out: self.held_out_share,
        }
    }
}

/// What made the fake of a pair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PairKind {
    /// A self-blended image.
    SelfBlend,
    /// A swap between two real faces.
    Swap,
    /// A swap with a donor who resembles the target, blended as for Face X-ray.
    XraySwap,
    /// A face that a small autoencoder drew anew, whole or in part.
    Reconstruction,
    /// A blend of this kind whose strength or colour is unsteady from frame to frame.
    Flicker(BlendKind),
    /// Real frames, one of them repeated over a part of the clip.
    Repeat,
    /// Real frames, some of them left out.
    Drop,
    /// A fake from the data, by its source.
    Data(String),
}

impl From<BlendKind> for PairKind {
    fn from(kind: BlendKind) -> Self {
        match kind {
            BlendKind::SelfBlend => Self::SelfBlend,
            BlendKind::Swap => Self::Swap,
            BlendKind::XraySwap => Self::XraySwap,
        }
    }
}

impl fmt::Display for PairKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfBlend => BlendKind::SelfBlend.fmt(f),
            Self::Swap => BlendKind::Swap.fmt(f),
            Self::XraySwap => BlendKind::XraySwap.fmt(f),
            Self::Reconstruction => f.write_str("reconstruction"),
            Self::Flicker(kind) => write!(f, "{kind}-flicker"),
            Self::Repeat => f.write_str("repeat"),
            Self::Drop => f.write_str("drop"),
            Self::Data(source) => f.write_str(source),
        }
    }
}

/// Size and difficulty of the pairs of one batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MakePlan {
    /// Frames per clip.
    pub frames: usize,
    /// Side in pixels.
    pub side: usize,
    /// From 0, mostly swaps in good quality, to 1, the configured mix.
    pub hardness: f32,
    /// Whether each frame is made of the luminances of [`STACKED`] consecutive ones.
    pub stacked: bool,
}

/// Frames of which one picture is made where they are stacked.
pub const STACKED: usize = 3;

impl MakePlan {
    /// The frames that are made, one by one.
    pub(super) fn shown(&self) -> Self {
        match self.stacked {
            true => Self {
                frames: self.frames * STACKED,
                ..*self
            },
            false => *self,
        }
    }

    /// Single frames of the configured mix.
    pub fn frame(side: usize) -> Self {
        Self {
            frames: 1,
            side,
            hardness: 1.0,
            stacked: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_out_of_range_is_named() {
        PairConfig::default().check().unwrap();
        let config = PairConfig {
            temporal_share: 1.5,
            ..Default::default()
        };
        let error = config.check().unwrap_err().to_string();
        assert!(
            error.contains("temporal_share") && error.contains("1.5"),
            "{error}"
        );
        let config = PairConfig {
            xray_share: f32::NAN,
            ..Default::default()
        };
        assert!(config.check().is_err());
    }
}
