//! Attacks on videos and pictures through the whole program: frames are changed, written, and judged
//! by `unmask-edge analyze` as any other file.

mod changes;
mod outcome;
mod report;
mod target;
mod text;

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;

use crate::evaluation::Listed;
use crate::files::Memory;
use crate::progress::Bar;

pub use outcome::{Attempt, ChangedVerdict, VideoOutcome};
pub use report::{ChangeRow, NoiseRow, VideoAttackReport};
pub use target::{RATE_FACTORS, VideoTarget};
pub use text::{card_of_video_attack, table};

/// Videos that `memory`, a file of JSON lines, does not know yet are attacked and added to it.
///
/// # Errors
/// As [`VideoTarget::attack_video`], or when the memory is damaged.
pub fn attack_videos(
    target: &VideoTarget<'_>,
    listed: &[Listed],
    memory: &Path,
) -> Result<Vec<VideoOutcome>> {
    let (mut memory, known) = Memory::open::<VideoOutcome>(memory)?;
    let known = known
        .into_iter()
        .map(|outcome| (outcome.path.clone(), outcome));
    let mut known: HashMap<String, VideoOutcome> = known.collect();
    let bar = Bar::new("attacking", listed.len(), "videos")?;
    let mut outcomes = Vec::with_capacity(listed.len());
    for video in listed {
        let outcome = match known.remove(&video.path.display().to_string()) {
            Some(outcome) => outcome,
            None => {
                let outcome = target.attack_video(video)?;
                memory.add(std::slice::from_ref(&outcome))?;
                outcome
            }
        };
        bar.say(&text::line(&outcome));
        bar.advance(1);
        outcomes.push(outcome);
    }
    bar.finish();
    Ok(outcomes)
}
