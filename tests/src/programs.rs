//! The two programs.

use std::path::Path;
use std::process::Command;

/// What came of a run.
pub struct Ran {
    /// Exit code; -1 where a signal ended it.
    pub code: i32,
    /// All that it wrote to standard output.
    pub stdout: String,
    /// And to standard error.
    pub stderr: String,
}

/// Runs one of the two programs, which cargo has built beside this test.
pub fn program(name: &str, arguments: &[&str]) -> Ran {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    let path = path.join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --release --workspace` first",
        path.display()
    );
    let ran = Command::new(path).args(arguments).output().unwrap();
    Ran {
        code: ran.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&ran.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&ran.stderr).into_owned(),
    }
}

/// `unmask-trainer`.
pub fn trainer(arguments: &[&str]) -> Ran {
    program("unmask-trainer", arguments)
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
