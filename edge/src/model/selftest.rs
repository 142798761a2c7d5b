//! Whether a model computes here what it computed where it was made.

use unmask_shared::bundle::Bundle;
use unmask_shared::engine::{Engine, EngineError};
use unmask_shared::synthetic::{FaceModel, FaceModelError, golden_clip};

/// Largest difference of a logit from the one in the manifest. Rounding differs
/// between processors by less, and no verdict hangs on as much.
pub const LOGIT_TOLERANCE: f32 = 1e-2;

/// What a self-test found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelfTest {
    /// Frames that were shown to the network.
    pub frames: usize,
    /// Largest difference of a logit.
    pub difference: f32,
}

/// Why a model did not pass.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    /// There is nothing to compare with.
    #[error("the bundle has no golden clip to test itself with: export it again")]
    NoGolden,
    /// The synthetic people that it is tested with are damaged.
    #[error(transparent)]
    People(#[from] FaceModelError),
    /// The network cannot be loaded or run.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It runs, but computes something else.
    #[error(
        "the network computes {found} where its manifest says {wanted} (frame {frame} of clip {clip}): it does not work on this machine"
    )]
    Differs {
        /// Which golden clip, from 0.
        clip: usize,
        /// Which of its frames, from 0.
        frame: usize,
        /// The logit of this machine.
        found: f32,
        /// The logit of the manifest.
        wanted: f32,
    },
}

/// Loads the model and shows it the synthetic clips whose logits its manifest
/// knows.
pub fn self_test(bundle: &Bundle) -> Result<SelfTest, SelfTestError> {
    let manifest = &bundle.manifest;
    if manifest.golden.iter().all(|clip| clip.logits.is_empty()) {
        return Err(SelfTestError::NoGolden);
    }
    let engine = Engine::load(bundle)?;
    let people = FaceModel::builtin()?;
    let mut outcome = SelfTest {
        frames: 0,
        difference: 0.0,
    };
    for (index, clip) in manifest.golden.iter().enumerate() {
        let frames = clip.frames.into();
        let crops = golden_clip(&people, &manifest.crop, clip.seed, clip.swapped, frames);
        let mut session = engine.session()?;
        let mut logits = clip.logits.iter();
        for (frame, crop) in crops.iter().enumerate() {
            let Some(step) = session.step(crop)? else {
                continue; // the clip is not full yet
            };
            // A decision more than the manifest has differs from everything.
            let wanted = logits.next().copied().unwrap_or(f32::NAN);
            let found = step.logit;
            let difference = (found - wanted).abs();
            if difference.is_nan() || difference > LOGIT_TOLERANCE {
                return Err(SelfTestError::Differs {
                    clip: index,
                    frame,
                    found,
                    wanted,
                });
            }
            outcome.frames += 1;
            outcome.difference = outcome.difference.max(difference);
        }
    }
    Ok(outcome)
}
