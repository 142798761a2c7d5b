//! What an attack did to a set of clips, as reports keep it.

use serde::{Deserialize, Serialize};

use super::Target;

/// What an attack may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Gradients.
    WhiteBox,
    /// Scores.
    Scores,
    /// Decisions only.
    Decisions,
    /// Another detector than the one that is scored.
    Transfer,
    /// Nothing: random changes, the floor under every attack.
    Nothing,
}

/// Scores of clips after an attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttackResult {
    /// Name in the field's terms, such as `APGD-margin`.
    pub name: String,
    /// Radius, steps, restarts: all that is needed to repeat it, in one line.
    pub conditions: String,
    /// What it looked at.
    pub access: Access,
    /// Who was attacked.
    pub target: Target,
    /// Norm of its limit, such as `l_inf`; empty for attacks without one.
    pub norm: String,
    /// Radius in pixel units, [0, 1] for l_inf; `None` for attacks that minimise the change.
    pub epsilon: Option<f32>,
    /// Mean logit of each clip after the attack, in the order of the clean scores; of clips
    /// that were not attacked, the clean one.
    pub logits: Vec<f32>,
    /// Size of each clip's change in the attack's norm.
    pub changes: Vec<f32>,
    /// Least share over the batches of pixels whose first gradient was not zero, in [0, 1];
    /// `None` for attacks without gradients.
    pub gradient_share: Option<f32>,
    /// Forward passes per clip, on average.
    pub passes: f32,
    /// Wall-clock time.
    pub seconds: f32,
}

impl AttackResult {
    /// Half of the clips that the attack changed were changed by less; `None` where none was.
    pub fn median_change(&self) -> Option<f32> {
        let moved = self.changes.iter().copied().filter(|change| *change > 0.0);
        let mut moved: Vec<f32> = moved.collect();
        moved.sort_by(f32::total_cmp);
        moved.get(moved.len() / 2).copied()
    }
}
