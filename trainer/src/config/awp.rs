//! Adversarial weight perturbation in training.

use serde::{Deserialize, Serialize};

/// Perturbation of the weights; running statistics of batch normalisation see the perturbed
/// pass as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AwpConfig {
    /// Size of the perturbation of a tensor as a share of its norm; 0 = none. The paper has
    /// 0.005 for TRADES and 0.01 for adversarial training.
    pub gamma: f32,
    /// Share of the steps before the first perturbation.
    pub after_share: f32,
}

impl Default for AwpConfig {
    fn default() -> Self {
        Self {
            gamma: 0.0,
            after_share: 0.0,
        }
    }
}
