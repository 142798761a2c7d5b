//! Compares what was said about each synthetic person with the truth.

use serde::{Serialize, Serializer};
use unmask_shared::verdict::Verdict;

use crate::source::synthetic::{Act, Appearance, RATE_HZ};

/// Shorter swaps at the end of a stream are not held against the detector.
const SWAP_FRAMES_MIN: u64 = 50;

/// What was said about one person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// Number of the person, from 1 in order of coming.
    pub person: u64,
    /// `left` or `right`.
    pub place: &'static str,
    /// What was done to the face.
    #[serde(serialize_with = "act_name")]
    pub act: Act,
    /// Whether the detector saw the person at all.
    pub seen: bool,
    /// The last verdict.
    pub verdict: Verdict,
    /// The last score, 0 (genuine) to 1 (manipulated).
    pub score: Option<f32>,
    /// Frames from the begin of the swap (or of the stay, without one) to the
    /// first right verdict.
    pub frames_to_verdict: Option<u64>,
    /// Whether the person was called manipulated while the face was swapped.
    pub flagged: bool,
    /// Whether the person was called manipulated while it was not.
    pub false_alarm: bool,
    #[serde(skip)]
    counts: bool,
}

impl Judgement {
    pub(super) fn new(person: &Appearance, stream_frames: u64) -> Self {
        let end = person.last_frame().min(stream_frames.saturating_sub(1));
        let counts = match person.first_swapped_frame() {
            None => true,
            Some(first) => end + 1 >= first + SWAP_FRAMES_MIN,
        };
        Self {
            person: person.number + 1,
            place: if person.place == 0 { "left" } else { "right" },
            act: person.act,
            seen: false,
            verdict: Verdict::Undecided,
            score: None,
            frames_to_verdict: None,
            flagged: false,
            false_alarm: false,
            counts,
        }
    }

    /// Takes note of what is said in `frame`.
    pub(super) fn note(
        &mut self,
        person: &Appearance,
        frame: u64,
        verdict: Verdict,
        score: Option<f32>,
    ) {
        self.seen = true;
        self.verdict = verdict;
        self.score = score;
        let swapped = person.first_swapped_frame().filter(|&first| frame >= first);
        let right = match verdict {
            Verdict::Undecided => return,
            Verdict::Manipulated => {
                self.flagged |= swapped.is_some();
                self.false_alarm |= swapped.is_none();
                swapped.is_some()
            }
            Verdict::Genuine => person.act == Act::Genuine,
        };
        if right && self.frames_to_verdict.is_none() {
            self.frames_to_verdict = Some(frame - swapped.unwrap_or(person.first_frame));
        }
    }

    /// Whether the detector was right about the person; `None` where it did not
    /// say, or did not have the time to.
    pub fn is_right(&self) -> Option<bool> {
        match (self.act, self.verdict) {
            _ if self.false_alarm => Some(false),
            (Act::Genuine, Verdict::Genuine) => Some(true),
            (Act::Genuine, _) => None,
            _ if self.flagged => Some(true),
            _ if !self.counts => None,
            _ => Some(false),
        }
    }

    /// Seconds to the first right verdict.
    pub fn seconds_to_verdict(&self) -> Option<f64> {
        self.frames_to_verdict
            .map(|frames| frames as f64 / RATE_HZ as f64)
    }
}

/// The balance of one or many streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// People with a swapped face on the schedule.
    pub swaps: u64,
    /// Of those, called manipulated while the face was swapped.
    pub swaps_flagged: u64,
    /// People whose face is never swapped.
    pub genuine: u64,
    /// Of those, called manipulated.
    pub genuine_flagged: u64,
    /// Of those, called genuine in the end.
    pub genuine_cleared: u64,
    /// People called manipulated before their face was swapped.
    pub flagged_early: u64,
    /// People that the detector never saw.
    pub unseen: u64,
}

impl Totals {
    /// The balance of one stream.
    pub fn of(judgements: &[Judgement]) -> Self {
        let mut totals = Self::default();
        for judgement in judgements {
            totals.unseen += u64::from(!judgement.seen);
            if judgement.act == Act::Genuine {
                totals.genuine += 1;
                totals.genuine_flagged += u64::from(judgement.false_alarm);
                totals.genuine_cleared += u64::from(judgement.verdict == Verdict::Genuine);
            } else if judgement.counts {
                totals.swaps += 1;
                totals.swaps_flagged += u64::from(judgement.flagged);
                totals.flagged_early += u64::from(judgement.false_alarm);
            }
        }
        totals
    }

    /// Adds another stream.
    pub fn add(&mut self, other: &Self) {
        self.swaps += other.swaps;
        self.swaps_flagged += other.swaps_flagged;
        self.genuine += other.genuine;
        self.genuine_flagged += other.genuine_flagged;
        self.genuine_cleared += other.genuine_cleared;
        self.flagged_early += other.flagged_early;
        self.unseen += other.unseen;
    }
}

/// What was done to a face, in words.
pub(super) fn act_text(act: Act) -> &'static str {
    match act {
        Act::Genuine => "genuine",
        Act::Swapped => "swapped",
        Act::SwappedLater => "swapped later",
    }
}

fn act_name<S: Serializer>(act: &Act, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&act_text(*act).replace(' ', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::synthetic::Casting;

    fn person(act: Act) -> Appearance {
        let people = Casting::new(1).until(630);
        *people.iter().find(|p| p.act == act).unwrap()
    }

    fn judged(act: Act, said: &[(u64, Verdict)]) -> Judgement {
        let person = person(act);
        let mut judgement = Judgement::new(&person, 10_000);
        for &(after, verdict) in said {
            judgement.note(&person, person.first_frame + after, verdict, Some(0.5));
        }
        judgement
    }

    #[test]
    fn a_swap_is_found_only_while_it_is_there() {
        let early = judged(Act::SwappedLater, &[(10, Verdict::Manipulated)]);
        assert!(early.false_alarm && !early.flagged);
        assert_eq!(early.is_right(), Some(false));
        let good = judged(
            Act::SwappedLater,
            &[(10, Verdict::Genuine), (95, Verdict::Manipulated)],
        );
        assert_eq!(
            (good.is_right(), good.frames_to_verdict),
            (Some(true), Some(20))
        );
        assert_eq!(
            judged(Act::Swapped, &[(10, Verdict::Genuine)]).is_right(),
            Some(false)
        );
    }

    #[test]
    fn a_genuine_person_stays_wronged() {
        let said = [(9, Verdict::Manipulated), (90, Verdict::Genuine)];
        let wronged = judged(Act::Genuine, &said);
        assert_eq!(wronged.is_right(), Some(false));
        let totals = Totals::of(&[wronged, judged(Act::Genuine, &[(5, Verdict::Genuine)])]);
        assert_eq!(
            (totals.genuine, totals.genuine_flagged, totals.swaps),
            (2, 1, 0)
        );
    }
}
