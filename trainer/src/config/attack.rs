//! The attack inside training.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Epsilon, Method};
use crate::attack::Objective;

/// How attacked faces are made during training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InnerAttack {
    /// Projected gradient descent from a random start, on the network in evaluation mode.
    Pgd,
    /// One step of 1.25 epsilon from a random start (Wong et al., "Fast is better than free",
    /// ICLR 2020). Watch the AUC under attack: it can collapse within an epoch.
    FgsmRs,
    /// Replays of each batch, whose one backward pass serves weights and noise alike
    /// (Shafahi et al., "Adversarial training for free!", NeurIPS 2019).
    Free,
}

/// Inner attack of every method but `none`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttackConfig {
    /// How attacked faces are made.
    pub kind: InnerAttack,
    /// Radius once it is ramped up.
    pub epsilon: Epsilon,
    /// Steps of `pgd`.
    pub steps: usize,
    /// Length of a step of `pgd` as a share of epsilon; 0 = `2 / steps`.
    pub step_share: f32,
    /// What is maximised; left out, what the method's authors use: cross entropy for at and
    /// mart, kl for trades, margin for afsl.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objective: Option<Objective>,
    /// Replays of a batch by `free`.
    pub replays: usize,
    /// Share of the steps before the first attack: until then the run equals method `none`.
    pub clean_share: f32,
    /// Share of the steps over which epsilon grows from zero.
    pub ramp_share: f32,
}

impl Default for AttackConfig {
    fn default() -> Self {
        Self {
            kind: InnerAttack::Pgd,
            epsilon: Epsilon::of_255(2.0),
            steps: 2,
            step_share: 0.0,
            objective: None,
            replays: 4,
            clean_share: 0.55,
            ramp_share: 0.15,
        }
    }
}

impl AttackConfig {
    /// What the attack maximises in a run of `method`.
    pub fn objective(&self, method: Method) -> Objective {
        self.objective.unwrap_or(match method {
            Method::At | Method::Mart => Objective::CrossEntropy,
            Method::Trades => Objective::Kl,
            Method::None | Method::Afsl => Objective::Margin,
        })
    }

    pub(super) fn check(&self) -> Result<()> {
        ensure!(
            (1..=100).contains(&self.steps),
            "attack.steps is {}: it must be 1 to 100",
            self.steps
        );
        ensure!(
            (0.0..=10.0).contains(&self.step_share),
            "attack.step_share is {}: it must be 0 to 10",
            self.step_share
        );
        ensure!(
            (1..=64).contains(&self.replays),
            "attack.replays is {}: it must be 1 to 64",
            self.replays
        );
        super::share("attack.clean_share", self.clean_share)?;
        super::share("attack.ramp_share", self.ramp_share)
    }
}
