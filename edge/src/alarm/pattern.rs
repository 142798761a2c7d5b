//! When a lamp or a relay is on, for each signal.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use unmask_shared::signal::Signal;

/// Most times in a pattern.
pub const TIMES_MAX: usize = 16;
/// A time in a pattern, milliseconds: shorter ones a relay does not follow.
pub const TIME_MS: std::ops::RangeInclusive<u32> = 10..=60_000;

/// When an output is on: always, never, or on and off in turn, beginning with
/// on when the signal comes up.
///
/// Written as `on`, `off`, or milliseconds as in `100/100/100/700`: on, off, on,
/// off, and over again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Steady(bool),
    Times(Vec<u32>),
}

impl Pattern {
    /// Always on.
    pub const ON: Self = Self(Kind::Steady(true));
    /// Never on.
    pub const OFF: Self = Self(Kind::Steady(false));

    /// On and off in turn, milliseconds.
    ///
    /// # Errors
    /// Anything but 2 to [`TIMES_MAX`] times, an even number of them, within
    /// [`TIME_MS`].
    pub fn times(times: &[u32]) -> Result<Self, PatternError> {
        let is_sound = (2..=TIMES_MAX).contains(&times.len())
            && times.len().is_multiple_of(2)
            && times.iter().all(|time| TIME_MS.contains(time));
        is_sound
            .then(|| Self(Kind::Times(times.to_vec())))
            .ok_or(PatternError)
    }

    /// Whether the output is on so long after the signal came up.
    pub fn is_on(&self, since: Duration) -> bool {
        self.at(since).0
    }

    /// How long the output stays as it is, so long after the signal came up;
    /// `None` for ever.
    pub fn lasts(&self, since: Duration) -> Option<Duration> {
        self.at(since).1
    }

    fn at(&self, since: Duration) -> (bool, Option<Duration>) {
        let times = match &self.0 {
            Kind::Steady(on) => return (*on, None),
            Kind::Times(times) => times,
        };
        let length: Duration = times.iter().map(|time| millis(*time)).sum();
        let length_us = length.as_micros().max(1);
        // The remainder is below a million seconds.
        let mut left = Duration::from_micros((since.as_micros() % length_us) as u64);
        for (index, time) in times.iter().enumerate() {
            match left.checked_sub(millis(*time)) {
                None => return (index % 2 == 0, Some(millis(*time) - left)),
                Some(rest) => left = rest,
            }
        }
        (false, Some(Duration::ZERO))
    }
}

fn millis(time: u32) -> Duration {
    Duration::from_millis(time.into())
}

/// Text that is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a pattern is on, off, or milliseconds on and off in turn such as 100/900: an even number of times, at most {TIMES_MAX}, each {} to {}",
    TIME_MS.start(),
    TIME_MS.end()
)]
pub struct PatternError;

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        match text {
            "on" => Ok(Self::ON),
            "off" => Ok(Self::OFF),
            _ => {
                let times = text.split('/').take(TIMES_MAX + 1);
                let times: Result<Vec<u32>, _> = times.map(|time| time.trim().parse()).collect();
                Self::times(&times.map_err(|_| PatternError)?)
            }
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Steady(true) => f.write_str("on"),
            Kind::Steady(false) => f.write_str("off"),
            Kind::Times(times) => {
                let times: Vec<String> = times.iter().map(u32::to_string).collect();
                f.write_str(&times.join("/"))
            }
        }
    }
}

/// A pattern for each signal but [`Signal::Safe`], which has a level of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patterns {
    /// Nobody is in view.
    pub idle: Pattern,
    /// Everybody in view is genuine.
    pub genuine: Pattern,
    /// Somebody could not be judged yet.
    pub undecided: Pattern,
    /// Somebody is manipulated.
    pub manipulated: Pattern,
    /// The device cannot see or judge.
    pub fault: Pattern,
}

impl Default for Patterns {
    /// An alarm lamp: dark for genuine people, steady for a manipulated one, a
    /// short flash each two seconds while undecided, two flashes a second for a
    /// fault.
    fn default() -> Self {
        Self {
            idle: Pattern::OFF,
            genuine: Pattern::OFF,
            undecided: Pattern(Kind::Times(vec![100, 1900])),
            manipulated: Pattern::ON,
            fault: Pattern(Kind::Times(vec![100, 100, 100, 700])),
        }
    }
}

impl Patterns {
    /// The pattern of a signal; `None` for [`Signal::Safe`].
    pub fn of(&self, signal: Signal) -> Option<&Pattern> {
        match signal {
            Signal::Safe => None,
            Signal::Idle => Some(&self.idle),
            Signal::Genuine => Some(&self.genuine),
            Signal::Undecided => Some(&self.undecided),
            Signal::Manipulated => Some(&self.manipulated),
            Signal::Fault => Some(&self.fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_function_of_time() {
        let fault = Patterns::default().fault;
        for round in [0, 1, 86_400_000] {
            let on: Vec<u64> = (0..1000)
                .filter(|ms| fault.is_on(Duration::from_millis(round * 1000 + ms)))
                .collect();
            let expected: Vec<u64> = (0..100).chain(200..300).collect();
            assert_eq!(on, expected, "round {round}");
        }
        assert!(Pattern::ON.is_on(Duration::MAX) && !Pattern::OFF.is_on(Duration::MAX));
        assert_eq!(Pattern::ON.lasts(Duration::ZERO), None);
    }

    #[test]
    fn what_lasts_changes_when_it_ends() {
        let pattern: Pattern = "30/20/10/40".parse().unwrap();
        for since in (0..100).map(Duration::from_millis) {
            let lasts = pattern.lasts(since).unwrap();
            assert!(lasts > Duration::ZERO, "{since:?}");
            let tick = Duration::from_micros(1);
            assert_eq!(pattern.is_on(since), pattern.is_on(since + lasts - tick));
            assert_ne!(pattern.is_on(since), pattern.is_on(since + lasts));
        }
    }

    #[test]
    fn text_is_read_as_written_and_nonsense_is_refused() {
        for text in ["on", "off", "100/900", "10/60000/10/60000"] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
        let long = vec!["10"; TIMES_MAX + 2].join("/");
        for text in [
            "",
            "ON",
            "100",
            "100/100/100",
            "9/100",
            "1/x",
            "10/60001",
            &long,
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(PatternError), "{text}");
        }
    }
}
