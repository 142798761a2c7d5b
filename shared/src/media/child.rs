//! Children that are given a limited time.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a child is waited for that was killed.
const KILLED: Duration = Duration::from_secs(1);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// How the child ended, if it does within this time.
pub(super) fn wait(child: &mut Child, time: Duration) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + time;
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if Instant::now() >= end => return Ok(None),
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// Ends a child by force and collects it. One that the system cannot end is left
/// behind.
pub(super) fn kill(child: &mut Child) {
    // Both fail only when the child has already been collected.
    let _ = child.kill();
    let _ = wait(child, KILLED);
}

/// What the command answers within this time.
///
/// # Errors
/// When it cannot be started, or takes longer (`TimedOut`); it is killed then.
pub(super) fn output_within(command: &mut Command, time: Duration) -> io::Result<Output> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let Some(status) = wait(&mut child, time)? else {
        kill(&mut child);
        let what = format!(
            "no answer within {} s; is the disk or network that holds it there?",
            time.as_secs()
        );
        return Err(io::Error::new(io::ErrorKind::TimedOut, what));
    };
    // A reader that panicked has read nothing.
    let bytes = |reader: JoinHandle<Vec<u8>>| reader.join().unwrap_or_default();
    Ok(Output {
        status,
        stdout: bytes(stdout),
        stderr: bytes(stderr),
    })
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What came before an error is all that there is.
            let _ = pipe.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes);
        }
        bytes
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(line: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]);
        command
    }

    #[test]
    fn an_answer_is_taken_and_a_child_without_one_is_killed() {
        let output = output_within(&mut shell("echo a; echo b >&2; exit 3"), KILLED).unwrap();
        assert_eq!(output.stdout, b"a\n");
        assert_eq!(output.stderr, b"b\n");
        assert_eq!(output.status.code(), Some(3));
        let start = Instant::now();
        let mut hangs = shell("trap '' TERM; while :; do :; done");
        let error = output_within(&mut hangs, Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() < 2 * KILLED);
    }
}
