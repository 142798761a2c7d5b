//! How programs talk to people: colours only on a terminal, outside text escaped, progress.

pub mod progress;
pub mod style;
