//! What can be wrong with a camera.

use std::fmt;
use std::io;
use std::time::Duration;

/// What can be wrong with a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// It is not connected.
    Unplugged,
    /// The device failed to deliver (EIO and what has no kind of its own).
    Io,
    /// No frame came.
    Timeout,
    /// The driver itself says that a frame is damaged.
    ErrorFlag,
    /// A frame ends too early.
    Truncated,
    /// A frame's bytes make no picture.
    Corrupt,
    /// A picture has another size than the camera said.
    WrongSize,
    /// The camera changed to another format by itself.
    FormatChanged,
    /// The same picture comes again and again.
    Frozen,
    /// The picture is black.
    Black,
    /// The driver's time stamps went backward.
    TimeBackward,
    /// The system no longer lets us use it.
    PermissionLost,
    /// Another program uses it.
    Busy,
    /// It came back under another device number.
    Moved,
    /// The command that delivers frames ended.
    Ended,
    /// Nothing has been heard from the capture thread itself.
    Stalled,
    /// It is not on the list of enrolled cameras.
    NotEnrolled,
    /// It is made by software.
    Virtual,
    /// Another camera sits where it was.
    Replaced,
}

/// Number of kinds.
pub const KINDS: usize = 19;

impl FaultKind {
    /// All of them, in the order of [`FaultCounters`].
    pub const ALL: [Self; KINDS] = [
        Self::Unplugged,
        Self::Io,
        Self::Timeout,
        Self::ErrorFlag,
        Self::Truncated,
        Self::Corrupt,
        Self::WrongSize,
        Self::FormatChanged,
        Self::Frozen,
        Self::Black,
        Self::TimeBackward,
        Self::PermissionLost,
        Self::Busy,
        Self::Moved,
        Self::Ended,
        Self::Stalled,
        Self::NotEnrolled,
        Self::Virtual,
        Self::Replaced,
    ];

    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unplugged => "unplugged",
            Self::Io => "io",
            Self::Timeout => "timeout",
            Self::ErrorFlag => "error_flag",
            Self::Truncated => "truncated",
            Self::Corrupt => "corrupt",
            Self::WrongSize => "wrong_size",
            Self::FormatChanged => "format_changed",
            Self::Frozen => "frozen",
            Self::Black => "black",
            Self::TimeBackward => "time_backward",
            Self::PermissionLost => "permission_lost",
            Self::Busy => "busy",
            Self::Moved => "moved",
            Self::Ended => "ended",
            Self::Stalled => "stalled",
            Self::NotEnrolled => "not_enrolled",
            Self::Virtual => "virtual",
            Self::Replaced => "replaced",
        }
    }

    /// Whether somebody may be feeding pictures of his own.
    pub fn is_possible_injection(self) -> bool {
        matches!(self, Self::NotEnrolled | Self::Virtual | Self::Replaced)
    }

    /// Whether it lasts until the picture, or the camera, is another one; all
    /// others are over with the next good frame.
    pub(super) fn is_lasting(self) -> bool {
        self == Self::Black || self.is_possible_injection()
    }

    /// What an error of the system means.
    pub fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            // ENOENT, ENXIO, ENODEV, ESHUTDOWN
            Some(2 | 6 | 19 | 108) => return Self::Unplugged,
            Some(1 | 13) => return Self::PermissionLost,
            Some(16) => return Self::Busy,
            Some(_) => return Self::Io,
            None => {}
        }
        match error.kind() {
            io::ErrorKind::NotFound => Self::Unplugged,
            io::ErrorKind::PermissionDenied => Self::PermissionLost,
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::UnexpectedEof => Self::Ended,
            _ => Self::Io,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some of the kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultSet(u32);

impl FaultSet {
    /// Whether it holds none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it holds this one.
    pub fn contains(self, kind: FaultKind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }

    /// Those that the other set does not hold.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// One after the other, as in [`FaultKind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = FaultKind> {
        FaultKind::ALL
            .into_iter()
            .filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<FaultKind> for FaultSet {
    fn from_iter<I: IntoIterator<Item = FaultKind>>(kinds: I) -> Self {
        let bits = kinds.into_iter().map(|kind| 1 << kind as u32);
        Self(bits.fold(0, |set, bit| set | bit))
    }
}

/// How often each kind was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultCounters([u64; KINDS]);

impl FaultCounters {
    /// How often this kind was seen: once per frame or attempt that it spoiled.
    pub fn get(&self, kind: FaultKind) -> u64 {
        self.0[kind as usize]
    }

    /// Every kind with its number.
    pub fn iter(&self) -> impl Iterator<Item = (FaultKind, u64)> {
        FaultKind::ALL.into_iter().zip(self.0)
    }

    pub(super) fn count(&mut self, kind: FaultKind) {
        let counter = &mut self.0[kind as usize];
        *counter = counter.saturating_add(1);
    }
}

/// A change in what is wrong with a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameraEvent {
    /// Something is wrong from now on.
    Fault {
        /// What.
        kind: FaultKind,
        /// In words.
        detail: String,
    },
    /// It is over.
    Recovered {
        /// What is over.
        kind: FaultKind,
        /// How long it lasted.
        after: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_numbered_and_named_once() {
        let mut names: Vec<&str> = FaultKind::ALL.map(FaultKind::name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KINDS);
        for (at, kind) in FaultKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
        }
    }

    #[test]
    fn system_errors_have_their_kinds() {
        for (code, kind) in [
            (2, FaultKind::Unplugged),
            (5, FaultKind::Io),
            (13, FaultKind::PermissionLost),
            (1, FaultKind::PermissionLost),
            (16, FaultKind::Busy),
            (19, FaultKind::Unplugged),
            (22, FaultKind::Io),
        ] {
            assert_eq!(FaultKind::of(&io::Error::from_raw_os_error(code)), kind);
        }
        assert_eq!(
            FaultKind::of(&io::ErrorKind::TimedOut.into()),
            FaultKind::Timeout
        );
    }
}
