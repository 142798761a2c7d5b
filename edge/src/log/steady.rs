//! Whether the clock can be believed, where something is deleted by it.

use std::time::Duration;

/// A clock that has gone on evenly for so long is believed ...
const STEADY: Duration = Duration::from_secs(600);
/// ... and one that differs by more than this from the time that has passed has jumped, as when
/// the time of day comes from the network.
const JUMP: Duration = Duration::from_secs(60);

/// Watches the clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steady {
    /// Time of day and time since the start when the clock jumped last, or was first seen.
    since: Option<(Duration, Duration)>,
}

impl Steady {
    /// The time of day, once it is believed. `clock` is the time since 1970, `now` that since any
    /// fixed moment.
    pub(super) fn trusted(&mut self, clock: Option<Duration>, now: Duration) -> Option<Duration> {
        let clock = clock?;
        let (began, then) = *self.since.get_or_insert((clock, now));
        let passed = now.saturating_sub(then);
        if (began + passed).abs_diff(clock) > JUMP {
            self.since = Some((clock, now));
            return None;
        }
        (passed >= STEADY).then_some(clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_is_not_believed_for_a_while() {
        const DAY: u64 = 86_400;
        let seconds = Duration::from_secs;
        let mut steady = Steady::default();
        let mut at = |second: u64, ahead: u64| {
            let clock = seconds(20_000 * DAY + second + ahead);
            steady.trusted(Some(clock), seconds(second)).is_some()
        };
        assert!(!at(0, 3 * DAY) && !at(599, 3 * DAY));
        assert!(!at(600, 0), "it was three days ahead");
        assert!(!at(1199, 5) && at(1200, 10) && at(9000, 59));
        assert!(!at(9001, 3 * DAY) && !at(9002, 3 * DAY));
        assert_eq!(Steady::default().trusted(None, seconds(1)), None);
    }
}
