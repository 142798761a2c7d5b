//! Attacks on detectors of one logit. Perturbations act on pixels in [0, 1]; images are
//! `[clips * frames, 3, h, w]` of any size.

mod apgd;
mod ascent;
mod ball;
mod border;
mod carlini;
pub mod check;
mod clips;
mod degradation;
mod deployed;
mod entry;
mod eot;
mod fab;
mod faces;
mod frequency;
mod gradient;
mod hop_skip_jump;
mod hussain;
mod hyperplane;
mod mmd;
mod momentum;
mod nes;
mod noise_floor;
mod objective;
mod overlay;
mod patch;
mod pgd;
mod queries;
mod result;
mod square;
mod statistical;
mod step_size;
pub mod suite;
#[cfg(test)]
pub(crate) mod toy;
mod transfer;
pub mod transform;
mod universal;
mod victim;
pub mod video;

use anyhow::Result;

use crate::network::Differentiable;
use crate::random::Random;

pub use apgd::Apgd;
pub use ball::{Ball, Noise, Norm, greatest, lengths};
pub use border::Flipped;
pub use carlini::Carlini;
pub use clips::{choose, host};
pub use deployed::Deployed;
pub use entry::{Entry, Limit, Limits, Make};
pub use eot::Eot;
pub use fab::Fab;
pub use faces::{Attacked, Faces, non_zero_share};
pub use frequency::Frequency;
pub use gradient::{ObjectiveGradient, per_clip};
pub use hop_skip_jump::HopSkipJump;
pub use hussain::Hussain;
pub use momentum::MiFgsm;
pub use nes::Nes;
pub use noise_floor::NoiseFloor;
pub use objective::{Goal, Objective, spread};
pub use overlay::Overlay;
pub use patch::Patch;
pub use pgd::{Begin, Pgd, Target};
pub use result::{Access, AttackResult};
pub use square::Square;
pub use statistical::Statistical;
pub use transfer::Transfer;
pub use universal::Universal;
pub use victim::Victim;

/// Attacks of the command line, in the order of its help and of the documents.
pub const ATTACKS: &[Entry] = &[
    pgd::FGSM,
    pgd::PGD,
    momentum::MI_FGSM,
    apgd::MARGIN,
    apgd::CROSS_ENTROPY,
    fab::FAB,
    hussain::HUSSAIN,
    frequency::FREQUENCY,
    universal::UNIVERSAL,
    patch::PATCH,
    statistical::STATISTICAL,
    square::SQUARE,
    square::SHARED,
    nes::NES,
    hop_skip_jump::HOP_SKIP_JUMP,
    noise_floor::NOISE,
    pgd::PGD_L2,
    apgd::MARGIN_L2,
    fab::FAB_L2,
    carlini::CARLINI_WAGNER,
];

/// Names of attacks, with commas between.
pub fn names<'a>(attacks: impl IntoIterator<Item = &'a Entry>) -> String {
    let names: Vec<&str> = attacks.into_iter().map(|entry| entry.name).collect();
    names.join(", ")
}

/// What every attack tells of itself.
pub trait Named {
    /// Name in the field's terms, such as `PGD`.
    fn name(&self) -> String;

    /// Radius, steps, restarts and whatever else is needed to repeat it, in one line.
    fn conditions(&self) -> String;
}

/// An attack that sees gradients.
pub trait WhiteBox: Named + Sync {
    /// Attacks a batch of clips.
    ///
    /// # Errors
    /// When a parameter is out of range or the network cannot be attacked in this way.
    fn attack(
        &self,
        net: &dyn Differentiable,
        faces: &Faces,
        random: &mut Random,
    ) -> Result<Attacked>;
}

/// An attack that sees logits, or only decisions.
pub trait BlackBox: Named + Sync {
    /// Attacks a batch of clips.
    ///
    /// # Errors
    /// When a parameter is out of range or the detector fails.
    fn attack(&self, victim: &dyn Victim, faces: &Faces, random: &mut Random) -> Result<Attacked>;
}
