//! What people and programs get to read.

pub mod events;
pub mod progress;
pub mod style;
pub mod terminal;

/// How a command ended; the number is the exit code of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitStatus {
    /// No manipulated face was found.
    Nothing = 0,
    /// A manipulated face, or a manipulated log, was found.
    Manipulated = 1,
    /// Something could not be read or done.
    Error = 2,
}

impl ExitStatus {
    /// The exit code.
    pub fn code(self) -> u8 {
        self as u8
    }
}
