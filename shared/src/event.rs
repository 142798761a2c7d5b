//! The record of what happened on a track, small enough for a microcontroller
//! and checked when it comes back.

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::codes::coded;
use crate::verdict::{Reason, Verdict};

/// Version of the records that are written. A version appends fields to those of the one before:
/// earlier records are read as if what they lack were zero, later ones are refused.
pub const EVENT_FORMAT: u8 = 3;
/// Oldest version that is read.
const OLDEST_FORMAT: u8 = 1;
/// Bytes that a version lacks of the newest one where its fields are zero.
const fn missing_bytes(format: u8) -> usize {
    match format {
        1 => 7,
        2 => 5,
        _ => 0,
    }
}
/// Highest rate of frames.
const RATE_HZ_MAX: f32 = 1000.0;
/// Most bytes of an event in postcard form.
pub const EVENT_BYTES_MAX: usize = 320;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// A kind of a later release, by its number in records.
    Other(u8),
}

coded!(EventKind {
    TrackStarted = 0 "track_started",
    VerdictChanged = 1 "verdict_changed",
    TrackEnded = 2 "track_ended",
    CameraLost = 3 "camera_lost",
    CameraBack = 4 "camera_back",
    CameraNotEnrolled = 5 "camera_not_enrolled",
    CameraVirtual = 6 "camera_virtual",
    CameraReplaced = 7 "camera_replaced",
});

/// One entry of the event log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// [`EVENT_FORMAT`], or an earlier one.
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
    /// Probability of a manipulated face, 0 to 1, from the evidence that the verdict rests on: from
    /// 0.5 on beside manipulated, up to 0.5 beside genuine. `None` where the face could not be
    /// judged. In versions 1 and 2, that of the track's mean frame.
    pub score: Option<f32>,
    /// Evidence at this moment, nats. A verdict stays until the evidence has reached the opposite
    /// bound, so that this may have receded.
    pub llr: f32,
    /// Name and release of the model that judged.
    pub model: String<64>,
    /// Number that the program drew when it was started, not 0: tracks are numbered anew in each
    /// run. 0 in records of version 1.
    #[serde(default)]
    pub run: u32,
    /// Share of the frames in which the track was there that were judged, 0 to 1; `None` where it
    /// is about the camera, and in records of version 1.
    #[serde(default)]
    pub coverage: Option<f32>,
    /// Time stamp of `frame` within the stream, microseconds since its start. 0 in records of
    /// versions 1 and 2.
    #[serde(default)]
    pub stream_us: u64,
    /// Frames per second of the source, at which its timecode counts; 0 where nobody knows, and in
    /// records of versions 1 and 2.
    #[serde(default)]
    pub rate_hz: f32,
}

/// Why bytes are not an event, or an event cannot become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EventError {
    /// Truncated, too long, or not an event at all.
    #[error("not an event record: truncated, longer than {EVENT_BYTES_MAX} bytes, or damaged")]
    Malformed,
    /// Written by another version of the program; read it with that one.
    #[error(
        "event record of format {0}, this program reads formats {OLDEST_FORMAT} to {EVENT_FORMAT}: take a later release"
    )]
    Format(u8),
    /// A field contradicts another or is out of range.
    #[error("event record: {0}")]
    Field(&'static str),
}

impl Event {
    /// Refuses what the fields' documentation rules out.
    pub fn check(&self) -> Result<(), EventError> {
        if !(OLDEST_FORMAT..=EVENT_FORMAT).contains(&self.format) {
            return Err(EventError::Format(self.format));
        }
        if self.format == OLDEST_FORMAT && (self.run != 0 || self.coverage.is_some()) {
            return Err(EventError::Field("version 1 has no run and no coverage"));
        }
        if self.format < EVENT_FORMAT && (self.stream_us != 0 || self.rate_hz != 0.0) {
            return Err(EventError::Field(
                "versions 1 and 2 have no stream_us and no rate_hz",
            ));
        }
        if !(0.0..=RATE_HZ_MAX).contains(&self.rate_hz) {
            return Err(EventError::Field("rate_hz is outside 0 to 1000"));
        }
        if self
            .coverage
            .is_some_and(|share| !(0.0..=1.0).contains(&share))
        {
            return Err(EventError::Field("coverage is outside 0 to 1"));
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
        if self.format >= EVENT_FORMAT && !self.score_agrees() {
            return Err(EventError::Field("score contradicts the verdict"));
        }
        if !self.llr.is_finite() {
            return Err(EventError::Field("llr is not a finite number"));
        }
        Ok(())
    }

    fn score_agrees(&self) -> bool {
        match (self.verdict, self.score) {
            (Verdict::Manipulated, Some(score)) => score >= 0.5,
            (Verdict::Genuine, Some(score)) => score <= 0.5,
            _ => true,
        }
    }

    /// The event in postcard form.
    pub fn to_bytes(&self) -> Result<Vec<u8, EVENT_BYTES_MAX>, EventError> {
        self.check()?;
        let mut buffer = [0; EVENT_BYTES_MAX];
        let used = postcard::to_slice(self, &mut buffer).map_err(|_| EventError::Malformed)?;
        Vec::from_slice(&used[..used.len() - missing_bytes(self.format)])
            .map_err(|_| EventError::Malformed)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, and nothing else: bytes
    /// left over or another spelling of the same event are refused, so that
    /// one event has one hash.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EventError> {
        let mut whole = Vec::<u8, { EVENT_BYTES_MAX + missing_bytes(OLDEST_FORMAT) }>::new();
        if bytes.len() > EVENT_BYTES_MAX || whole.extend_from_slice(bytes).is_err() {
            return Err(EventError::Malformed);
        }
        match bytes.first() {
            Some(&format) if (OLDEST_FORMAT..=EVENT_FORMAT).contains(&format) => {
                whole
                    .extend_from_slice(&[0; missing_bytes(OLDEST_FORMAT)][..missing_bytes(format)])
                    .map_err(|_| EventError::Malformed)?;
            }
            Some(&other) => return Err(EventError::Format(other)),
            None => return Err(EventError::Malformed),
        }
        let event: Self = postcard::from_bytes(&whole).map_err(|_| EventError::Malformed)?;
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
            run: u32::MAX,
            coverage: Some(0.5),
            stream_us: u64::MAX,
            rate_hz: 29.97,
        }
    }

    fn small() -> Event {
        Event {
            format: 1,
            sequence: 5,
            time_us: 300,
            source: String::try_from("cam").expect("fits"),
            track: 7,
            first_frame: 2,
            frame: 130,
            reason: Some(Reason::Blurred),
            model: String::try_from("m 4").expect("fits"),
            run: 0,
            coverage: None,
            stream_us: 0,
            rate_hz: 0.0,
            ..event()
        }
    }

    /// What stands in signed logs stays readable: numbers of one byte or of seven bits each,
    /// texts behind their length, floats little-endian.
    #[test]
    fn golden_bytes_of_all_versions() {
        let mut first = [
            1, 5, 0xAC, 2, 3, b'c', b'a', b'm', 7, 2, 0x82, 1, 1, 2, 1, 3, 1, 0, 0, 0x80, 0x3E, 0,
            0, 0xC0, 0xBF, 3, b'm', b' ', b'4', 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(small().to_bytes().as_deref(), Ok(&first[..29]));
        assert_eq!(Event::from_bytes(&first[..29]), Ok(small()));
        first[0] = 2;
        let second = Event {
            format: 2,
            run: 0x1234,
            coverage: Some(0.75),
            ..small()
        };
        first[29..].copy_from_slice(&[0xB4, 0x24, 1, 0, 0, 0x40, 0x3F]);
        assert_eq!(second.to_bytes().as_deref(), Ok(&first[..]));
        assert_eq!(Event::from_bytes(&first), Ok(second.clone()));
        // 25.0 is 0x41C80000.
        let third = Event {
            format: 3,
            stream_us: 300,
            rate_hz: 25.0,
            ..second
        };
        let mut bytes = [first.as_slice(), &[0xAC, 2, 0, 0, 0xC8, 0x41]].concat();
        bytes[0] = 3;
        assert_eq!(third.to_bytes().as_deref(), Ok(&bytes[..]));
        assert_eq!(Event::from_bytes(&bytes), Ok(third));
        bytes[0] = 4;
        assert_eq!(Event::from_bytes(&bytes), Err(EventError::Format(4)));
    }

    #[test]
    fn numbers_of_kinds_reasons_and_verdicts_are_fixed() {
        let bytes = small().to_bytes().expect("fits");
        let (kind, verdict, reason) = (12, 13, 15);
        for (at, known) in EventKind::ALL.into_iter().enumerate() {
            let event = Event {
                kind: known,
                ..small()
            };
            assert_eq!(event.to_bytes().expect("fits")[kind], at as u8);
        }
        for (at, known) in Reason::ALL.into_iter().enumerate() {
            let event = Event {
                reason: Some(known),
                ..small()
            };
            assert_eq!(event.to_bytes().expect("fits")[reason], at as u8);
        }
        for (at, verdict_of) in [Verdict::Genuine, Verdict::Manipulated, Verdict::Undecided]
            .into_iter()
            .enumerate()
        {
            let event = Event {
                verdict: verdict_of,
                reason: None,
                ..small()
            };
            assert_eq!(event.to_bytes().expect("fits")[verdict], at as u8);
        }
        // What a later release has added is kept.
        let mut later = bytes.clone();
        (later[kind], later[reason]) = (99, 200);
        let event = Event::from_bytes(&later).expect("is read");
        assert_eq!(event.kind, EventKind::Other(99));
        assert_eq!(event.reason, Some(Reason::Other(200)));
        assert_eq!(event.to_bytes().as_ref(), Ok(&later));
    }

    #[cfg(feature = "std")]
    #[test]
    fn json_has_names_and_keeps_those_of_a_later_release() {
        let event = Event {
            kind: EventKind::Other(99),
            reason: Some(Reason::NotAFace),
            ..event()
        };
        let json = serde_json::to_string(&event).expect("is JSON");
        assert!(json.contains(r#""kind":"other_99""#), "{json}");
        assert!(json.contains(r#""reason":"not_a_face""#), "{json}");
        assert_eq!(Event::from_json(json.as_bytes()), Ok(event));
        for wrong in ["other_1", "other_300", "OTHER_99", "", "other_"] {
            let json = json.replace("other_99", wrong);
            assert!(Event::from_json(json.as_bytes()).is_err(), "{wrong}");
        }
        let first = r#"{"format":1,"sequence":3,"time_us":1,"source":"s","track":1,"first_frame":0,"frame":15,"kind":"verdict_changed","verdict":"manipulated","reason":null,"score":0.97,"llr":4.55,"model":"m 3"}"#;
        let first = Event::from_json(first.as_bytes()).expect("version 1");
        assert_eq!((first.run, first.coverage), (0, None));
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
        for format in [0, 4] {
            let other = Event { format, ..event() };
            assert_eq!(other.check(), Err(EventError::Format(format)));
        }
        let first = Event {
            format: 1,
            ..event()
        };
        assert!(matches!(first.check(), Err(EventError::Field(_))));
        let much = Event {
            coverage: Some(1.5),
            ..event()
        };
        assert!(matches!(much.check(), Err(EventError::Field(_))));
    }

    #[test]
    fn a_score_agrees_with_its_verdict() {
        for (verdict, score, agrees) in [
            (Verdict::Manipulated, 0.02, false),
            (Verdict::Manipulated, 0.5, true),
            (Verdict::Genuine, 0.51, false),
            (Verdict::Genuine, 0.01, true),
        ] {
            let event = Event {
                verdict,
                reason: None,
                score: Some(score),
                ..event()
            };
            assert_eq!(event.to_bytes().is_ok(), agrees, "{verdict} {score}");
            // Earlier records told the mean of the track's frames.
            let earlier = Event {
                format: 2,
                stream_us: 0,
                rate_hz: 0.0,
                ..event
            };
            assert!(earlier.to_bytes().is_ok());
        }
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
