//! Weights and options of AFSL.

use serde::{Deserialize, Serialize};

/// Which samples carry the classification loss `L_dcl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Classified {
    /// Clean faces only; robustness is left to `L_asl`.
    Clean,
    /// Attacked faces only.
    Attacked,
    /// Clean and attacked faces alike.
    CleanAndAttacked,
}

/// Which pairs of a real and a fake face `L_srl` compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairing {
    /// Every real face of the batch with every fake one.
    All,
    /// Every real face with the fake made from it: the hardest pairs.
    Own,
}

/// How `L_srl` scores a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairCosine {
    /// The cosine itself: drives the classes to opposite directions.
    Plain,
    /// `max(0, cos)`: satisfied once they are orthogonal.
    Clamped,
    /// `|cos|`: drives them to orthogonality from either side.
    Absolute,
}

/// Whose features `L_srl` compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regularised {
    /// Clean faces.
    Clean,
    /// Attacked faces.
    Attacked,
    /// The mean of both.
    CleanAndAttacked,
}

/// Which branch of `L_asl` is held fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detach {
    /// None: both move towards each other.
    None,
    /// The clean one: attacked features are pulled to it.
    Clean,
}

/// To which features `L_asl` pulls those of attacked faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// The network's own features of the clean face, as in the paper.
    Own,
    /// Those that the undefended network gives the clean face from which the run began: a
    /// teacher that robustness has not blurred, in the manner of LBGAT (Cui et al., ICCV 2021).
    Teacher,
    /// The same, and the clean face is held to them as well.
    TeacherForBoth,
}

/// Weights and options of the three parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AfslConfig {
    /// Whether `L_dcl` counts; false only for ablation.
    pub dcl: bool,
    /// Whether `L_asl` counts.
    pub asl: bool,
    /// Whether `L_srl` counts.
    pub srl: bool,
    /// Weight of `L_asl`; 1 in the paper.
    pub b1: f32,
    /// Weight of `L_srl`; 0.1 in the paper.
    pub b2: f32,
    /// Samples that carry `L_dcl`.
    pub classified: Classified,
    /// Pairs of `L_srl`.
    pub pairing: Pairing,
    /// How `L_srl` scores a pair.
    pub cosine: PairCosine,
    /// Whose features `L_srl` compares.
    pub regularised: Regularised,
    /// Branch of `L_asl` that is held fixed.
    pub detach: Detach,
    /// Features that `L_asl` pulls attacked faces to.
    pub anchor: Anchor,
}

impl Default for AfslConfig {
    fn default() -> Self {
        Self {
            dcl: true,
            asl: true,
            srl: true,
            b1: 1.0,
            b2: 0.1,
            classified: Classified::CleanAndAttacked,
            pairing: Pairing::All,
            cosine: PairCosine::Plain,
            regularised: Regularised::CleanAndAttacked,
            detach: Detach::None,
            anchor: Anchor::Own,
        }
    }
}

impl AfslConfig {
    /// Whether the loss needs a teacher's features.
    pub fn needs_teacher(&self) -> bool {
        self.asl && self.anchor != Anchor::Own
    }
}
