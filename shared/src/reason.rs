//! Why nothing is said about a face.

use core::fmt;

use crate::codes::coded;

/// Why a track is undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No face was seen.
    NoFace,
    /// Too few frames were seen.
    TooShort,
    /// The face covers too few pixels.
    TooSmall,
    /// The face is out of focus or smeared.
    Blurred,
    /// The face is too dark.
    Dark,
    /// The face looks away to a side.
    Turned,
    /// Enough frames were seen, but they do not agree enough.
    Inconclusive,
    /// The finder took it for a face, but was never sure of it: a pattern, an animal.
    NotAFace,
    /// An eye or the mouth is behind something plain, as dark glasses.
    Covered,
    /// A reason of a later release, by its number in records.
    Other(u8),
}

coded!(Reason {
    NoFace = 0 "no_face",
    TooShort = 1 "too_short",
    TooSmall = 2 "too_small",
    Blurred = 3 "blurred",
    Dark = 4 "dark",
    Turned = 5 "turned",
    Inconclusive = 6 "inconclusive",
    NotAFace = 7 "not_a_face",
    Covered = 8 "covered",
});

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoFace => "no face",
            Self::TooShort => "too short",
            Self::TooSmall => "too small",
            Self::Blurred => "blurred",
            Self::Dark => "dark",
            Self::Turned => "turned away",
            Self::Inconclusive => "inconclusive",
            Self::NotAFace => "not a face",
            Self::Covered => "covered",
            Self::Other(_) => "of a later release",
        })
    }
}
