//! The record of what happened on a track, small enough for a microcontroller
//! and checked when it comes back.

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::verdict::{Reason, Verdict};

/// Version of the record; others are refused.
pub const EVENT_FORMAT: u8 = 1;
/// Most bytes of an event in postcard form.
pub const EVENT_BYTES_MAX: usize = 320;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A face appeared.
    TrackStarted,
    /// The verdict on it changed.
    VerdictChanged,
    /// It left.
    TrackEnded,
    /// The camera delivers nothing, because of a fault; nobody is in view.
    CameraLost,
    /// The camera delivers again.
    CameraBack,
    /// The camera is not among those enrolled: a possible injection.
    CameraNotEnrolled,
    /// The camera is, or may be, made by software: a possible injection.
    CameraVirtual,
    /// Another camera sits where the camera was: a possible injection.
    CameraReplaced,
}

impl EventKind {
    /// Whether somebody may be feeding pictures of his own.
    pub fn is_possible_injection(self) -> bool {
        matches!(
            self,
            Self::CameraNotEnrolled | Self::CameraVirtual | Self::CameraReplaced
        )
    }
}

/// One entry of the event log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// [`EVENT_FORMAT`].
    pub format: u8,
    /// Number of the event since the log began, from 0, without gaps.
    pub sequence: u64,
    /// Microseconds since 1970-01-01 UTC where the clock is set, else since
    /// the program started.
    pub time_us: u64,
    /// Name of the camera or file.
    pub source: String<128>,
    /// Number of the track within the source, from 1; 0 where it happened to the
    /// camera itself.
    pub track: u32,
    /// First frame of the track, from 0.
    pub first_frame: u64,
    /// Frame at which this happened; not before `first_frame`.
    pub frame: u64,
    /// What happened.
    pub kind: EventKind,
    /// The verdict after it.
    pub verdict: Verdict,
    /// Why there is no verdict; only with [`Verdict::Undecided`].
    pub reason: Option<Reason>,
    /// Calibrated score, 0 (genuine) to 1 (manipulated); `None` before the
    /// first frame was judged.
    pub score: Option<f32>,
    /// Evidence collected, nats.
    pub llr: f32,
    /// Name and release of the model that judged.
    pub model: String<64>,
}

/// Why bytes are not an event, or an event cannot become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EventError {
    /// Truncated, too long, or not an event at all.
    #[error("not an event record: truncated, longer than {EVENT_BYTES_MAX} bytes, or damaged")]
    Malformed,
    /// Written by another version of the program; read it with that one.
    #[error("event record of format {0}, this program reads format {EVENT_FORMAT}")]
    Format(u8),
    /// A field contradicts another or is out of range.
    #[error("event record: {0}")]
    Field(&'static str),
}

impl Event {
    /// Refuses what the fields' documentation rules out.
    pub fn check(&self) -> Result<(), EventError> {
        if self.format != EVENT_FORMAT {
            return Err(EventError::Format(self.format));
        }
        if self.frame < self.first_frame {
            return Err(EventError::Field("frame is before first_frame"));
        }
        if self.reason.is_some() && self.verdict != Verdict::Undecided {
            return Err(EventError::Field("a reason is given beside a verdict"));
        }
        if self
            .score
            .is_some_and(|score| !(0.0..=1.0).contains(&score))
        {
            return Err(EventError::Field("score is outside 0 to 1"));
        }
        if !self.llr.is_finite() {
            return Err(EventError::Field("llr is not a finite number"));
        }
        Ok(())
    }

    /// The event in postcard form.
    pub fn to_bytes(&self) -> Result<Vec<u8, EVENT_BYTES_MAX>, EventError> {
        self.check()?;
        let mut buffer = [0; EVENT_BYTES_MAX];
        let used = postcard::to_slice(self, &mut buffer).map_err(|_| EventError::Malformed)?;
        Vec::from_slice(used).map_err(|_| EventError::Malformed)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, and nothing else: bytes
    /// left over or another spelling of the same event are refused, so that
    /// one event has one hash.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EventError> {
        if bytes.len() > EVENT_BYTES_MAX {
            return Err(EventError::Malformed);
        }
        let event: Self = postcard::from_bytes(bytes).map_err(|_| EventError::Malformed)?;
        if event.to_bytes()? == bytes {
            Ok(event)
        } else {
            Err(EventError::Malformed)
        }
    }

    /// Reads an event from JSON.
    #[cfg(feature = "std")]
    pub fn from_json(json: &[u8]) -> Result<Self, EventError> {
        let event: Self = serde_json::from_slice(json).map_err(|_| EventError::Malformed)?;
        event.check()?;
        Ok(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event {
            format: EVENT_FORMAT,
            sequence: u64::MAX,
            time_us: u64::MAX,
            source: core::iter::repeat_n('x', 128).collect(),
            track: u32::MAX,
            first_frame: u64::MAX,
            frame: u64::MAX,
            kind: EventKind::VerdictChanged,
            verdict: Verdict::Undecided,
            reason: Some(Reason::Blurred),
            score: Some(0.25),
            llr: -1.5,
            model: core::iter::repeat_n('y', 64).collect(),
        }
    }

    #[test]
    fn the_largest_event_fits() {
        let bytes = event().to_bytes().expect("fits");
        assert_eq!(Event::from_bytes(&bytes), Ok(event()));
        assert!(bytes.len() <= EVENT_BYTES_MAX, "{}", bytes.len());
    }

    #[test]
    fn contradictions_are_refused_both_ways() {
        let late = Event {
            frame: 3,
            first_frame: 4,
            ..event()
        };
        assert!(matches!(late.to_bytes(), Err(EventError::Field(_))));
        let decided = Event {
            verdict: Verdict::Genuine,
            ..event()
        };
        assert!(matches!(decided.check(), Err(EventError::Field(_))));
        let nan = Event {
            score: Some(f32::NAN),
            ..event()
        };
        assert!(matches!(nan.check(), Err(EventError::Field(_))));
        let other = Event {
            format: 2,
            ..event()
        };
        assert_eq!(other.check(), Err(EventError::Format(2)));
    }

    #[test]
    fn bytes_left_over_and_long_varints_are_refused() {
        let short = Event {
            track: 1,
            sequence: 5,
            ..event()
        };
        let bytes = short.to_bytes().expect("fits");
        let mut longer = bytes.clone();
        longer.push(0).expect("room");
        assert_eq!(Event::from_bytes(&longer), Err(EventError::Malformed));
        // Sequence 5 spelled in two bytes: 0x85 0x00.
        let mut spelled: Vec<u8, EVENT_BYTES_MAX> = Vec::new();
        spelled
            .extend_from_slice(&[bytes[0], 0x85, 0x00])
            .expect("room");
        spelled.extend_from_slice(&bytes[2..]).expect("room");
        assert_eq!(bytes[1], 5);
        assert_eq!(Event::from_bytes(&spelled), Err(EventError::Malformed));
    }
}
