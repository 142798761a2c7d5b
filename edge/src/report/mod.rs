//! What people and programs get to read.

pub mod events;
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
    /// A manipulated face was found, and something else could not be read.
    ManipulatedAndError = 3,
}

impl ExitStatus {
    /// Both together: neither hides the other.
    pub fn and(self, other: Self) -> Self {
        match self as u8 | other as u8 {
            0 => Self::Nothing,
            1 => Self::Manipulated,
            2 => Self::Error,
            _ => Self::ManipulatedAndError,
        }
    }

    /// The exit code.
    pub fn code(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::ExitStatus::{Error, Manipulated, ManipulatedAndError, Nothing};

    #[test]
    fn an_error_does_not_hide_a_finding() {
        assert_eq!(Nothing.and(Manipulated).and(Error), ManipulatedAndError);
        assert_eq!(Error.and(Manipulated).code(), 3);
        assert_eq!(Error.and(Nothing).and(Error), Error);
        assert_eq!(Manipulated.and(Nothing).code(), 1);
    }
}
