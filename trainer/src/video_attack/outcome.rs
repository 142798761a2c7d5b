//! What became of attacked videos.

use serde::{Deserialize, Serialize};
use unmask_shared::verdict::Verdict;

/// One video at one radius.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// In steps of 1/255.
    pub epsilon: u8,
    /// Of the program on the attacked frames, without loss.
    pub verdict: Verdict,
    /// Decisions until the program's test said what the attacker wanted; `None` where it never did.
    pub decisions: Option<u32>,
    /// After H.264, with the rate factor of each.
    pub coded: Vec<(u8, Verdict)>,
}

/// One video under one filter, or with one patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangedVerdict {
    /// What was done, such as `contrast 2` or `printed glasses`.
    pub change: String,
    /// Of the program.
    pub verdict: Verdict,
}

/// One video or picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoOutcome {
    /// The file.
    pub path: String,
    /// Whether it is a fake.
    pub fake: bool,
    /// Kind of manipulation.
    pub kind: String,
    /// Who is seen.
    pub person: String,
    /// Frames that were attacked.
    pub frames: usize,
    /// Of the program before the attack; attacked are those that it judges rightly.
    pub before: Verdict,
    /// At the radii asked for, and those between that the search went through.
    pub attempts: Vec<Attempt>,
    /// Under everyday filters of the whole picture.
    #[serde(default)]
    pub filtered: Vec<ChangedVerdict>,
    /// With patches printed on every face.
    #[serde(default)]
    pub printed: Vec<ChangedVerdict>,
    /// Why it could not be attacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl VideoOutcome {
    /// What the program ought to say.
    pub fn right(&self) -> Verdict {
        right(self.fake)
    }

    /// Whether it was judged rightly, so that there is something to attack.
    pub fn is_right(&self) -> bool {
        self.error.is_none() && self.before == self.right()
    }

    /// At a radius.
    pub fn at(&self, epsilon: u8) -> Option<&Attempt> {
        self.attempts
            .iter()
            .find(|attempt| attempt.epsilon == epsilon)
    }

    /// The smallest radius tried that makes the verdict the opposite one.
    pub fn flipped_at(&self) -> Option<u8> {
        let flipped = |attempt: &&Attempt| attempt.verdict == right(!self.fake);
        let found = self.attempts.iter().filter(flipped);
        found.map(|attempt| attempt.epsilon).min()
    }
}

/// What a program ought to say of a fake, or of a real video.
pub(super) fn right(fake: bool) -> Verdict {
    match fake {
        true => Verdict::Manipulated,
        false => Verdict::Genuine,
    }
}
