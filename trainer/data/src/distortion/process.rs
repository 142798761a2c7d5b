//! The `ffmpeg` command as a child that is fed, bounded and always collected.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::DistortionError;

const POLL: Duration = Duration::from_millis(4);
/// As much of the end of what ffmpeg says as is read.
const COMPLAINT_BYTES: u64 = 2000;

/// An `ffmpeg` that says only what went wrong and never asks.
pub(super) fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-y"]);
    // A Ctrl-C in the terminal is for us: the child is stopped when it is dropped.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// A running child; dropping it stops it.
pub(super) struct Running {
    child: Child,
    complaints: File,
    doing: &'static str,
}

impl Running {
    /// Starts a command whose standard input and output the caller has set.
    pub(super) fn start(
        mut command: Command,
        doing: &'static str,
    ) -> Result<Self, DistortionError> {
        let failed = |error| DistortionError::Io { doing, error };
        let complaints = tempfile::tempfile().map_err(failed)?;
        let said = complaints.try_clone().map_err(failed)?;
        let child = command.stderr(said).spawn().map_err(|error| {
            if error.kind() == ErrorKind::NotFound {
                DistortionError::NoFfmpeg
            } else {
                failed(error)
            }
        })?;
        Ok(Self {
            child,
            complaints,
            doing,
        })
    }

    /// The child's standard input, the first time it is asked for.
    pub(super) fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits for a successful end, for so long at most.
    pub(super) fn wait(&mut self, limit: Duration) -> Result<(), DistortionError> {
        let begun = Instant::now();
        loop {
            match self.child.try_wait().map_err(|error| self.failed(error))? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(self.complaint(status)),
                None if begun.elapsed() >= limit => {
                    self.stop();
                    return Err(DistortionError::TimedOut {
                        doing: self.doing,
                        seconds: limit.as_secs(),
                    });
                }
                None => thread::sleep(POLL),
            }
        }
    }

    pub(super) fn failed(&self, error: io::Error) -> DistortionError {
        DistortionError::Io {
            doing: self.doing,
            error,
        }
    }

    fn complaint(&mut self, status: ExitStatus) -> DistortionError {
        DistortionError::Ffmpeg {
            doing: self.doing,
            reason: last_words(&mut self.complaints)
                .unwrap_or_else(|| format!("it ended with {status}")),
        }
    }

    fn stop(&mut self) {
        // Both fail only when the child has already been collected.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The last two lines, which together mostly name the cause.
fn last_words(complaints: &mut File) -> Option<String> {
    let length = complaints.metadata().ok()?.len();
    let start = length.saturating_sub(COMPLAINT_BYTES);
    complaints.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    complaints
        .take(COMPLAINT_BYTES)
        .read_to_end(&mut bytes)
        .ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<&str> = text.lines().map(str::trim).rev().take(2).collect();
    lines.reverse();
    let words = lines.join(" / ");
    (!words.trim().is_empty()).then_some(words)
}

/// Feeds a command and gives what it writes, `output_max` bytes at most.
///
/// # Errors
/// When it cannot be started, fails, takes longer than `limit` or writes more.
pub(super) fn pass_through(
    mut command: Command,
    doing: &'static str,
    input: &[u8],
    output_max: usize,
    limit: Duration,
) -> Result<Vec<u8>, DistortionError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = Running::start(command, doing)?;
    let (stdin, stdout) = (running.input(), running.child.stdout.take());
    thread::scope(|scope| {
        let feeding = scope.spawn(move || match stdin {
            Some(mut pipe) => pipe.write_all(input),
            None => Ok(()),
        });
        let reading = scope.spawn(move || {
            let mut output = Vec::new();
            if let Some(pipe) = stdout {
                pipe.take(output_max as u64 + 1).read_to_end(&mut output)?;
            }
            Ok(output)
        });
        // The child's own words explain a broken pipe: they come first.
        running.wait(limit)?;
        finished(feeding).map_err(|error| running.failed(error))?;
        let output = finished(reading).map_err(|error| running.failed(error))?;
        if output.len() > output_max {
            return Err(DistortionError::Ffmpeg {
                doing,
                reason: format!("it gave more than the {output_max} bytes expected"),
            });
        }
        Ok(output)
    })
}

fn finished<T>(thread: ScopedJoinHandle<'_, io::Result<T>>) -> io::Result<T> {
    thread
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("a thread that served ffmpeg ended early")))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn more_than_a_pipe_holds_passes_through() {
        let input = vec![7; 1 << 20];
        let output = pass_through(shell("cat"), "testing", &input, input.len(), LIMIT).unwrap();
        assert_eq!(output, input);
    }

    #[test]
    fn a_missing_command_says_how_to_get_it() {
        let missing = Command::new("no-such-command-anywhere");
        let error = pass_through(missing, "testing", &[], 1, LIMIT).unwrap_err();
        assert!(
            error.to_string().contains("apt-get install ffmpeg"),
            "{error}"
        );
    }

    #[test]
    fn failures_carry_the_last_words() {
        let script = "echo first >&2; echo second >&2; echo third >&2; exit 3";
        let error = pass_through(shell(script), "testing", &[1; 1 << 20], 1, LIMIT).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("second / third") && !text.contains("first"),
            "{text}"
        );
        let error = pass_through(shell("exit 3"), "testing", &[], 1, LIMIT).unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[test]
    fn a_child_that_hangs_or_talks_too_much_is_stopped() {
        let brief = Duration::from_millis(100);
        let error = pass_through(shell("exec sleep 60"), "testing", &[], 1, brief).unwrap_err();
        assert!(matches!(error, DistortionError::TimedOut { .. }), "{error}");
        let error = pass_through(shell("echo many"), "testing", &[], 2, LIMIT).unwrap_err();
        assert!(error.to_string().contains("more than the 2"), "{error}");
    }
}
