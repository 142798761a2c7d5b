//! What a device shows about everybody in front of it, and for how long.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::verdict::Verdict;

/// What the device shows, for everybody in view together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// The device starts, hangs or ends: nothing is known about anybody.
    #[default]
    Safe,
    /// Nobody is in view.
    Idle,
    /// Everybody in view is genuine.
    Genuine,
    /// Somebody could not be judged yet, and nobody is manipulated.
    Undecided,
    /// Somebody is manipulated, or was shortly before.
    Manipulated,
    /// The device works, but cannot see or judge: a camera is lost, or the log
    /// cannot be written.
    Fault,
}

impl Signal {
    /// Every signal, in order of declaration.
    pub const ALL: [Self; 6] = [
        Self::Safe,
        Self::Idle,
        Self::Genuine,
        Self::Undecided,
        Self::Manipulated,
        Self::Fault,
    ];

    /// The signal for these people: the worst verdict counts.
    pub fn of_people(verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        verdicts
            .into_iter()
            .fold(Self::Idle, |signal, verdict| match (signal, verdict) {
                (Self::Manipulated, _) | (_, Verdict::Manipulated) => Self::Manipulated,
                (Self::Undecided, _) | (_, Verdict::Undecided) => Self::Undecided,
                (_, Verdict::Genuine) => Self::Genuine,
            })
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Safe => "safe",
            Self::Idle => "idle",
            Self::Genuine => "genuine",
            Self::Undecided => "undecided",
            Self::Manipulated => "manipulated",
            Self::Fault => "fault",
        })
    }
}

/// For how long [`Signal::Manipulated`] is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldConfig {
    /// At least so long after it came up, microseconds.
    pub hold_us: u64,
    /// At least so long after nobody was manipulated any more, microseconds.
    pub clear_us: u64,
}

impl Default for HoldConfig {
    /// Two seconds, and one second.
    fn default() -> Self {
        Self {
            hold_us: 2_000_000,
            clear_us: 1_000_000,
        }
    }
}

/// Keeps [`Signal::Manipulated`] up for its hold time and its clear time, also
/// when the person leaves or the camera is lost. Every other signal is shown
/// as it comes.
#[derive(Clone, Debug, Default)]
pub struct SignalHold {
    config: HoldConfig,
    shown: Signal,
    raised_us: u64,
    seen_us: u64,
}

impl SignalHold {
    /// Begins with [`Signal::Safe`].
    pub fn new(config: HoldConfig) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// Takes other times; they count at once, also for what is shown already.
    pub fn configure(&mut self, config: HoldConfig) {
        self.config = config;
    }

    /// Takes what is so now, and returns what to show. `now_us` is the time since
    /// any fixed moment in microseconds; a clock that goes back holds longer.
    pub fn update(&mut self, now: Signal, now_us: u64) -> Signal {
        if now == Signal::Manipulated {
            if self.shown != Signal::Manipulated {
                self.raised_us = now_us;
            }
            self.seen_us = now_us;
            self.shown = now;
        } else if self.shown != Signal::Manipulated || self.is_over(now_us) {
            self.shown = now;
        }
        self.shown
    }

    fn is_over(&self, now_us: u64) -> bool {
        now_us.saturating_sub(self.raised_us) >= self.config.hold_us
            && now_us.saturating_sub(self.seen_us) >= self.config.clear_us
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn the_worst_verdict_counts() {
        use Verdict::{Genuine, Manipulated, Undecided};
        assert_eq!(Signal::of_people([]), Signal::Idle);
        assert_eq!(Signal::of_people([Genuine, Genuine]), Signal::Genuine);
        assert_eq!(Signal::of_people([Genuine, Undecided]), Signal::Undecided);
        let all = [Undecided, Manipulated, Genuine];
        assert_eq!(Signal::of_people(all), Signal::Manipulated);
        let all = [Manipulated, Undecided, Genuine];
        assert_eq!(Signal::of_people(all), Signal::Manipulated);
    }

    /// When the alarm that is seen at these times (ms) ends, ms.
    fn end_of(seen_ms: &[u64]) -> u64 {
        let mut hold = SignalHold::new(HoldConfig::default());
        let mut raised = false;
        for now in 0..20_000 {
            let seen = seen_ms.contains(&now);
            let signal = if seen {
                Signal::Manipulated
            } else {
                Signal::Idle
            };
            let shown = hold.update(signal, now * 1000);
            if raised && shown == Signal::Idle {
                return now;
            }
            raised |= shown == Signal::Manipulated;
            assert_eq!(raised, shown == Signal::Manipulated, "at {now} ms");
        }
        panic!("the alarm never ended");
    }

    #[test]
    fn an_alarm_is_held_and_clears() {
        assert_eq!(end_of(&[500]), 2500, "hold time");
        assert_eq!(end_of(&[500, 2000]), 3000, "clear time");
        let flicker: Vec<u64> = (0..40).map(|i| i * 200).collect();
        assert_eq!(end_of(&flicker), 39 * 200 + 1000, "flicker is one alarm");
    }

    #[test]
    fn an_alarm_that_comes_back_is_held_anew() {
        let mut hold = SignalHold::new(HoldConfig::default());
        assert_eq!(hold.update(Signal::Manipulated, 0), Signal::Manipulated);
        assert_eq!(hold.update(Signal::Genuine, 2_000_000), Signal::Genuine);
        hold.update(Signal::Manipulated, 3_000_000);
        assert_eq!(hold.update(Signal::Idle, 4_900_000), Signal::Manipulated);
        assert_eq!(hold.update(Signal::Idle, 5_000_000), Signal::Idle);
    }

    #[test]
    fn a_clock_that_goes_back_ends_no_alarm() {
        let mut hold = SignalHold::new(HoldConfig::default());
        hold.update(Signal::Manipulated, 10_000_000);
        assert_eq!(hold.update(Signal::Idle, 5), Signal::Manipulated);
        assert_eq!(hold.update(Signal::Fault, 12_000_000), Signal::Fault);
    }
}
